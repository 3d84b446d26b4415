"""Bicubic resizing against hand-computed weights, Pillow's independent one, and the literature's figure."""

import os
import pathlib

import numpy as np
import pytest
from PIL import Image

from kerasgan.data import bicubic_resize
from kerasgan.data.resize import resize_matrix


def test_weights_by_hand():
    # Halving stretches the kernel to 8 pixels: k(1/4)/2, k(3/4)/2, k(5/4)/2, k(7/4)/2 to either side.
    side = [0.43359375, 0.11328125, -0.03515625, -0.01171875]
    row = resize_matrix(32, 0.5)[8]
    np.testing.assert_allclose(row[13:21], side[::-1] + side, atol=1e-12)
    assert np.count_nonzero(row) == 8
    # Doubling: output pixel 8 lies at 3.75: distances 1.75, 0.75, 0.25, 1.25 to the pixels 2, 3, 4, 5.
    np.testing.assert_allclose(resize_matrix(8, 2.0)[8, 2:6], [-0.0234375, 0.2265625, 0.8671875, -0.0703125])


def test_border_is_reflected():
    # Output pixel 0 of a doubling lies at -0.25: the pixels -2, -1, 0, 1 are 1, 0, 0, 1.
    np.testing.assert_allclose(resize_matrix(8, 2.0)[0, :3], [0.2265625 + 0.8671875, -0.0234375 - 0.0703125, 0])


@pytest.mark.parametrize("scale", [1 / 2, 1 / 3, 1 / 4, 2, 3, 4])
def test_constant_and_ramp_survive(scale):
    assert (bicubic_resize(np.full((24, 36, 3), 77, "uint8"), scale) == 77).all()
    ramp = np.tile(np.arange(48.0)[None, :, None], (48, 1, 1))
    resized = bicubic_resize(ramp, scale)
    centers = (np.arange(resized.shape[1]) + 0.5) / scale - 0.5
    inner = slice(resized.shape[1] // 4, -resized.shape[1] // 4)
    np.testing.assert_allclose(resized[0, inner, 0], centers[inner], atol=1e-9)


@pytest.mark.parametrize("size", [(16, 16), (256, 256)])
def test_equals_pillow_inside(size):
    # Away from 0 and 255: Pillow clips between the two axes too.
    image = np.random.default_rng(0).integers(64, 192, (64, 64, 3), dtype="uint8")
    ours = bicubic_resize(image, size[0] / 64).astype(int)
    pillow = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC)).astype(int)
    border = max(3, size[0] // 16)  # Pillow cuts the kernel at the border
    difference = np.abs(ours - pillow)[border:-border, border:-border]
    assert difference.max() <= 1 and np.abs(ours - pillow).max() < 60


def test_types_shapes_and_errors():
    assert bicubic_resize(np.zeros((2, 10, 7, 1), "float32"), 1 / 4).shape == (2, 3, 2, 1)
    assert bicubic_resize(np.zeros((10, 7, 1), "float32"), 2).dtype == np.float32
    with pytest.raises(ValueError, match="rank"):
        bicubic_resize(np.zeros((4, 4)), 2)
    with pytest.raises(ValueError, match="scale"):
        bicubic_resize(np.zeros((4, 4, 1)), 0)


def test_set5_bicubic_psnr_is_the_published_one():
    """Ledig et al. 2017, table 2: bicubic x4 on Set5, luma, border of 4 left out: 28.43 dB."""
    folder = pathlib.Path(os.environ.get("KERASGAN_DATA_DIR", "")) / "superres" / "Set5"
    if "KERASGAN_DATA_DIR" not in os.environ or not folder.is_dir():
        pytest.skip("set KERASGAN_DATA_DIR to a folder that holds superres/Set5")

    def luma(image):  # ITU-R BT.601, as the literature's
        return 16 + image.astype("float64") @ np.array([65.481, 128.553, 24.966]) / 255

    values = []
    for file in sorted(folder.glob("*.png")):
        image = np.asarray(Image.open(file).convert("RGB"))
        image = image[: image.shape[0] // 4 * 4, : image.shape[1] // 4 * 4]
        error = (luma(bicubic_resize(bicubic_resize(image, 1 / 4), 4)) - luma(image))[4:-4, 4:-4]
        values.append(10 * np.log10(255**2 / np.mean(error**2)))
    assert len(values) == 5
    assert np.mean(values) == pytest.approx(28.43, abs=0.01)
