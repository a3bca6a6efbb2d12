use crate::ConfigFolder;
use dreamitate_geometry::{Rig, RigError};
use serde::Deserialize;
use std::{collections::BTreeMap, path::PathBuf};

/// A task: what is dreamt, with which tools, on which rig.
#[derive(Clone, Debug)]
pub struct Task {
    /// The task's name.
    pub name: String,
    /// The sentence that the video model is given.
    pub prompt: String,
    /// Time between a dream's frames, seconds.
    pub frame_period_s: f64,
    /// The cameras and arms.
    pub rig: Rig,
    /// The file that describes them.
    pub rig_file: PathBuf,
    /// The tools, by name in order.
    pub tools: Vec<TaskTool>,
    /// How the arms are to move.
    pub motion: TaskMotion,
}

/// What a task asks of the arms' motion besides the tools' way.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TaskMotion {
    /// The tool's lowest point is kept this high above the table, metres.
    pub min_tool_height_m: Option<f64>,
    /// The farthest that the tool's way is lifted for that, metres; farther ones are refused.
    pub max_lift_m: f64,
    /// How far above its first pose the tool comes from, metres.
    pub approach_m: f64,
    /// How far the tool is lifted after its last pose, metres.
    pub retreat_m: f64,
    /// Whether the arms go back to where they started.
    pub return_home: bool,
    /// The largest change of a joint from one pose of the dream to the next, radians: a larger one is taken for a jump
    /// to another posture.
    pub largest_jump_rad: f64,
}

impl Default for TaskMotion {
    fn default() -> Self {
        Self {
            min_tool_height_m: None,
            max_lift_m: 0.02,
            approach_m: 0.03,
            retreat_m: 0.05,
            return_home: false,
            largest_jump_rad: 0.6,
        }
    }
}

/// A tool's part in a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskTool {
    /// The tool's name in topics: `left`, `right` or `tool`.
    pub name: String,
    /// The file that describes it.
    pub file: PathBuf,
    /// The arm that holds it; its name in the rig.
    pub arm: String,
}

/// Why a task cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the task file {path}; the tasks there are: {known}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Names of the tasks in the folder.
        known: String,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not a task.
    #[error("the task file {path} is not a task")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_yaml_ng::Error,
    },
    /// The rig is refused.
    #[error(transparent)]
    Rig(#[from] RigError),
    /// A tool's arm is not in the rig.
    #[error("tool {tool:?} wants the arm {arm:?}, but the rig {rig:?} has {present:?}")]
    MissingArm {
        /// The tool.
        tool: String,
        /// The arm named.
        arm: String,
        /// The rig.
        rig: String,
        /// The arms there are.
        present: Vec<String>,
    },
    /// A task without tools.
    #[error("the task file {0} names no tool")]
    NoTools(PathBuf),
    /// The time between frames is not a duration.
    #[error("frame_period_s is {0}; it must be above 0 and at most 10 s")]
    FramePeriod(f64),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TaskFile {
    name: String,
    prompt: String,
    rig: String,
    frame_period_s: f64,
    tools: BTreeMap<String, ToolEntry>,
    #[serde(default)]
    motion: TaskMotion,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ToolEntry {
    tool: String,
    arm: String,
}

impl Task {
    /// Reads a task and its rig, or the rig that the folder is [on](ConfigFolder::on_rig).
    ///
    /// # Errors
    /// A file is unreadable or wrong, or a tool's arm is not in the rig.
    pub fn read(folder: &ConfigFolder, name: &str) -> Result<Self, ConfigError> {
        let path = folder.task(name);
        let text = std::fs::read_to_string(&path).map_err(|source| ConfigError::Read {
            path: path.clone(),
            known: known_tasks(folder),
            source,
        })?;
        let file: TaskFile = serde_yaml_ng::from_str(&text)
            .map_err(|source| ConfigError::Parse { path: path.clone(), source })?;
        if file.tools.is_empty() {
            return Err(ConfigError::NoTools(path));
        }
        if !(file.frame_period_s > 0.0 && file.frame_period_s <= 10.0) {
            return Err(ConfigError::FramePeriod(file.frame_period_s));
        }
        let rig_file = folder.rig_of_task(&file.rig);
        let rig = Rig::read(&rig_file)?;
        let tools = file
            .tools
            .into_iter()
            .map(|(tool, entry)| {
                if !rig.arms.contains_key(&entry.arm) {
                    return Err(ConfigError::MissingArm {
                        tool,
                        arm: entry.arm,
                        rig: rig.name.clone(),
                        present: rig.arms.keys().cloned().collect(),
                    });
                }
                Ok(TaskTool { name: tool, file: folder.tool(&entry.tool), arm: entry.arm })
            })
            .collect::<Result<_, _>>()?;
        let TaskFile { name, prompt, frame_period_s, motion, .. } = file;
        Ok(Self { name, prompt, frame_period_s, rig, rig_file, tools, motion })
    }
}

fn known_tasks(folder: &ConfigFolder) -> String {
    let mut names: Vec<String> = std::fs::read_dir(folder.path().join("tasks"))
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    if names.is_empty() { format!("none in {}", folder.path().display()) } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotation_has_two_tools_on_two_arms() {
        let task = Task::read(&ConfigFolder::find(None), "rotation").unwrap();
        assert_eq!(
            task.tools.iter().map(|t| (t.name.as_str(), t.arm.as_str())).collect::<Vec<_>>(),
            [("left", "left"), ("right", "right")]
        );
        assert!(task.tools.iter().all(|t| t.file.is_file()));
    }

    #[test]
    fn a_task_is_done_on_another_rig_where_one_is_named() {
        let folder = ConfigFolder::find(None);
        let own = Task::read(&folder, "sweeping").unwrap();
        let same = Task::read(&folder.clone().on_rig(""), "sweeping").unwrap();
        assert_eq!((&same.rig.name, same.rig_file), (&own.rig.name, own.rig_file));
        // Rotation's rig has other arms.
        let rotations = Task::read(&folder, "rotation").unwrap().rig_file;
        let error = Task::read(&folder.on_rig(&rotations.to_string_lossy()), "sweeping").unwrap_err();
        assert!(error.to_string().contains("wants the arm \"arm\", but the rig \"paper\""), "{error}");
    }

    #[test]
    fn an_unknown_task_names_those_there_are() {
        let error = Task::read(&ConfigFolder::find(None), "juggling").unwrap_err().to_string();
        assert!(error.contains("juggling.yaml") && error.contains("rotation"), "{error}");
    }
}
