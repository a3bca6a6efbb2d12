use crate::{Facet, Facets, MeshError, TexturedMesh, Units};
use dreamitate_geometry::{Symmetry, XyzRpy};
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
    /// The mesh is refused.
    #[error(transparent)]
    Mesh(#[from] MeshError),
}

impl ToolConfig {
    /// Reads what a file says of a tool.
    ///
    /// # Errors
    /// The file is unreadable or no tool.
    pub fn read(path: &Path) -> Result<Self, ToolError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ToolError::Read { path: path.to_owned(), source })?;
        serde_yaml_ng::from_str(&text).map_err(|source| ToolError::Parse { path: path.to_owned(), source })
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
