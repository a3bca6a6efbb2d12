use crate::PinholeCamera;

/// A centre crop to an aspect ratio followed by a resize, and what it does to the intrinsics.
///
/// The crop is the one of the authors' inference: a picture too wide loses columns
/// (`width = ⌊H·w/h⌋`, offset half of the rest), a picture too tall loses rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CropResize {
    /// Left edge of the crop, px.
    pub x_px: u32,
    /// Upper edge of the crop, px.
    pub y_px: u32,
    /// Width of the crop, px.
    pub crop_width: u32,
    /// Height of the crop, px.
    pub crop_height: u32,
    /// Width of the result, px.
    pub width: u32,
    /// Height of the result, px.
    pub height: u32,
}

impl CropResize {
    /// Returns the crop and resize that takes an image of size `from` to size `to` (width, height).
    pub fn centred(from: (u32, u32), to: (u32, u32)) -> Self {
        let (from_w, from_h, to_w, to_h) =
            (u64::from(from.0), u64::from(from.1), u64::from(to.0), u64::from(to.1));
        let (crop_width, crop_height) = if from_w * to_h > from_h * to_w {
            ((from_h * to_w / to_h.max(1)) as u32, from.1)
        } else {
            (from.0, (from_w * to_h / to_w.max(1)) as u32)
        };
        Self {
            x_px: (from.0 - crop_width) / 2,
            y_px: (from.1 - crop_height) / 2,
            crop_width,
            crop_height,
            width: to.0,
            height: to.1,
        }
    }

    /// Returns the camera of the cropped and resized image.
    pub fn camera(&self, camera: &PinholeCamera) -> PinholeCamera {
        let (sx, sy) = (
            f64::from(self.width) / f64::from(self.crop_width),
            f64::from(self.height) / f64::from(self.crop_height),
        );
        PinholeCamera {
            fx_px: camera.fx_px * sx,
            fy_px: camera.fy_px * sy,
            cx_px: (camera.cx_px + 0.5 - f64::from(self.x_px)) * sx - 0.5,
            cy_px: (camera.cy_px + 0.5 - f64::from(self.y_px)) * sy - 0.5,
            width: self.width,
            height: self.height,
        }
    }

    /// Applies the crop and an area-averaging resize to 8-bit RGB pixels `[H, W, 3]` of the size given to
    /// [`Self::centred`]. Rounds half up; within one level of OpenCV's `INTER_AREA`.
    pub fn apply_rgb(&self, pixels: &[u8], image_width: u32) -> Vec<u8> {
        let columns = area_weights(self.crop_width, self.width);
        let rows = area_weights(self.crop_height, self.height);
        let stride = image_width as usize * 3;
        let (out_w, out_h) = (self.width as usize, self.height as usize);
        // Columns first, one source row at a time; then rows.
        let mut narrow = vec![0f32; self.crop_height as usize * out_w * 3];
        for (y, out_row) in narrow.chunks_exact_mut(out_w * 3).enumerate() {
            let start = (y + self.y_px as usize) * stride + self.x_px as usize * 3;
            let row = &pixels[start..start + self.crop_width as usize * 3];
            for (out, spans) in out_row.chunks_exact_mut(3).zip(&columns) {
                for &(x, weight) in spans {
                    for c in 0..3 {
                        out[c] += weight * f32::from(row[x * 3 + c]);
                    }
                }
            }
        }
        let mut result = vec![0u8; out_w * out_h * 3];
        let mut sum = vec![0f32; out_w * 3];
        for (out_row, spans) in result.chunks_exact_mut(out_w * 3).zip(&rows) {
            sum.fill(0.0);
            for &(y, weight) in spans {
                for (s, v) in sum.iter_mut().zip(&narrow[y * out_w * 3..]) {
                    *s += weight * v;
                }
            }
            for (out, s) in out_row.iter_mut().zip(&sum) {
                *out = (s + 0.5).clamp(0.0, 255.0) as u8;
            }
        }
        result
    }
}

/// For each target pixel the source pixels under it with their share of its area; the shares sum to 1.
fn area_weights(from: u32, to: u32) -> Vec<Vec<(usize, f32)>> {
    let scale = f64::from(from) / f64::from(to);
    (0..to)
        .map(|i| {
            let (start, end) = (f64::from(i) * scale, f64::from(i + 1) * scale);
            let last = (end.ceil() as usize).min(from as usize);
            (start.floor() as usize..last)
                .map(|x| {
                    let covered = (end.min(x as f64 + 1.0) - start.max(x as f64)).max(0.0);
                    (x, (covered / (end - start)) as f32)
                })
                .collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::Point2;
    use proptest::prelude::*;

    #[test]
    fn a_d435i_photo_becomes_a_model_input_as_in_the_authors_code() {
        let crop = CropResize::centred((1280, 720), (768, 448));
        assert_eq!((crop.x_px, crop.y_px, crop.crop_width, crop.crop_height), (23, 0, 1234, 720));
    }

    #[test]
    fn a_flat_image_stays_flat_and_a_left_half_stays_left() {
        let crop = CropResize::centred((100, 40), (30, 20));
        assert!(crop.apply_rgb(&[77; 100 * 40 * 3], 100).iter().all(|&v| v == 77));
        let halves: Vec<u8> = (0..40 * 100).flat_map(|i| [if i % 100 < 50 { 0 } else { 200 }; 3]).collect();
        let small = crop.apply_rgb(&halves, 100);
        assert_eq!((small[0], small[29 * 3]), (0, 200));
    }

    proptest! {
        #[test]
        fn the_intrinsics_move_along_with_the_pixels(u in 30.0f64..1200.0, v in 0.0f64..719.0) {
            let camera = PinholeCamera::new((920.0, 918.0), (640.0, 360.0), (1280, 720)).unwrap();
            let crop = CropResize::centred((1280, 720), (768, 448));
            let moved = Point2::new(
                (u + 0.5 - 23.0) * 768.0 / 1234.0 - 0.5,
                (v + 0.5) * 448.0 / 720.0 - 0.5,
            );
            let (before, after) = (camera.direction(&Point2::new(u, v)), crop.camera(&camera).direction(&moved));
            prop_assert!((before - after).norm() < 1e-12);
        }
    }
}
