/// Blurs an RGB image `[height, width]` in place with a Gaussian; the border is repeated.
pub(crate) fn blur(image: &mut [[f32; 3]], width: usize, sigma_px: f32, scratch: &mut Vec<[f32; 3]>) {
    let radius = (2.5 * sigma_px).ceil() as usize;
    let mut kernel: Vec<f32> = (0..=radius).map(|i| (-0.5 * (i as f32 / sigma_px).powi(2)).exp()).collect();
    let sum = kernel[0] + 2.0 * kernel[1..].iter().sum::<f32>();
    kernel.iter_mut().for_each(|k| *k /= sum);
    let height = image.len() / width;
    scratch.clear();
    scratch.resize(image.len(), [0.0; 3]);
    // Columns, a whole row at a time.
    for y in 0..height {
        let out = &mut scratch[y * width..][..width];
        for (i, &weight) in kernel.iter().enumerate() {
            let above = y.saturating_sub(i) * width;
            let below = (y + i).min(height - 1) * width;
            // The middle row is taken once.
            let share = if i == 0 { 0.5 * weight } else { weight };
            for ((o, a), b) in out.iter_mut().zip(&image[above..][..width]).zip(&image[below..][..width]) {
                for c in 0..3 {
                    o[c] += share * (a[c] + b[c]);
                }
            }
        }
    }
    // Rows, in a line with a repeated border.
    let mut line = vec![[0f32; 3]; width + 2 * radius];
    for y in 0..height {
        let row = &scratch[y * width..][..width];
        line[..radius].fill(row[0]);
        line[radius..radius + width].copy_from_slice(row);
        line[radius + width..].fill(row[width - 1]);
        for (x, out) in image[y * width..][..width].iter_mut().enumerate() {
            let mut sum = line[x + radius].map(|v| v * kernel[0]);
            for (i, &weight) in kernel.iter().enumerate().skip(1) {
                let (a, b) = (line[x + radius - i], line[x + radius + i]);
                for c in 0..3 {
                    sum[c] += weight * (a[c] + b[c]);
                }
            }
            *out = sum;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_spreads_to_the_gaussian_and_keeps_its_sum() {
        let width = 21;
        let mut image = vec![[0f32; 3]; width * width];
        image[10 * width + 10] = [1000.0, 0.0, 500.0];
        blur(&mut image, width, 1.5, &mut Vec::new());
        let sum: f32 = image.iter().map(|p| p[0]).sum();
        assert!((sum - 1000.0).abs() < 0.1);
        let ratio = image[10 * width + 12][2] / image[10 * width + 10][2];
        assert!((ratio - (-0.5f32 * (2.0f32 / 1.5).powi(2)).exp()).abs() < 1e-4);
    }
}
