use crate::{
    agreement::{Agreement, FusionLimits},
    doubt::doubt,
    jumps::{reject_jumps, reject_strays},
    view_pose::{ViewPose, poses_at, turn_alike},
};
use dreamitate_geometry::{Gaussian6, Pose, Symmetry, View, ViewTie, relative_twist, weighted_mean_pose};
use dreamitate_track::{FusedPose, FusedTrack, ToolTrack};

/// How views' poses become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FusionMethod {
    /// Each view weighed by its information and the views' usual disagreement.
    Coupled,
    /// The paper's: the point nearest to the rays through the tool's origin, mean of the rotations.
    Midpoint,
}

/// How the tracks of one tool become one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fusion {
    /// How poses are averaged.
    pub method: FusionMethod,
    /// What is rejected.
    pub limits: FusionLimits,
    /// How far views disagree, before anything is known of a clip.
    pub tie: ViewTie,
    /// The tool's turns that nobody sees.
    pub symmetry: Option<Symmetry>,
}

impl Default for Fusion {
    fn default() -> Self {
        Self {
            method: FusionMethod::Coupled,
            limits: FusionLimits::default(),
            tie: ViewTie::DREAMED,
            symmetry: None,
        }
    }
}

/// The least and the most that the variances of a clip's disagreement are scaled by.
const DISAGREEMENT_SCALE: (f64, f64) = (0.01, 4.0);

/// What a fused pose keeps of the variance that it would have if its views erred independently. They disagree about what
/// lies between them, so that their errors cancel: on rendered dreams, whose views disagree as those of real ones do, a
/// sixth would be right where the tool is seen well, and this covers nine tenths of the poses where it is seen badly.
const VARIANCE_KEPT: f64 = 0.4;

impl Fusion {
    /// Fuses a tool's tracks in the rig's views, one a view in the order of [`View::ALL`].
    pub fn fuse_stereo<'a>(
        &self,
        world_from_camera: impl Fn(View) -> Pose,
        tracks: impl IntoIterator<Item = &'a ToolTrack>,
    ) -> FusedTrack {
        let of_view = |(view, track): (View, &'a ToolTrack)| (view.name(), world_from_camera(view), track);
        let views: Vec<_> = View::ALL.into_iter().zip(tracks).map(of_view).collect();
        self.fuse_tracks(&views)
    }

    /// Fuses a tool's tracks in any number of views, each with the view's name and where its camera stands.
    pub fn fuse_tracks(&self, views: &[(&str, Pose, &ToolTrack)]) -> FusedTrack {
        let mut numbers: Vec<usize> =
            views.iter().flat_map(|(_, _, track)| track.poses.iter().map(|pose| pose.frame)).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let mut seen: Vec<(usize, Vec<ViewPose>)> =
            numbers.into_iter().map(|frame| (frame, poses_at(views, frame))).collect();
        if let Some(symmetry) = &self.symmetry {
            turn_alike(symmetry, &mut seen);
        }
        let mut poses: Vec<FusedPose> = seen.iter().map(|(frame, views)| self.fuse(*frame, views)).collect();
        reject_jumps(&mut poses, &self.limits);
        let accepted: Vec<usize> = (0..poses.len()).filter(|index| poses[*index].accepted).collect();
        // Once more, with the views of this clip disagreeing as they were seen to.
        let scale = self.disagreement_scale(accepted.iter().map(|index| seen[*index].1.as_slice()));
        doubt(&mut seen, &mut poses);
        let as_seen = Self { tie: self.tie.scaled(scale), ..*self };
        for index in accepted {
            let (frame, views) = &seen[index];
            poses[index].world_from_tool = as_seen.fuse(*frame, views).world_from_tool;
        }
        let of_several = poses.iter_mut().filter(|pose| pose.accepted && pose.rotation_gap_rad.is_finite());
        for gaussian in of_several.filter_map(|pose| pose.world_from_tool.as_mut()) {
            gaussian.covariance *= VARIANCE_KEPT;
        }
        reject_strays(&mut poses);
        FusedTrack::judged(poses, self.limits.min_accepted)
    }

    /// By how much the variances of the tie must be scaled to expect views to disagree as far as they do: so that the
    /// mean squared distance between two views' poses, in the covariance of their difference, is 1 a dimension.
    fn disagreement_scale<'a>(&self, frames: impl Iterator<Item = &'a [ViewPose]>) -> f64 {
        let mut pairs: Vec<(&ViewPose, &ViewPose)> = Vec::new();
        for views in frames {
            let usable: Vec<&ViewPose> = views.iter().filter(|view| view.accepted).collect();
            for (index, first) in usable.iter().enumerate() {
                pairs.extend(usable[index + 1..].iter().map(|second| (*first, *second)));
            }
        }
        let mean = |scale: f64| {
            let tie = self.tie.scaled(scale);
            let distance = |(first, second): &(&ViewPose, &ViewPose)| {
                let (first, second) = (first.in_world(&tie)?, second.in_world(&tie)?);
                let apart = relative_twist(&first.mean, &second.mean);
                Some(apart.dot(&((first.covariance + second.covariance).try_inverse()? * apart)) / 6.0)
            };
            let distances: Vec<f64> = pairs.iter().filter_map(distance).collect();
            (!distances.is_empty()).then(|| distances.iter().sum::<f64>() / distances.len() as f64)
        };
        // The distance falls as the scale grows, at most as fast: from either side each step comes nearer.
        (0..8).fold(1.0, |scale, _| {
            let next = mean(scale).map_or(1.0, |distance| scale * distance);
            next.clamp(DISAGREEMENT_SCALE.0, DISAGREEMENT_SCALE.1)
        })
    }

    /// Fuses the views' poses of one frame. Views that contradict the others are left out as long as enough agree. Too
    /// few still give a pose, to start the other views' search from, but not an accepted one; of two that contradict
    /// each other the one with the smaller residual.
    pub fn fuse(&self, frame: usize, views: &[ViewPose]) -> FusedPose {
        let mut fused = FusedPose {
            residuals: views.iter().map(|view| view.residual).collect(),
            ..FusedPose::lost(frame)
        };
        let mut usable: Vec<&ViewPose> = views.iter().filter(|view| view.accepted).collect();
        let best = usable.iter().copied().min_by(|a, b| a.residual.total_cmp(&b.residual));
        let (Some(best), true) = (best, usable.len() >= self.limits.min_views) else {
            fused.world_from_tool = best.and_then(|view| view.in_world(&self.tie));
            fused.reason = objections(views);
            return fused;
        };
        let mut agreement = Agreement::of(&usable);
        while agreement.beyond(&self.limits).is_some() && usable.len() > self.limits.min_views.max(2) {
            let without = |left_out: usize| -> Vec<&ViewPose> {
                usable
                    .iter()
                    .enumerate()
                    .filter(|(index, _)| *index != left_out)
                    .map(|(_, view)| *view)
                    .collect()
            };
            let remaining = (0..usable.len()).map(|left_out| (Agreement::of(&without(left_out)), left_out));
            let worth = |agreement: &Agreement| agreement.confidence(&self.limits);
            let Some((best, left_out)) = remaining.max_by(|(a, _), (b, _)| worth(a).total_cmp(&worth(b)))
            else {
                break;
            };
            agreement = best;
            usable.remove(left_out);
        }
        if usable.len() > 1 {
            fused.rotation_gap_rad = agreement.rotation_gap_rad;
            fused.ray_gap_m = agreement.ray_gap_m;
        }
        if let Some((name, value, limit, unit, scale)) = agreement.beyond(&self.limits) {
            fused.world_from_tool = best.in_world(&self.tie);
            fused.reason = format!("{name} {:.1}{unit} exceeds {:.1}{unit}", value * scale, limit * scale);
            return fused;
        }
        let share = if usable.len() == 1 { 0.5 } else { 1.0 };
        fused.confidence = share * agreement.confidence(&self.limits).clamp(0.0, 1.0);

        let gaussians: Option<Vec<Gaussian6>> = usable.iter().map(|view| view.in_world(&self.tie)).collect();
        let coupled = gaussians.and_then(|list| weighted_mean_pose(&list).ok());
        fused.world_from_tool = match (self.method, coupled, agreement.midpoint) {
            (FusionMethod::Midpoint, Some(coupled), Some(mean)) => {
                Some(Gaussian6 { mean, covariance: coupled.covariance })
            }
            (_, coupled, _) => coupled,
        };
        fused.accepted = fused.world_from_tool.is_some();
        if !fused.accepted {
            fused.reason = "a view's information has no inverse".to_owned();
        }
        fused
    }
}

/// Why views have no pose.
fn objections(views: &[ViewPose]) -> String {
    let without = views.iter().filter(|view| !view.accepted);
    without.map(|view| format!("{}: {}", view.view, view.reason)).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use dreamitate_geometry::perturbed;
    use dreamitate_track::{Outcome, Status, TrackedPose};
    use nalgebra::{Matrix6, UnitQuaternion, Vector3, Vector6};
    use rand::SeedableRng;
    use rand_distr::Distribution;

    fn view(name: &str, x: f64, camera_from_tool_error: Vector3<f64>) -> ViewPose {
        let world_from_camera =
            Pose::new(Vector3::new(0.0, x, 0.8), Vector3::new(std::f64::consts::PI + x, 0.0, 0.0));
        let world_from_tool = Pose::translation(0.02, 0.01, 0.08);
        let mut camera_from_tool = world_from_camera.inverse() * world_from_tool;
        let ray = camera_from_tool.translation.vector.normalize();
        camera_from_tool.translation.vector += ray * camera_from_tool_error.z;
        camera_from_tool.rotation =
            UnitQuaternion::from_scaled_axis(Vector3::new(camera_from_tool_error.x, 0.0, 0.0))
                * camera_from_tool.rotation;
        ViewPose {
            world_from_camera,
            camera_from_tool,
            information: Matrix6::identity() * 1e8,
            residual: 20.0,
            accepted: true,
            reason: String::new(),
            view: name.to_owned(),
            doubt_rad: 0.0,
        }
    }

    fn fused(views: &[ViewPose], method: FusionMethod) -> FusedPose {
        Fusion { method, ..Default::default() }.fuse(3, views)
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
    fn a_lone_view_is_believed_by_half_where_one_is_enough() {
        let limits = FusionLimits { min_views: 1, ..Default::default() };
        let fusion = Fusion { limits, ..Default::default() };
        let pose = fusion.fuse(3, &[view("top", -0.33, Vector3::zeros())]);
        assert!(pose.accepted && pose.confidence <= 0.5, "{}", pose.confidence);
        assert!(pose.ray_gap_m.is_nan() && pose.rotation_gap_rad.is_nan());
        let both = [view("top", -0.33, Vector3::zeros()), view("side", 0.33, Vector3::zeros())];
        let depth_m = |pose: FusedPose| pose.world_from_tool.unwrap().covariance[(5, 5)].sqrt();
        assert!(depth_m(pose) > 1.4 * depth_m(fusion.fuse(3, &both)));
    }

    #[test]
    fn of_three_views_the_one_that_contradicts_two_is_left_out() {
        let three = |error: Vector3<f64>| {
            [
                view("top", -0.33, Vector3::zeros()),
                view("left", 0.5, error),
                view("side", 0.33, Vector3::zeros()),
            ]
        };
        let truth = Vector3::new(0.02, 0.01, 0.08);
        let off_m = |pose: &FusedPose| {
            (pose.world_from_tool.as_ref().unwrap().mean.translation.vector - truth).norm()
        };
        for method in [FusionMethod::Coupled, FusionMethod::Midpoint] {
            for error in [Vector3::zeros(), Vector3::new(0.6, 0.0, 0.0)] {
                let pose = fused(&three(error), method);
                assert!(pose.accepted && off_m(&pose) < 1e-6, "{}", pose.reason);
                assert!(pose.rotation_gap_rad < 1e-6 && pose.residuals.len() == 3);
            }
        }
        let all = fused(&three(Vector3::zeros()), FusionMethod::Coupled).world_from_tool.unwrap();
        let two = fused(&three(Vector3::new(0.6, 0.0, 0.0)), FusionMethod::Coupled).world_from_tool.unwrap();
        assert!(all.covariance.trace() < 0.8 * two.covariance.trace());
    }

    fn track(poses: impl Iterator<Item = ViewPose>) -> ToolTrack {
        let tracked = |(index, view): (usize, ViewPose)| TrackedPose {
            camera_from_tool: view.camera_from_tool,
            information: view.information,
            residual: view.residual,
            status: Status::Accepted,
            ..TrackedPose::lost(index + 1, "")
        };
        ToolTrack { poses: poses.enumerate().map(tracked).collect() }
    }

    #[test]
    fn of_two_views_that_disagree_more_than_elsewhere_the_one_that_strays_or_fits_worse_is_doubted() {
        let turned = |name: &str, x: f64, turn_rad: f64, residual: f64| ViewPose {
            residual,
            ..view(name, x, Vector3::new(turn_rad, 0.0, 0.0))
        };
        // Views that lie 3° apart; in frame 3 the side view is off by another 15°, in the last frame, which has none
        // after it, the top view is, and fits worse.
        let off = |frame: usize, at: usize| if frame == at { 0.26 } else { 0.0 };
        let top =
            track((1..8).map(|frame| {
                turned("top", -0.33, -0.026 - off(frame, 7), if frame == 7 { 45.0 } else { 20.0 })
            }));
        let side = track((1..8).map(|frame| turned("side", 0.33, 0.026 + off(frame, 3), 20.0)));
        let views = [
            ("top", view("top", -0.33, Vector3::zeros()).world_from_camera, &top),
            ("side", view("side", 0.33, Vector3::zeros()).world_from_camera, &side),
        ];
        let fused = Fusion::default().fuse_tracks(&views);
        for pose in &fused.poses {
            let off_deg = pose.world_from_tool_mean().unwrap().rotation.angle().to_degrees();
            assert!(pose.accepted && off_deg < 3.0, "frame {}: {off_deg:.1}°", pose.frame);
        }
        let turn_deg =
            |index: usize| fused.poses[index].world_from_tool.as_ref().unwrap().covariance[(0, 0)].sqrt();
        assert!(turn_deg(2) > turn_deg(3), "what was doubted is known less well");
    }

    #[test]
    fn a_tool_that_looks_alike_from_four_sides_is_not_turned_from_view_to_view_or_frame_to_frame() {
        let symmetry: Symmetry = serde_yaml_ng::from_str("{axis: [0, 0, 1], order: 4}").unwrap();
        let turned = |name: &str, x: f64, quarters: i32| {
            let mut view = view(name, x, Vector3::zeros());
            let turn = UnitQuaternion::from_euler_angles(
                0.0,
                0.0,
                f64::from(quarters) * std::f64::consts::FRAC_PI_2,
            );
            view.camera_from_tool.rotation *= turn;
            view
        };
        let top = track([0, 1, 3, 2].into_iter().map(|quarters| turned("top", -0.33, quarters)));
        let side = track([2, 2, 0, 1].into_iter().map(|quarters| turned("side", 0.33, quarters)));
        let views = [
            ("top", view("top", -0.33, Vector3::zeros()).world_from_camera, &top),
            ("side", view("side", 0.33, Vector3::zeros()).world_from_camera, &side),
        ];
        assert_eq!(Fusion::default().fuse_tracks(&views).outcome, Outcome::Rejected);
        let fused = Fusion { symmetry: Some(symmetry), ..Default::default() }.fuse_tracks(&views);
        assert_eq!(fused.outcome, Outcome::Accepted);
        let rotations: Vec<_> =
            fused.poses.iter().map(|p| p.world_from_tool_mean().unwrap().rotation).collect();
        assert!(rotations.iter().all(|rotation| rotation.angle_to(&rotations[0]) < 1e-9));
    }

    /// The covariance that a fused track states follows from how far its views disagree: errors drawn independently, from
    /// ties of other sizes than the usual, are as large as it says but for what is assumed to cancel.
    #[test]
    fn the_covariance_tells_how_far_off_the_clip_is() {
        for factor in [0.05, 1.0, 3.0] {
            let tie = ViewTie::DREAMED.scaled(factor);
            let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(7);
            let mut normal = || -> f64 { rand_distr::StandardNormal.sample(&mut random) };
            let mut drawn = |name: &str, x: f64| {
                let mut view = view(name, x, Vector3::zeros());
                let covariance = tie.covariance(&view.camera_from_tool.translation.vector).unwrap();
                let twist = covariance.cholesky().unwrap().l() * Vector6::from_fn(|_, _| normal());
                view.camera_from_tool = perturbed(&view.camera_from_tool, &twist);
                view
            };
            let [top, side] =
                [("top", -0.33), ("side", 0.33)].map(|(name, x)| track((0..400).map(|_| drawn(name, x))));
            let views = [
                ("top", view("top", -0.33, Vector3::zeros()).world_from_camera, &top),
                ("side", view("side", 0.33, Vector3::zeros()).world_from_camera, &side),
            ];
            let limits =
                FusionLimits { max_ray_gap_m: 1.0, max_step_m: 1.0, max_turn_rad: 3.0, ..Default::default() };
            let fused = Fusion { limits, ..Default::default() }.fuse_tracks(&views);
            let truth = Pose::translation(0.02, 0.01, 0.08);
            let gaussians =
                fused.poses.iter().filter(|pose| pose.accepted).filter_map(|p| p.world_from_tool.as_ref());
            let squared: Vec<f64> = gaussians
                .map(|found| {
                    let off = relative_twist(&found.mean, &truth);
                    off.dot(&(found.covariance.try_inverse().unwrap() * off)) / 6.0
                })
                .collect();
            let mean = squared.iter().sum::<f64>() / squared.len() as f64;
            let of_independent = VARIANCE_KEPT * mean;
            assert!(
                squared.len() > 390 && (of_independent - 1.0).abs() < 0.15,
                "{factor}: {mean} of {}",
                squared.len()
            );
        }
    }

    #[test]
    fn cameras_in_one_place_have_parallel_rays() {
        let views = [view("top", 0.0, Vector3::zeros()), view("side", 0.0, Vector3::zeros())];
        let pose = fused(&views, FusionMethod::Midpoint);
        assert!(!pose.accepted && pose.reason.contains("ray gap"), "{}", pose.reason);
    }
}
