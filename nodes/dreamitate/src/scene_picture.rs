//! The scene as rviz shows it, drawn here: the same markers, and the arms.

use crate::observe::Observed;
use arm_executor::ArmSummary;
use dreamitate_clip::pose_from_message;
use dreamitate_geometry::{PinholeCamera, Pose, View};
use dreamitate_msgs::{geometry_msgs::Point, std_msgs::ColorRGBA, visualization_msgs::Marker};
use dreamitate_render::{TexturedMesh, ToolModel, Triangle, Window, rasterise};
use image::{Rgb, RgbImage, imageops};
use nalgebra::{Isometry3, Point3, Vector3};
use scene_markers::{Scene, SceneTool, line_strip};

const WIDTH: u32 = 1200;
const HEIGHT: u32 = 720;
/// Drawn larger and scaled down, which smooths edges.
const OVERSAMPLING: u32 = 2;
const BACKGROUND: [u8; 3] = [244, 246, 249];
const GRID: [f32; 3] = [0.78, 0.8, 0.84];
const ARM: [f32; 3] = [0.62, 0.66, 0.72];
/// As thick as an xArm 7.
const ARM_WIDTH_M: f64 = 0.07;
/// What holds the tool at the flange.
const HOLDER: [f32; 3] = [0.35, 0.37, 0.42];
const HOLDER_WIDTH_M: f64 = 0.025;
/// Half the length of the table's drawn side, metres; its lines are a tenth of a metre apart.
const TABLE_M: f64 = 0.6;
/// The field of view's half height over its distance.
const HALF_HEIGHT: f64 = 0.35;

/// What an observed dream comes to.
pub(crate) fn scene(observed: &Observed, tools: &[(String, ToolModel)]) -> Scene {
    let clip = &observed.clip;
    let cameras = View::ALL.map(|view| {
        let seen = clip.view(view);
        (view, seen.world_from_camera, seen.camera)
    });
    let tools = tools.iter().map(|(name, model)| {
        let views = observed.view_tracks.get(name).into_iter().flat_map(|tracks| {
            View::ALL.map(|v| (v, clip.view(v).world_from_camera, tracks[v.index()].clone()))
        });
        let arms = observed.execution.iter().flat_map(|execution| &execution.arms);
        let samples = arms.filter(|arm| arm.tool == *name).flat_map(|arm| &arm.executed);
        SceneTool {
            name: name.clone(),
            mesh: model.mesh.clone(),
            fused: observed.fused.get(name).cloned(),
            views: views.collect(),
            plan: samples
                .filter_map(|sample| sample.links_in_world.last().copied().map(Point3::from))
                .collect(),
        }
    });
    Scene { cameras: cameras.into(), tools: tools.collect() }
}

/// The scene with the tools in the middle of the dream and the arms where they were then.
pub(crate) fn draw(scene: &Scene, arms: &[ArmSummary]) -> anyhow::Result<RgbImage> {
    let frame = scene.last_frame() / 2;
    let mut markers = scene.markers(frame);
    markers.extend(arms.iter().filter_map(|arm| links(arm, frame)).flatten());
    let placed = markers.iter().map(|marker| Ok((marker, in_world(marker)?)));
    let placed = placed.collect::<anyhow::Result<Vec<_>>>()?;
    // Cameras and arms reach beyond the picture.
    let is_around = |name: &str| ["camera/", "arm/", "holder/"].iter().any(|kind| name.starts_with(kind));
    let of_tools = placed.iter().filter(|(marker, _)| !is_around(&marker.ns));
    let mut canvas = Canvas::new(Eye::around(of_tools.flat_map(|(_, points)| points).copied()));
    for step in -6..=6 {
        let at = f64::from(step) * TABLE_M / 6.0;
        for ends in [[[at, -TABLE_M], [at, TABLE_M]], [[-TABLE_M, at], [TABLE_M, at]]] {
            let [from, to] = ends.map(|[x, y]| Point3::new(x, y, 0.0));
            canvas.line(&from, &to, 0.001, [colour(&rgb(GRID)); 2]);
        }
    }
    for (marker, points) in &placed {
        canvas.marker(marker, points);
    }
    Ok(imageops::resize(&canvas.image, WIDTH, HEIGHT, imageops::FilterType::Triangle))
}

/// An arm's links, and what holds the tool, when it passed the waypoint of a frame.
fn links(arm: &ArmSummary, frame: usize) -> Option<[Marker; 2]> {
    let passed = arm.waypoint_frames.iter().position(|of| *of as usize >= frame)?;
    let time_s = *arm.waypoint_times_s.get(passed)?;
    let sample = arm.executed.iter().find(|sample| sample.time_s >= time_s)?;
    let mut links: Vec<_> = sample.links_in_world.iter().map(|&[x, y, z]| Point { x, y, z }).collect();
    let holder = links.split_off(links.len().checked_sub(2)?);
    // The flange is the links' end and the holder's beginning.
    links.extend(holder.first().cloned());
    Some([
        line_strip(&format!("arm/{}", arm.arm), links, ARM_WIDTH_M, rgb(ARM)),
        line_strip(&format!("holder/{}", arm.arm), holder, HOLDER_WIDTH_M, rgb(HOLDER)),
    ])
}

fn rgb([r, g, b]: [f32; 3]) -> ColorRGBA {
    ColorRGBA { r, g, b, a: 1.0 }
}

/// A colour on the background.
fn colour(c: &ColorRGBA) -> [f32; 3] {
    let over = |value: f32, below: u8| 255.0 * c.a * value + (1.0 - c.a) * f32::from(below);
    [over(c.r, BACKGROUND[0]), over(c.g, BACKGROUND[1]), over(c.b, BACKGROUND[2])]
}

/// A marker's points in `world`.
fn in_world(marker: &Marker) -> anyhow::Result<Vec<Point3<f64>>> {
    if marker.action != Marker::ADD {
        return Ok(Vec::new());
    }
    let world_from_marker = pose_from_message(&marker.pose)?;
    let points = match marker.r#type {
        Marker::CUBE => box_corners(marker).into(),
        _ => marker.points.iter().map(|p| Point3::new(p.x, p.y, p.z)).collect::<Vec<_>>(),
    };
    Ok(points.iter().map(|point| world_from_marker * point).collect())
}

fn box_corners(marker: &Marker) -> [Point3<f64>; 8] {
    let half = Vector3::new(marker.scale.x, marker.scale.y, marker.scale.z) / 2.0;
    std::array::from_fn(|index| {
        let sign = |bit: usize| if index >> bit & 1 == 1 { 1.0 } else { -1.0 };
        Point3::new(sign(0) * half.x, sign(1) * half.y, sign(2) * half.z)
    })
}

/// The triangles of a box's corners.
const BOX: [[u32; 3]; 12] = [
    [0, 2, 1],
    [1, 2, 3],
    [4, 5, 6],
    [5, 7, 6],
    [0, 1, 4],
    [1, 5, 4],
    [2, 6, 3],
    [3, 6, 7],
    [0, 4, 2],
    [2, 4, 6],
    [1, 3, 5],
    [3, 7, 5],
];

/// From where the scene is seen.
struct Eye {
    camera: PinholeCamera,
    eye_from_world: Pose,
}

impl Eye {
    /// From the front, a little from the left and above, near enough that the points fill the picture.
    fn around(points: impl Iterator<Item = Point3<f64>>) -> Self {
        let points: Vec<_> = points.collect();
        let (width, height) = (WIDTH * OVERSAMPLING, HEIGHT * OVERSAMPLING);
        let focal_px = f64::from(height) / 2.0 / HALF_HEIGHT;
        let camera = PinholeCamera {
            fx_px: focal_px,
            fy_px: focal_px,
            cx_px: f64::from(width - 1) / 2.0,
            cy_px: f64::from(height - 1) / 2.0,
            width,
            height,
        };
        let (low, high) = points.iter().fold(
            (Point3::new(-0.3, -0.3, 0.0), Point3::new(0.3, 0.3, 0.1)),
            |(low, high): (Point3<f64>, Point3<f64>), p| (low.inf(p), high.sup(p)),
        );
        let middle = nalgebra::center(&low, &high);
        let back = Vector3::new(0.35, -0.8, 0.5).normalize();
        let mut distance_m = 0.5;
        loop {
            let place = middle + back * distance_m;
            let eye_from_world = look_at(&place, &middle);
            let is_inside = |p: &Point3<f64>| {
                camera.project(&(eye_from_world * p)).is_some_and(|pixel| {
                    let margin = 0.22 * f64::from(height);
                    let within = |value: f64, size: u32| value > margin && value < f64::from(size) - margin;
                    within(pixel.x, width) && within(pixel.y, height)
                })
            };
            if distance_m > 20.0 || points.iter().all(is_inside) {
                return Self { camera, eye_from_world };
            }
            distance_m *= 1.03;
        }
    }
}

/// The pose of an eye that sees along z, with y downwards.
fn look_at(place: &Point3<f64>, target: &Point3<f64>) -> Pose {
    let forward = (target - place).normalize();
    let right = forward.cross(&Vector3::z()).normalize();
    let down = forward.cross(&right);
    let axes = nalgebra::Matrix3::from_columns(&[right, down, forward]);
    let rotation = nalgebra::UnitQuaternion::from_matrix(&axes);
    Isometry3::from_parts(place.coords.into(), rotation).inverse()
}

struct Canvas {
    eye: Eye,
    image: RgbImage,
    nearness: Vec<f32>,
}

impl Canvas {
    fn new(eye: Eye) -> Self {
        let (width, height) = (eye.camera.width, eye.camera.height);
        let image = RgbImage::from_pixel(width, height, Rgb(BACKGROUND));
        Self { nearness: vec![0.0; (width * height) as usize], image, eye }
    }

    /// Draws a marker, whose points in `world` are given.
    fn marker(&mut self, marker: &Marker, points: &[Point3<f64>]) {
        let of = |index: usize| marker.colors.get(index).map_or_else(|| colour(&marker.color), colour);
        match marker.r#type {
            Marker::CUBE => self.mesh(points, &BOX, colour(&marker.color)),
            Marker::TRIANGLE_LIST => {
                let triangles: Vec<_> =
                    (0..points.len() as u32 / 3).map(|t| [3 * t, 3 * t + 1, 3 * t + 2]).collect();
                self.mesh(points, &triangles, colour(&marker.color));
            }
            Marker::LINE_STRIP => {
                for (index, ends) in points.windows(2).enumerate() {
                    self.line(&ends[0], &ends[1], marker.scale.x, [of(index), of(index + 1)]);
                }
            }
            Marker::LINE_LIST => {
                for (index, ends) in points.chunks_exact(2).enumerate() {
                    self.line(&ends[0], &ends[1], marker.scale.x, [of(2 * index), of(2 * index + 1)]);
                }
            }
            // The scene has no others.
            _ => {}
        }
    }

    /// Draws triangles, each as light as it faces the lamp.
    fn mesh(&mut self, vertices: &[Point3<f64>], corners: &[[u32; 3]], colour: [f32; 3]) {
        let lamp = Vector3::new(0.3, -0.5, 0.8).normalize().cast::<f32>();
        let vertices: Vec<_> = vertices.iter().map(|v| v.cast::<f32>()).collect();
        let triangle = |corners: &[u32; 3]| {
            let [a, b, c] = corners.map(|index| vertices[index as usize]);
            let normal = (b - a).cross(&(c - a)).try_normalize(1e-12).unwrap_or_default();
            Triangle { corners: *corners, texture: [[0.0; 2]; 3], normal }
        };
        let triangles: Vec<_> = corners.iter().map(triangle).collect();
        if triangles.is_empty() {
            return;
        }
        let shades: Vec<_> = triangles.iter().map(|t| 0.62 + 0.38 * t.normal.dot(&lamp).abs()).collect();
        let mesh = TexturedMesh { vertices, triangles, texture: RgbImage::new(1, 1), hides_backs: false };
        let Self { eye, image, nearness } = self;
        let width = eye.camera.width;
        rasterise(
            &mesh,
            &eye.camera,
            &eye.eye_from_world,
            Window::whole(&eye.camera),
            1,
            nearness,
            |fragment| {
                let (x, y) = (fragment.index as u32 % width, fragment.index as u32 / width);
                image.put_pixel(
                    x,
                    y,
                    Rgb(colour.map(|value| (value * shades[fragment.triangle]).min(255.0) as u8)),
                );
            },
        );
    }

    /// Draws a round bar.
    fn line(&mut self, from: &Point3<f64>, to: &Point3<f64>, width_m: f64, colours: [[f32; 3]; 2]) {
        /// Lines lie on the surfaces that they touch.
        const NEARER: f32 = 1.002;
        let camera = self.eye.camera;
        let [from, to] = [from, to].map(|end| self.eye.eye_from_world * end);
        let [Some(a), Some(b)] = [camera.project(&from), camera.project(&to)] else { return };
        let radius_px = |place: &Point3<f64>| (0.5 * width_m * camera.fx_px / place.z).max(1.0);
        // Balls in a row, so close that no notches are seen between them.
        let apart_px = (radius_px(&from).min(radius_px(&to)) / 40.0).max(2.0 / 3.0);
        let steps = ((b - a).norm() / apart_px).ceil().clamp(1.0, 10_000.0) as usize;
        for step in 0..=steps {
            let share = step as f64 / steps as f64;
            let place = from + (to - from) * share;
            let Some(middle) = camera.project(&place) else { continue };
            let radius_px = radius_px(&place);
            let near = NEARER / place.z as f32;
            let mixed: [f32; 3] =
                std::array::from_fn(|c| colours[0][c] + (colours[1][c] - colours[0][c]) * share as f32);
            let reach = radius_px.ceil() as i64;
            for dy in -reach..=reach {
                for dx in -reach..=reach {
                    let (x, y) = (middle.x.round() as i64 + dx, middle.y.round() as i64 + dy);
                    let off = ((dx * dx + dy * dy) as f64).sqrt() / radius_px;
                    let is_in =
                        x >= 0 && y >= 0 && x < i64::from(camera.width) && y < i64::from(camera.height);
                    if !is_in || off > 1.0 {
                        continue;
                    }
                    // A ball's surface is nearest in its middle.
                    let bulge = (1.0 - off * off).sqrt();
                    let near = near * (1.0 + (0.5 * width_m / place.z * bulge) as f32);
                    let index = (y * i64::from(camera.width) + x) as usize;
                    if near < self.nearness[index] {
                        continue;
                    }
                    self.nearness[index] = near;
                    let shade = if radius_px > 3.0 { 0.72 + 0.28 * bulge as f32 } else { 1.0 };
                    self.image.put_pixel(x as u32, y as u32, Rgb(mixed.map(|value| (value * shade) as u8)));
                }
            }
        }
    }
}
