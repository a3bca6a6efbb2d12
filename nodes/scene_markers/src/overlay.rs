use dreamitate_geometry::{PinholeCamera, Pose};
use dreamitate_render::{TexturedMesh, visible_edges};
use dreamitate_track::{Status, TrackedPose};
use image::{Rgb, RgbImage};
use nalgebra::Point3;

/// Colours of a task's tools in pictures, in their order.
pub const TOOL_COLOURS: [[u8; 3]; 4] = [[59, 130, 246], [249, 115, 22], [34, 197, 94], [217, 70, 239]];
/// Where a pose is not accepted.
const REJECTED: [u8; 3] = [239, 68, 68];
/// Length of the drawn axes, metres.
const AXIS_M: f64 = 0.05;

/// Draws a tool's outline and axes into the picture in which a view's tracker found it: in the colour of the task's
/// tool `index`, or in red without axes where it is not accepted. A lost pose is not drawn.
pub fn draw_pose(
    image: &mut RgbImage,
    camera: &PinholeCamera,
    mesh: &TexturedMesh,
    pose: &TrackedPose,
    index: usize,
) {
    if pose.status == Status::Lost {
        return;
    }
    let accepted = pose.status == Status::Accepted;
    let colour = if accepted { TOOL_COLOURS[index % TOOL_COLOURS.len()] } else { REJECTED };
    for [from, to] in visible_edges(mesh, camera, &pose.camera_from_tool) {
        draw_line(image, from, to, colour);
    }
    if let Some([origin, x, y, z]) = axes_px(camera, &pose.camera_from_tool).filter(|_| accepted) {
        for (end, colour) in [(x, [255, 70, 70]), (y, [70, 220, 70]), (z, [90, 140, 255])] {
            draw_line(image, origin, end, colour);
        }
    }
}

/// The ends of a pose's axes in a picture, px, the origin first; `None` behind the camera.
pub fn axes_px(camera: &PinholeCamera, camera_from_tool: &Pose) -> Option<[[f64; 2]; 4]> {
    let mut ends = [[0.0; 2]; 4];
    for (end, offset) in
        ends.iter_mut().zip([[0.0; 3], [AXIS_M, 0.0, 0.0], [0.0, AXIS_M, 0.0], [0.0, 0.0, AXIS_M]])
    {
        *end = camera.project(&(camera_from_tool * Point3::from(offset)))?.into();
    }
    Some(ends)
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
