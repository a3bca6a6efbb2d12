use super::OnnxError;
use serde::Deserialize;
use std::{collections::BTreeMap, path::Path};

/// What a model folder's `manifest.json` says of its graphs.
///
/// A video is generated as one sequence: first the frames of the top view, then those of the side view.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Manifest {
    format: String,
    version: u32,
    /// The model's name.
    pub name: String,
    /// The task that it was made for.
    pub task: String,
    /// The sentence that it was told.
    pub prompt: String,
    /// Of the weights: an SPDX expression, or a name.
    pub licence: String,
    /// Where the weights come from.
    pub origin: String,
    /// Width of a frame, px.
    pub width: u32,
    /// Height of a frame, px.
    pub height: u32,
    /// Channels of a latent.
    pub latent_channels: usize,
    /// Pixels of a frame for one latent, along each axis.
    pub latent_scale: u32,
    /// Generated frames of the top and of the side view.
    pub views: [usize; 2],
    /// The side view's first generated frame is its frame of this number: 1 if its photo is not generated again.
    pub side_offset: usize,
    /// The sampler's noise levels.
    pub noise: NoiseLevels,
    /// Frames a second that the model is told.
    pub fps: u32,
    /// Amount of motion that the model is told.
    pub motion_bucket: u32,
    /// Deviation of the noise on the photos, of their range −1 to 1.
    pub cond_aug: f32,
    /// Weight of the conditional pass over the unconditional one; 1 makes only the former.
    pub guidance: f32,
    /// Of the arithmetic inside the graphs: `fp32` or `fp16`.
    pub precision: String,
    /// The folder's other files.
    pub files: BTreeMap<String, FileEntry>,
}

/// Noise levels from `sigma_max` down to `sigma_min`, see [`super::schedule::sigmas`].
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoiseLevels {
    /// How many.
    pub steps: u32,
    /// The largest.
    pub sigma_max: f64,
    /// The smallest above 0.
    pub sigma_min: f64,
    /// Curvature: larger spends more steps on small noise.
    pub rho: f64,
}

/// What a file of the folder should be.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256 in hexadecimal.
    pub sha256: String,
}

const FORMAT: &str = "dreamitate-model";
const VERSION: u32 = 1;

impl Manifest {
    /// Reads `manifest.json` of a folder.
    ///
    /// # Errors
    /// The file is unreadable, of another format or version, or one of its values is out of its limits.
    pub fn read(folder: &Path) -> Result<Self, OnnxError> {
        let path = folder.join("manifest.json");
        let text = std::fs::read_to_string(&path)
            .map_err(|source| OnnxError::Read { path: path.clone(), source })?;
        let manifest: Self = serde_json::from_str(&text)
            .map_err(|source| OnnxError::ManifestSyntax { path: path.clone(), source })?;
        match manifest.fault() {
            None => Ok(manifest),
            Some(fault) => Err(OnnxError::Manifest { path, fault }),
        }
    }

    fn fault(&self) -> Option<String> {
        let Self { format, version, width, height, latent_scale, latent_channels, views, .. } = self;
        let NoiseLevels { steps, sigma_max, sigma_min, rho } = self.noise;
        let rules = [
            (
                format == FORMAT && *version == VERSION,
                format!("format {format:?} version {version}; {FORMAT:?} version {VERSION} is read"),
            ),
            (
                (1..=64).contains(latent_scale)
                    && (1..=4096).contains(width)
                    && (1..=4096).contains(height)
                    && width % latent_scale == 0
                    && height % latent_scale == 0,
                format!(
                    "frames of {width}×{height} px with {latent_scale} px a latent; whole latents and at most 4096 px are needed"
                ),
            ),
            (
                (1..=256).contains(latent_channels),
                format!("{latent_channels} latent channels; 1 to 256 are possible"),
            ),
            (
                self.side_offset <= 1
                    && views[0] == views[1] + self.side_offset
                    && (2..=512).contains(&views[0]),
                format!(
                    "views of {} and {} frames with side_offset {}; both views must end up with the same number, 2 to 512",
                    views[0], views[1], self.side_offset
                ),
            ),
            (
                (2..=1000).contains(&steps)
                    && sigma_min > 0.0
                    && sigma_max > sigma_min
                    && sigma_max <= 1e5
                    && (1.0..=100.0).contains(&rho),
                format!(
                    "{steps} steps from sigma {sigma_max} to {sigma_min} with rho {rho}; 2 to 1000 steps, 1e5 ≥ sigma_max > sigma_min > 0 and rho from 1 to 100 are possible"
                ),
            ),
            (
                (1.0..=50.0).contains(&self.guidance),
                format!("guidance {}; it must be from 1 to 50", self.guidance),
            ),
            (
                (0.0..=1.0).contains(&self.cond_aug),
                format!("cond_aug {}; it must be from 0 to 1", self.cond_aug),
            ),
        ];
        rules.into_iter().find(|(holds, _)| !holds).map(|(_, fault)| fault)
    }

    /// Frames that are generated, of both views.
    pub fn generated_frames(&self) -> usize {
        self.views[0] + self.views[1]
    }

    /// Shape of one video's latents: frames, channels, height, width.
    pub fn latent_shape(&self) -> [usize; 4] {
        let [height, width] = [self.height, self.width].map(|pixels| (pixels / self.latent_scale) as usize);
        [self.generated_frames(), self.latent_channels, height, width]
    }
}
