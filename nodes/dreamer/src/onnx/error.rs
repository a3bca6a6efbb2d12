use dreamitate_geometry::View;
use std::path::PathBuf;

/// Why a video model does not dream.
#[derive(Debug, thiserror::Error)]
pub enum OnnxError {
    /// No library of ONNX Runtime.
    #[error(
        "no ONNX Runtime found; looked at {looked_at}. Install it with `pip install onnxruntime` (`onnxruntime-gpu` for CUDA and TensorRT) in .venv, or name its libonnxruntime.so in ORT_DYLIB_PATH"
    )]
    NoRuntime {
        /// Where it was looked for.
        looked_at: String,
    },
    /// The library is none, or too old.
    #[error("ONNX Runtime cannot be used")]
    Runtime(#[source] ort::LoadDynamicError),
    /// The library was found but does not start.
    #[error("ONNX Runtime does not start")]
    Environment(#[source] ort::Error),
    /// A file of the model's folder cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The manifest is no JSON of a manifest.
    #[error("{path} is not a model's manifest")]
    ManifestSyntax {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// A value of the manifest is out of its limits.
    #[error("{path}: {fault}")]
    Manifest {
        /// The file.
        path: PathBuf,
        /// The value and its limits.
        fault: String,
    },
    /// A file that every model has is not in this one's manifest.
    #[error("the model {folder} names no file {file:?} in its manifest")]
    NotListed {
        /// The model's folder.
        folder: PathBuf,
        /// The file.
        file: &'static str,
    },
    /// A file is shorter or longer than the manifest says.
    #[error("{path} has {bytes} bytes, its manifest says {expected}: it is truncated or of another model")]
    FileSize {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// Its size in the manifest.
        expected: u64,
    },
    /// A file has other contents than the manifest says.
    #[error(
        "{path} has the SHA-256 {sha256}, its manifest says {expected}: it is damaged or of another model"
    )]
    FileHash {
        /// The file.
        path: PathBuf,
        /// Its hash.
        sha256: String,
        /// Its hash in the manifest.
        expected: String,
    },
    /// An array file is none, or of another shape.
    #[error("{path}: {fault}")]
    Array {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        fault: String,
    },
    /// What should compute is not there.
    #[error("the provider {provider} cannot be used; nothing else is tried in its place")]
    Provider {
        /// `cpu`, `cuda` or `tensorrt`.
        provider: &'static str,
        /// Why.
        source: ort::Error,
    },
    /// ONNX Runtime refuses a graph.
    #[error("cannot load {path}")]
    Load {
        /// The graph's file.
        path: PathBuf,
        /// Why.
        source: ort::Error,
    },
    /// A graph has an input or lacks an output that the contract names.
    #[error("{path} {fault}")]
    Contract {
        /// The graph's file.
        path: PathBuf,
        /// What is wrong with it.
        fault: String,
    },
    /// The model cannot be run in this way.
    #[error("{name} is {value}; {limit}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: f32,
        /// What it may be.
        limit: &'static str,
    },
    /// Guidance was asked of a model that cannot be guided.
    #[error(
        "guidance {guidance} needs unet_step_guided.onnx, which the model {folder} does not have; guidance 1 works"
    )]
    Guidance {
        /// The model's folder.
        folder: PathBuf,
        /// What was asked for.
        guidance: f32,
    },
    /// A graph failed.
    #[error("the graph {graph} failed")]
    Run {
        /// The graph.
        graph: &'static str,
        /// Why.
        source: ort::Error,
    },
    /// There is not enough memory for what a graph was given at once.
    #[error("not enough memory for the graph {graph} with {items} {unit} at once: {said}")]
    Memory {
        /// The graph.
        graph: &'static str,
        /// How many of what it was given.
        items: usize,
        /// `frames` or `videos`.
        unit: &'static str,
        /// What the runtime says.
        said: String,
    },
    /// A graph computed NaN or infinity.
    #[error("the graph {graph} gave {value} {when}; a value must be finite")]
    NotFinite {
        /// The graph.
        graph: &'static str,
        /// The first such value.
        value: f32,
        /// After which step.
        when: String,
    },
    /// A photo is too small.
    #[error("the {view} photo is {width}×{height} px; the model needs at least {}×{} px", least.0, least.1)]
    SmallPhoto {
        /// The view.
        view: View,
        /// The photo's width, px.
        width: u32,
        /// The photo's height, px.
        height: u32,
        /// The model's frames.
        least: (u32, u32),
    },
    /// Somebody asked to stop.
    #[error("the dream was cancelled after {done} of {steps} steps")]
    Cancelled {
        /// Steps done.
        done: u32,
        /// Steps in all.
        steps: u32,
    },
}

/// Whether the runtime says that it was given too much at once: that memory was short, or that a tensor has more
/// elements than a kernel counts.
pub(super) fn is_too_much(error: &ort::Error) -> bool {
    let said = error.message().to_lowercase();
    let signs =
        ["failed to allocate memory", "out of memory", "bad_alloc", "bad allocation", "exceeds int range"];
    signs.iter().any(|sign| said.contains(sign))
}
