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

/// By how much a pixel changed against the photo, squared levels; a shadow is no change.
#[inline(always)]
pub(crate) fn change_squared(seen: Pixel, photo: Pixel) -> f32 {
    let light = (dot(seen, photo) / norm_squared(photo).max(1.0)).clamp(DEEPEST_SHADOW, 1.0);
    norm_squared(difference(seen, photo.map(|level| light * level)))
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
