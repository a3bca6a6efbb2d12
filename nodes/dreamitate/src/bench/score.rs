use dreamer::rendered::RenderedDream;
use dreamitate_geometry::{Pose, View, median, relative_twist, rotation_angle_rad};
use dreamitate_render::ToolModel;
use dreamitate_track::{FusedPose, FusedTrack};
use nalgebra::Point3;
use serde::Serialize;
use std::fmt;

/// Before this frame hands rush in; success is counted from it on.
pub(super) const FIRST_FRAME: usize = 4;
/// A frame counts where each view's picture holds this part of the tool.
const MIN_IN_PICTURE: f64 = 0.6;
/// The bounds of success, metres and radians: fine and coarse.
const FINE: (f64, f64) = (0.005, 0.034_907);
const COARSE: (f64, f64) = (0.020, 0.087_266);
/// An accepted pose that is farther off is wrong, metres.
const WRONG_M: f64 = 0.020;
/// ADD is integrated up to here, metres.
const ADD_M: f64 = 0.020;
/// 95 % of a six-dimensional Gaussian lie within this squared distance.
const WITHIN_95: f64 = 12.59;

/// One frame of one tool that counts. JSON has no infinity and no NaN: they are null there.
#[derive(Serialize)]
pub(super) struct FrameError {
    frame: usize,
    pub accepted: bool,
    /// Why not.
    reason: String,
    /// How far the tool's origin is off, metres; infinite without a pose.
    pub position_m: f64,
    pub rotation_rad: f64,
    /// Mean distance of the tool's corners from where they are, metres.
    add_m: f64,
    /// Squared distance in the stated covariance; NaN without a pose.
    pub mahalanobis_squared: f64,
    /// By how much the views disagree: the angle between their poses, radians, and the distance between their lines of
    /// sight, metres; NaN with one view.
    rotation_gap_rad: f64,
    ray_gap_m: f64,
}

/// One tool of one clip.
#[derive(Serialize)]
pub(super) struct Scored {
    clip: String,
    tool: String,
    outcome: String,
    reason: String,
    pub frames: Vec<FrameError>,
    /// Seconds of tracking for a frame of the tool, both views.
    frame_s: f64,
}

/// Compares a fused track with the truth.
pub(super) fn score_tool(
    dream: &RenderedDream,
    name: &str,
    model: &ToolModel,
    track: &FusedTrack,
    seconds: f64,
) -> Scored {
    let truth = &dream.truth[name];
    let counted =
        (FIRST_FRAME..truth.len()).filter_map(|frame| Some((frame, truth[frame]?))).filter(|(_, pose)| {
            View::ALL.iter().all(|view| in_picture(dream, *view, model, pose) > MIN_IN_PICTURE)
        });
    let frames = counted
        .map(|(frame, truth)| {
            let found = track.poses.iter().find(|pose| pose.frame == frame);
            FrameError::of(frame, &truth, model, found)
        })
        .collect();
    Scored {
        clip: dream.clip.id.clone(),
        tool: name.to_owned(),
        outcome: format!("{:?}", track.outcome).to_lowercase(),
        reason: track.reason.clone(),
        frames,
        frame_s: seconds / (truth.len() - 1) as f64,
    }
}

/// The part of a tool's corners that lie in a view's picture.
fn in_picture(dream: &RenderedDream, view: View, model: &ToolModel, world_from_tool: &Pose) -> f64 {
    let seen = dream.clip.view(view);
    let camera_from_tool = seen.world_from_camera.inverse() * world_from_tool;
    let (width, height) = (f64::from(seen.camera.width), f64::from(seen.camera.height));
    let inside = |corner: &Point3<f32>| {
        let pixel = seen.camera.project(&(camera_from_tool * corner.cast::<f64>()));
        pixel.is_some_and(|p| p.x >= 0.0 && p.y >= 0.0 && p.x < width && p.y < height)
    };
    let corners = &model.tracked.vertices;
    corners.iter().filter(|corner| inside(corner)).count() as f64 / corners.len() as f64
}

impl FrameError {
    fn of(frame: usize, truth: &Pose, model: &ToolModel, found: Option<&FusedPose>) -> Self {
        let accepted = found.is_some_and(|pose| pose.accepted);
        let reason = found.map_or_else(String::new, |pose| pose.reason.clone());
        let gaps = found.map_or((f64::NAN, f64::NAN), |pose| (pose.rotation_gap_rad, pose.ray_gap_m));
        let Some(found) = found.and_then(|pose| pose.world_from_tool.as_ref()) else {
            return Self {
                frame,
                accepted,
                reason,
                position_m: f64::INFINITY,
                rotation_rad: f64::INFINITY,
                add_m: f64::INFINITY,
                mahalanobis_squared: f64::NAN,
                rotation_gap_rad: f64::NAN,
                ray_gap_m: f64::NAN,
            };
        };
        let twist = relative_twist(&found.mean, truth);
        let corners = &model.tracked.vertices;
        let apart = |corner: &Point3<f32>| {
            let corner = corner.cast::<f64>();
            (found.mean * corner - truth * corner).norm()
        };
        Self {
            frame,
            accepted,
            reason,
            position_m: (found.mean.translation.vector - truth.translation.vector).norm(),
            rotation_rad: rotation_angle_rad(&found.mean, truth),
            add_m: corners.iter().map(apart).sum::<f64>() / corners.len() as f64,
            mahalanobis_squared: found
                .covariance
                .try_inverse()
                .map_or(f64::NAN, |information| twist.dot(&(information * twist))),
            rotation_gap_rad: gaps.0,
            ray_gap_m: gaps.1,
        }
    }

    fn within(&self, (position_m, rotation_rad): (f64, f64)) -> bool {
        self.accepted && self.position_m <= position_m && self.rotation_rad <= rotation_rad
    }
}

/// A level's figures.
#[derive(Debug, Serialize)]
pub(super) struct LevelScore {
    tracks: usize,
    /// Frames of tools that count.
    frames: usize,
    /// Shares of them, in percent.
    accepted_percent: f64,
    within_5mm_2deg_percent: f64,
    within_20mm_5deg_percent: f64,
    /// Accepted frames that are off by more than 20 mm, percent of the accepted ones.
    wrong_percent: f64,
    /// Of accepted frames.
    median_position_mm: f64,
    median_rotation_deg: f64,
    /// Area under the share of frames whose ADD is below a bound, bounds from 0 to 20 mm, percent.
    add_area_percent: f64,
    /// Accepted frames within the 95 % ellipsoid of their stated covariance, percent; and the mean of the squared
    /// distance a dimension, 1 if the covariance is true.
    within_95_percent: f64,
    normalised_error_squared: f64,
    /// By how much the views disagree where accepted, medians.
    median_rotation_gap_deg: f64,
    median_ray_gap_mm: f64,
    /// Median over tracks, milliseconds for a frame of a tool, both views.
    median_ms: f64,
}

impl LevelScore {
    pub(super) const HEADER: &'static str = "level   tracks frames  accepted  5mm/2°  20mm/5°  >20mm  median mm    °   ADD area  in 95 %  d²/6   ms";

    pub(super) fn of(scored: &[Scored]) -> Self {
        let frames: Vec<&FrameError> = scored.iter().flat_map(|scored| &scored.frames).collect();
        let accepted: Vec<&FrameError> = frames.iter().copied().filter(|frame| frame.accepted).collect();
        let share = |of: usize, all: usize| 100.0 * of as f64 / all.max(1) as f64;
        let count = |test: &dyn Fn(&FrameError) -> bool| frames.iter().filter(|frame| test(frame)).count();
        let distances: Vec<f64> =
            accepted.iter().map(|f| f.mahalanobis_squared).filter(|d| d.is_finite()).collect();
        let of_accepted = |value: fn(&FrameError) -> f64| {
            median(accepted.iter().map(|frame| value(frame))).unwrap_or(f64::NAN)
        };
        let area: f64 = frames.iter().filter(|f| f.accepted).map(|f| (1.0 - f.add_m / ADD_M).max(0.0)).sum();
        Self {
            tracks: scored.len(),
            frames: frames.len(),
            accepted_percent: share(accepted.len(), frames.len()),
            within_5mm_2deg_percent: share(count(&|f| f.within(FINE)), frames.len()),
            within_20mm_5deg_percent: share(count(&|f| f.within(COARSE)), frames.len()),
            wrong_percent: share(accepted.iter().filter(|f| f.position_m > WRONG_M).count(), accepted.len()),
            median_position_mm: 1e3 * of_accepted(|f| f.position_m),
            median_rotation_deg: of_accepted(|f| f.rotation_rad).to_degrees(),
            add_area_percent: 100.0 * area / frames.len().max(1) as f64,
            within_95_percent: share(distances.iter().filter(|d| **d <= WITHIN_95).count(), distances.len()),
            normalised_error_squared: distances.iter().sum::<f64>() / (6 * distances.len().max(1)) as f64,
            median_rotation_gap_deg: of_accepted(|f| f.rotation_gap_rad).to_degrees(),
            median_ray_gap_mm: 1e3 * of_accepted(|f| f.ray_gap_m),
            median_ms: 1e3 * median(scored.iter().map(|scored| scored.frame_s)).unwrap_or(f64::NAN),
        }
    }
}

impl fmt::Display for LevelScore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:>6} {:>6} {:>8.1}% {:>6.1}% {:>7.1}% {:>5.2}% {:>10.2} {:>4.2} {:>9.1}% {:>7.1}% {:>5.2} {:>4.1}",
            self.tracks,
            self.frames,
            self.accepted_percent,
            self.within_5mm_2deg_percent,
            self.within_20mm_5deg_percent,
            self.wrong_percent,
            self.median_position_mm,
            self.median_rotation_deg,
            self.add_area_percent,
            self.within_95_percent,
            self.normalised_error_squared,
            self.median_ms
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(accepted: bool, mm: f64, deg: f64) -> FrameError {
        FrameError {
            frame: 4,
            accepted,
            reason: String::new(),
            position_m: 1e-3 * mm,
            rotation_rad: deg.to_radians(),
            add_m: 1e-3 * mm,
            mahalanobis_squared: 6.0,
            rotation_gap_rad: 0.0,
            ray_gap_m: 0.0,
        }
    }

    #[test]
    fn shares_count_what_was_not_accepted_as_missed() {
        let frames = vec![
            frame(true, 4.0, 1.0),
            frame(true, 4.0, 3.0),
            frame(true, 24.0, 1.0),
            frame(false, 1.0, 0.0),
        ];
        let [clip, tool, outcome, reason] = [const { String::new() }; 4];
        let score = LevelScore::of(&[Scored { clip, tool, outcome, reason, frames, frame_s: 0.008 }]);
        assert_eq!((score.tracks, score.frames), (1, 4));
        assert_eq!(
            [score.accepted_percent, score.within_5mm_2deg_percent, score.within_20mm_5deg_percent],
            [75.0, 25.0, 50.0]
        );
        assert!((score.wrong_percent - 100.0 / 3.0).abs() < 1e-9);
        assert!((score.median_position_mm - 4.0).abs() < 1e-9 && (score.median_ms - 8.0).abs() < 1e-9);
        // Two frames at 4 mm of 20 mm have 80 % each; a frame beyond and one that is not accepted have none.
        assert!((score.add_area_percent - 40.0).abs() < 1e-9);
        assert!((score.normalised_error_squared - 1.0).abs() < 1e-9 && score.within_95_percent == 100.0);
    }

    #[test]
    fn no_frame_is_no_success() {
        let score = LevelScore::of(&[]);
        assert_eq!(score.within_20mm_5deg_percent, 0.0);
        assert!(score.median_ms.is_nan());
    }
}
