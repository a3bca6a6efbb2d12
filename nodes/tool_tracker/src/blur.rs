use crate::pixel::{Area, Pixel};

/// How far a Gaussian reaches, pixels.
pub(crate) fn reach_px(sigma_px: f32) -> usize {
    (2.5 * sigma_px).ceil() as usize
}

/// Blurs an area of a picture of `width` columns in place with a Gaussian; the area's border is repeated.
pub(crate) fn blur(image: &mut [Pixel], width: usize, area: Area, sigma_px: f32, scratch: &mut Vec<Pixel>) {
    let reach = reach_px(sigma_px);
    let mut kernel: Vec<f32> = (0..=reach).map(|i| (-0.5 * (i as f32 / sigma_px).powi(2)).exp()).collect();
    let sum = kernel[0] + 2.0 * kernel[1..].iter().sum::<f32>();
    kernel.iter_mut().for_each(|k| *k /= sum);
    let columns = area.x1 - area.x0;
    if columns == 0 || area.y1 == area.y0 {
        return;
    }
    // Down the columns into the scratch, a whole row at a time, each row with a repeated border…
    let stride = columns + 2 * reach;
    scratch.clear();
    scratch.resize(stride * (area.y1 - area.y0), [0.0; 4]);
    for (y, row) in (area.y0..area.y1).zip(scratch.chunks_exact_mut(stride)) {
        let out = &mut row[reach..reach + columns];
        let line = |y: usize| &image[y * width + area.x0..y * width + area.x1];
        for (out, value) in out.iter_mut().zip(line(y)) {
            *out = value.map(|v| v * kernel[0]);
        }
        for (i, &weight) in kernel.iter().enumerate().skip(1) {
            let (above, below) = (line(y.saturating_sub(i).max(area.y0)), line((y + i).min(area.y1 - 1)));
            for ((out, a), b) in out.iter_mut().zip(above).zip(below) {
                *out = std::array::from_fn(|c| out[c] + weight * (a[c] + b[c]));
            }
        }
        let (first, last) = (row[reach], row[reach + columns - 1]);
        row[..reach].fill(first);
        row[reach + columns..].fill(last);
    }
    // … and along the rows back.
    for (y, row) in (area.y0..area.y1).zip(scratch.chunks_exact(stride)) {
        let out = &mut image[y * width + area.x0..y * width + area.x1];
        for (out, value) in out.iter_mut().zip(&row[reach..]) {
            *out = value.map(|v| v * kernel[0]);
        }
        for (i, &weight) in kernel.iter().enumerate().skip(1) {
            for ((out, a), b) in out.iter_mut().zip(&row[reach - i..]).zip(&row[reach + i..]) {
                *out = std::array::from_fn(|c| out[c] + weight * (a[c] + b[c]));
            }
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
        let all = Area { x0: 0, y0: 0, x1: width, y1: width };
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
