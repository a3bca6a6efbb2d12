"""Photos are fitted as OpenCV would fit them."""

import numpy
import pytest

from dreamitate_training.clips import crop_and_resize


@pytest.mark.parametrize(("photo", "size"), [((1280, 720), (768, 448)), ((1280, 720), (384, 224)), ((641, 487), (128, 64))])
def test_within_a_level_of_opencv(photo, size):
    cv2 = pytest.importorskip("cv2", reason="OpenCV is not here")
    width, height = photo
    image = numpy.random.default_rng(0).integers(0, 256, (height, width, 3), numpy.uint8)
    # The authors' crop: a picture too wide loses columns, one too tall rows.
    crop_width = min(width, height * size[0] // size[1])
    crop_height = min(height, width * size[1] // size[0]) if crop_width == width else height
    x, y = (width - crop_width) // 2, (height - crop_height) // 2
    expected = cv2.resize(image[y : y + crop_height, x : x + crop_width], size, interpolation=cv2.INTER_AREA)
    difference = numpy.abs(crop_and_resize(image, size).astype(int) - expected.astype(int))
    assert difference.max() <= 1 and difference.mean() < 0.01
