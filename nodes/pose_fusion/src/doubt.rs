use crate::view_pose::ViewPose;
use dreamitate_geometry::median;
use dreamitate_track::FusedPose;
use nalgebra::UnitQuaternion;
use std::collections::HashMap;

/// Views that disagree by more than so many times the clip's median, and than this, do not see the same.
const UNUSUAL: f64 = 1.75;
const UNUSUAL_RAD: f64 = 0.07;
/// Beyond so many times the median, and beyond this, a frame is not accepted.
const TOO_FAR: f64 = 10.0;
const TOO_FAR_RAD: f64 = 0.2;
/// How much it counts that a view fits worse than it usually does: a residual e times as large as so many times the angle
/// between the views.
const MISFIT_WEIGHT: f64 = 2.0;

/// Says by how much each view's rotation is to be doubted. Where the views disagree more than elsewhere in the clip, one
/// of them has lost the tool's attitude: the one that strays farther from the even way between the frames around, and that
/// fits worse than it usually does. `poses` are the fused ones of the same frames; in which views disagree much too far is
/// rejected.
pub(crate) fn doubt(seen: &mut [(usize, Vec<ViewPose>)], poses: &mut [FusedPose]) {
    let accepted = poses.iter().filter(|pose| pose.accepted && pose.rotation_gap_rad.is_finite());
    let Some(usual_rad) = median(accepted.map(|pose| pose.rotation_gap_rad)) else { return };
    let most_rad = (UNUSUAL * usual_rad).max(UNUSUAL_RAD);
    let usual_residuals = usual_residuals(seen);
    for (index, (_, views)) in seen.iter_mut().enumerate() {
        let gap_rad = poses[index].rotation_gap_rad;
        if !poses[index].accepted || gap_rad.is_nan() || gap_rad <= most_rad {
            continue;
        }
        let expected = even_way(poses, index, most_rad);
        let blame_rad = |view: &ViewPose| {
            let rotation = view.world_from_tool().rotation;
            let stray_rad = expected.map_or(0.0, |expected| expected.angle_to(&rotation));
            stray_rad + MISFIT_WEIGHT * gap_rad * (view.residual.max(1.0) / usual_residuals[&view.view]).ln()
        };
        let usable = views.iter().filter(|view| view.accepted);
        let least_rad = usable.map(blame_rad).fold(f64::INFINITY, f64::min);
        for view in views.iter_mut().filter(|view| view.accepted) {
            view.doubt_rad = (blame_rad(view) - least_rad).min(gap_rad);
        }
        let limit_rad = (TOO_FAR * usual_rad).max(TOO_FAR_RAD);
        if gap_rad > limit_rad {
            poses[index].accepted = false;
            poses[index].reason = format!(
                "rotation gap {:.1}° exceeds {:.1}°, in this clip it is {:.1}°",
                gap_rad.to_degrees(),
                limit_rad.to_degrees(),
                usual_rad.to_degrees()
            );
        }
    }
}

/// The rotation on the even way between the nearest frames before and after in which views disagree no more than usual.
fn even_way(poses: &[FusedPose], index: usize, most_rad: f64) -> Option<UnitQuaternion<f64>> {
    let is_sure = |pose: &&FusedPose| pose.accepted && pose.rotation_gap_rad <= most_rad;
    let before = poses[..index].iter().rev().find(is_sure)?;
    let after = poses[index + 1..].iter().find(is_sure)?;
    let share = (poses[index].frame - before.frame) as f64 / (after.frame - before.frame) as f64;
    let [from, to] = [before, after].map(|pose| pose.world_from_tool_mean().map(|mean| mean.rotation));
    from?.try_slerp(&to?, share, 1e-9)
}

/// For each view the median residual of its accepted poses, levels, 1 at least.
fn usual_residuals(seen: &[(usize, Vec<ViewPose>)]) -> HashMap<String, f64> {
    let mut residuals: HashMap<String, Vec<f64>> = HashMap::new();
    for view in seen.iter().flat_map(|(_, views)| views).filter(|view| view.accepted) {
        residuals.entry(view.view.clone()).or_default().push(view.residual);
    }
    residuals.into_iter().filter_map(|(view, list)| Some((view, median(list)?.max(1.0)))).collect()
}
