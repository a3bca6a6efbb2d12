use super::RecordedError;
use dreamitate_clip::FRAMES_PER_VIEW;
use dreamitate_geometry::View;
use image::RgbImage;

/// Photos that differ less than this cannot tell the views apart, grey levels.
const INDISTINCT: f64 = 1.0;

/// Checks that each view's first generated frame resembles its own photo more than the other view's: swapped
/// photos would track as nonsense.
pub(super) fn check(
    generated_top: &RgbImage,
    generated_side: &RgbImage,
    top_photo: &RgbImage,
    side_photo: &RgbImage,
) -> Result<(), RecordedError> {
    if difference(top_photo, side_photo) < INDISTINCT {
        return Ok(());
    }
    let cases = [
        (View::Top, 0, generated_top, top_photo, side_photo),
        (View::Side, FRAMES_PER_VIEW, generated_side, side_photo, top_photo),
    ];
    for (view, index, generated, own_photo, other_photo) in cases {
        let (own, other) = (difference(generated, own_photo), difference(generated, other_photo));
        tracing::debug!(%view, own, other, "resemblance to the photos");
        if own > other {
            return Err(RecordedError::SwappedViews { view, generated: index, own, other });
        }
    }
    Ok(())
}

/// The mean absolute difference of two images of one size, grey levels.
fn difference(a: &RgbImage, b: &RgbImage) -> f64 {
    let sum: u64 = a.as_raw().iter().zip(b.as_raw()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / a.as_raw().len().max(1) as f64
}
