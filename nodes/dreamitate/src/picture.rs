//! Pictures of a run: frames with the tool's outline, and the sheet of them.

use crate::observe::Observed;
use dreamitate_geometry::{Pose, View};
use dreamitate_render::{ToolModel, visible_edges};
use dreamitate_track::Status;
use image::{Rgb, RgbImage};

/// Colours of the tools, in the order of the task's tools.
pub(crate) const COLOURS: [[u8; 3]; 4] = [[59, 130, 246], [249, 115, 22], [34, 197, 94], [217, 70, 239]];
/// Where a pose is not accepted.
const REJECTED: [u8; 3] = [239, 68, 68];
/// Length of the drawn axes, metres.
const AXIS_M: f64 = 0.05;

/// Width of a frame in a sheet.
const SHEET_FRAME_WIDTH_PX: u32 = 384;

/// The ends of a pose's axes in a picture, the origin first; `None` behind the camera.
pub(crate) fn axes_px(observed: &Observed, view: View, camera_from_tool: &Pose) -> Option<[[f64; 2]; 4]> {
    let camera = &observed.clip.view(view).camera;
    let mut ends = [[0.0; 2]; 4];
    for (end, offset) in
        ends.iter_mut().zip([[0.0; 3], [AXIS_M, 0.0, 0.0], [0.0, AXIS_M, 0.0], [0.0, 0.0, AXIS_M]])
    {
        let pixel = camera.project(&(camera_from_tool * nalgebra::Point3::from(offset)))?;
        *end = [pixel.x, pixel.y];
    }
    Some(ends)
}

/// A frame of a view with the tools' outlines and axes as that view's tracker has them.
pub(crate) fn overlay(
    observed: &Observed,
    tools: &[(String, ToolModel)],
    view: View,
    frame: usize,
) -> RgbImage {
    let picture = observed.clip.view(view);
    let mut image = picture.frames[frame].clone();
    for (index, (name, model)) in tools.iter().enumerate() {
        let Some(pose) = observed.view_tracks.get(name).and_then(|views| views[view.index()].at(frame))
        else {
            continue;
        };
        if pose.status == Status::Lost {
            continue;
        }
        let accepted = pose.status == Status::Accepted;
        let colour = if accepted { COLOURS[index % COLOURS.len()] } else { REJECTED };
        for [from, to] in visible_edges(&model.mesh, &picture.camera, &pose.camera_from_tool) {
            draw_line(&mut image, from, to, colour);
        }
        if let Some([origin, x, y, z]) = axes_px(observed, view, &pose.camera_from_tool).filter(|_| accepted)
        {
            for (end, colour) in [(x, [255, 70, 70]), (y, [70, 220, 70]), (z, [90, 140, 255])] {
                draw_line(&mut image, origin, end, colour);
            }
        }
    }
    image
}

/// All frames of both views in one picture: top above, side below, `columns` frames a row.
pub(crate) fn sheet(
    observed: &Observed,
    tools: &[(String, ToolModel)],
    frames: &[usize],
    columns: usize,
) -> RgbImage {
    let camera = &observed.clip.top.camera;
    let (width, height) = (SHEET_FRAME_WIDTH_PX, SHEET_FRAME_WIDTH_PX * camera.height / camera.width.max(1));
    let rows = frames.len().div_ceil(columns) as u32;
    let mut sheet = RgbImage::new(width * columns as u32, height * rows * 2);
    for view in View::ALL {
        for (position, frame) in frames.iter().enumerate() {
            let full = overlay(observed, tools, view, *frame);
            let small = image::imageops::resize(&full, width, height, image::imageops::FilterType::Triangle);
            let (column, row) = ((position % columns) as u32, (position / columns) as u32);
            let top = (row + view.index() as u32 * rows) * height;
            image::imageops::replace(&mut sheet, &small, i64::from(column * width), i64::from(top));
        }
    }
    sheet
}

/// Draws a line two pixels wide.
fn draw_line(image: &mut RgbImage, from: [f64; 2], to: [f64; 2], colour: [u8; 3]) {
    let steps = (to[0] - from[0]).hypot(to[1] - from[1]).ceil().clamp(1.0, 4000.0) as usize;
    for step in 0..=steps {
        let t = step as f64 / steps as f64;
        let (x, y) = (from[0] + t * (to[0] - from[0]), from[1] + t * (to[1] - from[1]));
        for (dx, dy) in [(0.0, 0.0), (0.5, 0.5)] {
            let (px, py) = ((x + dx).round(), (y + dy).round());
            if px >= 0.0 && py >= 0.0 && px < f64::from(image.width()) && py < f64::from(image.height()) {
                image.put_pixel(px as u32, py as u32, Rgb(colour));
            }
        }
    }
}
