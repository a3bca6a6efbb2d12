use super::{
    RecordedError,
    layout::{entries, has_extension},
};
use dreamitate_clip::CLIP_SIZE;
use dreamitate_geometry::{CropResize, Rig, View};
use image::RgbImage;
use std::path::Path;

/// Returns a photo in the clip's size.
pub(super) fn read(path: &Path, view: View, rig: &Rig) -> Result<RgbImage, RecordedError> {
    let photo = open(path)?;
    let camera = &rig.camera(view).camera;
    let (width, height) = photo.dimensions();
    if (width, height) == CLIP_SIZE {
        return Ok(photo);
    }
    let (camera_width, camera_height) = (camera.width, camera.height);
    let wrong_size = RecordedError::PhotoSize { view, width, height, camera_width, camera_height };
    if (width, height) != (camera_width, camera_height) {
        return Err(wrong_size);
    }
    let crop = CropResize::centred((width, height), CLIP_SIZE);
    RgbImage::from_raw(CLIP_SIZE.0, CLIP_SIZE.1, crop.apply_rgb(photo.as_raw(), width)).ok_or(wrong_size)
}

/// Returns the PNG files of a folder in the order of their names, which must be `expected` many, of the clip's size.
pub(super) fn read_sequence(folder: &Path, expected: usize) -> Result<Vec<RgbImage>, RecordedError> {
    let mut files = entries(folder)?;
    files.retain(|path| has_extension(path, &["png"]));
    // `2.png` comes before `10.png`.
    files.sort_by_key(|path| (path.as_os_str().len(), path.clone()));
    if files.len() != expected {
        let count = files.len().to_string();
        return Err(RecordedError::FrameCount { path: folder.to_owned(), count, expected });
    }
    files
        .iter()
        .enumerate()
        .map(|(frame, file)| {
            let image = open(file)?;
            match image.dimensions() {
                CLIP_SIZE => Ok(image),
                (width, height) => {
                    Err(RecordedError::FrameSize { path: folder.to_owned(), frame, width, height })
                }
            }
        })
        .collect()
}

fn open(path: &Path) -> Result<RgbImage, RecordedError> {
    match image::open(path) {
        Ok(image) => Ok(image.into_rgb8()),
        Err(source) => Err(RecordedError::Image { path: path.to_owned(), source }),
    }
}
