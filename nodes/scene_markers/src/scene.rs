use dreamitate_clip::pose_to_message;
use dreamitate_geometry::{PinholeCamera, Pose, View, WORLD_FRAME};
use dreamitate_msgs::{
    geometry_msgs::{Point, PoseStamped, Vector3},
    nav_msgs::Path,
    std_msgs::{ColorRGBA, Header},
    visualization_msgs::Marker,
};
use dreamitate_render::TexturedMesh;
use dreamitate_track::{FusedPose, FusedTrack, Status, ToolTrack};
use nalgebra::{Point2, Point3};

/// A mesh with more triangles is shown as its box: markers are sent many times a second.
const MOST_TRIANGLES: usize = 20_000;
/// Width of the fused trajectory, metres.
const FUSED_WIDTH_M: f64 = 0.005;
/// Width of a view's own track, of plans and of cameras, metres.
const FAINT_WIDTH_M: f64 = 0.002;
/// Length of a pose's axes, metres.
const AXIS_M: f64 = 0.02;
/// How far away a camera's picture is drawn, metres.
const PICTURE_AT_M: f64 = 0.12;

/// What is known of a task's tools and arms, to be drawn in `world`.
#[derive(Clone, Debug, Default)]
pub struct Scene {
    /// The cameras: their place in the world and their image.
    pub cameras: Vec<(View, Pose, PinholeCamera)>,
    /// The task's tools.
    pub tools: Vec<SceneTool>,
}

/// What is known of a tool.
#[derive(Clone, Debug)]
pub struct SceneTool {
    /// Its name.
    pub name: String,
    /// Its shape.
    pub mesh: TexturedMesh,
    /// The fused trajectory.
    pub fused: Option<FusedTrack>,
    /// Each view's own track.
    pub views: Vec<(View, Pose, ToolTrack)>,
    /// Where the plan moves the tool's origin, metres.
    pub plan: Vec<Point3<f64>>,
}

impl Scene {
    /// Everything, with the tools where they are in a frame of the clip.
    ///
    /// Namespaces: `tool/NAME` (the mesh, coloured by confidence: green is sure, red not accepted), `poses/NAME`,
    /// `fused/NAME`, `VIEW/NAME` (a view's own track, faint), `plan/NAME`, `camera/VIEW`. What is not known is deleted.
    pub fn markers(&self, frame: usize) -> Vec<Marker> {
        let mut markers: Vec<Marker> =
            self.cameras.iter().map(|(view, pose, camera)| camera_marker(*view, pose, camera)).collect();
        for tool in &self.tools {
            let poses = tool.fused.as_ref().map_or(&[][..], |fused| &fused.poses);
            markers.push(tool.at(poses, frame));
            markers.push(tool.axes(poses));
            markers.push(tool.way(poses));
            for (view, world_from_camera, track) in &tool.views {
                let seen = track.poses.iter().filter(|pose| pose.status == Status::Accepted);
                let points = seen.map(|pose| origin(&(world_from_camera * pose.camera_from_tool))).collect();
                let name = format!("{view}/{}", tool.name);
                markers.push(line_strip(&name, points, FAINT_WIDTH_M, rgba([0.75, 0.75, 0.8], 0.5)));
            }
            let points = tool.plan.iter().map(point).collect();
            markers.push(line_strip(
                &format!("plan/{}", tool.name),
                points,
                FAINT_WIDTH_M,
                rgba([0.2, 0.6, 1.0], 0.9),
            ));
        }
        markers
    }

    /// The last frame in which a tool has a pose.
    pub fn last_frame(&self) -> usize {
        let fused = self.tools.iter().filter_map(|tool| tool.fused.as_ref());
        fused.flat_map(|fused| &fused.poses).map(|pose| pose.frame).max().unwrap_or(0)
    }
}

impl SceneTool {
    /// The accepted poses as a path.
    pub fn path(&self) -> Path {
        let poses = self.fused.iter().flat_map(|fused| &fused.poses).filter(|pose| pose.accepted);
        let stamped = |pose: Pose| PoseStamped { header: header(), pose: pose_to_message(&pose) };
        Path {
            header: header(),
            poses: poses.filter_map(FusedPose::world_from_tool_mean).map(stamped).collect(),
        }
    }

    /// The mesh at a frame; where the tool has no pose, at the frame before that has one.
    fn at(&self, poses: &[FusedPose], frame: usize) -> Marker {
        let name = format!("tool/{}", self.name);
        let until = poses.iter().take_while(|pose| pose.frame <= frame);
        let Some((pose, world_from_tool)) =
            until.filter_map(|pose| Some((pose, pose.world_from_tool_mean()?))).last()
        else {
            return deleted(&name);
        };
        let mut marker = self.shape(&name);
        marker.color = ColorRGBA { a: 0.9, ..trust(pose) };
        let own = marker.pose.position.clone();
        // A box lies about its middle, a mesh about the tool's origin.
        let middle = world_from_tool * Point3::new(own.x, own.y, own.z);
        marker.pose = pose_to_message(&world_from_tool);
        marker.pose.position = point(&middle);
        marker
    }

    /// The mesh, or its box, in the tool's frame.
    fn shape(&self, name: &str) -> Marker {
        let unit = Vector3 { x: 1.0, y: 1.0, z: 1.0 };
        if self.mesh.triangles.len() > MOST_TRIANGLES {
            let (low, high) = self.mesh.bounds();
            let (low, high) = (low.cast::<f64>(), high.cast::<f64>());
            let size = high - low;
            let scale = Vector3 { x: size.x, y: size.y, z: size.z };
            let mut marker = Marker { r#type: Marker::CUBE, scale, ..added(name) };
            marker.pose.position = point(&nalgebra::center(&low, &high));
            return marker;
        }
        let corners = self.mesh.triangles.iter().flat_map(|triangle| triangle.corners);
        let points = corners.map(|index| point(&self.mesh.vertices[index as usize].cast())).collect();
        Marker { r#type: Marker::TRIANGLE_LIST, scale: unit, points, ..added(name) }
    }

    /// Small axes at every accepted pose.
    fn axes(&self, poses: &[FusedPose]) -> Marker {
        let name = format!("poses/{}", self.name);
        let mut marker = Marker { r#type: Marker::LINE_LIST, ..added(&name) };
        marker.scale.x = FAINT_WIDTH_M;
        for pose in poses.iter().filter(|pose| pose.accepted).filter_map(FusedPose::world_from_tool_mean) {
            for axis in 0..3 {
                let mut tip = Point3::origin();
                tip[axis] = AXIS_M;
                let mut colour = [0.2, 0.2, 0.2];
                colour[axis] = 1.0;
                marker.points.extend([origin(&pose), point(&(pose * tip))]);
                marker.colors.extend([rgba(colour, 1.0), rgba(colour, 1.0)]);
            }
        }
        unless_empty(marker)
    }

    /// The way of the tool's origin.
    fn way(&self, poses: &[FusedPose]) -> Marker {
        let accepted: Vec<_> = poses
            .iter()
            .filter(|pose| pose.accepted)
            .filter_map(|pose| Some((origin(&pose.world_from_tool_mean()?), trust(pose))))
            .collect();
        let (points, colors): (Vec<_>, Vec<_>) = accepted.into_iter().unzip();
        let mut marker =
            line_strip(&format!("fused/{}", self.name), points, FUSED_WIDTH_M, rgba([1.0; 3], 1.0));
        if !marker.points.is_empty() {
            marker.colors = colors;
        }
        marker
    }
}

/// A colour for how far a pose can be trusted.
fn trust(pose: &FusedPose) -> ColorRGBA {
    if !pose.accepted {
        return rgba([0.9, 0.15, 0.15], 1.0);
    }
    let sure = pose.confidence.clamp(0.0, 1.0) as f32;
    rgba([1.0 - 0.85 * sure, 0.6 + 0.2 * sure, 0.15], 1.0)
}

/// A camera as the pyramid of what it sees.
fn camera_marker(view: View, world_from_camera: &Pose, camera: &PinholeCamera) -> Marker {
    let (right, bottom) = (f64::from(camera.width) - 0.5, f64::from(camera.height) - 0.5);
    let corners = [(-0.5, -0.5), (right, -0.5), (right, bottom), (-0.5, bottom)].map(|(x, y)| {
        let direction = camera.ray(world_from_camera, &Point2::new(x, y)).direction();
        let forward = world_from_camera.rotation * nalgebra::Vector3::z();
        let tip = world_from_camera.translation.vector + direction * (PICTURE_AT_M / direction.dot(&forward));
        point(&tip.into())
    });
    let mut marker = Marker { r#type: Marker::LINE_LIST, ..added(&format!("camera/{view}")) };
    (marker.scale.x, marker.color) = (FAINT_WIDTH_M, rgba([0.5, 0.5, 0.55], 1.0));
    for (index, corner) in corners.iter().enumerate() {
        let next = corners[(index + 1) % 4].clone();
        marker.points.extend([origin(world_from_camera), corner.clone(), corner.clone(), next]);
    }
    marker
}

/// A line through points in `world`; with fewer than two it is taken away.
pub fn line_strip(name: &str, points: Vec<Point>, width_m: f64, color: ColorRGBA) -> Marker {
    let mut marker = Marker { r#type: Marker::LINE_STRIP, points, color, ..added(name) };
    marker.scale.x = width_m;
    unless_empty(marker)
}

/// Viewers refuse a line of fewer than two points; what was shown before goes.
fn unless_empty(marker: Marker) -> Marker {
    if marker.points.len() < 2 { deleted(&marker.ns) } else { marker }
}

fn added(name: &str) -> Marker {
    let mut marker =
        Marker { header: header(), ns: name.to_owned(), action: Marker::ADD, ..Marker::default() };
    marker.pose.orientation.w = 1.0;
    marker
}

fn deleted(name: &str) -> Marker {
    Marker { action: Marker::DELETE, ..added(name) }
}

/// Without a stamp, which says: as of now.
fn header() -> Header {
    Header { frame_id: WORLD_FRAME.to_owned(), ..Header::default() }
}

fn rgba([r, g, b]: [f32; 3], a: f32) -> ColorRGBA {
    ColorRGBA { r, g, b, a }
}

fn point(p: &Point3<f64>) -> Point {
    Point { x: p.x, y: p.y, z: p.z }
}

fn origin(pose: &Pose) -> Point {
    point(&pose.translation.vector.into())
}
