use anyhow::{Context, ensure};
use dreamitate_geometry::{PinholeCamera, Pose, View, XyzRpy};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, path::Path};

/// What was measured besides the pictures: `measurements.yaml` in their folder.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Measurements {
    /// The pair in which the board lies on the table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// Other pairs in which it lies elsewhere on the table.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub table_too: Vec<String>,
    /// How thick the board is, metres.
    pub board_m: f64,
    /// The cameras' own intrinsics by view, in place of the rig's.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub cameras: BTreeMap<String, Intrinsics>,
    /// What was measured of the arms, by their names in the rig.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub arms: BTreeMap<String, OfArm>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Intrinsics {
    width: u32,
    height: u32,
    fx_px: f64,
    fy_px: f64,
    cx_px: f64,
    cy_px: f64,
}

/// Either way finds an arm.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct OfArm {
    /// Corners of the board on the table that the arm's tip touched.
    pub touched: Vec<Touched>,
    /// Where the flange was when pairs of pictures showed the board on it.
    pub flange: Vec<FlangeAt>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Touched {
    pub corner: u32,
    /// Where the tip was in the arm's base frame.
    pub xyz_m: [f64; 3],
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FlangeAt {
    pub pair: String,
    /// The flange's pose in the arm's base frame, as the arm's controller tells it.
    pub xyz_m: [f64; 3],
    pub rpy_rad: [f64; 3],
}

impl FlangeAt {
    pub fn base_from_flange(&self) -> Pose {
        XyzRpy { xyz_m: self.xyz_m, rpy_rad: self.rpy_rad }.into()
    }
}

impl From<&PinholeCamera> for Intrinsics {
    fn from(camera: &PinholeCamera) -> Self {
        let PinholeCamera { fx_px, fy_px, cx_px, cy_px, width, height } = *camera;
        Self { width, height, fx_px, fy_px, cx_px, cy_px }
    }
}

impl Measurements {
    /// Reads the file; without it nothing was measured.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        if !path.exists() {
            return Ok(Self::default());
        }
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let read: Self = serde_yaml_ng::from_str(&text).with_context(|| {
            format!("{} holds no measurements; names of pairs stand in quotes", path.display())
        })?;
        for name in read.cameras.keys() {
            ensure!(
                View::ALL.iter().any(|view| view.name() == name),
                "{}: there is no view {name:?}; they are top and side",
                path.display()
            );
        }
        let thick = 0.0..=0.1;
        ensure!(
            thick.contains(&read.board_m),
            "{}: board_m is {}, outside 0 to 0.1 m",
            path.display(),
            read.board_m
        );
        Ok(read)
    }

    /// A view's camera as it was measured, or else the rig's.
    pub fn camera(&self, view: View, of_rig: &PinholeCamera) -> anyhow::Result<PinholeCamera> {
        match self.cameras.get(view.name()) {
            None => Ok(*of_rig),
            Some(c) => PinholeCamera::new((c.fx_px, c.fy_px), (c.cx_px, c.cy_px), (c.width, c.height))
                .with_context(|| format!("the measured {view} camera")),
        }
    }
}
