//! What reads files and messages from outside, fed with bytes that nobody meant: an error is fine, a panic is not.
//!
//! `cargo fuzz run --sanitizer none --features libfuzzer mesh fuzz/corpus/mesh` looks for such bytes (nightly or not);
//! the tests try the stored corpus and mutations of it.

use dreamitate_clip::clip_from_message;
use dreamitate_msgs::{Message, dreamitate_msgs::StereoClip};
use dreamitate_render::{TexturedMesh, ToolModel, Units};
use std::{cell::LazyCell, fs, path::Path};
use tempfile::TempDir;

/// The mesh formats; the first byte of the data chooses one.
pub const ENDINGS: [&str; 5] = ["obj", "ply", "stl", "gltf", "glb"];

thread_local! {
    static FOLDER: LazyCell<Option<TempDir>> = LazyCell::new(|| TempDir::new().ok());
}

/// Hands a file of these contents to `read`.
fn with_file(name: &str, contents: &[u8], read: impl FnOnce(&Path)) {
    FOLDER.with(|folder| {
        let Some(folder) = folder.as_ref() else { return };
        let file = folder.path().join(name);
        if fs::write(&file, contents).is_ok() {
            read(&file);
        }
    });
}

/// Reads a mesh file.
pub fn mesh(data: &[u8]) {
    let Some((format, contents)) = data.split_first() else { return };
    let ending = ENDINGS[usize::from(*format) % ENDINGS.len()];
    with_file(&format!("mesh.{ending}"), contents, |file| {
        for units in [None, Some(Units::Millimetres)] {
            let _ = TexturedMesh::read(file, units);
        }
        let _ = TexturedMesh::read_with_part(file, None, "head");
    });
}

/// Reads a tool's file; its mesh is not there unless it names the file itself.
pub fn tool(data: &[u8]) {
    with_file("tool.yaml", data, |file| drop(ToolModel::read(file)));
}

/// Reads a clip as it comes over the wire.
pub fn clip(data: &[u8]) {
    if let Ok(message) = StereoClip::from_cdr(data) {
        let _ = clip_from_message(message);
    }
}
