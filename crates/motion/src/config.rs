//! The files that describe a robot and how a tool is mounted on it.

use std::collections::BTreeMap;
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
        /// The key, with the driver's name where it is a driver's.
        key: String,
        /// Its value.
        value: f64,
    },
    /// A driver that the robot's file does not describe.
    #[error("'{path}': no driver '{driver}', there are {present:?}")]
    NoDriver {
        /// The file.
        path: PathBuf,
        /// The driver.
        driver: String,
        /// Those that are described.
        present: Vec<String>,
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

/// How a driver takes trajectories, and how closely its controller follows them.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DriverProfile {
    /// Its FollowJointTrajectory action, relative to the arm's namespace.
    pub action: String,
    /// How often its controller runs.
    pub rate_hz: f64,
    /// The farthest from its trajectory that a joint may be under way.
    pub path_tolerance_rad: f64,
    /// The farthest from its goal that a joint may end.
    pub goal_tolerance_rad: f64,
    /// How late the goal may be reached.
    pub goal_time_tolerance_s: f64,
    /// The farthest from a trajectory's first point at which it may be started.
    pub start_tolerance_rad: f64,
}

/// A file of `config/robots`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct RobotFile {
    urdf: PathBuf,
    base_link: String,
    tip_link: String,
    max_velocity_rad_s: f64,
    max_acceleration_rad_s2: f64,
    max_jerk_rad_s3: f64,
    max_tcp_speed_m_s: f64,
    home_rad: Vec<f64>,
    driver: String,
    drivers: BTreeMap<String, DriverProfile>,
}

/// A robot with one of its drivers, from a file of `config/robots`.
#[derive(Debug, Clone, PartialEq)]
pub struct RobotConfig {
    /// The file.
    pub path: PathBuf,
    /// The URDF; relative to the file in the file, resolved here.
    pub urdf: PathBuf,
    /// The link that stands on the table.
    pub base_link: String,
    /// The flange.
    pub tip_link: String,
    /// The highest speed of any joint; the URDF's limit holds where it is lower.
    pub max_velocity_rad_s: f64,
    /// The highest acceleration of any joint.
    pub max_acceleration_rad_s2: f64,
    /// The highest jerk of any joint while the arm is brought to rest.
    pub max_jerk_rad_s3: f64,
    /// The highest speed of the tool's working point (TCP).
    pub max_tcp_speed_m_s: f64,
    /// The posture in which the arm waits.
    pub home_rad: Vec<f64>,
    /// The chosen driver's name.
    pub driver_name: String,
    /// The chosen driver.
    pub driver: DriverProfile,
    /// All drivers that the file describes.
    pub drivers: BTreeMap<String, DriverProfile>,
}

impl RobotConfig {
    /// Reads a robot's file, with the driver that the file chooses.
    ///
    /// # Errors
    /// [`ConfigError`], naming the file and the key.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let file: RobotFile = read_yaml(path)?;
        let of_robot = [
            ("max_velocity_rad_s", file.max_velocity_rad_s),
            ("max_acceleration_rad_s2", file.max_acceleration_rad_s2),
            ("max_jerk_rad_s3", file.max_jerk_rad_s3),
            ("max_tcp_speed_m_s", file.max_tcp_speed_m_s),
        ];
        let of_drivers = file.drivers.iter().flat_map(|(name, driver)| {
            [
                ("rate_hz", driver.rate_hz),
                ("path_tolerance_rad", driver.path_tolerance_rad),
                ("goal_tolerance_rad", driver.goal_tolerance_rad),
                ("goal_time_tolerance_s", driver.goal_time_tolerance_s),
                ("start_tolerance_rad", driver.start_tolerance_rad),
            ]
            .map(|(key, value)| (format!("drivers.{name}.{key}"), value))
        });
        for (key, value) in of_robot.map(|(key, value)| (key.to_owned(), value)).into_iter().chain(of_drivers)
        {
            if !(value.is_finite() && value > 0.0) {
                return Err(ConfigError::NotPositive { path: path.into(), key, value });
            }
        }
        let config = Self {
            path: path.into(),
            urdf: path.parent().map_or_else(|| file.urdf.clone(), |folder| folder.join(&file.urdf)),
            base_link: file.base_link,
            tip_link: file.tip_link,
            max_velocity_rad_s: file.max_velocity_rad_s,
            max_acceleration_rad_s2: file.max_acceleration_rad_s2,
            max_jerk_rad_s3: file.max_jerk_rad_s3,
            max_tcp_speed_m_s: file.max_tcp_speed_m_s,
            home_rad: file.home_rad,
            driver: profile(path, &file.drivers, &file.driver)?,
            driver_name: file.driver,
            drivers: file.drivers,
        };
        let chain = config.chain()?;
        chain.joints(&config.home_rad).map_err(|source| ConfigError::Chain { path: path.into(), source })?;
        Ok(config)
    }

    /// The same robot with another of its drivers; with the one it has if the name is empty.
    ///
    /// # Errors
    /// [`ConfigError::NoDriver`] if the file describes none of that name.
    pub fn with_driver(self, name: &str) -> Result<Self, ConfigError> {
        if name.is_empty() {
            return Ok(self);
        }
        let driver = profile(&self.path, &self.drivers, name)?;
        Ok(Self { driver, driver_name: name.to_owned(), ..self })
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
    /// The working point; without it the tool's origin.
    pub tool_from_tcp: Option<XyzRpy>,
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

fn profile(
    path: &Path,
    drivers: &BTreeMap<String, DriverProfile>,
    name: &str,
) -> Result<DriverProfile, ConfigError> {
    drivers.get(name).cloned().ok_or_else(|| ConfigError::NoDriver {
        path: path.into(),
        driver: name.to_owned(),
        present: drivers.keys().cloned().collect(),
    })
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
    fn a_ur_has_a_profile_for_each_of_its_drivers() {
        for (name, rate_hz) in [("ur5", 125.0), ("ur5e", 500.0)] {
            let robot = RobotConfig::read(&robots().join(format!("{name}.yaml"))).unwrap();
            assert!(robot.driver.action.starts_with("scaled_joint_trajectory_controller/"));
            let robot = robot.with_driver("ur_robot_driver_main").unwrap();
            assert_eq!(robot.driver.action, "joint_trajectory_controller/follow_joint_trajectory");
            assert_eq!(robot.driver.rate_hz, rate_hz);
            assert_eq!(robot.clone().with_driver("").unwrap(), robot);
            let text = robot.with_driver("rtde").unwrap_err().to_string();
            assert!(text.contains("'rtde'") && text.contains("ur_robot_driver_humble_jazzy"), "{text}");
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
            ("rate_hz: 150", "rate_hz: 0", "drivers.xarm_ros2.rate_hz is 0"),
            ("max_jerk_rad_s3: 2", "max_jerk_rad_s3: -2", "max_jerk_rad_s3 is -2"),
            ("driver: xarm_ros2", "driver: xarm_ros", "no driver 'xarm_ros', there are [\"xarm_ros2\"]"),
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
