use super::Manifest;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// What chance contributes to a video.
#[derive(Clone, Debug, PartialEq)]
pub struct Noise {
    /// Where the latents start, of deviation 1: `[frames, channels, height, width]`.
    pub latents: Vec<f32>,
    /// Noise on the photos, of deviation 1: `[frames, 3, height, width]`, in pixels.
    pub condition: Vec<f32>,
}

impl Noise {
    /// The noise of a seed: the same on every machine (ChaCha8; one stream for the latents, one for the photos).
    pub fn seeded(seed: u64, manifest: &Manifest) -> Self {
        let draw = |stream: u64, count: usize| {
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            random.set_stream(stream);
            StandardNormal.sample_iter(random).take(count).collect()
        };
        let pixels = (manifest.width * manifest.height) as usize;
        Self {
            latents: draw(0, manifest.latent_shape().iter().product()),
            condition: draw(1, manifest.generated_frames() * 3 * pixels),
        }
    }
}
