//! How a tool sits on a flange: found from measurements, and written back to the tool's file.

use std::path::Path;

use dreamitate_geometry::mean_rotation;
use nalgebra::{Isometry3, Translation3, Vector3};

/// One measurement: where the flange was, and where the tool was seen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MountSample {
    /// From the arm's joints.
    pub world_from_flange: Isometry3<f64>,
    /// From the cameras.
    pub world_from_tool: Isometry3<f64>,
}

/// A mount and how far the measurements are from it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MountFit {
    /// The tool's frame in the flange's: the mean over the measurements.
    pub flange_from_tool: Isometry3<f64>,
    /// The largest distance of a measurement from it, m, and whose it is.
    pub worst_m: (f64, usize),
    /// The largest angle, rad, and whose it is.
    pub worst_rad: (f64, usize),
}

/// Why there is no mount, or none is written.
#[derive(Debug, thiserror::Error)]
pub enum MountError {
    /// Too few to tell a mistake from the truth.
    #[error("{found} measurements, at least {least} are needed")]
    TooFew {
        /// Given.
        found: usize,
        /// Needed.
        least: usize,
    },
    /// NaN or infinity.
    #[error("measurement {0} is not finite")]
    NotFinite(usize),
    /// The file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The file has no line to change.
    #[error("{0} has no flange_from_tool at the beginning of a line")]
    NoKey(String),
}

/// Measurements below this number cannot contradict one another enough.
const LEAST: usize = 3;

/// The mount that the measurements agree on.
///
/// # Errors
/// [`MountError::TooFew`] or [`MountError::NotFinite`].
pub fn solve_mount(samples: &[MountSample]) -> Result<MountFit, MountError> {
    let too_few = MountError::TooFew { found: samples.len(), least: LEAST };
    if samples.len() < LEAST {
        return Err(too_few);
    }
    let mounts: Vec<Isometry3<f64>> =
        samples.iter().map(|s| s.world_from_flange.inv_mul(&s.world_from_tool)).collect();
    let finite = |m: &Isometry3<f64>| {
        m.translation.vector.iter().chain(m.rotation.coords.iter()).all(|value| value.is_finite())
    };
    if let Some(index) = mounts.iter().position(|mount| !finite(mount)) {
        return Err(MountError::NotFinite(index));
    }
    let rotations: Vec<_> = mounts.iter().map(|m| m.rotation).collect();
    let Some(rotation) = mean_rotation(&rotations) else { return Err(too_few) };
    let sum: Vector3<f64> = mounts.iter().map(|m| m.translation.vector).sum();
    let mean = Isometry3::from_parts(Translation3::from(sum / mounts.len() as f64), rotation);
    let worst = |error: &dyn Fn(&Isometry3<f64>) -> f64| {
        let errors = mounts.iter().map(error).zip(0..);
        errors.max_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or_default()
    };
    Ok(MountFit {
        flange_from_tool: mean,
        worst_m: worst(&|m| (m.translation.vector - mean.translation.vector).norm()),
        worst_rad: worst(&|m| m.rotation.angle_to(&mean.rotation)),
    })
}

/// Puts a mount in the place of the one in a tool's file; all other lines stay as they are, comments too.
///
/// # Errors
/// [`MountError::File`] or [`MountError::NoKey`].
pub fn write_mount(tool_file: &Path, flange_from_tool: &Isometry3<f64>) -> Result<(), MountError> {
    let failed = |source| MountError::File { path: tool_file.display().to_string(), source };
    let text = std::fs::read_to_string(tool_file).map_err(failed)?;
    let changed = replaced(&text, &line(flange_from_tool))
        .ok_or_else(|| MountError::NoKey(tool_file.display().to_string()))?;
    std::fs::write(tool_file, changed).map_err(failed)
}

/// A micrometre and a microradian are finer than any mount.
fn line(flange_from_tool: &Isometry3<f64>) -> String {
    let [x, y, z]: [f64; 3] = flange_from_tool.translation.vector.into();
    let (roll, pitch, yaw) = flange_from_tool.rotation.euler_angles();
    format!(
        "flange_from_tool: {{xyz_m: [{x:.6}, {y:.6}, {z:.6}], rpy_rad: [{roll:.6}, {pitch:.6}, {yaw:.6}]}}"
    )
}

/// The text with the key's line, and the indented lines that belong to it, replaced.
fn replaced(text: &str, new_line: &str) -> Option<String> {
    let mut lines = text.lines().peekable();
    let mut out = Vec::new();
    let mut found = false;
    while let Some(line) = lines.next() {
        if !line.starts_with("flange_from_tool:") {
            out.push(line);
            continue;
        }
        found = true;
        out.push(new_line);
        while lines.next_if(|next| next.starts_with([' ', '\t'])).is_some() {}
    }
    found.then(|| out.join("\n") + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pose(v: [f64; 6]) -> Isometry3<f64> {
        Isometry3::new(Vector3::new(v[0], v[1], v[2]), Vector3::new(v[3], v[4], v[5]))
    }

    proptest! {
        #[test]
        fn the_mount_is_found_and_survives_its_file(
            mount in prop::array::uniform6(-0.5f64..0.5),
            flanges in prop::collection::vec(prop::array::uniform6(-1.0f64..1.0), 3..8),
        ) {
            let mount = pose(mount);
            let samples: Vec<_> = flanges
                .into_iter()
                .map(|f| MountSample { world_from_flange: pose(f), world_from_tool: pose(f) * mount })
                .collect();
            let fit = solve_mount(&samples).unwrap();
            prop_assert!((fit.flange_from_tool.translation.vector - mount.translation.vector).norm() < 1e-9);
            prop_assert!(fit.flange_from_tool.rotation.angle_to(&mount.rotation) < 1e-6);
            prop_assert!(fit.worst_m.0 < 1e-9);

            let text = replaced("name: t\nflange_from_tool:\n  xyz_m: [0, 0, 0]\n# end\n", &line(&mount)).unwrap();
            prop_assert!(text.starts_with("name: t\n") && text.ends_with("\n# end\n"));
            let read: crate::ToolMount = serde_yaml_ng::from_str(&text).unwrap();
            let read: Isometry3<f64> = read.flange_from_tool.into();
            prop_assert!((read.translation.vector - mount.translation.vector).norm() < 2e-6);
            prop_assert!(read.rotation.angle_to(&mount.rotation) < 4e-6);
        }
    }

    #[test]
    fn a_measurement_that_contradicts_is_named() {
        let mut samples =
            [MountSample { world_from_flange: pose([0.0; 6]), world_from_tool: pose([0.1; 6]) }; 5];
        samples[3].world_from_tool.translation.x += 0.02;
        let fit = solve_mount(&samples).unwrap();
        assert_eq!(fit.worst_m.1, 3);
        assert!((fit.worst_m.0 - 0.016).abs() < 1e-9, "{}", fit.worst_m.0);
        samples[1].world_from_tool.translation.y = f64::NAN;
        assert!(matches!(solve_mount(&samples), Err(MountError::NotFinite(1))));
        assert!(matches!(solve_mount(&samples[..2]), Err(MountError::TooFew { found: 2, least: 3 })));
        assert!(replaced("name: t\n", "x").is_none());
    }
}
