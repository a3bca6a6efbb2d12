use crate::look::Look;
use image::RgbImage;

/// Returns which pixels show hands and what came with them, row by row, opened and dilated.
pub(crate) fn hand_mask(image: &RgbImage, photo: &[[u8; 4]], look: &Look) -> Vec<bool> {
    let (w, h) = (image.width() as usize, image.height() as usize);
    let raw: Vec<bool> = image
        .pixels()
        .zip(photo)
        .map(|(pixel, before)| {
            let [r, g, b] = pixel.0.map(f32::from);
            !Look::is_photo(pixel.0, *before) && look.covers([r, g, b, 0.0], before.map(f32::from))
        })
        .collect();
    let opened = dilate(&erode(&raw, w, h, 1), w, h, 1);
    dilate(&opened, w, h, 2)
}

fn erode(mask: &[bool], w: usize, h: usize, radius: usize) -> Vec<bool> {
    let inverse: Vec<bool> = mask.iter().map(|m| !m).collect();
    dilate(&inverse, w, h, radius).into_iter().map(|m| !m).collect()
}

/// Dilates by a square of `2·radius + 1` pixels.
fn dilate(mask: &[bool], w: usize, h: usize, radius: usize) -> Vec<bool> {
    let mut wide = mask.to_vec();
    for (row, out) in mask.chunks_exact(w).zip(wide.chunks_exact_mut(w)) {
        for shift in 1..=radius.min(w) {
            out[shift..].iter_mut().zip(row).for_each(|(out, near)| *out |= near);
            out.iter_mut().zip(&row[shift..]).for_each(|(out, near)| *out |= near);
        }
    }
    let mut tall = wide.clone();
    for shift in 1..=radius.min(h) {
        tall[shift * w..].iter_mut().zip(&wide).for_each(|(out, near)| *out |= near);
        tall.iter_mut().zip(&wide[shift * w..]).for_each(|(out, near)| *out |= near);
    }
    tall
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_of_skin_is_found_and_a_speck_is_not() {
        let mut image = RgbImage::from_pixel(40, 40, image::Rgb([20, 25, 30]));
        for y in 10..20 {
            for x in 10..20 {
                image.put_pixel(x, y, image::Rgb([200, 150, 130]));
            }
        }
        image.put_pixel(30, 30, image::Rgb([200, 150, 130]));
        let mask = hand_mask(&image, &[[20, 25, 30, 0]; 1600], &Look::plain(&[]));
        assert!(mask[15 * 40 + 15]);
        assert!(!mask[30 * 40 + 30]);
        assert!(!mask[5 * 40 + 30]);
    }
}
