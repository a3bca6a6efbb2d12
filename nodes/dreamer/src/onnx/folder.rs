use super::{Manifest, OnnxError};
use sha2::{Digest, Sha256};
use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

/// Photos to their latents.
pub const ENCODER: &str = "vae_encoder.onnx";
/// One step of the sampler in one pass.
pub const STEP: &str = "unet_step.onnx";
/// One step of two passes, for guidance other than 1; optional.
pub const GUIDED_STEP: &str = "unet_step_guided.onnx";
/// Latents to frames.
pub const DECODER: &str = "vae_decoder.onnx";
/// The prompt's embedding, f32 `[1, 1, n]`; optional.
pub const TEXT: &str = "text_embeds.npy";

/// A model's folder: its manifest is read and its files have the sizes that it says.
#[derive(Clone, Debug)]
pub struct ModelFolder {
    path: PathBuf,
    manifest: Manifest,
}

impl ModelFolder {
    /// Opens a folder.
    ///
    /// # Errors
    /// The manifest is refused, a graph is not listed in it, or a listed file is missing or of another size.
    pub fn open(path: &Path) -> Result<Self, OnnxError> {
        let manifest = Manifest::read(path)?;
        if let Some(file) = [ENCODER, STEP, DECODER].into_iter().find(|f| !manifest.files.contains_key(*f)) {
            return Err(OnnxError::NotListed { folder: path.to_owned(), file });
        }
        for (name, entry) in &manifest.files {
            let file = path.join(name);
            let bytes = std::fs::metadata(&file)
                .map_err(|source| OnnxError::Read { path: file.clone(), source })?
                .len();
            if bytes != entry.bytes {
                return Err(OnnxError::FileSize { path: file, bytes, expected: entry.bytes });
            }
        }
        Ok(Self { path: path.to_owned(), manifest })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Whether the folder has a file.
    pub fn has(&self, file: &str) -> bool {
        self.manifest.files.contains_key(file)
    }

    /// Reads a file through and compares its SHA-256 with the manifest's.
    ///
    /// # Errors
    /// The file is unreadable or has another hash.
    pub fn verify(&self, file: &str) -> Result<(), OnnxError> {
        let Some(entry) = self.manifest.files.get(file) else { return Ok(()) };
        let path = self.path.join(file);
        let unreadable = |source| OnnxError::Read { path: path.clone(), source };
        let mut reader = File::open(&path).map_err(unreadable)?;
        let mut hash = Sha256::new();
        let mut block = vec![0; 1 << 20];
        loop {
            match reader.read(&mut block).map_err(unreadable)? {
                0 => break,
                read => hash.update(&block[..read]),
            }
        }
        let sha256: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        if sha256 == entry.sha256 {
            return Ok(());
        }
        Err(OnnxError::FileHash { path, sha256, expected: entry.sha256.clone() })
    }

    /// The prompt's embedding; empty if the model has none.
    ///
    /// # Errors
    /// The file is unreadable, no array of f32, of another shape than `[1, 1, n]`, or not finite.
    pub fn text_embeds(&self) -> Result<Vec<f32>, OnnxError> {
        if !self.has(TEXT) {
            return Ok(Vec::new());
        }
        let path = self.path.join(TEXT);
        let bytes = std::fs::read(&path).map_err(|source| OnnxError::Read { path: path.clone(), source })?;
        let fault = |fault: String| OnnxError::Array { path: path.clone(), fault };
        let array = npyz::NpyFile::new(&bytes[..]).map_err(|error| fault(error.to_string()))?;
        let shape = array.shape().to_vec();
        if shape.len() != 3 || shape[..2] != [1, 1] {
            return Err(fault(format!("has the shape {shape:?}; [1, 1, n] is wanted")));
        }
        let values = array.into_vec::<f32>().map_err(|error| fault(error.to_string()))?;
        match values.iter().find(|value| !value.is_finite()) {
            Some(value) => Err(fault(format!("holds {value}; a value must be finite"))),
            None => Ok(values),
        }
    }
}
