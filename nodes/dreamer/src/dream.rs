use crate::{
    generator::GenerateError,
    onnx::OnnxError,
    recorded::{RecordedError, read_clip},
    rendered::{RenderedError, render},
};
use dreamitate_clip::StereoClip;
use dreamitate_config::{ConfigError, ConfigFolder, Task};
use dreamitate_geometry::Pose;
use std::{collections::BTreeMap, path::PathBuf};

/// Where dreams come from that need no photos.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A folder, see [`read_clip`].
    Recorded(PathBuf),
    /// Our renderer, see [`render`].
    Rendered,
}

/// A dream, and where its tools really are if that is known.
#[derive(Clone, Debug)]
pub struct Dream {
    /// The stereo clip.
    pub clip: StereoClip,
    /// For each tool `world_from_tool` in every frame; empty for a recorded dream.
    pub truth: BTreeMap<String, Vec<Option<Pose>>>,
}

/// Why there is no dream.
#[derive(Debug, thiserror::Error)]
pub enum DreamError {
    /// The task is unknown or wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The recorded dream cannot be read.
    #[error(transparent)]
    Recorded(#[from] RecordedError),
    /// The dream cannot be drawn.
    #[error(transparent)]
    Rendered(#[from] RenderedError),
    /// The video model gives none.
    #[error(transparent)]
    Generated(#[from] GenerateError),
}

impl DreamError {
    /// Whether somebody asked to stop.
    pub fn is_cancelled(&self) -> bool {
        matches!(
            self,
            Self::Rendered(RenderedError::Cancelled { .. })
                | Self::Generated(GenerateError::Model(OnnxError::Cancelled { .. }))
        )
    }
}

/// Dreams a task. `proceed` is told steps done and steps in all, and answers whether to go on. The clip's seed is the
/// one given, also where it does not matter: it tells attempts apart.
///
/// # Errors
/// The task or the dream cannot be read or drawn, or `proceed` answered no.
pub fn dream(
    source: &Source,
    config: &ConfigFolder,
    task: &str,
    seed: u64,
    proceed: impl Fn(u32, u32) -> bool + Sync,
) -> Result<Dream, DreamError> {
    let task = Task::read(config, task)?;
    match source {
        Source::Recorded(folder) => {
            let clip = read_clip(folder, &task.rig, &task.name, task.frame_period_s)?;
            proceed(1, 1);
            Ok(Dream { clip: StereoClip { seed, ..clip }, truth: BTreeMap::new() })
        }
        Source::Rendered => {
            let rendered = render(&task, seed, proceed)?;
            Ok(Dream { clip: rendered.clip, truth: rendered.truth })
        }
    }
}
