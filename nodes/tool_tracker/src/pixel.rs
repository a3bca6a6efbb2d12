/// A colour, RGB 0 to 255 and a fourth that is 0: four floats fill a vector register of every x86-64, so that
/// the loops over pictures become vector code without any being asked for. The hottest ones are compiled for wider registers
/// as well and chosen at run time ([`pulp`]); what they call must be inlined for that. Nothing is added in another order, so
/// that all processors find the same poses.
pub(crate) type Pixel = [f32; 4];

/// The Euclidean distance of two colours.
#[inline(always)]
pub(crate) fn distance(a: Pixel, b: Pixel) -> f32 {
    norm_squared(difference(a, b)).sqrt()
}

#[inline(always)]
pub(crate) fn difference(a: Pixel, b: Pixel) -> Pixel {
    std::array::from_fn(|c| a[c] - b[c])
}

#[inline(always)]
pub(crate) fn norm_squared(a: Pixel) -> f32 {
    dot(a, a)
}

#[inline(always)]
pub(crate) fn dot(a: Pixel, b: Pixel) -> f32 {
    let product: Pixel = std::array::from_fn(|c| a[c] * b[c]);
    (product[0] + product[2]) + (product[1] + product[3])
}

/// Half of the difference of two colours: the slope between neighbours on both sides.
#[inline(always)]
pub(crate) fn half_difference(a: Pixel, b: Pixel) -> Pixel {
    difference(a, b).map(|v| 0.5 * v)
}

/// The colour between the pixel `at` of a picture of `width` columns and those right of it and below, where it is so far to the
/// right and down of it, 0 to 1.
#[inline(always)]
pub(crate) fn between(image: &[Pixel], width: usize, at: usize, [right, below]: [f32; 2]) -> Pixel {
    let corners = [image[at], image[at + 1], image[at + width], image[at + width + 1]];
    let shares = [(1.0 - right) * (1.0 - below), right * (1.0 - below), (1.0 - right) * below, right * below];
    std::array::from_fn(|c| {
        (shares[0] * corners[0][c] + shares[1] * corners[1][c])
            + (shares[2] * corners[2][c] + shares[3] * corners[3][c])
    })
}

/// By how much a pixel changed against the photo, squared levels; a shadow is no change.
#[inline(always)]
pub(crate) fn change_squared(seen: Pixel, photo: Pixel) -> f32 {
    let light = (dot(seen, photo) / norm_squared(photo).max(1.0)).clamp(DEEPEST_SHADOW, 1.0);
    norm_squared(difference(seen, photo.map(|level| light * level)))
}

/// Which of the equal cubes that colours are divided into, `BINS` along each channel, holds a colour.
#[inline]
pub(crate) fn bin<const BINS: usize>([r, g, b, _]: [u8; 4]) -> usize {
    let [r, g, b] = [r, g, b].map(|level| usize::from(level) * BINS / 256);
    (r * BINS + g) * BINS + b
}

/// The darkest shadow leaves this part of the light.
const DEEPEST_SHADOW: f32 = 0.6;

/// A rectangle of a window's pixels: first column and row, and those after the last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Area {
    pub x0: usize,
    pub y0: usize,
    pub x1: usize,
    pub y1: usize,
}

impl Area {
    /// All of a picture.
    pub fn whole(width: usize, height: usize) -> Self {
        Self { x0: 0, y0: 0, x1: width, y1: height }
    }

    /// The rectangle `by` pixels wider on all sides, within `width × height`.
    pub fn grown(self, by: usize, width: usize, height: usize) -> Self {
        Self {
            x0: self.x0.saturating_sub(by),
            y0: self.y0.saturating_sub(by),
            x1: (self.x1 + by).min(width),
            y1: (self.y1 + by).min(height),
        }
    }

    /// Each row's indices into a picture of `width` columns.
    pub fn rows(self, width: usize) -> impl DoubleEndedIterator<Item = std::ops::Range<usize>> {
        (self.y0..self.y1).map(move |y| y * width + self.x0..y * width + self.x1)
    }
}
