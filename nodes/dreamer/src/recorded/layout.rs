use super::RecordedError;
use std::path::{Path, PathBuf};

/// Where the parts of a recorded dream lie.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// Photos of both views (top, side), and what was generated from them.
    Photos { photos: [PathBuf; 2], generated: Generated },
    /// A folder of numbered images a view.
    Sequences { top: PathBuf, side: PathBuf },
}

/// The 25 generated frames.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Generated {
    Video(PathBuf),
    Images(PathBuf),
}

impl Layout {
    pub(super) fn find(folder: &Path) -> Result<Self, RecordedError> {
        let files = entries(folder)?;
        let (top, side) = (folder.join("top"), folder.join("side"));
        if top.is_dir() && side.is_dir() {
            return Ok(Self::Sequences { top, side });
        }
        let photos = [
            photo(folder, &files, "top", "top photo (top.png or *_top.png)")?,
            photo(folder, &files, "side", "side photo (side.png or *_side.png)")?,
        ];
        let (named, frames) = (folder.join("dream.mp4"), folder.join("frames"));
        let generated = if named.is_file() {
            Generated::Video(named)
        } else if frames.is_dir() {
            Generated::Images(frames)
        } else {
            let videos = files.iter().filter(|path| has_extension(path, &["mp4"]));
            Generated::Video(only(folder, videos, "generated frames (dream.mp4, another *.mp4, or frames/)")?)
        };
        Ok(Self::Photos { photos, generated })
    }
}

/// The files of a folder, sorted.
pub(super) fn entries(folder: &Path) -> Result<Vec<PathBuf>, RecordedError> {
    let unreadable = |source| RecordedError::Folder { path: folder.to_owned(), source };
    let mut paths = std::fs::read_dir(folder)
        .map_err(unreadable)?
        .map(|entry| entry.map(|e| e.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(unreadable)?;
    paths.retain(|path| path.is_file());
    paths.sort();
    Ok(paths)
}

pub(super) fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    path.extension().and_then(|e| e.to_str()).is_some_and(|e| extensions.contains(&e.to_lowercase().as_str()))
}

fn photo(
    folder: &Path,
    files: &[PathBuf],
    view: &str,
    wanted: &'static str,
) -> Result<PathBuf, RecordedError> {
    let named = |matches: &dyn Fn(&str) -> bool| {
        let matching = files.iter().filter(|path| has_extension(path, &["png", "jpg", "jpeg"]));
        matching
            .filter(|path| path.file_stem().and_then(|s| s.to_str()).is_some_and(matches))
            .collect::<Vec<_>>()
    };
    let exact = named(&|stem| stem == view);
    let suffix = format!("_{view}");
    let found = if exact.is_empty() { named(&|stem| stem.ends_with(&suffix)) } else { exact };
    only(folder, found.into_iter(), wanted)
}

fn only<'a>(
    folder: &Path,
    found: impl Iterator<Item = &'a PathBuf>,
    wanted: &'static str,
) -> Result<PathBuf, RecordedError> {
    let found: Vec<_> = found.collect();
    match found.as_slice() {
        [path] => Ok((*path).clone()),
        [] => Err(RecordedError::Missing { folder: folder.to_owned(), missing: wanted }),
        _ => Err(RecordedError::Ambiguous { folder: folder.to_owned(), count: found.len(), wanted }),
    }
}
