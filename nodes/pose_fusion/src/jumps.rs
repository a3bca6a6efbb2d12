use crate::FusionLimits;
use dreamitate_geometry::{Pose, rotation_angle_rad};
use dreamitate_track::{FusedPose, STEADY_RAD, strays};

/// Rejects accepted poses that no hand can have reached from the others: the longest sequence in which each follows
/// from the one before stays.
pub(crate) fn reject_jumps(poses: &mut [FusedPose], limits: &FusionLimits) {
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

/// Rejects accepted poses that are turned away from both their neighbours.
pub(crate) fn reject_strays(poses: &mut [FusedPose]) {
    let strays = strays(poses);
    for pose in poses.iter_mut().filter(|pose| pose.accepted && strays.contains(&pose.frame)) {
        pose.accepted = false;
        pose.reason = format!(
            "turned by more than {:.0}° from halfway between the frames before and after",
            STEADY_RAD.to_degrees()
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dreamitate_geometry::Gaussian6;
    use nalgebra::{Matrix6, Vector3};

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
}
