use super::OnnxError;
use ort::{
    environment::Environment,
    ep::{self, ArenaExtendStrategy, ExecutionProviderDispatch},
    memory::{AllocationDevice, AllocatorType, MemoryInfo, MemoryType},
};
use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

/// What computes. There is no fallback from one to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provider {
    /// The processor.
    Cpu,
    /// CUDA, of `onnxruntime-gpu`.
    Cuda,
    /// TensorRT, of `onnxruntime-gpu`, and CUDA for what it cannot do.
    TensorRt,
}

impl Provider {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Cpu, Self::Cuda, Self::TensorRt];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
            Self::TensorRt => "tensorrt",
        }
    }

    /// The provider of a name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|provider| provider.name() == name)
    }

    pub(super) fn dispatch(self) -> Vec<ExecutionProviderDispatch> {
        let cuda = || {
            ep::CUDA::default()
                // By powers of two it would take up to twice what is needed.
                .with_arena_extend_strategy(ArenaExtendStrategy::SameAsRequested)
                .with_conv_algorithm_search(ep::cuda::ConvAlgorithmSearch::Heuristic)
                .build()
                .error_on_failure()
        };
        match self {
            Self::Cpu => Vec::new(),
            Self::Cuda => vec![cuda()],
            Self::TensorRt => {
                // No cache of engines: its key is a graph's form, not its weights, which differ from task to task.
                let tensorrt = ep::TensorRT::default().with_fp16(true);
                vec![tensorrt.build().error_on_failure(), cuda()]
            }
        }
    }

    /// Where it keeps its tensors.
    pub(super) fn memory(self) -> ort::Result<MemoryInfo<'static>> {
        let device = match self {
            Self::Cpu => AllocationDevice::CPU,
            Self::Cuda | Self::TensorRt => AllocationDevice::CUDA,
        };
        MemoryInfo::new(device, 0, AllocatorType::Device, MemoryType::Default)
    }
}

/// The one environment of this process, once a library has been loaded.
static ENVIRONMENT: Mutex<Option<Environment>> = Mutex::new(None);

/// Loads ONNX Runtime, the first time from the first of: `$ORT_DYLIB_PATH`; the wheel `onnxruntime` or
/// `onnxruntime-gpu` in `$VIRTUAL_ENV`, in `.venv` here, or in that of the source tree; the system. Whichever was loaded
/// first stays until the process ends.
///
/// # Errors
/// There is none, or it is older than 1.24.
pub(super) fn environment() -> Result<Environment, OnnxError> {
    let mut loaded = ENVIRONMENT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(environment) = &*loaded {
        return Ok(environment.clone());
    }
    let builder = match std::env::var_os("ORT_DYLIB_PATH").filter(|path| !path.is_empty()) {
        Some(path) => ort::init_from(PathBuf::from(path)).map_err(OnnxError::Runtime)?,
        None => found()?,
    };
    let environment =
        builder.with_name("dreamitate").with_telemetry(false).build().map_err(OnnxError::Environment)?;
    Ok(loaded.insert(environment).clone())
}

fn found() -> Result<ort::environment::EnvironmentBuilder, OnnxError> {
    let source_tree = concat!(env!("CARGO_MANIFEST_DIR"), "/../../.venv");
    let from_env = std::env::var_os("VIRTUAL_ENV").map(PathBuf::from);
    let folders = from_env.into_iter().chain([PathBuf::from(".venv"), PathBuf::from(source_tree)]);
    let folders: Vec<_> = folders.collect();
    if let Some(library) = folders.iter().find_map(|folder| library_of_wheel(folder)) {
        return ort::init_from(library).map_err(OnnxError::Runtime);
    }
    let system = "libonnxruntime.so";
    ort::init_from(system).map_err(|error| match error {
        ort::LoadDynamicError::Dlopen { .. } => {
            let wheels = folders.iter().map(|folder| folder.display().to_string());
            let looked_at: Vec<_> = wheels.chain([format!("the system's {system}")]).collect();
            OnnxError::NoRuntime { looked_at: looked_at.join(", ") }
        }
        other => OnnxError::Runtime(other),
    })
}

/// The library in a virtual environment.
fn library_of_wheel(environment: &Path) -> Option<PathBuf> {
    let pythons = std::fs::read_dir(environment.join("lib")).ok()?.flatten();
    pythons.map(|python| python.path().join("site-packages/onnxruntime/capi")).find_map(|folder| {
        let files = std::fs::read_dir(folder).ok()?.flatten().map(|file| file.path());
        files
            .filter(|path| {
                path.file_name().is_some_and(|n| n.to_string_lossy().starts_with("libonnxruntime.so"))
            })
            .max()
            .and_then(|path| path.canonicalize().ok())
    })
}
