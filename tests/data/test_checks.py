"""Every wrong batch is refused with what was expected, what came, and the remedy; every right one passes."""

import numpy as np
import pytest
import tensorflow as tf

from kerasgan.data import check_images, check_labels, check_vectors

GOOD = np.linspace(-1, 1, 2 * 8 * 8 * 3).reshape(2, 8, 8, 3).astype("float32")
NAN = np.where(GOOD == GOOD.max(), np.nan, GOOD)


@pytest.mark.parametrize("images", [GOOD, tf.constant(GOOD), GOOD * (1 + 9e-4), tf.cast(GOOD, "bfloat16")])
def test_good_images_pass(images):
    check_images(images, image_size=8, channels=3)
    check_images(images, image_size=None, channels=None)


@pytest.mark.parametrize(
    "images, fragments",
    [
        (GOOD[0], ["(batch, 8, 8, 3)", "rank is 3", "shape (8, 8, 3)", "batch(64)"]),
        (np.zeros((2, 28, 28), "float32"), ["rank is 3", "images[..., None]"]),
        (np.zeros((0, 8, 8, 3), "float32"), ["empty"]),
        (GOOD[:, :4], ["4x8, not 8x8", "tf.image.resize"]),
        (GOOD[:, :4, :4], ["4x4, not 8x8", "`image_size=4`"]),
        (GOOD[..., :1], ["1 channels, not 3", "grayscale_to_rgb"]),
        (np.zeros((2, 8, 8, 3), "uint8"), ["dtype uint8", "min 0, max 0", "/ 127.5 - 1"]),
        (GOOD.astype("float64"), ["dtype float64", "'float32'"]),
        ((GOOD + 1) * 127.5, ["[0, 255]", "min 0, max 255", "`images / 127.5 - 1`"]),
        ((GOOD + 1) / 2, ["[0, 1]", "min 0, max 1", "`images * 2 - 1`"]),
        (GOOD * 1.01, ["outside [-1, 1]", "max 1.01"]),
        (NAN, ["1 of 384 values", "NaN"]),
        (np.where(GOOD == GOOD.min(), -np.inf, GOOD), ["1 of 384 values"]),
    ],
)
def test_bad_images_are_refused(images, fragments):
    with pytest.raises(ValueError) as error:
        check_images(images, image_size=8, channels=3, name="photos")
    for fragment in [*fragments, "`photos`", "Received", "Remedy"]:
        assert fragment in str(error.value)


def test_check_range_off_accepts_other_ranges_but_nothing_else():
    for images in (GOOD * 3, (GOOD + 1) / 2, (GOOD + 1) * 127.5):
        check_images(images, image_size=8, channels=3, check_range=False)
    for images in (NAN, GOOD.astype("uint8"), GOOD[0], GOOD[..., :2]):
        with pytest.raises(ValueError):
            check_images(images, image_size=8, channels=3, check_range=False)


def test_labels():
    for dtype in ("int32", "int64", "uint8"):
        check_labels(np.array([0, 9], dtype), num_classes=10)
    for labels, fragment in [
        (np.array([0, 10]), "num_classes=11"),
        (np.array([-1, 3]), "min -1"),
        (np.array([0.0, 1.0]), "dtype float64"),
        (np.array([[1], [2]]), "tf.squeeze"),
        (np.eye(10)[:2], "tf.argmax"),
    ]:
        with pytest.raises(ValueError, match="from 0 to 9") as error:
            check_labels(labels, num_classes=10)
        assert fragment in str(error.value)


def test_vectors():
    check_vectors(np.zeros((4, 5), "float32"), dim=5)
    check_vectors(np.zeros((4, 7), "float32"), dim=None)
    check_vectors(np.zeros(4, "float32"), dim=1)
    for vectors, fragment in [
        (np.zeros((4, 6), "float32"), "6 entries, not 5"),
        (np.zeros(5, "float32"), "rank is 1"),
        (np.zeros((4, 5)), "dtype float64"),
        (np.full((4, 5), np.nan, "float32"), "NaN"),
    ]:
        with pytest.raises(ValueError, match="`text`") as error:
            check_vectors(vectors, dim=5, name="text")
        assert fragment in str(error.value)
