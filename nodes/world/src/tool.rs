//! Tools as MuJoCo feels them.

use crate::{
    WorldError, read_yaml,
    thing::{Kind, Shape, Surface, geom, placed},
};
use dreamitate_config::{ConfigFolder, Task, TaskTool};
use dreamitate_geometry::{Pose, XyzRpy};
use serde::Deserialize;
use std::{collections::BTreeMap, fmt::Write};

/// A tool as convex pieces.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolPieces {
    /// Its mass, kg.
    pub mass_kg: f64,
    /// Moments of inertia about its axes with what of a hand moves with it, kg·m².
    pub inertia_kg_m2: [f64; 3],
    /// Coefficient of friction.
    pub friction: f64,
    /// Torsional friction, metres; none: contacts do not resist turning.
    #[serde(default)]
    pub torsional_m: Option<f64>,
    pieces: Vec<ToolPiece>,
}

/// One piece, in the tool's frame.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ToolPiece {
    #[serde(default)]
    box_half_m: Option<[f64; 3]>,
    /// Radius, and half of the height along z.
    #[serde(default)]
    cylinder_m: Option<[f64; 2]>,
    xyz_m: [f64; 3],
    #[serde(default)]
    rpy_rad: [f64; 3],
}

impl ToolPieces {
    /// The pieces of all tools of a task, with the tools' names.
    ///
    /// # Errors
    /// As [`ToolPieces::of_tool`].
    pub fn of_task(config: &ConfigFolder, task: &Task) -> Result<Vec<(String, Self)>, WorldError> {
        task.tools.iter().map(|tool| Ok((tool.name.clone(), Self::of_tool(config, tool)?))).collect()
    }

    /// The pieces of a task's tool, from `worlds/tools.yaml`.
    ///
    /// # Errors
    /// The file is unreadable, or has no such tool.
    pub fn of_tool(config: &ConfigFolder, tool: &TaskTool) -> Result<Self, WorldError> {
        let path = config.path().join("worlds").join("tools.yaml");
        let mut all: BTreeMap<String, Self> = read_yaml(&path)?;
        let name = tool.file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let Some(tool) = all.remove(&name) else {
            return Err(WorldError::NoTool { path, name, known: all.into_keys().collect() });
        };
        match tool.pieces.iter().all(|piece| piece.box_half_m.is_some() != piece.cylinder_m.is_some()) {
            true => Ok(tool),
            false => Err(WorldError::Piece { path, name }),
        }
    }

    fn shapes(&self) -> impl Iterator<Item = (Shape, Pose)> {
        self.pieces.iter().filter_map(|piece| {
            let of_box = piece.box_half_m.map(|half_m| Shape::Box { half_m });
            let of_cylinder =
                piece.cylinder_m.map(|[radius_m, half_length_m]| Shape::Cylinder { radius_m, half_length_m });
            let pose = XyzRpy { xyz_m: piece.xyz_m, rpy_rad: piece.rpy_rad }.into();
            Some((of_box.or(of_cylinder)?, pose))
        })
    }

    /// Its geoms in a body that is the tool's frame. Their mass is the body's.
    pub(crate) fn write_geoms(&self, name: &str, bodies: &mut String, assets: &mut String) {
        let surface = match self.torsional_m {
            Some(torsional_m) => Surface { friction: self.friction, torsional_m, condim: 4 },
            None => Surface::sliding(self.friction),
        };
        for (index, (shape, pose)) in self.shapes().enumerate() {
            let mesh = format!("tool.{name}.{index}");
            let geom = geom(&shape, &pose, Kind::Tool, &surface, &mesh, assets);
            let _ = writeln!(bodies, r#"{geom} mass="0"/>"#);
        }
    }

    /// A tool in a hand: a free body, and the hand that drags it.
    pub(crate) fn write_held(
        &self,
        name: &str,
        world_from_tool: &Pose,
        bodies: &mut String,
        assets: &mut String,
    ) {
        let [x, y, z] = self.inertia_kg_m2;
        let at = placed(world_from_tool);
        let _ = writeln!(
            bodies,
            r#"<body name="hand.{name}" mocap="true" {at}/>
<body name="tool.{name}" gravcomp="1" {at}><freejoint/><inertial pos="0 0 -0.02" mass="{}" diaginertia="{x} {y} {z}"/>"#,
            self.mass_kg
        );
        self.write_geoms(name, bodies, assets);
        bodies.push_str("</body>\n");
    }
}
