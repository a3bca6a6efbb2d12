use crate::pixel::{Area, Pixel};
use pulp::Arch;

/// How far a Gaussian reaches, pixels.
pub(crate) fn reach_px(sigma_px: f32) -> usize {
    (2.5 * sigma_px).ceil() as usize
}

/// Blurs an area of a picture of `width` columns in place with a Gaussian; the area's border is repeated.
pub(crate) fn blur(image: &mut [Pixel], width: usize, area: Area, sigma_px: f32, scratch: &mut Vec<Pixel>) {
    struct Job<'a>(&'a mut [Pixel], usize, Area, f32, &'a mut Vec<Pixel>);
    impl pulp::NullaryFnOnce for Job<'_> {
        type Output = ();
        #[inline(always)]
        fn call(self) {
            let Job(image, width, area, sigma_px, scratch) = self;
            match reach_px(sigma_px) {
                0 => {}
                1 => blur_within::<1>(image, width, area, sigma_px, scratch),
                2 => blur_within::<2>(image, width, area, sigma_px, scratch),
                3 => blur_within::<3>(image, width, area, sigma_px, scratch),
                _ => blur_within::<4>(image, width, area, sigma_px, scratch),
            }
        }
    }
    Arch::new().dispatch(Job(image, width, area, sigma_px, scratch));
}

/// The same with a reach that the compiler knows, so that a pixel's sum stays in a register.
#[inline(always)]
fn blur_within<const REACH: usize>(
    image: &mut [Pixel],
    width: usize,
    area: Area,
    sigma_px: f32,
    scratch: &mut Vec<Pixel>,
) {
    let mut beside: [f32; REACH] =
        std::array::from_fn(|i| (-0.5 * ((i + 1) as f32 / sigma_px).powi(2)).exp());
    let middle = 1.0 / (1.0 + 2.0 * beside.iter().sum::<f32>());
    beside.iter_mut().for_each(|k| *k *= middle);
    let columns = area.x1 - area.x0;
    if columns == 0 || area.y1 == area.y0 {
        return;
    }
    let sum = |centre: &Pixel, pairs: [(&Pixel, &Pixel); REACH]| -> Pixel {
        let mut sum = centre.map(|v| v * middle);
        for (weight, (a, b)) in beside.iter().zip(pairs) {
            sum = std::array::from_fn(|c| sum[c] + weight * (a[c] + b[c]));
        }
        sum
    };
    // Down the columns into the scratch, each row with a repeated border…
    let stride = columns + 2 * REACH;
    scratch.resize(stride * (area.y1 - area.y0), [0.0; 4]);
    for (y, row) in (area.y0..area.y1).zip(scratch.chunks_exact_mut(stride)) {
        let line = |y: usize| &image[y * width + area.x0..][..columns];
        let centre = line(y);
        let above: [&[Pixel]; REACH] = std::array::from_fn(|i| line(y.saturating_sub(i + 1).max(area.y0)));
        let below: [&[Pixel]; REACH] = std::array::from_fn(|i| line((y + i + 1).min(area.y1 - 1)));
        let out = &mut row[REACH..][..columns];
        for x in 0..columns {
            out[x] = sum(&centre[x], std::array::from_fn(|i| (&above[i][x], &below[i][x])));
        }
        let (first, last) = (out[0], out[columns - 1]);
        row[..REACH].fill(first);
        row[REACH + columns..].fill(last);
    }
    // … and along the rows back.
    for (y, row) in (area.y0..area.y1).zip(scratch.chunks_exact(stride)) {
        let out = &mut image[y * width + area.x0..][..columns];
        let left: [&[Pixel]; REACH] = std::array::from_fn(|i| &row[REACH - 1 - i..][..columns]);
        let right: [&[Pixel]; REACH] = std::array::from_fn(|i| &row[REACH + 1 + i..][..columns]);
        let centre = &row[REACH..][..columns];
        for x in 0..columns {
            out[x] = sum(&centre[x], std::array::from_fn(|i| (&left[i][x], &right[i][x])));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_spreads_to_the_gaussian_and_keeps_its_sum() {
        let width = 21;
        let mut image = vec![[0f32; 4]; width * width];
        image[10 * width + 10] = [1000.0, 0.0, 500.0, 0.0];
        let all = Area::whole(width, width);
        blur(&mut image, width, all, 1.5, &mut Vec::new());
        let sum: f32 = image.iter().map(|p| p[0]).sum();
        assert!((sum - 1000.0).abs() < 0.1);
        let ratio = image[10 * width + 12][2] / image[10 * width + 10][2];
        assert!((ratio - (-0.5f32 * (2.0f32 / 1.5).powi(2)).exp()).abs() < 1e-4);
    }

    #[test]
    fn nothing_outside_the_area_changes_or_counts() {
        let width = 9;
        let mut image = vec![[7f32; 4]; width * width];
        image[0] = [1000.0; 4];
        let area = Area { x0: 1, y0: 1, x1: 8, y1: 6 };
        blur(&mut image, width, area, 1.5, &mut Vec::new());
        assert_eq!(image[0], [1000.0; 4]);
        assert!(image[1..].iter().flatten().all(|v| (v - 7.0).abs() < 1e-4));
    }
}
