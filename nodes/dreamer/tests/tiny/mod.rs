//! Tiny models of the true architecture, and what PyTorch makes of them.

// Each test uses a part of it.
#![allow(dead_code, clippy::unwrap_used)]

use dreamer::onnx::{Noise, Photos};
use image::RgbImage;
use npyz::{NpyFile, WriterBuilder};
use std::path::{Path, PathBuf};

/// The folder of a tiny model, or `None` and a word of it where they have not been made.
pub fn tiny(name: &str) -> Option<PathBuf> {
    let Some(folder) = std::env::var_os("DREAMITATE_TINY_MODELS") else {
        println!("skipped: DREAMITATE_TINY_MODELS names no folder; test/run makes one");
        return None;
    };
    Some(Path::new(&folder).join(name))
}

/// PyTorch's results beside a model.
pub struct Golden(PathBuf);

impl Golden {
    pub fn read(model: &Path) -> Self {
        Self(model.join("golden"))
    }

    pub fn floats(&self, name: &str) -> Vec<f32> {
        self.array(name).into_vec().unwrap()
    }

    pub fn bytes(&self, name: &str) -> Vec<u8> {
        self.array(name).into_vec().unwrap()
    }

    /// Of shape `[2, H, W, 3]`.
    pub fn photos(&self) -> Photos {
        let array = self.array("photos");
        let [height, width] = [1, 2].map(|axis| array.shape()[axis] as u32);
        let mut top: Vec<u8> = array.into_vec().unwrap();
        let side = top.split_off(top.len() / 2);
        let [top, side] = [top, side].map(|pixels| RgbImage::from_raw(width, height, pixels).unwrap());
        Photos { top, side }
    }

    pub fn noise(&self) -> Noise {
        Noise { latents: self.floats("noise"), condition: self.floats("condition_noise") }
    }

    fn array(&self, name: &str) -> NpyFile<std::io::Cursor<Vec<u8>>> {
        let path = self.0.join(format!("{name}.npy"));
        let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        NpyFile::new(std::io::Cursor::new(bytes)).unwrap()
    }
}

/// A model's folder to change.
pub fn copy_of(model: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(model).unwrap().flatten() {
        if entry.path().is_file() {
            std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
        }
    }
    copy
}

pub fn edit_manifest(folder: &Path, edit: impl FnOnce(&mut serde_json::Value)) {
    let path = folder.join("manifest.json");
    let mut manifest = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    edit(&mut manifest);
    std::fs::write(path, manifest.to_string()).unwrap();
}

/// Makes the manifest agree with the files again.
pub fn list_again(folder: &Path) {
    use sha2::Digest;
    edit_manifest(folder, |manifest| {
        for (name, entry) in manifest["files"].as_object_mut().unwrap() {
            let bytes = std::fs::read(folder.join(name)).unwrap();
            let hash: String =
                sha2::Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
            *entry = serde_json::json!({ "bytes": bytes.len(), "sha256": hash });
        }
    });
}

pub fn write_npy(path: &Path, shape: &[u64], values: &[f32]) {
    let file = std::fs::File::create(path).unwrap();
    let mut writer = npyz::WriteOptions::new().default_dtype().shape(shape).writer(file).begin_nd().unwrap();
    writer.extend(values.iter().copied()).unwrap();
    writer.finish().unwrap();
}
