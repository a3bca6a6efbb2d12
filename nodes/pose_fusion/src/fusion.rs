use dreamitate_geometry::{
    Gaussian6, Pose, ViewTie, midpoint_pose, relative_twist, rotation_angle_rad, weighted_mean_pose,
};
use dreamitate_track::{FusedPose, FusedTrack, Status, ToolTrack};
use nalgebra::{Matrix6, Point3, Vector3};

/// How two views' poses become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FusionMethod {
    /// Each view weighed by its information and the views' usual disagreement.
    Coupled,
    /// The paper's: midpoint of the rays through the tool's origin, mean of the rotations.
    Midpoint,
}

/// When a fused pose is rejected, and how many must be accepted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FusionLimits {
    /// Largest residual of a view, levels.
    pub max_residual: f64,
    /// Largest distance between the rays, metres.
    pub max_ray_gap_m: f64,
    /// Largest angle between the views' rotations, radians.
    pub max_rotation_gap_rad: f64,
    /// Farthest that a tool is moved from one frame to the next, metres.
    pub max_step_m: f64,
    /// Farthest that a tool is turned from one frame to the next, radians.
    pub max_turn_rad: f64,
    /// Fewest accepted frames of a usable trajectory.
    pub min_accepted: usize,
}

impl Default for FusionLimits {
    fn default() -> Self {
        Self {
            max_residual: 70.0,
            max_ray_gap_m: 0.015,
            max_rotation_gap_rad: 25f64.to_radians(),
            max_step_m: 0.3,
            max_turn_rad: 75f64.to_radians(),
            min_accepted: 4,
        }
    }
}

/// A tool's pose as one view has it.
#[derive(Clone, Debug, PartialEq)]
pub struct ViewPose {
    /// Where the camera stands.
    pub world_from_camera: Pose,
    /// The pose in the camera's frame.
    pub camera_from_tool: Pose,
    /// Inverse covariance of its twist, camera axes.
    pub information: Matrix6<f64>,
    /// Residual, levels.
    pub residual: f64,
    /// Whether the tracker accepts it.
    pub accepted: bool,
    /// Why not.
    pub reason: String,
    /// The view's name, for messages.
    pub view: String,
}

impl ViewPose {
    fn world_from_tool(&self) -> Pose {
        self.world_from_camera * self.camera_from_tool
    }

    /// The pose in the world with all that is uncertain of it.
    fn in_world(&self, tie: &ViewTie) -> Option<Gaussian6> {
        in_world(&self.world_from_camera, &self.camera_from_tool, &self.information, tie)
    }
}

/// A view's pose in the world, with the uncertainty of the picture and of how far views disagree.
fn in_world(
    world_from_camera: &Pose,
    camera_from_tool: &Pose,
    information: &Matrix6<f64>,
    tie: &ViewTie,
) -> Option<Gaussian6> {
    let tie = tie.covariance(&camera_from_tool.translation.vector)?;
    let in_camera = Gaussian6 { mean: *camera_from_tool, covariance: information.try_inverse()? + tie };
    Some(in_camera.moved(world_from_camera))
}

/// Fuses a tool's tracks in several views, each with the view's name and where its camera stands.
pub fn fuse_tracks(
    views: &[(&str, Pose, &ToolTrack)],
    method: FusionMethod,
    limits: &FusionLimits,
    tie: &ViewTie,
) -> FusedTrack {
    let mut frames: Vec<usize> =
        views.iter().flat_map(|(_, _, track)| track.poses.iter().map(|pose| pose.frame)).collect();
    frames.sort_unstable();
    frames.dedup();
    let mut poses: Vec<FusedPose> = frames
        .into_iter()
        .map(|frame| {
            let seen: Vec<ViewPose> = views
                .iter()
                .filter_map(|(view, world_from_camera, track)| {
                    let pose = track.at(frame)?;
                    Some(ViewPose {
                        world_from_camera: *world_from_camera,
                        camera_from_tool: pose.camera_from_tool,
                        information: pose.information,
                        residual: pose.residual,
                        accepted: pose.status == Status::Accepted,
                        reason: pose.reason.clone(),
                        view: (*view).to_owned(),
                    })
                })
                .collect();
            fuse(frame, &seen, method, limits, tie)
        })
        .collect();
    reject_jumps(&mut poses, limits);
    scale_covariances(&mut poses, views, tie);
    FusedTrack::judged(poses, limits.min_accepted)
}

/// The least and the most that a clip's covariances are scaled by.
const COVARIANCE_SCALE: (f64, f64) = (0.1, 4.0);

/// Scales the covariances by how far the views of this clip disagree, against how far they were expected to: the mean
/// squared distance of a dimension between two views' accepted poses, in the covariance of their difference.
fn scale_covariances(poses: &mut [FusedPose], views: &[(&str, Pose, &ToolTrack)], tie: &ViewTie) {
    let [(_, world_from_first, first), (_, world_from_second, second)] = views else { return };
    let at = |world_from_camera: &Pose, track: &ToolTrack, frame: usize| {
        let pose = track.at(frame)?;
        in_world(world_from_camera, &pose.camera_from_tool, &pose.information, tie)
    };
    let distances: Vec<f64> = poses
        .iter()
        .filter(|pose| pose.accepted)
        .filter_map(|pose| {
            let first = at(world_from_first, first, pose.frame)?;
            let second = at(world_from_second, second, pose.frame)?;
            let apart = relative_twist(&first.mean, &second.mean);
            Some(apart.dot(&((first.covariance + second.covariance).try_inverse()? * apart)) / 6.0)
        })
        .collect();
    if distances.is_empty() {
        return;
    }
    let mean = distances.iter().sum::<f64>() / distances.len() as f64;
    let scale = mean.clamp(COVARIANCE_SCALE.0, COVARIANCE_SCALE.1);
    for pose in poses.iter_mut().filter_map(|pose| pose.world_from_tool.as_mut()) {
        pose.covariance *= scale;
    }
}

/// Rejects accepted poses that no hand can have reached from the others: the longest sequence in which each follows
/// from the one before stays.
fn reject_jumps(poses: &mut [FusedPose], limits: &FusionLimits) {
    let accepted: Vec<(usize, usize, Pose)> = poses
        .iter()
        .enumerate()
        .filter(|(_, pose)| pose.accepted)
        .filter_map(|(index, pose)| Some((index, pose.frame, pose.world_from_tool_mean()?)))
        .collect();
    let follows = |(_, earlier, from): &(usize, usize, Pose), (_, later, to): &(usize, usize, Pose)| {
        let frames = (later - earlier) as f64;
        (to.translation.vector - from.translation.vector).norm() <= frames * limits.max_step_m
            && rotation_angle_rad(from, to) <= frames * limits.max_turn_rad
    };
    // For each pose the longest sequence that ends with it, and the pose before it there.
    let mut longest: Vec<(usize, Option<usize>)> = Vec::with_capacity(accepted.len());
    for (index, pose) in accepted.iter().enumerate() {
        let before = (0..index).filter(|earlier| follows(&accepted[*earlier], pose));
        let before = before.max_by_key(|earlier| (longest[*earlier].0, *earlier));
        longest.push((before.map_or(1, |earlier| longest[earlier].0 + 1), before));
    }
    let mut stays = vec![false; accepted.len()];
    let mut last = (0..accepted.len()).max_by_key(|index| longest[*index].0);
    while let Some(index) = last {
        stays[index] = true;
        last = longest[index].1;
    }
    for ((index, ..), _) in accepted.iter().zip(stays).filter(|(_, stays)| !stays) {
        poses[*index].accepted = false;
        poses[*index].reason = format!(
            "the tool would be moved by more than {:.2} m or {:.0}° a frame",
            limits.max_step_m,
            limits.max_turn_rad.to_degrees()
        );
    }
}

/// Fuses the views' poses of one frame. A single view still gives a pose, to start the other view's search
/// from, but not an accepted one; of two views that contradict each other the one with the smaller residual.
pub fn fuse(
    frame: usize,
    views: &[ViewPose],
    method: FusionMethod,
    limits: &FusionLimits,
    tie: &ViewTie,
) -> FusedPose {
    let mut fused = FusedPose {
        frame,
        world_from_tool: None,
        confidence: 0.0,
        ray_gap_m: f64::NAN,
        rotation_gap_rad: f64::NAN,
        residuals: views.iter().map(|view| view.residual).collect(),
        accepted: false,
        reason: String::new(),
    };
    let usable: Vec<&ViewPose> = views.iter().filter(|view| view.accepted).collect();
    let [first, second] = usable.as_slice() else {
        fused.world_from_tool = usable.first().and_then(|view| view.in_world(tie));
        fused.reason = views
            .iter()
            .filter(|view| !view.accepted)
            .map(|view| format!("{}: {}", view.view, view.reason))
            .collect::<Vec<_>>()
            .join("; ");
        return fused;
    };
    let poses = [first.world_from_tool(), second.world_from_tool()];
    let centres = [first, second]
        .map(|view| Point3::<f64>::from(Vector3::from(view.world_from_camera.translation.vector)));
    fused.rotation_gap_rad = rotation_angle_rad(&poses[0], &poses[1]);
    let midpoint = midpoint_pose([&poses[0], &poses[1]], centres);
    fused.ray_gap_m = midpoint.as_ref().map_or(f64::INFINITY, |(_, closest)| closest.gap_m());

    let values = [
        ("residual", first.residual.max(second.residual), limits.max_residual, "", 1.0),
        ("ray gap", fused.ray_gap_m, limits.max_ray_gap_m, " mm", 1e3),
        (
            "rotation gap",
            fused.rotation_gap_rad,
            limits.max_rotation_gap_rad,
            "°",
            180.0 / std::f64::consts::PI,
        ),
    ];
    let beyond = values.iter().find(|(_, value, limit, ..)| value > limit || value.is_nan());
    if let Some((name, value, limit, unit, scale)) = beyond {
        let better = if first.residual <= second.residual { first } else { second };
        fused.world_from_tool = better.in_world(tie);
        fused.reason = format!("{name} {:.1}{unit} exceeds {:.1}{unit}", value * scale, limit * scale);
        return fused;
    }
    fused.confidence =
        values.iter().map(|(_, value, limit, ..)| 1.0 - value / limit).fold(1.0, f64::min).clamp(0.0, 1.0);

    let gaussians: Option<Vec<Gaussian6>> = usable.iter().map(|view| view.in_world(tie)).collect();
    let coupled = gaussians.and_then(|list| weighted_mean_pose(&list).ok());
    fused.world_from_tool = match (method, coupled, midpoint) {
        (FusionMethod::Midpoint, Some(coupled), Ok((mean, _))) => {
            Some(Gaussian6 { mean, covariance: coupled.covariance })
        }
        (FusionMethod::Coupled, coupled, _) => coupled,
        _ => None,
    };
    fused.accepted = fused.world_from_tool.is_some();
    if !fused.accepted {
        fused.reason = "a view's information has no inverse".to_owned();
    }
    fused
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(name: &str, x: f64, camera_from_tool_error: Vector3<f64>) -> ViewPose {
        let world_from_camera =
            Pose::new(Vector3::new(0.0, x, 0.8), Vector3::new(std::f64::consts::PI + x, 0.0, 0.0));
        let world_from_tool = Pose::translation(0.02, 0.01, 0.08);
        let mut camera_from_tool = world_from_camera.inverse() * world_from_tool;
        let ray = camera_from_tool.translation.vector.normalize();
        camera_from_tool.translation.vector += ray * camera_from_tool_error.z;
        camera_from_tool.rotation =
            nalgebra::UnitQuaternion::from_scaled_axis(Vector3::new(camera_from_tool_error.x, 0.0, 0.0))
                * camera_from_tool.rotation;
        ViewPose {
            world_from_camera,
            camera_from_tool,
            information: Matrix6::identity() * 1e8,
            residual: 20.0,
            accepted: true,
            reason: String::new(),
            view: name.to_owned(),
        }
    }

    fn fused(views: &[ViewPose], method: FusionMethod) -> FusedPose {
        fuse(3, views, method, &FusionLimits::default(), &ViewTie::DREAMED)
    }

    /// Errors in depth, even opposite ones, cancel: the other view sees them sideways.
    #[test]
    fn depth_errors_of_the_views_are_corrected_by_each_other() {
        for method in [FusionMethod::Coupled, FusionMethod::Midpoint] {
            let views = [
                view("top", -0.33, Vector3::new(0.0, 0.0, 0.02)),
                view("side", 0.33, Vector3::new(0.0, 0.0, 0.02)),
            ];
            let pose = fused(&views, method);
            assert!(pose.accepted, "{}", pose.reason);
            let error =
                pose.world_from_tool.unwrap().mean.translation.vector - Vector3::new(0.02, 0.01, 0.08);
            let limit = if method == FusionMethod::Midpoint { 1e-9 } else { 2e-3 };
            assert!(error.norm() < limit, "{method:?}: {} mm", 1e3 * error.norm());
        }
    }

    #[test]
    fn views_that_disagree_are_rejected_with_value_and_limit() {
        let views = [view("top", -0.33, Vector3::zeros()), view("side", 0.33, Vector3::new(0.6, 0.0, 0.0))];
        let pose = fused(&views, FusionMethod::Coupled);
        assert!(!pose.accepted);
        assert!(pose.reason.contains("rotation gap 34.4° exceeds 25.0°"), "{}", pose.reason);
        assert!(pose.world_from_tool.is_some(), "one view still helps the other's search");
    }

    #[test]
    fn one_view_gives_a_pose_but_not_an_accepted_one() {
        let mut side = view("side", 0.33, Vector3::zeros());
        side.accepted = false;
        side.reason = "residual 60.0 exceeds 45.0".to_owned();
        let pose = fused(&[view("top", -0.33, Vector3::zeros()), side], FusionMethod::Coupled);
        assert!(!pose.accepted && pose.world_from_tool.is_some());
        assert_eq!(pose.reason, "side: residual 60.0 exceeds 45.0");
    }

    #[test]
    fn a_pose_that_no_hand_reaches_is_rejected_and_the_many_stay() {
        let limits = FusionLimits::default();
        let pose = |frame: usize, x_m: f64, turn_rad: f64| FusedPose {
            frame,
            world_from_tool: Some(Gaussian6 {
                mean: Pose::new(Vector3::new(x_m, 0.0, 0.1), Vector3::new(0.0, 0.0, turn_rad)),
                covariance: Matrix6::identity(),
            }),
            confidence: 1.0,
            ray_gap_m: 0.0,
            rotation_gap_rad: 0.0,
            residuals: vec![0.0; 2],
            accepted: true,
            reason: String::new(),
        };
        // Far away in frame 1, turned around in frame 4; frame 7 is half a metre on, but two frames later.
        let mut poses = vec![
            pose(1, 0.8, 0.0),
            pose(2, 0.0, 0.0),
            pose(3, 0.1, 0.2),
            pose(4, 0.15, 3.0),
            pose(5, 0.2, 0.3),
            pose(7, 0.6, 0.4),
        ];
        reject_jumps(&mut poses, &limits);
        assert_eq!(
            poses.iter().map(|p| p.accepted).collect::<Vec<_>>(),
            [false, true, true, false, true, true]
        );
        assert!(poses[3].reason.contains("0.30 m or 75° a frame"), "{}", poses[3].reason);
    }

    #[test]
    fn cameras_in_one_place_have_parallel_rays() {
        let views = [view("top", 0.0, Vector3::zeros()), view("side", 0.0, Vector3::zeros())];
        let pose = fused(&views, FusionMethod::Midpoint);
        assert!(!pose.accepted && pose.reason.contains("ray gap"), "{}", pose.reason);
    }
}
