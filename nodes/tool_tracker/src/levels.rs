use crate::{pixel::Pixel, skin::skin_mask};
use dreamitate_geometry::PinholeCamera;
use dreamitate_render::Window;
use image::RgbImage;

/// One size of a picture.
#[derive(Clone, Debug)]
pub(crate) struct Level {
    pub width: usize,
    pub height: usize,
    /// RGB, `[height, width, 3]`.
    pub rgb: Vec<u8>,
    /// Pixels that show skin (at least half of the pixels that they stand for).
    pub skin: Vec<bool>,
}

/// A picture at full, half and quarter size.
#[derive(Clone, Debug)]
pub(crate) struct Levels([Level; 3]);

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
    pub fn of(image: &RgbImage) -> Self {
        let full = Level {
            width: image.width() as usize,
            height: image.height() as usize,
            rgb: image.as_raw().clone(),
            skin: skin_mask(image),
        };
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

impl Level {
    fn halved(&self) -> Level {
        let (width, height) = (self.width / 2, self.height / 2);
        let mut rgb = Vec::with_capacity(width * height * 3);
        let mut skin = Vec::with_capacity(width * height);
        for y in 0..height {
            for x in 0..width {
                let corners =
                    [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(dx, dy)| (2 * y + dy) * self.width + 2 * x + dx);
                for c in 0..3 {
                    let sum: u32 = corners.iter().map(|i| u32::from(self.rgb[i * 3 + c])).sum();
                    rgb.push(((sum + 2) / 4) as u8);
                }
                skin.push(corners.iter().filter(|i| self.skin[**i]).count() >= 2);
            }
        }
        Level { width, height, rgb, skin }
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
        let at = index * 3;
        [f32::from(self.rgb[at]), f32::from(self.rgb[at + 1]), f32::from(self.rgb[at + 2]), 0.0]
    }

    /// Copies a window's colours; pixels outside the image repeat its border.
    pub fn crop_rgb(&self, window: Window, out: &mut Vec<Pixel>) {
        out.clear();
        out.reserve(window.width * window.height);
        for row in 0..window.height as i32 {
            let y = (window.y_px + row).clamp(0, self.height as i32 - 1) as usize;
            let column = |x: i32| self.colour(y * self.width + x.clamp(0, self.width as i32 - 1) as usize);
            out.extend((window.x_px..window.x_px + window.width as i32).map(column));
        }
    }

    /// Copies which of a window's pixels count: inside the image and not skin.
    pub fn crop_valid(&self, window: Window, out: &mut Vec<bool>) {
        out.clear();
        out.reserve(window.width * window.height);
        for row in 0..window.height as i32 {
            let counts = |x: i32| self.index(x, window.y_px + row).is_some_and(|i| !self.skin[i]);
            out.extend((window.x_px..window.x_px + window.width as i32).map(counts));
        }
    }
}
