use crate::{
    dream::Source,
    onnx::{ModelSettings, Provider},
    photo_pairs::PairLimits,
};
use dreamitate_carrier::{Declaration, ParameterError, ParameterSet};
use dreamitate_config::ConfigFolder;
use std::path::PathBuf;

/// The node's parameters.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub source: SourceSettings,
    pub config: ConfigFolder,
    pub task: String,
    pub seed: u64,
    pub autostart: bool,
    pub loop_view: bool,
}

/// Where dreams come from.
#[derive(Clone, Debug)]
pub(crate) enum SourceSettings {
    /// From somewhere that needs no photos.
    Ready(Source),
    /// From a video model and photos.
    Model(ModelParameters),
}

/// A video model and how it is used.
#[derive(Clone, Debug)]
pub(crate) struct ModelParameters {
    pub folder: PathBuf,
    pub settings: ModelSettings,
    pub candidates: u32,
    pub pairs: PairLimits,
}

impl ModelParameters {
    fn declare(parameters: &mut ParameterSet) -> Result<Self, ParameterError> {
        let folder = parameters.declare(
            Declaration::text("model_dir", "").about("The folder of the video model, for source \"onnx\""),
        )?;
        let provider = parameters.declare(
            Declaration::text("provider", "cpu")
                .about("What computes the video model; there is no fallback")
                .choices(&Provider::ALL.map(Provider::name)),
        )?;
        let threads = parameters.declare(
            Declaration::new("threads", 0_i64)
                .about("Threads of the processor for the video model; 0: one a core")
                .range(0, 1024),
        )?;
        let steps = parameters.declare(
            Declaration::new("steps", 0_i64)
                .about("Steps of the sampler; 0: as many as the model's manifest says")
                .range(0, 1000),
        )?;
        let guidance = parameters.declare(
            Declaration::new("guidance", 0.0)
                .about("Weight of the conditional pass, at least 1 (one pass); 0: the manifest's")
                .range(0.0, 50.0),
        )?;
        let decode_frames = parameters.declare(
            Declaration::new("decode_frames", 0_i64)
                .about("Frames that are decoded at once; 0: all, and fewer where memory is short")
                .range(0, 512),
        )?;
        let candidates = parameters.declare(
            Declaration::new("candidates", 1_i64)
                .about("Dreams that are made together, for a seed and those after it")
                .range(1, 64),
        )?;
        let gap_s = parameters.declare(
            Declaration::new("max_pair_gap_s", 0.05)
                .unit("s")
                .about("Most time between the two photos of a pair")
                .range(0.0, 10.0),
        )?;
        let age_s = parameters.declare(
            Declaration::new("max_photo_age_s", 2.0)
                .unit("s")
                .about("Oldest photo that is dreamt from")
                .range(0.01, 3600.0),
        )?;
        let patience_s = parameters.declare(
            Declaration::new("photo_timeout_s", 5.0)
                .unit("s")
                .about("How long a pair of photos is waited for")
                .range(0.1, 3600.0),
        )?;
        let positive = |number: i64| (number > 0).then(|| u32::try_from(number).unwrap_or(u32::MAX));
        let whole = |number: i64| usize::try_from(number).unwrap_or(0);
        Ok(Self {
            folder: folder.into(),
            settings: ModelSettings {
                // One of the choices.
                provider: Provider::of_name(&provider).unwrap_or(Provider::Cpu),
                threads: whole(threads),
                steps: positive(steps),
                guidance: (guidance > 0.0).then_some(guidance as f32),
                decode_frames: whole(decode_frames),
            },
            candidates: positive(candidates).unwrap_or(1),
            pairs: PairLimits { gap_s, age_s, patience_s },
        })
    }
}

impl Settings {
    pub(crate) fn declare(parameters: &mut ParameterSet) -> Result<Self, ParameterError> {
        let source = parameters.declare(
            Declaration::text("source", "rendered")
                .about("Where dreams come from: a folder, a video model and photos, or the renderer")
                .choices(&["recorded", "rendered", "onnx"]),
        )?;
        let model = ModelParameters::declare(parameters)?;
        let dream_dir = parameters.declare(
            Declaration::text("dream_dir", "")
                .about("The folder of the recorded dream, for source \"recorded\""),
        )?;
        let config_dir = parameters.declare(Declaration::text("config_dir", "").about(
            "The folder of tasks, rigs, tools, robots and boards; empty: the one that comes with the program",
        ))?;
        let task = parameters.declare(
            Declaration::text("task", "rotation")
                .about("The task that is dreamt at the start: a name or a YAML file"),
        )?;
        let rig = parameters.declare(
            Declaration::text("rig", "").about("The rig: a name or a YAML file; empty: each task's own"),
        )?;
        let seed = parameters.declare(
            Declaration::new("seed", 0_i64).about("The seed of the first dream").range(0, i64::MAX),
        )?;
        let autostart = parameters.declare(
            Declaration::new("autostart", true)
                .about("Dream once at the start; otherwise only when the action `dream` asks"),
        )?;
        let loop_view = parameters.declare(
            Declaration::new("loop_view", false).about("Publish the dream's frames in a loop, for viewing"),
        )?;
        Ok(Self {
            source: match source.as_str() {
                "recorded" => SourceSettings::Ready(Source::Recorded(dream_dir.into())),
                "onnx" => SourceSettings::Model(model),
                _ => SourceSettings::Ready(Source::Rendered),
            },
            config: ConfigFolder::of_parameter(&config_dir).on_rig(&rig),
            task,
            // Not below 0, see its range.
            seed: seed.unsigned_abs(),
            autostart,
            loop_view,
        })
    }
}
