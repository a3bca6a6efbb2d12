use crate::look::{Cover, Look};
use image::RgbImage;

/// Returns which pixels show hands and what came with them, and which show these or shades that may be them, row by row,
/// each opened and dilated.
pub(crate) fn hand_masks(image: &RgbImage, photo: &[[u8; 4]], look: &Look) -> [Vec<bool>; 2] {
    let (w, h) = (image.width() as usize, image.height() as usize);
    let pixels = image.as_raw().as_chunks().0.iter().zip(photo);
    let covers: Vec<Cover> = pixels.map(|(pixel, before)| look.covers(*pixel, *before)).collect();
    let hands = opened(covers.iter().map(|cover| *cover == Cover::Hand).collect(), w, h);
    let shades = match covers.contains(&Cover::Shade) {
        true => opened(covers.iter().map(|cover| *cover != Cover::Nothing).collect(), w, h),
        false => hands.clone(),
    };
    [hands, shades]
}

/// Eroded by one pixel and dilated by as much, so that specks go, and dilated by two more.
fn opened(mut mask: Vec<bool>, w: usize, h: usize) -> Vec<bool> {
    let mut scratch = Vec::new();
    mask.iter_mut().for_each(|hand| *hand = !*hand);
    dilate(&mut mask, w, h, 1, &mut scratch);
    mask.iter_mut().for_each(|hand| *hand = !*hand);
    dilate(&mut mask, w, h, 3, &mut scratch);
    mask
}

/// Dilates by a square of `2·radius + 1` pixels.
fn dilate(mask: &mut [bool], w: usize, h: usize, radius: usize, scratch: &mut Vec<bool>) {
    scratch.clear();
    scratch.extend_from_slice(mask);
    for (row, out) in scratch.chunks_exact(w).zip(mask.chunks_exact_mut(w)) {
        for shift in 1..=radius.min(w) {
            out[shift..].iter_mut().zip(row).for_each(|(out, near)| *out |= near);
            out.iter_mut().zip(&row[shift..]).for_each(|(out, near)| *out |= near);
        }
    }
    scratch.copy_from_slice(mask);
    for shift in 1..=radius.min(h) {
        mask[shift * w..].iter_mut().zip(&*scratch).for_each(|(out, near)| *out |= near);
        mask.iter_mut().zip(&scratch[shift * w..]).for_each(|(out, near)| *out |= near);
    }
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
        let [mask, _] = hand_masks(&image, &[[20, 25, 30, 0]; 1600], &Look::plain(&[]));
        assert!(mask[15 * 40 + 15]);
        assert!(!mask[30 * 40 + 30]);
        assert!(!mask[5 * 40 + 30]);
    }
}
