use calib_targets_charuco::{
    CharucoBoardSpec, CharucoDetector, CharucoParams, GrayImageView, resolve_dictionary,
};
use calib_targets_print::{
    PageOrientation, PageSize, PageSpec, PrintableTargetDocument, PrintableTargetError, RenderOptions,
    render_target_bundle,
};
use image::GrayImage;
use nalgebra::{Point2, Point3};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// A ChArUco board: black and white squares with a marker in each white one. Read from `config/boards/*.yaml`.
///
/// Its frame has the origin at the outer corner of the first square, x along the rows, y along the columns, and z into
/// the board, away from who looks at it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Board {
    /// Squares along x.
    pub columns: u32,
    /// Squares along y.
    pub rows: u32,
    /// A square's side, metres.
    pub square_m: f64,
    /// A marker's side in squares.
    pub marker_share: f64,
    /// The markers' dictionary in OpenCV's name, such as `DICT_4X4_50` or `DICT_APRILTAG_36h11`.
    pub dictionary: String,
}

/// Why a board is refused.
#[derive(Debug, thiserror::Error)]
pub enum BoardError {
    /// The file cannot be read.
    #[error("cannot read the board's file {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not a board.
    #[error("the file {path} is no board")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_yaml_ng::Error,
    },
    /// A number is outside what a board can have.
    #[error("the board's {key} is {value}, outside {least} to {most}")]
    Range {
        /// The key.
        key: &'static str,
        /// Its value.
        value: f64,
        /// Smallest accepted.
        least: f64,
        /// Largest accepted.
        most: f64,
    },
    /// A dictionary that nobody knows.
    #[error(
        "there is no dictionary {0:?} of markers; DICT_4X4_50 and DICT_APRILTAG_36h11 are two that there are"
    )]
    Dictionary(String),
    /// The dictionary has too few markers, for example.
    #[error("the board cannot be made")]
    Layout(#[from] calib_targets_charuco::CharucoBoardError),
    /// It does not fit the page, for example.
    #[error("the board cannot be printed")]
    Print(#[from] PrintableTargetError),
}

/// A sheet of paper.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Page {
    /// Width and height, millimetres; `None` for the board's own size with a margin of a square.
    pub size_mm: Option<[f64; 2]>,
}

/// An inner corner of the board in a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Corner {
    /// Which of the board, row by row from 0.
    pub id: u32,
    /// Where; pixel centres have integer coordinates.
    pub pixel: Point2<f64>,
}

impl Board {
    /// Reads a board from a YAML file.
    ///
    /// # Errors
    /// The file is unreadable, not a board, or a number is implausible.
    pub fn read(path: &Path) -> Result<Self, BoardError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| BoardError::Read { path: path.to_owned(), source })?;
        let board: Self = serde_yaml_ng::from_str(&text)
            .map_err(|source| BoardError::Parse { path: path.to_owned(), source })?;
        let checks = [
            ("columns", f64::from(board.columns), 3.0, 100.0),
            ("rows", f64::from(board.rows), 3.0, 100.0),
            ("square_m", board.square_m, 1e-3, 1.0),
            ("marker_share", board.marker_share, 0.3, 0.95),
        ];
        for (key, value, least, most) in checks {
            if !(least..=most).contains(&value) {
                return Err(BoardError::Range { key, value, least, most });
            }
        }
        Ok(board)
    }

    /// A corner's place in the board's frame, or `None` beyond the last corner.
    pub fn corner(&self, id: u32) -> Option<Point3<f64>> {
        let across = self.columns - 1;
        let (column, row) = (id % across, id / across);
        (row < self.rows - 1).then(|| {
            Point3::new(f64::from(column + 1) * self.square_m, f64::from(row + 1) * self.square_m, 0.0)
        })
    }

    /// How many inner corners there are.
    pub fn corner_count(&self) -> u32 {
        (self.columns - 1) * (self.rows - 1)
    }

    /// The board in millimetres, as who prints and finds it wants it.
    fn layout(&self) -> Result<CharucoBoardSpec, BoardError> {
        let dictionary = resolve_dictionary(&self.dictionary)
            .ok_or_else(|| BoardError::Dictionary(self.dictionary.clone()))?;
        let square_mm = self.square_m * 1e3;
        Ok(CharucoBoardSpec::new(
            self.rows,
            self.columns,
            square_mm as f32,
            self.marker_share as f32,
            dictionary,
        ))
    }

    /// The page to be printed: an SVG text, and a PNG file's bytes of `dpi` pixels an inch. The board is in the middle.
    ///
    /// # Errors
    /// The dictionary is unknown or too small, or the board larger than the page.
    pub fn print(&self, page: Page, dpi: u32) -> Result<(String, Vec<u8>), BoardError> {
        let square_mm = self.square_m * 1e3;
        let [width_mm, height_mm] = page
            .size_mm
            .unwrap_or_else(|| [self.columns, self.rows].map(|squares| f64::from(squares + 2) * square_mm));
        let page = PageSpec::default()
            .with_size(PageSize::Custom { width_mm, height_mm })
            .with_orientation(PageOrientation::Portrait)
            .with_margin_mm(0.0);
        let document = PrintableTargetDocument::from_charuco_board_spec_mm(&self.layout()?)
            .with_page(page)
            .with_render(RenderOptions::default().with_png_dpi(dpi));
        let bundle = render_target_bundle(&document)?;
        Ok((bundle.svg_text, bundle.png_bytes))
    }
}

/// Finds a board in pictures.
pub struct BoardFinder {
    detector: CharucoDetector,
}

impl BoardFinder {
    /// A finder of a board.
    ///
    /// # Errors
    /// The dictionary is unknown or too small.
    pub fn new(board: &Board) -> Result<Self, BoardError> {
        Ok(Self { detector: CharucoDetector::new(CharucoParams::for_board(board.layout()?))? })
    }

    /// The board's corners that are seen in a picture; none where the board is not.
    pub fn find(&self, image: &GrayImage) -> Vec<Corner> {
        let view = GrayImageView {
            width: image.width() as usize,
            height: image.height() as usize,
            data: image.as_raw(),
        };
        let Ok(found) = self.detector.detect(&view) else { return Vec::new() };
        let corner = |c: &calib_targets_charuco::CharucoCorner| Corner { id: c.id, pixel: c.position.cast() };
        found.corners.iter().map(corner).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn a4() -> Board {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/boards/charuco_a4.yaml");
        Board::read(Path::new(file)).unwrap()
    }

    /// The printed page is the peer: what it shows is found where the board says.
    #[test]
    fn the_printed_board_is_found_corner_for_corner() {
        let (board, dpi) = (a4(), 100);
        let (svg, png) = board.print(Page { size_mm: Some([297.0, 210.0]) }, dpi).unwrap();
        assert!(svg.contains("297") && svg.contains("mm"), "{}", &svg[..200]);
        let page = image::load_from_memory(&png).unwrap().into_luma8();
        let found = BoardFinder::new(&board).unwrap().find(&page);
        assert_eq!(found.len() as u32, board.corner_count());
        let px_per_m = f64::from(dpi) / 0.0254;
        let [left_m, top_m] = [(0.297 - 0.270) / 2.0, (0.210 - 0.180) / 2.0];
        for Corner { id, pixel } in found {
            let at = board.corner(id).unwrap();
            let expected = Point2::new((at.x + left_m) * px_per_m - 0.5, (at.y + top_m) * px_per_m - 0.5);
            // The page is drawn in whole pixels.
            assert!((pixel - expected).amax() < 0.8, "corner {id} at {pixel}, not {expected}");
        }
        assert!(board.corner(board.corner_count()).is_none());
    }

    #[test]
    fn nothing_is_found_where_there_is_none() {
        let grey = GrayImage::from_pixel(320, 240, image::Luma([120]));
        assert!(BoardFinder::new(&a4()).unwrap().find(&grey).is_empty());
    }

    #[test]
    fn a_board_that_cannot_be_is_refused() {
        let unknown = Board { dictionary: "DICT_9X9".to_owned(), ..a4() };
        assert!(BoardFinder::new(&unknown).err().unwrap().to_string().contains("DICT_9X9"));
        let large = Board { columns: 40, rows: 40, ..a4() };
        let message = BoardFinder::new(&large).err().unwrap();
        assert!(format!("{message:?}").contains("800"), "{message:?}");
        assert!(a4().print(Page { size_mm: Some([100.0, 100.0]) }, 100).is_err());
    }
}
