use super::{Manifest, OnnxError};
use dreamitate_geometry::{CropResize, View};
use image::RgbImage;

/// The pair of photos that a dream starts from, of the cameras' own sizes.
#[derive(Clone, Debug, PartialEq)]
pub struct Photos {
    /// The top view.
    pub top: RgbImage,
    /// The side view.
    pub side: RgbImage,
}

impl Photos {
    /// One view's photo.
    pub fn view(&self, view: View) -> &RgbImage {
        match view {
            View::Top => &self.top,
            View::Side => &self.side,
        }
    }

    /// The photos as the model sees them: cropped about the centre to its aspect ratio, then resized by area.
    ///
    /// # Errors
    /// A photo is smaller than the model's frames or empty.
    pub fn fitted(&self, manifest: &Manifest) -> Result<Self, OnnxError> {
        let size = (manifest.width, manifest.height);
        let fit = |view: View| {
            let photo = self.view(view);
            let (width, height) = photo.dimensions();
            if width < size.0 || height < size.1 {
                return Err(OnnxError::SmallPhoto { view, width, height, least: size });
            }
            let pixels = CropResize::centred((width, height), size).apply_rgb(photo.as_raw(), width);
            // Of this size, since the crop makes it so.
            Ok(RgbImage::from_raw(size.0, size.1, pixels).unwrap_or_default())
        };
        Ok(Self { top: fit(View::Top)?, side: fit(View::Side)? })
    }

    /// What the encoder is given: for each generated frame its view's photo with noise of deviation `cond_aug`;
    /// `[frames, 3, height, width]`, −1 to 1 before the noise. `self` is [`Self::fitted`].
    pub(super) fn condition(&self, manifest: &Manifest, noise: &[f32]) -> Vec<f32> {
        let [top, side] = [&self.top, &self.side].map(planes);
        let [of_top, of_side] = manifest.views;
        let frames = std::iter::repeat_n(&top, of_top).chain(std::iter::repeat_n(&side, of_side));
        frames.flatten().zip(noise).map(|(value, noise)| value + manifest.cond_aug * noise).collect()
    }
}

/// The colours one after the other, −1 to 1.
fn planes(image: &RgbImage) -> Vec<f32> {
    let colour = |c: usize| image.pixels().map(move |pixel| f32::from(pixel.0[c]) / 255.0 * 2.0 - 1.0);
    (0..3).flat_map(colour).collect()
}

/// The inverse: `[3, height, width]` from −1 to 1 to an image, cut at the ends and truncated to whole levels as in the
/// authors' code.
pub(super) fn image_of(planes: &[f32], width: u32, height: u32) -> RgbImage {
    let size = (width * height) as usize;
    let level = |value: f32| (((value + 1.0) / 2.0).clamp(0.0, 1.0) * 255.0) as u8;
    let pixel = |x: u32, y: u32| {
        let at = (y * width + x) as usize;
        image::Rgb([0, 1, 2].map(|c| planes.get(c * size + at).copied().map_or(0, level)))
    };
    RgbImage::from_fn(width, height, pixel)
}
