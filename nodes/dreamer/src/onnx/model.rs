use super::{
    Manifest, ModelFolder, Noise, OnnxError, Photos, Provider,
    condition::image_of,
    folder::{DECODER, ENCODER, GUIDED_STEP, STEP},
    graph::{Graph, Slot},
    memory::while_memory_lasts,
    schedule::sigmas,
};
use image::RgbImage;
use ort::{memory::Allocator, value::Tensor};
use std::mem::swap;

/// How a model is run.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelSettings {
    /// What computes.
    pub provider: Provider,
    /// Threads of the processor; 0: one a core.
    pub threads: usize,
    /// Steps of the sampler instead of the manifest's.
    pub steps: Option<u32>,
    /// Weight of the conditional pass instead of the manifest's.
    pub guidance: Option<f32>,
    /// Frames that are decoded at once; 0: all. The decoder looks across frames, so that fewer change the picture a little
    /// at the seams.
    pub decode_frames: usize,
}

impl Default for ModelSettings {
    fn default() -> Self {
        Self { provider: Provider::Cpu, threads: 0, steps: None, guidance: None, decode_frames: 0 }
    }
}

/// Both views of a generated video, the photo first.
#[derive(Clone, Debug, PartialEq)]
pub struct Video {
    /// The top view's frames.
    pub top: Vec<RgbImage>,
    /// The side view's frames.
    pub side: Vec<RgbImage>,
}

/// A video model, loaded: Stable Video Diffusion or another behind the same graphs.
///
/// The arithmetic is that of the authors' inference: EDM's Euler steps without churn on the velocity that the network
/// predicts. Their watermark and their blurring of nudity are left out.
///
/// ```no_run
/// use dreamer::onnx::{ModelFolder, ModelSettings, Photos, VideoModel};
///
/// let folder = ModelFolder::open("models/rotation".as_ref())?;
/// let mut model = VideoModel::load(folder, ModelSettings::default())?;
/// let photos = Photos { top: image::open("top.png")?.into_rgb8(), side: image::open("side.png")?.into_rgb8() };
/// let videos = model.dream(&photos, &[7], |step, steps| {
///     println!("{step} of {steps}");
///     true
/// })?;
/// videos[0].top[12].save("last.png")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct VideoModel {
    folder: ModelFolder,
    steps: u32,
    guidance: f32,
    decode_frames: usize,
    text_embeds: Vec<f32>,
    encoder: Graph,
    step: Graph,
    decoder: Graph,
}

const LATENTS: &str = "latents";
const NEXT: &str = "latents_next";
/// Photos that are encoded at once: enough to fill a processor, and little memory. They do not see one another.
const ENCODE_FRAMES: usize = 5;

impl VideoModel {
    /// Loads a model's graphs.
    ///
    /// # Errors
    /// There is no ONNX Runtime, the provider is not there, a setting is out of its limits, or a graph is none or does
    /// not keep to the contract.
    pub fn load(folder: ModelFolder, settings: ModelSettings) -> Result<Self, OnnxError> {
        let text_embeds = folder.text_embeds()?;
        let manifest = folder.manifest();
        let steps = settings.steps.unwrap_or(manifest.noise.steps);
        let guidance = settings.guidance.unwrap_or(manifest.guidance);
        if steps < 2 {
            let value = steps as f32;
            return Err(OnnxError::Setting { name: "steps", value, limit: "at least 2 are needed" });
        }
        if !(1.0..=50.0).contains(&guidance) {
            return Err(OnnxError::Setting {
                name: "guidance",
                value: guidance,
                limit: "it must be from 1 to 50",
            });
        }
        let guided = guidance != 1.0;
        if guided && !folder.has(GUIDED_STEP) {
            return Err(OnnxError::Guidance { folder: folder.path().to_owned(), guidance });
        }
        let [frames, channels, rows, columns] = manifest.latent_shape().map(Some);
        let picture = vec![None, Some(3), Some(manifest.height as usize), Some(manifest.width as usize)];
        let latent = vec![None, channels, rows, columns];
        let video = vec![None, frames, channels, rows, columns];
        let one: &[usize] = &[1];
        let fixed = |shape: &[usize]| shape.iter().copied().map(Some).collect::<Vec<_>>();
        let mut step_inputs: Vec<Slot> = vec![
            (LATENTS, video.clone()),
            ("image_latents", video.clone()),
            ("added_time_ids", fixed(&[1, 3])),
            ("sigma", fixed(one)),
            ("sigma_next", fixed(one)),
        ];
        if !text_embeds.is_empty() {
            step_inputs.push(("text_embeds", fixed(&[1, 1, text_embeds.len()])));
        }
        if guided {
            step_inputs.push(("guidance", vec![frames]));
        }
        let load = |name: &'static str, file, inputs: &[Slot], needed, output: &Slot| {
            let path = folder.path().join(file);
            Graph::load(name, &path, settings.provider, settings.threads, inputs, needed, output)
        };
        let (image, image_latents) = (("image", picture.clone()), ("image_latents", latent.clone()));
        let encoder = load("vae_encoder", ENCODER, &[image], None, &image_latents)?;
        let next = (NEXT, video);
        let step = match guided {
            false => load("unet_step", STEP, &step_inputs, None, &next)?,
            true => load("unet_step_guided", GUIDED_STEP, &step_inputs, Some("guidance"), &next)?,
        };
        let decoder = load("vae_decoder", DECODER, &[(LATENTS, latent)], None, &("frames", picture))?;
        let decode_frames = settings.decode_frames;
        Ok(Self { folder, steps, guidance, decode_frames, text_embeds, encoder, step, decoder })
    }

    /// What the model says of itself.
    pub fn manifest(&self) -> &Manifest {
        self.folder.manifest()
    }

    /// Steps of the sampler.
    pub fn steps(&self) -> u32 {
        self.steps
    }

    /// Dreams a video for each seed, as many at once as the graph and the memory allow.
    ///
    /// `proceed` is told steps done and steps in all before each step and at the end; it answers whether to go on. The same
    /// seed gives the same noise everywhere, and the same video on the same machine with the same runtime and provider.
    ///
    /// # Errors
    /// A photo is too small, a graph fails or gives NaN, memory is short, or `proceed` answered no.
    pub fn dream(
        &mut self,
        photos: &Photos,
        seeds: &[u64],
        proceed: impl Fn(u32, u32) -> bool,
    ) -> Result<Vec<Video>, OnnxError> {
        let noise: Vec<_> = seeds.iter().map(|&seed| Noise::seeded(seed, self.manifest())).collect();
        self.dream_from(photos, &noise, proceed)
    }

    /// The same from noise that is given.
    ///
    /// # Errors
    /// As [`Self::dream`].
    pub fn dream_from(
        &mut self,
        photos: &Photos,
        noise: &[Noise],
        proceed: impl Fn(u32, u32) -> bool,
    ) -> Result<Vec<Video>, OnnxError> {
        let photos = photos.fitted(self.manifest())?;
        let conditions =
            noise.iter().map(|noise| self.encode(&photos, noise)).collect::<Result<Vec<_>, _>>()?;
        let latents = self.sample(&conditions, noise, proceed)?;
        latents.iter().map(|latents| self.decode(&photos, latents)).collect()
    }

    /// The condition latents of fitted photos: `[frames, channels, height, width]`.
    ///
    /// # Errors
    /// The graph fails or gives NaN, or memory is short.
    pub fn encode(&mut self, photos: &Photos, noise: &Noise) -> Result<Vec<f32>, OnnxError> {
        let condition = photos.condition(self.manifest(), &noise.condition);
        let Manifest { width, height, .. } = *self.manifest();
        let shape = [3, height as usize, width as usize];
        let latents =
            in_chunks(&mut self.encoder, ("image", &shape), "image_latents", &condition, ENCODE_FRAMES)?;
        self.encoder.finite(&latents, || "for the photos".to_owned())?;
        Ok(latents)
    }

    /// The latents of videos, `[frames, channels, height, width]` each, from their condition latents and noise.
    ///
    /// # Errors
    /// The graph fails or gives NaN, memory is short even for one video, or `proceed` answered no.
    pub fn sample(
        &mut self,
        conditions: &[Vec<f32>],
        noise: &[Noise],
        proceed: impl Fn(u32, u32) -> bool,
    ) -> Result<Vec<Vec<f32>>, OnnxError> {
        let count = conditions.len().min(noise.len());
        let (steps, at_once) = (self.steps, if self.step.one_at_once { 1 } else { count });
        while_memory_lasts(count, at_once, |videos| {
            let (before, to_come) =
                (videos.start.div_ceil(videos.len()), (count - videos.start).div_ceil(videos.len()));
            let proceed = |step| proceed(before as u32 * steps + step, (before + to_come) as u32 * steps);
            self.sample_batch(&conditions[videos.clone()], &noise[videos], proceed)
        })
    }

    fn sample_batch(
        &mut self,
        conditions: &[Vec<f32>],
        noise: &[Noise],
        proceed: impl Fn(u32) -> bool,
    ) -> Result<Vec<Vec<f32>>, OnnxError> {
        let (manifest, steps) = (self.folder.manifest(), self.steps);
        let levels = sigmas(&super::NoiseLevels { steps, ..manifest.noise });
        let [frames, channels, rows, columns] = manifest.latent_shape();
        let shape = [conditions.len(), frames, channels, rows, columns];
        // The deviation of noise and latents of deviation 1 together.
        let spread = (1.0 + levels[0] * levels[0]).sqrt();
        let start: Vec<f32> = noise.iter().flat_map(|n| &n.latents).map(|value| value * spread).collect();
        let ids = [manifest.fps as f32, manifest.motion_bucket as f32, manifest.cond_aug];
        let graph = &mut self.step;

        let mut run = || -> ort::Result<Result<Vec<f32>, u32>> {
            let mut binding = graph.session.create_binding()?;
            graph.bind(&mut binding, "image_latents", &shape, &conditions.concat())?;
            graph.bind(&mut binding, "text_embeds", &[1, 1, self.text_embeds.len()], &self.text_embeds)?;
            graph.bind(&mut binding, "added_time_ids", &[1, 3], &ids)?;
            graph.bind(&mut binding, "guidance", &[frames], &vec![self.guidance; frames])?;
            graph.bind(&mut binding, LATENTS, &shape, &start)?;
            // The latents go back and forth between two tensors where the graph computes, and come out at the end.
            let [mut now, mut next] = [graph.device_tensor(&shape)?, graph.device_tensor(&shape)?];
            let mut result = Tensor::<f32>::new(&Allocator::default(), shape)?;
            for (step, sigma) in levels.windows(2).enumerate() {
                if !proceed(step as u32) {
                    return Ok(Err(step as u32));
                }
                graph.bind(&mut binding, "sigma", &[1], &sigma[..1])?;
                graph.bind(&mut binding, "sigma_next", &[1], &sigma[1..])?;
                if step > 0 {
                    binding.bind_input(LATENTS, &now)?;
                }
                let last = step + 1 == steps as usize;
                binding.bind_output(NEXT, if last { &mut result } else { &mut next })?;
                graph.session.run_binding(&binding)?;
                swap(&mut now, &mut next);
            }
            Ok(Ok(result.extract_tensor().1.to_vec()))
        };
        let latents = match run() {
            Ok(Ok(latents)) => latents,
            Ok(Err(done)) => return Err(OnnxError::Cancelled { done, steps }),
            Err(source) => return Err(self.step.failure(source, conditions.len(), "videos")),
        };
        self.step.finite(&latents, || format!("after {steps} steps"))?;
        if !proceed(steps) {
            return Err(OnnxError::Cancelled { done: steps, steps });
        }
        Ok(latents.chunks(latents.len() / conditions.len()).map(<[f32]>::to_vec).collect())
    }

    /// The frames of one video's latents, behind the fitted photos.
    ///
    /// # Errors
    /// The graph fails or gives NaN, or memory is short even for one frame.
    pub fn decode(&mut self, photos: &Photos, latents: &[f32]) -> Result<Video, OnnxError> {
        let manifest = self.folder.manifest();
        let [frames, shape @ ..] = manifest.latent_shape();
        let at_once = if self.decode_frames == 0 { frames } else { self.decode_frames };
        let pixels = in_chunks(&mut self.decoder, (LATENTS, &shape), "frames", latents, at_once)?;
        self.decoder.finite(&pixels, || "for the latents".to_owned())?;
        let Manifest { width, height, side_offset, views: [of_top, _], .. } = *self.folder.manifest();
        let mut top: Vec<_> = pixels
            .chunks_exact((3 * width * height) as usize)
            .map(|planes| image_of(planes, width, height))
            .collect();
        let mut side = top.split_off(of_top.min(top.len()));
        // What was photographed need not be believed of a dream.
        if let Some(first) = top.first_mut() {
            first.clone_from(&photos.top);
        }
        match side.first_mut() {
            Some(first) if side_offset == 0 => first.clone_from(&photos.side),
            _ => side.insert(0, photos.side.clone()),
        }
        Ok(Video { top, side })
    }
}

/// Runs a graph over `values`, items of `shape` one after the other, at most `at_once` in one run.
fn in_chunks(
    graph: &mut Graph,
    (input, shape): (&str, &[usize]),
    output: &str,
    values: &[f32],
    at_once: usize,
) -> Result<Vec<f32>, OnnxError> {
    let size = shape.iter().product::<usize>().max(1);
    while_memory_lasts(values.len() / size, at_once, |items| {
        let whole: Vec<_> = [items.len()].iter().chain(shape).copied().collect();
        let chunk = &values[items.start * size..items.end * size];
        graph.run((input, &whole, chunk), output).map_err(|e| graph.failure(e, items.len(), "frames"))
    })
}
