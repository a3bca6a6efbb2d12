//! The tools' trajectories of one dream, as messages bring them, and the waypoints in them.

use std::collections::BTreeMap;

use dreamitate_msgs::dreamitate_msgs::{FusedPose, ToolTrajectory};
use nalgebra::{Isometry3, Quaternion, Translation3, UnitQuaternion};

use dreamitate_motion::Waypoint;

/// Why a trajectory is not to be executed; a stated outcome, not a fault.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum NotExecutable {
    /// The fusion rejected it.
    #[error("{tool}: the trajectory was rejected: {reason}")]
    Rejected { tool: String, reason: String },
    /// Not enough poses.
    #[error("{tool}: too few accepted poses: {accepted} of {poses}, at least {least}")]
    TooFew { tool: String, accepted: usize, poses: usize, least: usize },
    /// A frame other than the world's.
    #[error("{tool}: the trajectory is in the frame {frame:?}, expected {expected:?}")]
    Frame { tool: String, frame: String, expected: &'static str },
    /// An orientation without length.
    #[error("{tool}: the orientation of frame {frame} has the norm {norm:.3}, expected 1")]
    Orientation { tool: String, frame: u32, norm: f64 },
}

/// The newest trajectory of each tool.
#[derive(Debug, Default)]
pub(crate) struct DreamTrajectories {
    newest: BTreeMap<String, ToolTrajectory>,
    /// Tools whose newest trajectory was not yet handed out.
    fresh: BTreeMap<String, ()>,
}

impl DreamTrajectories {
    /// Takes a message; the trajectories of all `tools`, in their order, once each has a new one of the same clip.
    pub fn take(
        &mut self,
        tools: &[String],
        tool: &str,
        message: ToolTrajectory,
    ) -> Option<Vec<ToolTrajectory>> {
        let clip_id = message.clip_id.clone();
        self.newest.insert(tool.to_owned(), message);
        self.fresh.insert(tool.to_owned(), ());
        let complete = tools.iter().all(|tool| self.fresh.contains_key(tool));
        let found = self.of_clip(tools, &clip_id).filter(|_| complete)?;
        self.fresh.clear();
        Some(found)
    }

    /// The trajectories of a clip, or of the newest one where `clip_id` is empty; `None` unless every tool has one.
    pub fn of_clip(&self, tools: &[String], clip_id: &str) -> Option<Vec<ToolTrajectory>> {
        let all: Vec<_> = tools.iter().map(|tool| self.newest.get(tool).cloned()).collect::<Option<_>>()?;
        let wanted = if clip_id.is_empty() { &all.first()?.clip_id } else { clip_id };
        all.iter().all(|t| t.clip_id == wanted).then(|| all.clone())
    }
}

/// The accepted poses and their frames.
pub(crate) fn waypoints(
    trajectory: &ToolTrajectory,
    least: usize,
) -> Result<(Vec<Waypoint>, Vec<u32>), NotExecutable> {
    let tool = || trajectory.tool.clone();
    if trajectory.outcome == ToolTrajectory::REJECTED {
        return Err(NotExecutable::Rejected { tool: tool(), reason: trajectory.reason.clone() });
    }
    let expected = dreamitate_geometry::WORLD_FRAME;
    if trajectory.header.frame_id != expected {
        let frame = trajectory.header.frame_id.clone();
        return Err(NotExecutable::Frame { tool: tool(), frame, expected });
    }
    let accepted: Vec<&FusedPose> = trajectory.poses.iter().filter(|pose| pose.accepted).collect();
    if accepted.len() < least {
        let (accepted, poses) = (accepted.len(), trajectory.poses.len());
        return Err(NotExecutable::TooFew { tool: tool(), accepted, poses, least });
    }
    let mut found = Vec::with_capacity(accepted.len());
    for pose in &accepted {
        let (p, q) = (&pose.world_from_tool.position, &pose.world_from_tool.orientation);
        let quaternion = Quaternion::new(q.w, q.x, q.y, q.z);
        let norm = quaternion.norm();
        if !(0.9..1.1).contains(&norm) {
            return Err(NotExecutable::Orientation { tool: tool(), frame: pose.frame, norm });
        }
        found.push(Waypoint {
            time_s: pose.time_from_start.to_s(),
            world_from_tool: Isometry3::from_parts(
                Translation3::new(p.x, p.y, p.z),
                UnitQuaternion::from_quaternion(quaternion),
            ),
        });
    }
    Ok((found, accepted.iter().map(|pose| pose.frame).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(tool: &str, clip_id: &str) -> ToolTrajectory {
        ToolTrajectory { tool: tool.into(), clip_id: clip_id.into(), ..ToolTrajectory::default() }
    }

    #[test]
    fn a_dream_is_complete_when_all_tools_are_of_one_clip() {
        let tools = ["left".to_owned(), "right".to_owned()];
        let mut dream = DreamTrajectories::default();
        assert!(dream.take(&tools, "left", of("left", "a")).is_none());
        assert!(dream.take(&tools, "right", of("right", "b")).is_none());
        let both = dream.take(&tools, "left", of("left", "b")).unwrap();
        assert!(both.iter().all(|t| t.clip_id == "b"));
        // The same again is a new dream only when both came again.
        assert!(dream.take(&tools, "left", of("left", "b")).is_none());
        assert!(dream.take(&tools, "right", of("right", "b")).is_some());
        assert!(dream.of_clip(&tools, "").is_some() && dream.of_clip(&tools, "a").is_none());
    }

    #[test]
    fn what_cannot_be_executed_says_why() {
        let mut left = of("left", "a");
        left.header.frame_id = "world".into();
        left.poses = vec![FusedPose::default(); 12];
        for pose in &mut left.poses[..2] {
            pose.accepted = true;
        }
        let says = |t: &ToolTrajectory| waypoints(t, 4).unwrap_err().to_string();
        assert_eq!(says(&left), "left: too few accepted poses: 2 of 12, at least 4");
        left.outcome = ToolTrajectory::REJECTED;
        left.reason = "views disagree".into();
        assert_eq!(says(&left), "left: the trajectory was rejected: views disagree");
        left.outcome = ToolTrajectory::PARTIAL;
        left.poses.iter_mut().for_each(|pose| pose.accepted = true);
        left.poses[3].world_from_tool.orientation.w = 0.0;
        assert!(says(&left).contains("frame 0 has the norm 0.000"));
        left.header.frame_id = "camera".into();
        assert!(says(&left).contains("\"camera\""));
    }
}
