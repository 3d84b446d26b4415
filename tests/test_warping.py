"""Images moved by backward flow."""

import numpy as np
import pytest
import tensorflow as tf

from kerasgan.layers import follow, warp


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def constant_flow(right, down, shape):
    return np.broadcast_to(np.float32([right, down]), (*shape, 2))


def test_zero_flow_is_the_identity():
    images = noise(2, 5, 7, 3)
    np.testing.assert_array_equal(warp(images, np.zeros((2, 5, 7, 2), "float32")), images)


@pytest.mark.parametrize(("right", "down"), [(2, 0), (0, 1), (-3, 2), (1, -4)])
def test_integer_flow_is_a_shift_that_repeats_the_border(right, down):
    images = noise(2, 5, 7, 3)
    rows, columns = np.clip(np.arange(5) + down, 0, 4), np.clip(np.arange(7) + right, 0, 6)
    shifted = images[:, rows][:, :, columns]
    np.testing.assert_array_equal(warp(images, constant_flow(right, down, (2, 5, 7))), shifted)


def test_each_image_and_each_pixel_has_a_flow_of_its_own():
    images, flow = noise(2, 4, 6, 2), noise(2, 4, 6, 2, seed=1) * 3
    by_hand = np.empty_like(images)
    for n, y, x in np.ndindex(2, 4, 6):
        at_x, at_y = np.clip(x + flow[n, y, x, 0], 0, 5), np.clip(y + flow[n, y, x, 1], 0, 3)
        tents = np.maximum(0, 1 - np.abs(np.arange(4) - at_y))[:, None] * np.maximum(0, 1 - np.abs(np.arange(6) - at_x))
        by_hand[n, y, x] = (tents[..., None] * images[n]).sum((0, 1))
    np.testing.assert_allclose(warp(images, flow), by_hand, atol=1e-6)


@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (4, 1)])
def test_images_of_one_row_or_column_move_along_the_other(shape):
    images = np.arange(4, dtype="float32")[: max(shape)].reshape((1, *shape, 1))
    moved = warp(images, constant_flow(0.5, 0.5, (1, *shape)))
    by_hand = {1: [0], 4: [0.5, 1.5, 2.5, 3]}[max(shape)]
    np.testing.assert_allclose(np.ravel(moved), by_hand)


def test_gradients_are_those_of_finite_differences():
    """In places away from whole pixels, where the interpolation has a kink."""
    rng = np.random.default_rng(0)
    images = rng.normal(size=(1, 4, 5, 2)).astype("float32")
    flow = (rng.integers(-3, 4, (1, 4, 5, 2)) + rng.uniform(0.2, 0.8, (1, 4, 5, 2))).astype("float32")
    weights = rng.normal(size=images.shape).astype("float32")

    def loss(images, flow):
        return tf.reduce_sum(warp(images, flow) * weights)

    with tf.GradientTape() as tape:
        inputs = [tf.constant(images), tf.constant(flow)]
        tape.watch(inputs)
        value = loss(*inputs)
    gradients = [g.numpy() for g in tape.gradient(value, inputs)]
    step = 0.05  # the loss is linear in each of them there
    for number, (array, gradient) in enumerate(zip((images, flow), gradients)):
        assert np.abs(gradient).max() > 0.1
        for place in np.ndindex(array.shape):
            found = []
            for sign in (1, -1):
                moved = [images.copy(), flow.copy()]
                moved[number][place] += sign * step
                found.append(float(loss(*moved)))
            assert (found[0] - found[1]) / (2 * step) == pytest.approx(gradient[place], abs=2e-3)


def test_outside_the_image_the_flow_has_no_gradient():
    flow = tf.constant(constant_flow(9.5, -9.5, (1, 4, 5)))
    with tf.GradientTape() as tape:
        tape.watch(flow)
        value = tf.reduce_sum(warp(noise(1, 4, 5, 1), flow))
    np.testing.assert_array_equal(tape.gradient(value, flow), np.zeros((1, 4, 5, 2)))


def test_half_precision_images_are_warped_in_single_precision():
    images = tf.cast(noise(1, 4, 5, 1), tf.bfloat16)
    moved = warp(images, constant_flow(0.5, 0, (1, 4, 5)))
    assert moved.dtype == tf.float32
    wide = tf.cast(images, tf.float32).numpy()
    np.testing.assert_allclose(moved[:, :, :-1], (wide[:, :, :-1] + wide[:, :, 1:]) / 2, atol=1e-6)


def test_two_steps_of_flow_are_one_after_the_other():
    """A turn about a point, twice, is a turn by both angles."""
    y, x = np.mgrid[:9, :9] - 4.0

    def turn(angle):
        cos, sin = np.cos(angle), np.sin(angle)
        return np.stack([cos * x - sin * y - x, sin * x + cos * y - y], -1).astype("float32")[None]

    inside = np.hypot(x, y) <= 3.5
    both = follow(turn(0.2), turn(0.3)).numpy()
    np.testing.assert_allclose(both[0][inside], turn(0.5)[0][inside], atol=1e-5)
