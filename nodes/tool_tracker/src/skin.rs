use crate::pixel::{Pixel, change_squared, distance};
use image::RgbImage;

/// A pixel that differs from the photo by less is the table's, whatever its colour, levels.
const CHANGED: f32 = 25.0;
/// A pixel that is as near to one of the tool's colours is the tool's, levels.
const OF_TOOL: f32 = 30.0;

/// Returns which pixels show skin, row by row: a box of chrominance, opened and dilated, where the picture changed
/// against the photo and does not have the tools' colours.
///
/// Bounds in YCbCr (BT.601): Y > 35, 137 < Cr < 185, 85 < Cb < 130. They hold light and dark skin; gloves are not
/// found here.
pub(crate) fn skin_mask(image: &RgbImage, photo: &[[u8; 4]], palette: &[Pixel]) -> Vec<bool> {
    let (w, h) = (image.width() as usize, image.height() as usize);
    let raw: Vec<bool> = image
        .pixels()
        .zip(photo)
        .map(|(pixel, before)| {
            let [r, g, b] = pixel.0.map(f32::from);
            let y = 0.299 * r + 0.587 * g + 0.114 * b;
            let cr = 128.0 + 0.713 * (r - y);
            let cb = 128.0 + 0.564 * (b - y);
            let skin = y > 35.0 && cr > 137.0 && cr < 185.0 && cb > 85.0 && cb < 130.0;
            let seen = [r, g, b, 0.0];
            skin && change_squared(seen, before.map(f32::from)) > CHANGED * CHANGED
                && palette.iter().all(|colour| distance(*colour, seen) > OF_TOOL)
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
        let mask = skin_mask(&image, &[[20, 25, 30, 0]; 1600], &[]);
        assert!(mask[15 * 40 + 15]);
        assert!(!mask[30 * 40 + 30]);
        assert!(!mask[5 * 40 + 30]);
    }

    #[test]
    fn neither_a_table_of_skins_colour_nor_a_tool_of_it_is_skin() {
        let image = RgbImage::from_pixel(9, 9, image::Rgb([200, 150, 130]));
        let (same, black) = ([[200, 150, 130, 0]; 81], [[0; 4]; 81]);
        assert!(skin_mask(&image, &black, &[]).contains(&true));
        assert!(!skin_mask(&image, &same, &[]).contains(&true));
        assert!(!skin_mask(&image, &black, &[[190.0, 160.0, 130.0, 0.0]]).contains(&true));
    }

    #[test]
    fn skin_of_all_tones_is_found_and_the_tracking_boxs_colours_are_not() {
        let found =
            |colour| skin_mask(&RgbImage::from_pixel(9, 9, image::Rgb(colour)), &[[0; 4]; 81], &[])[40];
        for skin in [[222, 184, 168], [198, 150, 122], [150, 104, 78], [92, 62, 48]] {
            assert!(found(skin), "{skin:?}");
        }
        for colour in [[10, 105, 196], [245, 246, 248], [53, 48, 60], [160, 157, 170]] {
            assert!(!found(colour), "{colour:?}");
        }
    }
}
