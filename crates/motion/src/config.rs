//! The files that describe a robot and how a tool is mounted on it.

use std::path::{Path, PathBuf};

use dreamitate_geometry::XyzRpy;
use dreamitate_kinematics::{Chain, ChainError};
use serde::Deserialize;

/// Why a robot's or a tool's file is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read '{path}': {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file does not hold what it should.
    #[error("'{path}': {source}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Why, with the line.
        source: serde_yaml_ng::Error,
    },
    /// A number that must be positive is not.
    #[error("'{path}': {key} is {value}, it must be greater than 0")]
    NotPositive {
        /// The file.
        path: PathBuf,
        /// The key.
        key: &'static str,
        /// Its value.
        value: f64,
    },
    /// The URDF or the home posture does not fit.
    #[error("'{path}': {source}")]
    Chain {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        source: ChainError,
    },
}

/// A file of `config/robots`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RobotConfig {
    /// The URDF; relative to this file in the file, resolved here.
    pub urdf: PathBuf,
    /// The link that stands on the table.
    pub base_link: String,
    /// The flange.
    pub tip_link: String,
    /// The highest speed of any joint; the URDF's limit holds where it is lower.
    pub max_velocity_rad_s: f64,
    /// The highest acceleration of any joint.
    pub max_acceleration_rad_s2: f64,
    /// The driver's FollowJointTrajectory action.
    pub action: String,
    /// How often the driver's controller runs.
    pub rate_hz: f64,
    /// The farthest from its trajectory that a joint may be under way.
    pub path_tolerance_rad: f64,
    /// The farthest from its goal that a joint may end.
    pub goal_tolerance_rad: f64,
    /// How late the goal may be reached.
    pub goal_time_tolerance_s: f64,
    /// The farthest from a trajectory's first point at which it may be started.
    pub start_tolerance_rad: f64,
    /// The posture in which the arm waits.
    pub home_rad: Vec<f64>,
}

impl RobotConfig {
    /// Reads a robot's file.
    ///
    /// # Errors
    /// [`ConfigError`], naming the file and the key.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let mut config: Self = read_yaml(path)?;
        for (key, value) in [
            ("max_velocity_rad_s", config.max_velocity_rad_s),
            ("max_acceleration_rad_s2", config.max_acceleration_rad_s2),
            ("rate_hz", config.rate_hz),
            ("path_tolerance_rad", config.path_tolerance_rad),
            ("goal_tolerance_rad", config.goal_tolerance_rad),
            ("goal_time_tolerance_s", config.goal_time_tolerance_s),
            ("start_tolerance_rad", config.start_tolerance_rad),
        ] {
            if !(value.is_finite() && value > 0.0) {
                return Err(ConfigError::NotPositive { path: path.into(), key, value });
            }
        }
        if let Some(folder) = path.parent() {
            config.urdf = folder.join(&config.urdf);
        }
        let chain = config.chain()?;
        chain.joints(&config.home_rad).map_err(|source| ConfigError::Chain { path: path.into(), source })?;
        Ok(config)
    }

    /// The chain from base to flange.
    ///
    /// # Errors
    /// [`ConfigError::Chain`] if the URDF does not hold it.
    pub fn chain(&self) -> Result<Chain, ConfigError> {
        Chain::from_urdf_file(&self.urdf, &self.base_link, &self.tip_link)
            .map_err(|source| ConfigError::Chain { path: self.urdf.clone(), source })
    }
}

/// The part of a file of `config/tools` that says how the tool sits on the flange.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct ToolMount {
    /// The tool's frame in the flange's.
    pub flange_from_tool: XyzRpy,
}

impl ToolMount {
    /// Reads it from a tool's file; the file's other keys are not looked at.
    ///
    /// # Errors
    /// [`ConfigError::Read`] or [`ConfigError::Parse`].
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        read_yaml(path)
    }
}

fn read_yaml<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, ConfigError> {
    let text =
        std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.into(), source })?;
    serde_yaml_ng::from_str(&text).map_err(|source| ConfigError::Parse { path: path.into(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn robots() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/robots")
    }

    #[test]
    fn every_robot_reads_with_its_urdf_and_home() {
        for (name, dof) in [("xarm7", 7), ("ur5", 6), ("ur5e", 6)] {
            let robot = RobotConfig::read(&robots().join(format!("{name}.yaml"))).unwrap();
            let chain = robot.chain().unwrap();
            assert_eq!(chain.dof(), dof);
            let home = chain.joints(&robot.home_rad).unwrap();
            assert!(chain.smallest_singular_value(&home) > 0.1, "{name} waits in a singular posture");
        }
    }

    #[test]
    fn a_bad_file_is_refused_by_name_and_key() {
        let folder = std::env::temp_dir().join(format!("robot-config-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let good = std::fs::read_to_string(robots().join("xarm7.yaml")).unwrap();
        let urdf = robots().join("../../urdf/robots/xarm7.urdf").canonicalize().unwrap();
        let good = good.replace("../../urdf/robots/xarm7.urdf", urdf.to_str().unwrap());
        let refused = |text: String| {
            let path = folder.join("robot.yaml");
            std::fs::write(&path, text).unwrap();
            RobotConfig::read(&path).map(|_| ()).unwrap_err().to_string()
        };
        for (from, to, says) in [
            ("rate_hz: 150", "rate_hz: 0", "rate_hz is 0"),
            ("rate_hz: 150", "rate_hz: fast", "rate_hz"),
            ("rate_hz: 150", "rate_herz: 150", "rate_herz"),
            ("tip_link: link_eef", "tip_link: hand", "no link 'hand'"),
            ("xarm7.urdf", "xarm8.urdf", "xarm8.urdf"),
            ("home_rad: [0.0, -0.588", "home_rad: [0.0, -2.588", "joint2"),
            ("home_rad: [0.0, ", "home_rad: [", "6 joint values, the chain has 7"),
        ] {
            assert!(good.contains(from));
            let text = refused(good.replace(from, to));
            assert!(text.contains(says) && text.contains("robot.yaml") | text.contains("urdf"), "{text}");
        }
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(ToolMount::read(&folder.join("tool.yaml")).unwrap_err().to_string().contains("tool.yaml"));
    }
}
