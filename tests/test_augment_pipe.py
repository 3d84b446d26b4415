"""The augmentations of ADA, each against an independent computation at fixed parameters."""

import colorsys
import math

import keras
import numpy as np
import pytest
import scipy.ndimage
import scipy.signal
import tensorflow as tf

from kerasgan import augment
from kerasgan.augment import pipe

SIZE = 8


def batch(n=4, size=SIZE, channels=3, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (n, size, size, channels)).astype("float32")


def blit(images, flip=False, turns=0, down=0, right=0):
    n = len(images)
    return pipe.blit(tf.constant(images), *(tf.fill((n,), value) for value in (flip, turns, down, right))).numpy()


def geometric(n, scale=1.0, before=0.0, stretch=1.0, after=0.0, right=0.0, down=0.0):
    return pipe.geometric_matrix(*(tf.fill((n,), value) for value in (scale, before, stretch, after, right, down)))


def color(brightness=0.0, contrast=1.0, flip=False, hue=0.0, saturation=1.0):
    values = (brightness, contrast, flip, hue, saturation)
    return pipe.color_matrix(*(tf.fill((1,), value) for value in values))


@pytest.mark.parametrize("turns", range(4))
def test_quarter_turns_and_flips_are_exact(turns):
    images = batch()
    np.testing.assert_array_equal(blit(images, turns=turns), np.rot90(images, turns, axes=(1, 2)))
    flipped = np.rot90(images[:, :, ::-1], turns, axes=(1, 2))
    np.testing.assert_array_equal(blit(images, flip=True, turns=turns), flipped)


def test_shifts_by_pixels_are_exact_and_mirror_the_border():
    images = batch()
    padded = np.pad(images, ((0, 0), (3, 3), (3, 3), (0, 0)), mode="reflect")
    np.testing.assert_array_equal(blit(images, down=2, right=-3), padded[:, 1 : 1 + SIZE, 6 : 6 + SIZE])


def test_the_wavelet_is_orthogonal_to_its_shifts():
    taps = np.array(pipe.SYM6)
    assert taps.sum() == pytest.approx(2**0.5, abs=1e-12)
    for shift in range(1, 6):
        assert taps[2 * shift :] @ taps[: -2 * shift] == pytest.approx(0, abs=1e-12)
    assert taps @ taps == pytest.approx(1, abs=1e-12)


def test_no_motion_gives_the_image_back():
    """Of an orthogonal wavelet, halving undoes doubling."""
    images = batch()
    np.testing.assert_allclose(pipe.warp(images, geometric(4)), images, atol=2e-6)


def test_a_shift_by_whole_pixels_is_one_of_the_mirrored_image():
    images = batch()
    moved = pipe.warp(images, geometric(4, right=2.0, down=-3.0)).numpy()
    np.testing.assert_allclose(moved, blit(images, right=2, down=-3), atol=5e-6)


def explicit_warp(image, matrix):
    """As `warp`, by zeros between pixels, scipy's convolutions and scipy's interpolation."""
    taps = np.array(pipe.SYM6) / np.sum(pipe.SYM6)
    n = len(image)
    padded = np.pad(image, n - 1, mode="reflect")
    large = padded
    for axis in (0, 1):
        # The centre of the 12 taps is between the 6th and the 7th.
        large = 2 * scipy.signal.upfirdn(taps, large, up=2, axis=axis)
        large = np.moveaxis(np.moveaxis(large, axis, 0)[5 : 5 + 2 * len(padded)], 0, axis)
    centre, out = (len(large) - 1) / 2, 2 * n + 12
    place = np.arange(out) - (out - 1) / 2
    x, y = np.meshgrid((place + 0.5) / 2, (place + 0.5) / 2)
    source = np.einsum("ij,jhw->ihw", matrix, np.stack([x, y, np.ones_like(x)]))
    columns, rows = 2 * source - 0.5 + centre
    sampled = scipy.ndimage.map_coordinates(large, [rows, columns], order=1, mode="grid-constant")
    both = np.outer(taps, taps)
    return scipy.signal.correlate(sampled, both, mode="valid")[1 : 2 * n : 2, 1 : 2 * n : 2]


@pytest.mark.parametrize(
    "motion",
    [{"before": 0.7}, {"scale": 1.3}, {"stretch": 0.8, "after": -2.0}, {"right": 0.3, "down": -1.6}],
    ids=lambda motion: next(iter(motion)),
)
def test_warp_equals_scipy(motion):
    images, matrix = batch(1), geometric(1, **motion)
    expected = [explicit_warp(images[0, :, :, i].astype("float64"), matrix[0].numpy()) for i in range(3)]
    np.testing.assert_allclose(pipe.warp(images, matrix)[0], np.stack(expected, axis=-1), atol=1e-5)


def test_motions_go_the_way_they_say():
    """A bright spot 5 pixels right of the centre of 33 x 33. The wavelet is not quite symmetric: turned, it shifts."""
    images = np.zeros((1, 33, 33, 1), "float32")
    yy, xx = np.mgrid[-16:17, -16:17]
    images[0, :, :, 0] = np.exp(-((xx - 5) ** 2 + yy**2) / 4)

    def spot(**motion):
        moved = pipe.warp(images, geometric(1, **motion)).numpy()[0, :, :, 0]
        return (moved * xx).sum() / moved.sum(), (moved * yy).sum() / moved.sum()

    assert spot(before=math.pi / 2) == pytest.approx((0, 5), abs=0.15)  # clockwise
    assert spot(after=-math.pi / 2) == pytest.approx((0, -5), abs=0.15)
    assert spot(scale=2.0) == pytest.approx((10, 0), abs=0.15)
    assert spot(stretch=2.0) == pytest.approx((10, 0), abs=0.15)
    assert spot(right=3.5, down=1.0) == pytest.approx((8.5, 1), abs=0.15)
    # In its order: scaled to 10, turned down, flattened to 5, turned left, shifted by 1.
    turn = math.pi / 2
    assert spot(scale=2.0, before=turn, stretch=2.0, after=turn, right=1.0) == pytest.approx((-4, 0), abs=0.3)


def test_color_matrices_by_hand():
    pixel = np.float32([0.2, -0.4, 0.5])
    change = lambda **how: pipe.recolor(pixel.reshape((1, 1, 1, 3)), color(**how)).numpy().ravel()  # noqa: E731
    np.testing.assert_allclose(change(brightness=0.3), pixel + 0.3, atol=1e-6)
    np.testing.assert_allclose(change(contrast=1.5), 1.5 * pixel, atol=1e-6)
    np.testing.assert_allclose(change(brightness=0.3, contrast=2.0), 2 * (pixel + 0.3), atol=1e-6)
    mean = pixel.mean()
    np.testing.assert_allclose(change(flip=True), pixel - 2 * mean, atol=1e-6)
    np.testing.assert_allclose(change(saturation=0.25), mean + 0.25 * (pixel - mean), atol=1e-6)
    # A third of the circle of hues takes red to green, green to blue, blue to red.
    np.testing.assert_allclose(change(hue=2 * math.pi / 3), pixel[[2, 0, 1]], atol=1e-6)
    np.testing.assert_allclose(change(saturation=0.0, hue=1.0, contrast=3.0, flip=True), -3 * mean, atol=1e-6)


def test_hue_turns_towards_the_larger_hue():
    red = np.float32([1, 0, 0]).reshape((1, 1, 1, 3))
    turned = pipe.recolor(red, color(hue=0.5)).numpy().ravel()
    assert 0 < colorsys.rgb_to_hsv(*(turned - turned.min()))[0] < 1 / 3


def test_a_grey_image_gets_what_three_equal_channels_would():
    grey = batch(2, channels=1)
    matrix = tf.repeat(color(brightness=0.2, contrast=1.5, flip=True, hue=1.0, saturation=0.3), 2, axis=0)
    expected = pipe.recolor(np.repeat(grey, 3, axis=-1), matrix).numpy().mean(axis=-1, keepdims=True)
    np.testing.assert_allclose(pipe.recolor(grey, matrix), expected, atol=1e-6)


def test_at_p_0_images_stay_to_the_last_bit():
    layer = augment.AugmentPipe(seed=0)
    layer.build((None, SIZE, SIZE, 3))
    np.testing.assert_array_equal(layer(batch()), batch())
    layer.p.assign(1.0)
    np.testing.assert_array_equal(layer(batch(), training=False), batch())


def test_transformations_are_drawn_with_probability_p():
    layer = augment.AugmentPipe("color", seed=0)
    layer.p.assign(0.4)
    images = np.full((4000, 1, 1, 3), 0.5, "float32")
    changed = layer(images).numpy()[:, 0, 0]
    # On grey only brightness, contrast and the flip, in half of the cases, show. Four standard errors.
    assert (np.abs(changed[:, 0] - 0.5) > 1e-5).mean() == pytest.approx(1 - 0.6 * 0.6 * 0.8, abs=0.029)
    assert (changed[:, 0] < -0.1).mean() == pytest.approx(0.2, abs=0.03)

    layer = augment.AugmentPipe("blit", seed=0)
    layer.p.assign(1.0)
    corner = np.zeros((4000, 16, 16, 1), "float32")
    corner[:, 8, 6] = 1
    found = np.argwhere(layer(corner).numpy()[..., 0] == 1)[:, 1:]
    rows = np.bincount(found[:, 0], minlength=16) / 4000
    # From rows 6 to 9, which flips and turns reach evenly, by shifts of up to 2.
    assert set(np.flatnonzero(rows)) == set(range(4, 12))
    assert rows[4:8].sum() == pytest.approx(0.5, abs=0.032)


def slope(images):
    """The gradient of a sum of cubes of the images as the pipe, always from the same draws, shows them."""
    layer = augment.AugmentPipe(seed=0)
    layer.build((None, SIZE, SIZE, 3))
    layer.p.assign(1.0)
    with tf.GradientTape() as tape:
        tape.watch(images)
        total = tf.reduce_sum(layer(images) ** 3)
    return tape.gradient(total, images)


def test_gradients_pass_twice():
    images = tf.constant(batch())
    with tf.GradientTape() as tape:
        tape.watch(images)
        first = slope(images)
        squares = tf.reduce_sum(first**2)
    second = tape.gradient(squares, images)
    assert (np.abs(second).sum(axis=(1, 2, 3)) > 0).all() and np.isfinite(second).all()


@pytest.mark.slow
def test_xla_compiles():
    layer = augment.AugmentPipe(seed=0)
    layer.build((None, SIZE, SIZE, 3))
    layer.p.assign(1.0)
    images, start = tf.constant(batch()), np.array(layer.seed_generator.state)
    plain = layer(images)
    layer.seed_generator.state.assign(start)
    np.testing.assert_allclose(tf.function(layer, jit_compile=True)(images), plain, atol=1e-4)


def test_by_name_config_and_errors():
    (layer,) = augment.get("bgc")
    assert type(layer) is augment.AugmentPipe and layer.policy == "blit,geometric,color"
    (clone,) = augment.get(keras.saving.serialize_keras_object(augment.AugmentPipe("blit", target=0.5, ramp=9)))
    assert clone.get_config()["target"] == 0.5 and clone.policy == "blit" and clone.ramp == 9
    with pytest.raises(ValueError, match="`policy` must be .*'blit'.*Received: 'cutout'"):
        augment.AugmentPipe("cutout")
    with pytest.raises(ValueError, match="needs square images"):
        layer.build((None, 8, 6, 3))
