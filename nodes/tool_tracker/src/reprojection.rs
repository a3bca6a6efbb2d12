//! How well a pose puts a tool where a picture shows it, measured by what no pose was found with: edges.

use crate::{
    appearance::facet_colour,
    blur::blur,
    levels::crop,
    pixel::{Area, Pixel, between, difference, dot, half_difference, norm_squared},
    synthesis::Synthesis,
};
use dreamitate_geometry::{PinholeCamera, Pose};
use dreamitate_render::{ToolModel, Window};
use image::RgbImage;

/// Blur of both the drawing and the picture.
const SIGMA_PX: f32 = 1.0;
/// How far an edge is sought, and how finely.
const REACH_PX: f32 = 8.0;
const STEP_PX: f32 = 0.5;
/// An edge so near to the tool is its outline.
const BESIDE_PX: usize = 2;
/// Drawn edges that are fainter are left out, levels a pixel.
const FAINT: f32 = 12.0;
/// An edge of the picture that is fainter than this part of the drawn one is another, since something is before it.
const MIN_SHARE: f32 = 0.3;
/// Of several edges the nearest counts that is so strong a part of the strongest.
const RIVAL: f32 = 0.6;
/// Fewer edges say nothing.
const MIN_EDGES: usize = 40;

/// The median distance between the edges of a tool as it is drawn at a pose, of its outline and of its print, and the same
/// edges in a picture, each across the edge, px. Edges that the picture does not show within 8 px are left out: a hand is
/// before them. `photo` is the picture before the tool was there. `None` where hardly an edge is seen.
pub fn reprojection_px(
    tool: &ToolModel,
    camera: &PinholeCamera,
    camera_from_tool: &Pose,
    photo: &RgbImage,
    picture: &RgbImage,
) -> Option<f64> {
    let window = Window::around(&tool.mesh, camera, camera_from_tool, REACH_PX as i32 + 4)?;
    let all = Area::whole(window.width, window.height);
    let mut drawing = Synthesis::default();
    if !drawing.draw(tool, camera, camera_from_tool, window) {
        return None;
    }
    let colours: Vec<Pixel> = tool.facet_list().map(facet_colour).collect();
    let (mut drawn, mut scratch) = (Vec::new(), Vec::new());
    drawing.paint(&colours, &cropped(photo, window), window.width, all, &mut drawn);
    let mut seen: Vec<Pixel> =
        cropped(picture, window).into_iter().map(|colour| colour.map(f32::from)).collect();
    for pixels in [&mut drawn, &mut seen] {
        blur(pixels, window.width, all, SIGMA_PX, &mut scratch);
    }
    let [drawn, seen] = [drawn, seen].map(|pixels| Pixels { pixels, width: window.width });
    // Farther from the tool the edges are the photo's.
    let area = drawing.area.grown(BESIDE_PX, window.width, window.height);
    drawing.grow(window.width, BESIDE_PX as u8, area);
    let is_tools =
        |edge: &Edge| drawing.nearness[edge.at_px[1] as usize * window.width + edge.at_px[0] as usize] > 0.0;
    let mut distances: Vec<f64> = drawn
        .edges(area, window)
        .filter(is_tools)
        .filter_map(|edge| edge.distance_px(&drawn, &seen))
        .collect();
    if distances.len() < MIN_EDGES {
        return None;
    }
    let middle = distances.len() / 2;
    Some(*distances.select_nth_unstable_by(middle, f64::total_cmp).1)
}

/// A window of an image, whose border is repeated outside.
fn cropped(image: &RgbImage, window: Window) -> Vec<[u8; 4]> {
    let mut pixels = Vec::new();
    let colours = image.as_raw().as_chunks().0;
    crop(colours, image.width() as usize, window, &mut pixels, |[r, g, b]: [u8; 3]| [r, g, b, 0]);
    pixels
}

struct Pixels {
    pixels: Vec<Pixel>,
    width: usize,
}

/// A place on an edge of a drawing.
struct Edge {
    at_px: [f32; 2],
    /// Across the edge, one pixel long.
    across: [f32; 2],
    /// How colours change across it, of length 1.
    change: Pixel,
    /// Levels a pixel.
    strength: f32,
}

impl Pixels {
    /// The colour between pixels; at the border that of the border.
    fn at(&self, [x, y]: [f32; 2]) -> Pixel {
        let rows = self.pixels.len() / self.width;
        let (x, y) = (x.clamp(0.0, (self.width - 2) as f32), y.clamp(0.0, (rows - 2) as f32));
        let (column, row) = (x as usize, y as usize);
        between(&self.pixels, self.width, row * self.width + column, [x - column as f32, y - row as f32])
    }

    /// The edge through a pixel, if there is one, strong or faint.
    fn edge(&self, x: usize, y: usize) -> Option<Edge> {
        let at = y * self.width + x;
        let slope = |step: usize| half_difference(self.pixels[at + step], self.pixels[at - step]);
        let (along_x, along_y) = (slope(1), slope(self.width));
        // The direction in which the colours change most.
        let (xx, xy, yy) = (norm_squared(along_x), dot(along_x, along_y), norm_squared(along_y));
        let (sin, cos) = (0.5 * (2.0 * xy).atan2(xx - yy)).sin_cos();
        let change: Pixel = std::array::from_fn(|c| cos * along_x[c] + sin * along_y[c]);
        let strength = norm_squared(change).sqrt();
        (strength > FAINT).then(|| Edge {
            at_px: [x as f32, y as f32],
            across: [cos, sin],
            change: change.map(|v| v / strength),
            strength,
        })
    }

    /// All edges in an area: where colours change more than beside, across the change.
    fn edges(&self, area: Area, window: Window) -> impl Iterator<Item = Edge> {
        let (columns, rows) =
            (area.x0.max(2)..area.x1.min(window.width - 2), area.y0.max(2)..area.y1.min(window.height - 2));
        let places = rows.flat_map(move |y| columns.clone().map(move |x| (x, y)));
        places.filter_map(|(x, y)| {
            let edge = self.edge(x, y)?;
            let beside = |sign: f32| {
                let [x, y] = [0, 1].map(|i| (edge.at_px[i] + sign * edge.across[i]).round() as usize);
                self.edge(x, y).map_or(0.0, |edge| edge.strength)
            };
            (edge.strength >= beside(1.0) && edge.strength > beside(-1.0)).then_some(edge)
        })
    }
}

impl Edge {
    /// How fast colours change as they do across this edge, `offset_px` beside it, levels a pixel.
    fn slope(&self, pixels: &Pixels, offset_px: f32) -> f32 {
        let at = |offset: f32| pixels.at([0, 1].map(|i| self.at_px[i] + offset * self.across[i]));
        dot(difference(at(offset_px + 0.5), at(offset_px - 0.5)), self.change)
    }

    /// Where within `reach_px` the pixels change as this edge does: its offset, the nearest of those that are strong enough.
    fn found_px(&self, pixels: &Pixels, reach_px: f32) -> Option<f32> {
        let steps = (reach_px / STEP_PX) as i32;
        let slopes: Vec<f32> = (-steps..=steps).map(|i| self.slope(pixels, i as f32 * STEP_PX)).collect();
        let strongest = slopes.iter().copied().fold(0.0, f32::max);
        let least = (MIN_SHARE * self.strength).max(RIVAL * strongest);
        let peaks =
            slopes.windows(3).enumerate().filter(|(_, w)| w[1] >= least && w[1] >= w[0] && w[1] > w[2]);
        // The top of the parabola through three slopes.
        let offsets = peaks.map(|(index, w)| {
            let top = 0.5 * (w[0] - w[2]) / (w[0] - 2.0 * w[1] + w[2]);
            ((index as i32 + 1 - steps) as f32 + top) * STEP_PX
        });
        offsets.min_by(|a, b| a.abs().total_cmp(&b.abs()))
    }

    fn distance_px(&self, drawn: &Pixels, seen: &Pixels) -> Option<f64> {
        let drawn_px = self.found_px(drawn, 2.0)?;
        Some(f64::from((self.found_px(seen, REACH_PX)? - drawn_px).abs()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::{UnitQuaternion, Vector3};
    use std::path::Path;

    #[test]
    fn a_tool_beside_its_picture_is_off_by_as_much_and_a_covered_one_says_nothing() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/tools/tracking_box_left.yaml");
        let tool = ToolModel::read(Path::new(file)).unwrap();
        let camera = PinholeCamera::new((615.0, 615.0), (191.5, 111.5), (384, 224)).unwrap();
        let facing = UnitQuaternion::from_euler_angles(std::f64::consts::PI, 0.0, 0.0);
        // Turned by 45° in the picture, so that a move along its rows is seen alike by all its edges.
        let turned = UnitQuaternion::from_axis_angle(&Vector3::z_axis(), std::f64::consts::FRAC_PI_4);
        let at = |x_m: f64| Pose::from_parts(Vector3::new(x_m, 0.0, 0.8).into(), turned * facing);
        // Stripes that stay where they are, beside the tool and within its box.
        let photo = RgbImage::from_fn(384, 224, |x, y| {
            let (x_px, y_px) = (x as f32 - 191.5, y as f32 - 111.5);
            let [along, across] = [x_px + y_px, x_px - y_px].map(|v| v.abs() / std::f32::consts::SQRT_2);
            let is_beside = along > 70.0 || across > 48.0;
            if is_beside && x % 6 < 3 { image::Rgb([250, 250, 250]) } else { image::Rgb([90, 100, 95]) }
        });
        let mut picture = photo.clone();
        let window = Window::whole(&camera);
        let mut drawing = Synthesis::default();
        assert!(drawing.draw(&tool, &camera, &at(0.0), window));
        let colours: Vec<Pixel> = tool.facet_list().map(facet_colour).collect();
        let all = Area::whole(window.width, window.height);
        let mut painted = Vec::new();
        drawing.paint(&colours, &cropped(&photo, window), window.width, all, &mut painted);
        for (pixel, colour) in picture.pixels_mut().zip(&painted) {
            *pixel = image::Rgb([0, 1, 2].map(|c| colour[c] as u8));
        }
        let off_px = |x_px: f64| reprojection_px(&tool, &camera, &at(x_px * 0.8 / 615.0), &photo, &picture);
        assert!(off_px(0.0).unwrap() < 0.05, "{:?}", off_px(0.0));
        for x_px in [1.0, 3.0] {
            let expected_px = x_px / std::f64::consts::SQRT_2;
            let found_px = off_px(x_px).unwrap();
            assert!((found_px - expected_px).abs() < 0.25, "{found_px}, not {expected_px}");
        }
        let covered = reprojection_px(&tool, &camera, &at(0.0), &photo, &photo);
        assert_eq!(covered, None);
    }
}
