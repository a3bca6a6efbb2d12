use crate::{
    blur::blur,
    hand::{Masks, hand_masks},
    look::Look,
    pixel::{Area, Pixel},
    refine::{COARSE, FINE, MIDDLE, Stage},
};
use dreamitate_geometry::PinholeCamera;
use dreamitate_render::Window;
use image::RgbImage;

/// One size of a picture.
#[derive(Clone, Debug)]
pub(crate) struct Level {
    pub width: usize,
    pub height: usize,
    /// RGB and a fourth that is 0, `[height, width]`.
    pub rgb: Vec<[u8; 4]>,
    /// Which pixels show hands (at least half of the pixels that they stand for).
    pub masks: Masks,
}

/// A picture at full, half and quarter size.
#[derive(Clone, Debug)]
pub(crate) struct Levels([Level; 3]);

/// The photo, and blurred as the stages of the descent want it.
#[derive(Clone, Debug)]
pub(crate) struct Photo {
    pub levels: Levels,
    blurred: Vec<(Scale, f32, Vec<Pixel>)>,
}

impl Photo {
    pub fn of(image: &RgbImage) -> Self {
        let nothing = vec![false; (image.width() * image.height()) as usize];
        let masks = Masks { hands: nothing.clone(), shades: nothing, gloves: Vec::new() };
        let levels = Levels::with_hands(colours(image), image.width() as usize, masks);
        let blurred = [COARSE, MIDDLE, FINE[0], FINE[1]]
            .map(|Stage { scale, sigma_px, .. }| (scale, sigma_px, levels.at(scale).blurred(sigma_px)));
        Self { levels, blurred: blurred.into() }
    }

    /// The photo blurred as a stage wants it, or as the one most like it does.
    pub fn blurred(&self, stage: &Stage) -> &[Pixel] {
        let unlike = |(scale, sigma_px, _): &&(Scale, f32, Vec<Pixel>)| {
            (*scale != stage.scale, (sigma_px - stage.sigma_px).abs().to_bits())
        };
        self.blurred.iter().min_by_key(unlike).map_or(&[], |(.., picture)| picture)
    }
}

/// How much smaller a level is than the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scale {
    Full,
    Half,
    Quarter,
}

impl Scale {
    pub fn factor(self) -> u32 {
        match self {
            Scale::Full => 1,
            Scale::Half => 2,
            Scale::Quarter => 4,
        }
    }

    pub fn camera(self, camera: &PinholeCamera) -> PinholeCamera {
        camera.reduced(self.factor())
    }
}

impl Levels {
    /// The levels of a frame after a photo of the same size, and what it shows of hands: nothing that has the tools' colours.
    pub fn of(image: &RgbImage, photo: &Photo, look: &Look) -> Self {
        let before = photo.levels.at(Scale::Full);
        let rgb = colours(image);
        let masks = hand_masks(&rgb, &before.rgb, before.width, look);
        Self::with_hands(rgb, before.width, masks)
    }

    fn with_hands(rgb: Vec<[u8; 4]>, width: usize, masks: Masks) -> Self {
        let full = Level { width, height: rgb.len() / width, rgb, masks };
        let half = full.halved();
        let quarter = half.halved();
        Self([full, half, quarter])
    }

    pub fn at(&self, scale: Scale) -> &Level {
        let [full, half, quarter] = &self.0;
        match scale {
            Scale::Full => full,
            Scale::Half => half,
            Scale::Quarter => quarter,
        }
    }
}

/// A picture's pixels, each with a fourth value that is 0.
fn colours(image: &RgbImage) -> Vec<[u8; 4]> {
    image.as_raw().as_chunks().0.iter().map(|&[r, g, b]| [r, g, b, 0]).collect()
}

impl Level {
    fn halved(&self) -> Level {
        let (width, height) = (self.width / 2, self.height / 2);
        let mut rgb = Vec::with_capacity(width * height);
        for colours in self.rgb.chunks_exact(2 * self.width) {
            let (upper, lower) = colours.split_at(self.width);
            let squares = upper.as_chunks().0.iter().zip(lower.as_chunks().0);
            rgb.extend(squares.map(|(&[a, b], &[c, d])| {
                let sum =
                    |i: usize| [a, b, c, d].map(|pixel: [u8; 4]| u16::from(pixel[i])).iter().sum::<u16>();
                std::array::from_fn(|i| ((sum(i) + 2) / 4) as u8)
            }));
        }
        let halved = |mask: &[bool]| halved_mask(mask, self.width);
        let Masks { hands, shades, gloves } = &self.masks;
        let masks = Masks { hands: halved(hands), shades: halved(shades), gloves: halved(gloves) };
        Level { width, height, rgb, masks }
    }

    fn blurred(&self, sigma_px: f32) -> Vec<Pixel> {
        let mut picture: Vec<Pixel> = self.rgb.iter().map(|pixel| pixel.map(f32::from)).collect();
        blur(&mut picture, self.width, Area::whole(self.width, self.height), sigma_px, &mut Vec::new());
        picture
    }

    /// The index of a pixel, or `None` outside.
    #[inline]
    pub fn index(&self, x: i32, y: i32) -> Option<usize> {
        (x >= 0 && y >= 0 && (x as usize) < self.width && (y as usize) < self.height)
            .then(|| y as usize * self.width + x as usize)
    }

    /// The colour of a pixel.
    #[inline]
    pub fn colour(&self, index: usize) -> Pixel {
        self.rgb[index].map(f32::from)
    }

    /// Copies a window's colours; pixels outside the image repeat its border.
    pub fn crop_rgb(&self, window: Window, out: &mut Vec<[u8; 4]>) {
        crop(&self.rgb, self.width, window, out, |pixel| pixel);
    }

    /// Copies which of a window's pixels count: inside the image and not set in `mask`, one of this level's. An empty one
    /// masks nothing.
    pub fn crop_valid(&self, window: Window, mask: &[bool], out: &mut Vec<bool>) {
        out.clear();
        out.resize(window.width * window.height, false);
        let (left, inside, _) = columns(self.width, window);
        for (y, row) in (window.y_px..).zip(out.chunks_exact_mut(window.width)) {
            if let Some(first) = self.index(0, y) {
                let row = &mut row[left..left + inside.len()];
                match mask.get(first + inside.start..first + inside.end) {
                    Some(mask) => row.iter_mut().zip(mask).for_each(|(valid, masked)| *valid = !masked),
                    None => row.fill(true),
                }
            }
        }
    }
}

/// Copies a window of a picture of `width` columns; pixels outside repeat its border.
pub(crate) fn crop<T: Copy, P: Clone>(
    picture: &[T],
    width: usize,
    window: Window,
    out: &mut Vec<P>,
    pixel: impl Fn(T) -> P,
) {
    out.clear();
    out.reserve(window.width * window.height);
    let (left, inside, right) = columns(width, window);
    let last_row = (picture.len() / width) as i32 - 1;
    for y in window.y_px..window.y_px + window.height as i32 {
        let row = &picture[y.clamp(0, last_row) as usize * width..][..width];
        out.extend(std::iter::repeat_n(pixel(row[0]), left));
        out.extend(row[inside.clone()].iter().map(|value| pixel(*value)));
        out.extend(std::iter::repeat_n(pixel(row[width - 1]), right));
    }
}

/// How many columns of a window lie left of an image of `width` columns, which of its columns the window shows, and how many
/// lie right of it.
fn columns(width: usize, window: Window) -> (usize, std::ops::Range<usize>, usize) {
    let (width, end) = (width as i32, window.x_px + window.width as i32);
    let inside = window.x_px.clamp(0, width)..end.clamp(0, width);
    let left = (-window.x_px).clamp(0, window.width as i32) as usize;
    let shown = inside.start as usize..inside.end as usize;
    (left, shown.clone(), window.width - left - shown.len())
}

/// A mask of `width` columns at half the size: set where at least half of the pixels are.
fn halved_mask(mask: &[bool], width: usize) -> Vec<bool> {
    let mut half = Vec::with_capacity(mask.len() / 4);
    for rows in mask.chunks_exact(2 * width) {
        let (upper, lower) = rows.split_at(width);
        let squares = upper.as_chunks().0.iter().zip(lower.as_chunks().0);
        half.extend(squares.map(|(&[a, b], &[c, d])| [a, b, c, d].map(u8::from).iter().sum::<u8>() >= 2));
    }
    half
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_the_size_has_the_same_colours_the_brightest_too() {
        for level in [0, 1, 128, 254, 255] {
            let levels = Photo::of(&RgbImage::from_pixel(9, 6, image::Rgb([level, 255 - level, 7]))).levels;
            for (scale, size) in [(Scale::Half, (4, 3)), (Scale::Quarter, (2, 1))] {
                let smaller = levels.at(scale);
                assert_eq!((smaller.width, smaller.height), size);
                assert_eq!(smaller.rgb, vec![[level, 255 - level, 7, 0]; size.0 * size.1]);
            }
        }
    }

    #[test]
    fn a_window_beyond_the_image_repeats_its_border_and_does_not_count_there() {
        let image = RgbImage::from_fn(4, 3, |x, y| image::Rgb([10 * x as u8, 10 * y as u8, 200]));
        let levels = Photo::of(&image).levels;
        let level = levels.at(Scale::Full);
        let (mut colours, mut valid) = (Vec::new(), Vec::new());
        for (x_px, y_px) in [(-2, -1), (2, 1), (-9, 0), (9, 0), (0, 7)] {
            let window = Window { x_px, y_px, width: 5, height: 4 };
            level.crop_rgb(window, &mut colours);
            level.crop_valid(window, &level.masks.hands, &mut valid);
            for (at, (colour, valid)) in colours.iter().zip(&valid).enumerate() {
                let (x, y) = (x_px + at as i32 % 5, y_px + at as i32 / 5);
                assert_eq!(*valid, (0..4).contains(&x) && (0..3).contains(&y), "{x} {y}");
                assert_eq!(*colour, [10 * x.clamp(0, 3) as u8, 10 * y.clamp(0, 2) as u8, 200, 0]);
            }
        }
    }
}
