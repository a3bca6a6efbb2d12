use crate::look::{Cover, Look};
use image::RgbImage;

/// How far a hand's mask is eroded, so that specks go, and a glove's, so that print in its colour goes, pixels.
const SPECK_PX: usize = 1;
const PRINT_PX: usize = 3;
/// How much farther a mask reaches than what it covers, pixels.
const MARGIN_PX: usize = 2;

/// Which pixels show what may be before a tool, row by row, each opened and dilated.
#[derive(Clone, Debug)]
pub(crate) struct Masks {
    /// Hands and what came with them.
    pub hands: Vec<bool>,
    /// These, and shades of their colour.
    pub shades: Vec<bool>,
    /// Gloves that have a colour of the tools; empty if there are none.
    pub gloves: Vec<bool>,
}

/// Returns what a frame after a photo shows before the tools.
pub(crate) fn hand_masks(image: &RgbImage, photo: &[[u8; 4]], look: &Look) -> Masks {
    let size = [image.width(), image.height()].map(|length| length as usize);
    let pixels = image.as_raw().as_chunks().0.iter().zip(photo);
    let covers: Vec<Cover> = pixels.map(|(pixel, before)| look.covers(*pixel, *before)).collect();
    let hands = opened(&covers, size, SPECK_PX, |cover| cover == Cover::Hand);
    let shades = match covers.contains(&Cover::Shade) {
        true => opened(&covers, size, SPECK_PX, |cover| matches!(cover, Cover::Hand | Cover::Shade)),
        false => hands.clone(),
    };
    let gloves = match covers.contains(&Cover::Glove) {
        true => opened(&covers, size, PRINT_PX, |cover| cover == Cover::Glove),
        false => Vec::new(),
    };
    Masks { hands, shades, gloves }
}

/// The pixels that are `meant`, eroded by `radius` pixels and dilated by as much, so that what is thinner goes, and dilated by
/// the margin.
fn opened(covers: &[Cover], [w, h]: [usize; 2], radius: usize, meant: impl Fn(Cover) -> bool) -> Vec<bool> {
    let mut scratch = Vec::new();
    let mut mask: Vec<bool> = covers.iter().map(|cover| !meant(*cover)).collect();
    dilate(&mut mask, w, h, radius, &mut scratch);
    mask.iter_mut().for_each(|hand| *hand = !*hand);
    dilate(&mut mask, w, h, radius + MARGIN_PX, &mut scratch);
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
        let mask = hand_masks(&image, &[[20, 25, 30, 0]; 1600], &Look::plain(&[])).hands;
        assert!(mask[15 * 40 + 15]);
        assert!(!mask[30 * 40 + 30]);
        assert!(!mask[5 * 40 + 30]);
    }
}
