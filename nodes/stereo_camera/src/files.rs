use dreamitate_geometry::{Rig, View};
use image::RgbImage;
use std::path::{Path, PathBuf};

/// Both views' pictures of one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct ImagePair {
    /// The top view.
    pub top: RgbImage,
    /// The side view.
    pub side: RgbImage,
}

/// Image files of both views, in the order of their numbers; at least one pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairFiles {
    pairs: Vec<[PathBuf; 2]>,
}

/// Why files are not pictures of the rig's cameras.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// The folder cannot be listed.
    #[error("cannot read the folder {path}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// No pictures of a view.
    #[error("the folder {folder} has no {view}.png and no PNG files in {view}/")]
    Missing {
        /// The folder.
        folder: PathBuf,
        /// The view.
        view: View,
    },
    /// The views have different numbers of pictures.
    #[error("the folder {folder} has {top} top and {side} side images; they must be pairs")]
    Unpaired {
        /// The folder.
        folder: PathBuf,
        /// Images of the top view.
        top: usize,
        /// Images of the side view.
        side: usize,
    },
    /// The views' files have different names.
    #[error("the image {top} has no partner of its name; the side view has {side}")]
    Names {
        /// The top view's file.
        top: PathBuf,
        /// The side view's file in its place.
        side: PathBuf,
    },
    /// An image cannot be read.
    #[error("cannot read the image {path}")]
    Image {
        /// The file.
        path: PathBuf,
        /// Why.
        source: image::ImageError,
    },
    /// A picture of another size than the rig's camera's.
    #[error(
        "the image {path} is {width}×{height} px, the rig's {view} camera has {camera_width}×{camera_height} px"
    )]
    Size {
        /// The file.
        path: PathBuf,
        /// The view.
        view: View,
        /// Its width, px.
        width: u32,
        /// Its height, px.
        height: u32,
        /// The camera's width, px.
        camera_width: u32,
        /// The camera's height, px.
        camera_height: u32,
    },
}

impl PairFiles {
    /// Finds the pictures in a folder: `top.png` and `side.png`, or the folders `top` and `side` of numbered PNG files
    /// with equal names.
    ///
    /// # Errors
    /// The folder is unreadable, or the files are not pairs.
    pub fn find(folder: &Path) -> Result<Self, FilesError> {
        let [top, side] = [view_files(folder, View::Top)?, view_files(folder, View::Side)?];
        if top.len() != side.len() {
            let (top, side) = (top.len(), side.len());
            return Err(FilesError::Unpaired { folder: folder.to_owned(), top, side });
        }
        let single = top.len() == 1;
        let pairs: Vec<_> = top.into_iter().zip(side).map(|(top, side)| [top, side]).collect();
        match pairs.iter().find(|[top, side]| !single && top.file_name() != side.file_name()) {
            Some([top, side]) => Err(FilesError::Names { top: top.clone(), side: side.clone() }),
            None => Ok(Self { pairs }),
        }
    }

    /// How many pairs there are.
    pub fn count(&self) -> usize {
        self.pairs.len()
    }

    /// A pair's name: its files' without the ending; that of a single pair is its top view's.
    pub fn name(&self, index: usize) -> Option<String> {
        let [top, _] = self.pairs.get(index)?;
        Some(top.file_stem()?.to_string_lossy().into_owned())
    }

    /// Reads a pair, or `None` beyond the last.
    ///
    /// # Errors
    /// A file is unreadable, or not of the size of its camera in the rig.
    pub fn read(&self, index: usize, rig: &Rig) -> Option<Result<ImagePair, FilesError>> {
        let [top, side] = self.pairs.get(index)?;
        let pair = || Ok(ImagePair { top: read(top, View::Top, rig)?, side: read(side, View::Side, rig)? });
        Some(pair())
    }
}

fn view_files(folder: &Path, view: View) -> Result<Vec<PathBuf>, FilesError> {
    let single = folder.join(format!("{view}.png"));
    if single.is_file() {
        return Ok(vec![single]);
    }
    let numbered = folder.join(view.name());
    let missing = || FilesError::Missing { folder: folder.to_owned(), view };
    if !numbered.is_dir() {
        return Err(missing());
    }
    let unreadable = |source| FilesError::Folder { path: numbered.clone(), source };
    let mut files = std::fs::read_dir(&numbered)
        .map_err(unreadable)?
        .map(|entry| entry.map(|e| e.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(unreadable)?;
    files.retain(|path| path.extension().is_some_and(|e| e.eq_ignore_ascii_case("png")));
    // `2.png` comes before `10.png`.
    files.sort_by_key(|path| (path.as_os_str().len(), path.clone()));
    if files.is_empty() { Err(missing()) } else { Ok(files) }
}

fn read(path: &Path, view: View, rig: &Rig) -> Result<RgbImage, FilesError> {
    let image = match image::open(path) {
        Ok(image) => image.into_rgb8(),
        Err(source) => return Err(FilesError::Image { path: path.to_owned(), source }),
    };
    let camera = &rig.camera(view).camera;
    let (width, height) = image.dimensions();
    let (camera_width, camera_height) = (camera.width, camera.height);
    if (width, height) != (camera_width, camera_height) {
        let path = path.to_owned();
        return Err(FilesError::Size { path, view, width, height, camera_width, camera_height });
    }
    Ok(image)
}
