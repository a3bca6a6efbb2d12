//! Arms put together from the files of the configuration.

use std::path::Path;

use dreamitate_config::{ConfigFolder, Task, TaskTool};
use dreamitate_geometry::Rig;
use dreamitate_render::{ToolError, ToolModel};
use nalgebra::Point3;

use dreamitate_motion::{Arm, ArmError, ToolBody};
use dreamitate_motion::{ConfigError, RobotConfig, ToolMount};

/// An arm, and what is known of its driver.
#[derive(Debug, Clone)]
pub struct ConfiguredArm {
    /// The tool's name in topics.
    pub tool: String,
    /// The arm with the tool.
    pub arm: Arm,
    /// The robot's file.
    pub robot: RobotConfig,
    /// The planning group's name in the vendor's way: prefix and robot, `L_xarm7`.
    pub group: String,
}

/// Why the files give no arm.
#[derive(Debug, thiserror::Error)]
pub enum ArmFilesError {
    /// The rig has no arm of that name.
    #[error("the rig {rig:?} has no arm {arm:?}; it has {present:?}")]
    NoArm {
        /// The rig.
        rig: String,
        /// The arm.
        arm: String,
        /// The arms there are.
        present: Vec<String>,
    },
    /// Two tools for one arm.
    #[error("the tools {first:?} and {second:?} are both held by the arm {arm:?}")]
    ArmTwice {
        /// One tool.
        first: String,
        /// The other.
        second: String,
        /// The arm.
        arm: String,
    },
    /// Two arms whose drivers say the same of a joint: a trajectory of one would be one of the other.
    #[error(
        "the arms {first:?} and {second:?} both have a joint {joint:?}; give each a joint_prefix in the rig's file"
    )]
    SharedJoint {
        /// One arm.
        first: String,
        /// The other.
        second: String,
        /// The joint.
        joint: String,
    },
    /// The robot's file.
    #[error(transparent)]
    Robot(#[from] ConfigError),
    /// The tool's file or mesh.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// The arm itself.
    #[error("arm {arm:?}: {source}")]
    Arm {
        /// Its name.
        arm: String,
        /// What does not fit.
        source: ArmError,
    },
}

/// The arms of all tools of a task, in the order of the tools.
///
/// # Errors
/// [`ArmFilesError`] naming the file.
pub fn arms_of_task(folder: &ConfigFolder, task: &Task) -> Result<Vec<ConfiguredArm>, ArmFilesError> {
    for (index, tool) in task.tools.iter().enumerate() {
        if let Some(first) = task.tools.iter().take(index).find(|first| first.arm == tool.arm) {
            return Err(ArmFilesError::ArmTwice {
                first: first.name.clone(),
                second: tool.name.clone(),
                arm: tool.arm.clone(),
            });
        }
    }
    let arm = |tool: &TaskTool| arm_of_rig(folder, &task.rig, &tool.arm, &tool.name, &tool.file);
    let arms: Vec<ConfiguredArm> = task.tools.iter().map(arm).collect::<Result<_, _>>()?;
    for (index, second) in arms.iter().enumerate() {
        let joints = second.arm.joint_names();
        for first in &arms[..index] {
            if let Some(joint) = first.arm.joint_names().into_iter().find(|joint| joints.contains(joint)) {
                let [first, second] = [first, second].map(|arm| arm.arm.name.clone());
                return Err(ArmFilesError::SharedJoint { first, second, joint });
            }
        }
    }
    Ok(arms)
}

/// One arm of a rig with a tool.
///
/// # Errors
/// [`ArmFilesError`] naming the file.
pub fn arm_of_rig(
    folder: &ConfigFolder,
    rig: &Rig,
    arm: &str,
    tool: &str,
    tool_file: &Path,
) -> Result<ConfiguredArm, ArmFilesError> {
    let mount = rig.arms.get(arm).ok_or_else(|| ArmFilesError::NoArm {
        rig: rig.name.clone(),
        arm: arm.to_owned(),
        present: rig.arms.keys().cloned().collect(),
    })?;
    let robot = RobotConfig::read(&folder.robot(&mount.robot))?;
    let vertices = ToolModel::read(tool_file)?.mesh.vertices;
    let tool_mount = ToolMount::read(tool_file)?;
    let put_together = || {
        let body = ToolBody::from_points(vertices.iter().map(|v| Point3::from(v.coords.cast())).collect())?;
        Ok(Arm::new(arm, &robot, mount, &tool_mount, body)?.with_obstacles(&rig.obstacles))
    };
    let built = put_together().map_err(|source| ArmFilesError::Arm { arm: arm.to_owned(), source })?;
    let of_meshes: Vec<&str> = built.chain.links_of_meshes().collect();
    if !of_meshes.is_empty() {
        tracing::warn!(
            arm,
            links = ?of_meshes,
            "collision shapes in mesh files are not read: clearances of these links are measured from capsules of 60 mm \
             radius between their joints, which may lie beside them"
        );
    }
    let group = format!("{}{}", mount.joint_prefix, mount.robot);
    Ok(ConfiguredArm { tool: tool.to_owned(), arm: built, robot, group })
}

#[cfg(test)]
mod tests {
    use super::*;
    use dreamitate_geometry::Obstacle;

    #[test]
    fn the_rotation_task_has_two_arms_with_their_tools() {
        let folder = ConfigFolder::find(None);
        let mut task = Task::read(&folder, "rotation").unwrap();
        let world_from_box = task.rig.arms["left"].world_from_base;
        task.rig.obstacles = vec![Obstacle { name: "shelf".to_owned(), size_m: [0.1; 3], world_from_box }];
        let arms = arms_of_task(&folder, &task).unwrap();
        assert!(
            arms.iter().all(|a| a.arm.obstacles() == task.rig.obstacles),
            "the rig's obstacles are the arms'"
        );
        let names: Vec<_> = arms.iter().map(|a| (a.tool.as_str(), a.arm.joint_names().remove(0))).collect();
        assert_eq!(names, [("left", "L_joint1".to_owned()), ("right", "R_joint1".to_owned())]);
    }

    #[test]
    fn an_arm_that_is_not_there_or_is_taken_is_named() {
        let folder = ConfigFolder::find(None);
        let mut task = Task::read(&folder, "rotation").unwrap();
        let file = task.tools[0].file.clone();
        let text = arm_of_rig(&folder, &task.rig, "middle", "left", &file).unwrap_err().to_string();
        assert!(text.contains("middle") && text.contains("right"), "{text}");
        for mount in task.rig.arms.values_mut() {
            mount.joint_prefix.clear();
        }
        let text = arms_of_task(&folder, &task).unwrap_err().to_string();
        assert!(text.contains("\"left\" and \"right\" both have a joint \"joint1\""), "{text}");
        task.tools[1].arm = "left".to_owned();
        let text = arms_of_task(&folder, &task).unwrap_err().to_string();
        assert!(text.contains("both held by the arm \"left\""), "{text}");
    }
}
