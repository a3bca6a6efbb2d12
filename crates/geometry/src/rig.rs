use crate::{CameraError, PinholeCamera, View, pose::Pose};
use nalgebra::{Translation3, UnitQuaternion, Vector3};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

/// A rigid transform as people write it: metres, and roll, pitch, yaw in radians (URDF's convention).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct XyzRpy {
    /// Translation, metres.
    pub xyz_m: [f64; 3],
    /// Rotations about the fixed x, y and z axes, radians.
    pub rpy_rad: [f64; 3],
}

impl From<&Pose> for XyzRpy {
    /// Rounded to 10⁻⁷ m and rad, which is finer than anything is measured.
    fn from(pose: &Pose) -> Self {
        // Adding zero makes -0 plain.
        let rounded = |value: f64| (value * 1e7).round() / 1e7 + 0.0;
        let (roll, pitch, yaw) = pose.rotation.euler_angles();
        let t = pose.translation.vector;
        Self { xyz_m: [t.x, t.y, t.z].map(rounded), rpy_rad: [roll, pitch, yaw].map(rounded) }
    }
}

impl fmt::Display for XyzRpy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{xyz_m: {:?}, rpy_rad: {:?}}}", self.xyz_m, self.rpy_rad)
    }
}

impl From<XyzRpy> for Pose {
    fn from(value: XyzRpy) -> Pose {
        let [roll, pitch, yaw] = value.rpy_rad;
        Pose::from_parts(
            Translation3::from(Vector3::from(value.xyz_m)),
            UnitQuaternion::from_euler_angles(roll, pitch, yaw),
        )
    }
}

/// One calibrated camera of the rig.
#[derive(Clone, Debug, PartialEq)]
pub struct RigCamera {
    /// Intrinsics of the camera's own images.
    pub camera: PinholeCamera,
    /// Where its optical frame stands.
    pub world_from_camera: Pose,
}

/// Where an arm stands.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArmMount {
    /// The robot's name: a file of `config/robots`.
    pub robot: String,
    /// What the driver puts before each joint's name.
    #[serde(default)]
    pub joint_prefix: String,
    /// The pose of the arm's base.
    pub world_from_base: XyzRpy,
}

/// A box that stands on the table or about it, which arms keep clear of.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Obstacle {
    /// What it is, for messages.
    pub name: String,
    /// Its sides along its own axes, metres.
    pub size_m: [f64; 3],
    /// The pose of its centre.
    pub world_from_box: XyzRpy,
}

/// Two calibrated cameras over a table, and the arms beside it. Read from `config/rigs/*.yaml`.
#[derive(Clone, Debug, PartialEq)]
pub struct Rig {
    /// The name of the rig.
    pub name: String,
    /// The top view's camera.
    pub top: RigCamera,
    /// The side view's camera.
    pub side: RigCamera,
    /// The arms by name.
    pub arms: BTreeMap<String, ArmMount>,
    /// What else stands there.
    pub obstacles: Vec<Obstacle>,
}

/// Why a rig file is refused.
#[derive(Debug, thiserror::Error)]
pub enum RigError {
    /// The file cannot be read.
    #[error("cannot read the rig file {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not a rig.
    #[error("the rig file {path} is not a rig")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_yaml_ng::Error,
    },
    /// A camera of the stereo pair is missing.
    #[error("the rig {rig:?} has no camera {view}; it has {present:?}")]
    MissingCamera {
        /// The rig's name.
        rig: String,
        /// The view without a camera.
        view: View,
        /// The cameras there are.
        present: Vec<String>,
    },
    /// A camera's numbers are implausible.
    #[error("camera {view} of the rig")]
    Camera {
        /// The view.
        view: View,
        /// What is wrong.
        source: CameraError,
    },
    /// An obstacle without an extent, or at no place.
    #[error("obstacle {name:?} of the rig: {value} in {key}, which must be finite{}", if *key == "size_m" { " and greater than 0" } else { "" })]
    Obstacle {
        /// Its name.
        name: String,
        /// The key at fault.
        key: &'static str,
        /// The number that cannot be.
        value: f64,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RigFile {
    name: String,
    cameras: BTreeMap<String, CameraEntry>,
    #[serde(default)]
    arms: BTreeMap<String, ArmMount>,
    #[serde(default)]
    obstacles: Vec<Obstacle>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CameraEntry {
    width: u32,
    height: u32,
    fx_px: f64,
    fy_px: f64,
    cx_px: f64,
    cy_px: f64,
    world_from_camera: XyzRpy,
}

impl Obstacle {
    fn check(&self) -> Result<(), RigError> {
        let pose = self.world_from_box;
        let bad = |key, value| RigError::Obstacle { name: self.name.clone(), key, value };
        if let Some(value) = self.size_m.into_iter().find(|v| !(v.is_finite() && *v > 0.0)) {
            return Err(bad("size_m", value));
        }
        match pose.xyz_m.into_iter().chain(pose.rpy_rad).find(|v| !v.is_finite()) {
            Some(value) => Err(bad("world_from_box", value)),
            None => Ok(()),
        }
    }
}

impl Rig {
    /// Reads a rig from a YAML file.
    ///
    /// # Errors
    /// The file is unreadable or not a rig, a camera is missing, or its numbers are implausible.
    pub fn read(path: &Path) -> Result<Self, RigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| RigError::Read { path: path.to_owned(), source })?;
        let file: RigFile = serde_yaml_ng::from_str(&text)
            .map_err(|source| RigError::Parse { path: path.to_owned(), source })?;
        let camera = |view: View| {
            let entry = file.cameras.get(view.name()).ok_or_else(|| RigError::MissingCamera {
                rig: file.name.clone(),
                view,
                present: file.cameras.keys().cloned().collect(),
            })?;
            let camera = PinholeCamera::new(
                (entry.fx_px, entry.fy_px),
                (entry.cx_px, entry.cy_px),
                (entry.width, entry.height),
            )
            .map_err(|source| RigError::Camera { view, source })?;
            Ok(RigCamera { camera, world_from_camera: entry.world_from_camera.into() })
        };
        for obstacle in &file.obstacles {
            obstacle.check()?;
        }
        Ok(Self {
            top: camera(View::Top)?,
            side: camera(View::Side)?,
            name: file.name.clone(),
            arms: file.arms,
            obstacles: file.obstacles,
        })
    }

    /// The text of a YAML file that [`Self::read`] reads; `about` comes before it as a comment.
    pub fn to_yaml(&self, about: &str) -> String {
        use std::fmt::Write;
        // As YAML writes it: in quotes where it would be taken for a number.
        let quoted = |text: &str| {
            let written = serde_yaml_ng::to_string(text).unwrap_or_else(|_| format!("{text:?}"));
            written.trim_end().to_owned()
        };
        let mut text: String = about.lines().map(|line| format!("# {line}\n")).collect();
        // Writing to a String cannot fail.
        let _ = write!(text, "name: {}\ncameras:\n", quoted(&self.name));
        for view in View::ALL {
            let RigCamera { camera, world_from_camera } = self.camera(view);
            let PinholeCamera { fx_px, fy_px, cx_px, cy_px, width, height } = camera;
            let _ = write!(
                text,
                "  {view}:\n    width: {width}\n    height: {height}\n    fx_px: {fx_px}\n    fy_px: {fy_px}\n    \
                 cx_px: {cx_px}\n    cy_px: {cy_px}\n    world_from_camera: {}\n",
                XyzRpy::from(world_from_camera)
            );
        }
        text += if self.arms.is_empty() { "arms: {}\n" } else { "arms:\n" };
        for (name, ArmMount { robot, joint_prefix, world_from_base }) in &self.arms {
            let _ = write!(text, "  {}:\n    robot: {}\n", quoted(name), quoted(robot));
            if !joint_prefix.is_empty() {
                let _ = writeln!(text, "    joint_prefix: {}", quoted(joint_prefix));
            }
            let _ = writeln!(text, "    world_from_base: {world_from_base}");
        }
        text += if self.obstacles.is_empty() { "obstacles: []\n" } else { "obstacles:\n" };
        for Obstacle { name, size_m, world_from_box } in &self.obstacles {
            let _ = writeln!(
                text,
                "  - {{name: {name:?}, size_m: {size_m:?}, world_from_box: {world_from_box}}}"
            );
        }
        text
    }

    /// The camera of a view.
    pub fn camera(&self, view: View) -> &RigCamera {
        match view {
            View::Top => &self.top,
            View::Side => &self.side,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CropResize;

    fn paper() -> Rig {
        Rig::read(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/rigs/paper.yaml"))).unwrap()
    }

    #[test]
    fn a_written_rig_is_read_again() {
        let mut rig = paper();
        assert!(rig.to_yaml("").starts_with("name: paper\ncameras:\n  top:\n    width: 1280\n"));
        rig.name = "2024".to_owned();
        let text = rig.to_yaml("By a test.\nOn two lines.");
        assert!(text.starts_with("# By a test.\n# On two lines.\nname: '2024'\n"), "{text}");
        let path = std::env::temp_dir().join(format!("written-rig-{}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        let again = Rig::read(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!((again.arms, again.obstacles, again.name), (rig.arms, rig.obstacles, rig.name));
        for (a, b) in [(again.top, rig.top), (again.side, rig.side)] {
            assert_eq!(a.camera, b.camera);
            assert!(a.world_from_camera.rotation.angle_to(&b.world_from_camera.rotation) < 3e-7);
            assert!(
                (a.world_from_camera.translation.vector - b.world_from_camera.translation.vector).norm()
                    < 2e-7
            );
        }
    }

    fn refused(edit: impl Fn(&str) -> String) -> String {
        let text =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/rigs/paper.yaml"))
                .unwrap();
        let dir = std::env::temp_dir().join(format!(
            "rig-{}-{:?}",
            std::process::id(),
            std::thread::current().id()
        ));
        std::fs::write(&dir, edit(&text)).unwrap();
        let error = Rig::read(&dir).unwrap_err();
        std::fs::remove_file(&dir).unwrap();
        std::iter::successors(Some(&error as &dyn std::error::Error), |e| e.source())
            .map(|e| e.to_string())
            .collect::<Vec<_>>()
            .join(": ")
    }

    #[test]
    fn the_paper_rig_gives_the_authors_numbers_for_their_crop() {
        let rig = paper();
        let crop = CropResize::centred((1280, 720), (768, 448));
        let top = crop.camera(&rig.top.camera);
        let side = crop.camera(&rig.side.camera);
        for (value, expected) in [
            (top.fx_px, 566.37337239),
            (top.cy_px, 232.6177436),
            (side.fy_px, 569.43598633),
            (side.cx_px, 379.1203559),
        ] {
            assert!((value - expected).abs() < 1e-9, "{value} is not {expected}");
        }
        let top_from_side = rig.top.world_from_camera.inverse() * rig.side.world_from_camera;
        // A·B·A of the authors' calibration.
        let expected = nalgebra::Vector3::new(0.0, -0.609443, 0.252440);
        assert!((top_from_side.translation.vector - expected).norm() < 1e-5);
        assert!((top_from_side.rotation.angle().to_degrees() - 45.0).abs() < 1e-4);
    }

    /// The authors' script used the side camera's intrinsics for both views.
    #[test]
    fn each_view_has_intrinsics_of_its_own() {
        let rig = paper();
        let crop = CropResize::centred((1280, 720), (768, 448));
        let (top, side) = (crop.camera(&rig.top.camera), crop.camera(&rig.side.camera));
        assert!((top.cx_px - side.cx_px - 11.36).abs() < 0.01);
    }

    #[test]
    fn a_rig_without_a_camera_names_it() {
        let message = refused(|text| text.replace("  side:", "  third:"));
        assert!(message.contains("no camera side") && message.contains("third"), "{message}");
    }

    #[test]
    fn a_rig_with_intrinsics_of_another_size_is_refused() {
        let message =
            refused(|text| text.replace("width: 1280", "width: 768").replace("height: 720", "height: 448"));
        assert!(message.contains("another image size"), "{message}");
    }

    #[test]
    fn an_obstacle_has_a_place_and_an_extent() {
        let with = |size: &str, xyz: &str| {
            format!(
                "obstacles:\n  - {{name: shelf, size_m: {size}, world_from_box: {{xyz_m: {xyz}, rpy_rad: [0, 0, 0]}}}}\n"
            )
        };
        let message = refused(|text| text.replace("obstacles: []\n", &with("[0.1, -0.2, 0.3]", "[0, 0, 0]")));
        assert!(message.contains("shelf") && message.contains("-0.2 in size_m"), "{message}");
        let message =
            refused(|text| text.replace("obstacles: []\n", &with("[0.1, 0.2, 0.3]", "[0, .nan, 0]")));
        assert!(message.contains("NaN in world_from_box"), "{message}");
        assert!(paper().obstacles.is_empty());
    }

    #[test]
    fn a_misspelt_key_is_refused() {
        assert!(refused(|text| text.replace("fx_px", "fx")).contains("fx"));
    }
}
