use crate::{Facet, Facets, MeshError, TexturedMesh, Units};
use dreamitate_geometry::{Symmetry, XyzRpy};
use nalgebra::Vector3;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// Which side of the tool the cameras usually see: the start is searched for around it.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facing {
    /// The direction, in the tool's frame, that points to the camera.
    pub axis: [f64; 3],
    /// How far that direction may lean from the line of sight, degrees.
    pub max_tilt_deg: f64,
}

/// A tool as `config/tools/*.yaml` describes it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolConfig {
    /// The tool's name.
    pub name: String,
    /// The mesh, relative to the YAML file: OBJ, PLY, STL or glTF.
    pub mesh: PathBuf,
    /// The mesh's units; without them they are told by its size.
    pub units: Option<Units>,
    /// The named object of the mesh that is tracked, where the hand or the work hides the rest; without it all is.
    pub track_part: Option<String>,
    /// Which side the cameras see.
    pub facing: Facing,
    /// Its turns that nobody sees; none of a tool whose sides differ.
    pub symmetry: Option<Symmetry>,
    /// How the tool is mounted on the arm's flange.
    pub flange_from_tool: XyzRpy,
    /// The working point (a blade's edge, a foot's tip): without it the tool's origin.
    pub tool_from_tcp: Option<XyzRpy>,
}

/// A rigid tool to be tracked: its mesh and its facets.
#[derive(Clone, Debug)]
pub struct ToolModel {
    /// What the file says.
    pub config: ToolConfig,
    /// The whole mesh, in metres, in the tool's frame.
    pub mesh: TexturedMesh,
    /// The part of it that is tracked.
    pub tracked: TexturedMesh,
    /// The tracked surface divided by colour and orientation.
    pub facets: Facets,
    /// The part that is not tracked, and its surface: often hidden, it helps to find the tool and no more.
    pub untracked: Option<(TexturedMesh, Facets)>,
}

/// Why a tool is refused.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// The file cannot be read.
    #[error("cannot read the tool file {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not a tool.
    #[error("the tool file {path} is not a tool")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_yaml_ng::Error,
    },
    /// A value that no tool has.
    #[error("{key} of the tool file {path} is {value:?}: {limit}")]
    Value {
        /// The file.
        path: PathBuf,
        /// The key.
        key: &'static str,
        /// Its value.
        value: Vec<f64>,
        /// What it must be.
        limit: &'static str,
    },
    /// The mesh is refused.
    #[error(transparent)]
    Mesh(#[from] MeshError),
}

impl ToolConfig {
    /// Reads what a file says of a tool.
    ///
    /// # Errors
    /// The file is unreadable or no tool, or has a value that is out of range.
    pub fn read(path: &Path) -> Result<Self, ToolError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ToolError::Read { path: path.to_owned(), source })?;
        let config: Self = serde_yaml_ng::from_str(&text)
            .map_err(|source| ToolError::Parse { path: path.to_owned(), source })?;
        match config.out_of_range() {
            Some((key, value, limit)) => Err(ToolError::Value { path: path.to_owned(), key, value, limit }),
            None => Ok(config),
        }
    }

    /// The first key whose value no tool has, that value, and what it must be.
    fn out_of_range(&self) -> Option<(&'static str, Vec<f64>, &'static str)> {
        let Facing { axis, max_tilt_deg } = self.facing;
        let length = Vector3::from(axis).norm();
        if !(length.is_finite() && length > 1e-6) {
            return Some(("facing.axis", axis.into(), "it must be finite and have a length"));
        }
        if !(0.0..=180.0).contains(&max_tilt_deg) {
            return Some(("facing.max_tilt_deg", vec![max_tilt_deg], "it must be from 0 to 180"));
        }
        let poses =
            [("flange_from_tool", Some(self.flange_from_tool)), ("tool_from_tcp", self.tool_from_tcp)];
        poses.into_iter().find_map(|(key, pose)| {
            let values = pose.map(|pose| [pose.xyz_m, pose.rpy_rad].concat())?;
            let is_finite = values.iter().all(|value| value.is_finite());
            (!is_finite).then_some((key, values, "all must be finite"))
        })
    }
}

impl ToolModel {
    /// Reads a tool and its mesh.
    ///
    /// # Errors
    /// A file is unreadable or wrong; the error names it.
    pub fn read(path: &Path) -> Result<Self, ToolError> {
        let config = ToolConfig::read(path)?;
        let mesh_path = path.parent().unwrap_or(Path::new(".")).join(&config.mesh);
        let (mesh, tracked, untracked) = match &config.track_part {
            Some(part) => TexturedMesh::read_with_part(&mesh_path, config.units, part)?,
            None => {
                let mesh = TexturedMesh::read(&mesh_path, config.units)?;
                (mesh.clone(), mesh, None)
            }
        };
        let untracked = untracked.map(|mesh| {
            let facets = Facets::of(&mesh);
            (mesh, facets)
        });
        Ok(Self { facets: Facets::of(&tracked), config, mesh, tracked, untracked })
    }

    /// The facets of the tracked part, then those of the rest.
    pub fn facet_list(&self) -> impl Iterator<Item = &Facet> {
        let untracked = self.untracked.iter().flat_map(|(_, facets)| facets.list());
        self.facets.list().iter().chain(untracked)
    }

    /// The distance of the farthest tracked corner from the tool's origin, metres.
    pub fn radius_m(&self) -> f64 {
        self.tracked.vertices.iter().map(|v| f64::from(v.coords.norm())).fold(0.0, f64::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_no_tool_has_is_named_with_what_it_must_be() {
        let read = |facing: &str, xyz_m: &str| {
            let text = format!(
                "name: t\nmesh: t.obj\nfacing: {facing}\nflange_from_tool: {{xyz_m: {xyz_m}, rpy_rad: [0, 0, 0]}}\n"
            );
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), text).unwrap();
            ToolConfig::read(file.path()).map_err(|error| error.to_string())
        };
        assert!(read("{axis: [0, 0, 2], max_tilt_deg: 60}", "[0, 0, 0.1]").is_ok());
        for (facing, xyz_m, expected) in [
            ("{axis: [0, 0, 0], max_tilt_deg: 60}", "[0, 0, 0]", "facing.axis of the tool file"),
            ("{axis: [0, 0, 1], max_tilt_deg: .inf}", "[0, 0, 0]", "is [inf]: it must be from 0 to 180"),
            ("{axis: [0, 0, 1], max_tilt_deg: -5}", "[0, 0, 0]", "is [-5.0]: it must be from 0 to 180"),
            ("{axis: [0, 0, 1], max_tilt_deg: 60}", "[0, .nan, 0]", "flange_from_tool of the tool file"),
        ] {
            let error = read(facing, xyz_m).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
