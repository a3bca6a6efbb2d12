//! Pictures of a run: frames with the tool's outline, and the sheet of them.

use crate::observe::Observed;
use dreamitate_geometry::View;
use dreamitate_render::ToolModel;
use image::RgbImage;
use scene_markers::draw_pose;

/// Width of a frame in a sheet.
const SHEET_FRAME_WIDTH_PX: u32 = 384;

/// A frame of a view with the tools' outlines and axes as that view's tracker has them.
fn overlay(observed: &Observed, tools: &[(String, ToolModel)], view: View, frame: usize) -> RgbImage {
    let picture = observed.clip.view(view);
    let mut image = picture.frames[frame].clone();
    for (index, (name, model)) in tools.iter().enumerate() {
        let Some(pose) = observed.view_tracks.get(name).and_then(|views| views[view.index()].at(frame))
        else {
            continue;
        };
        draw_pose(&mut image, &picture.camera, &model.mesh, pose, index);
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
