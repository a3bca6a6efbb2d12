use dreamitate_msgs::{builtin_interfaces::Time, sensor_msgs::Image, std_msgs::Header};
use image::RgbImage;

/// Why a `sensor_msgs/Image` is not an RGB picture.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ImageMessageError {
    /// An encoding that is not eight-bit colour.
    #[error("encoding {0:?} is none of \"rgb8\", \"bgr8\"")]
    Encoding(String),
    /// No pixels, or more than a camera makes.
    #[error("image size {width}×{height} px is outside 1×1 to {limit}×{limit} px")]
    Size {
        /// Given width, px.
        width: u32,
        /// Given height, px.
        height: u32,
        /// Largest side, px.
        limit: u32,
    },
    /// A row is shorter than its pixels.
    #[error("step is {step} bytes, a row of {width} px needs {least}")]
    Step {
        /// Given bytes a row.
        step: u32,
        /// Width, px.
        width: u32,
        /// Bytes that a row needs.
        least: u32,
    },
    /// More or fewer bytes than the header says.
    #[error("the image has {bytes} bytes of data, its step and height say {expected}")]
    DataLength {
        /// Bytes there are.
        bytes: usize,
        /// Bytes that `step · height` needs.
        expected: usize,
    },
}

/// No camera's picture is longer or higher than this; a header beyond it is damaged.
const LARGEST_SIDE_PX: u32 = 16_384;

/// Returns a picture as `sensor_msgs/Image` (`rgb8`).
pub fn image_to_message(image: &RgbImage, frame_id: &str, stamp: Time) -> Image {
    Image {
        header: Header { stamp, frame_id: frame_id.to_owned() },
        height: image.height(),
        width: image.width(),
        encoding: "rgb8".to_owned(),
        is_bigendian: 0,
        step: image.width() * 3,
        data: image.as_raw().clone(),
    }
}

/// Returns the RGB picture of an `rgb8` or `bgr8` message; padding at the end of rows is dropped.
///
/// # Errors
/// The encoding is another, or size, step and data do not agree.
pub fn image_from_message(message: Image) -> Result<RgbImage, ImageMessageError> {
    let Image { width, height, encoding, step, mut data, .. } = message;
    let is_bgr = match encoding.as_str() {
        "rgb8" => false,
        "bgr8" => true,
        _ => return Err(ImageMessageError::Encoding(encoding)),
    };
    let sides = 1..=LARGEST_SIDE_PX;
    if !sides.contains(&width) || !sides.contains(&height) {
        return Err(ImageMessageError::Size { width, height, limit: LARGEST_SIDE_PX });
    }
    let least = width * 3;
    if step < least {
        return Err(ImageMessageError::Step { step, width, least });
    }
    let expected = step as usize * height as usize;
    if data.len() != expected {
        return Err(ImageMessageError::DataLength { bytes: data.len(), expected });
    }
    if step > least {
        data = data.chunks_exact(step as usize).flat_map(|row| &row[..least as usize]).copied().collect();
    }
    if is_bgr {
        data.chunks_exact_mut(3).for_each(|pixel| pixel.swap(0, 2));
    }
    let bytes = data.len();
    let expected = least as usize * height as usize;
    RgbImage::from_raw(width, height, data).ok_or(ImageMessageError::DataLength { bytes, expected })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn picture(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| image::Rgb([x as u8, y as u8, (x * 7 + y * 13) as u8]))
    }

    fn message() -> Image {
        image_to_message(&picture(6, 4), "camera", Time::from_ns(5))
    }

    proptest! {
        #[test]
        fn padded_rows_and_either_order_of_colours_give_the_picture(
            width in 1u32..20, height in 1u32..20, padding in 0u32..9, bgr: bool,
        ) {
            let expected = picture(width, height);
            let mut message = image_to_message(&expected, "", Time::default());
            if bgr {
                message.encoding = "bgr8".to_owned();
                message.data.chunks_exact_mut(3).for_each(|pixel| pixel.swap(0, 2));
            }
            message.step += padding;
            message.data = message
                .data
                .chunks_exact(width as usize * 3)
                .flat_map(|row| row.iter().copied().chain(std::iter::repeat_n(99, padding as usize)))
                .collect();
            prop_assert_eq!(image_from_message(message).unwrap(), expected);
        }
    }

    #[test]
    fn what_does_not_agree_is_refused_with_value_and_limit() {
        let refused = |edit: fn(&mut Image)| {
            let mut damaged = message();
            edit(&mut damaged);
            image_from_message(damaged).unwrap_err().to_string()
        };
        assert_eq!(
            refused(|m| m.encoding = "mono8".into()),
            "encoding \"mono8\" is none of \"rgb8\", \"bgr8\""
        );
        assert_eq!(refused(|m| m.step = 17), "step is 17 bytes, a row of 6 px needs 18");
        assert_eq!(
            refused(|m| m.data.truncate(71)),
            "the image has 71 bytes of data, its step and height say 72"
        );
        assert!(refused(|m| m.height = 0).contains("6×0 px is outside"));
        assert!(refused(|m| (m.width, m.step) = (u32::MAX, u32::MAX)).contains("4294967295×4 px is outside"));
    }
}
