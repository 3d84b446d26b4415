"""Layers of style-based generators, held to explicit computations."""

import keras
import numpy as np
import pytest
import scipy.signal
import tensorflow as tf

from kerasgan import layers as style
from kerasgan import networks


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


@pytest.mark.parametrize("up, down, padding", [(1, 1, (2, 1)), (2, 1, (2, 1)), (1, 2, (1, 1)), (2, 3, (0, 4))])
def test_upfirdn_equals_scipy(up, down, padding):
    """scipy has no padding before; zeros in front of the signal are shifts of its result, here of the plain steps."""
    taps = np.array([1, 3, 3, 1.5])
    x = normal(2, 5, 6, 3)

    def along(values, axis):
        zeros = np.zeros_like(np.take(values, [0], axis))
        spread = np.concatenate(
            [np.insert(values, range(1, values.shape[axis] + 1), 0, axis) if up == 2 else values], axis
        )
        spread = np.concatenate([zeros] * padding[0] + [spread] + [zeros] * padding[1], axis)
        full = scipy.signal.upfirdn(taps / taps.sum(), spread, axis=axis)
        inner = np.take(full, range(len(taps) - 1, spread.shape[axis]), axis)
        return np.take(inner, range(0, inner.shape[axis], down), axis)

    expected = 4 * along(along(x.astype("float64"), 1), 2)
    np.testing.assert_allclose(style.upfirdn(x, taps, up, down, padding, gain=4.0), expected, atol=1e-5)


@pytest.mark.parametrize(
    "up, down, padding", [(1, 1, (1, 2)), (2, 1, (2, 1)), (1, 2, (1, 1)), (2, 3, (0, 4)), (1, 2, (4, -1))]
)
def test_the_gradient_of_a_filter_is_its_transpose(up, down, padding):
    """<y, F x> = <F^T y, x>, and F^T is linear too: its gradient is F."""
    taps = (1, 3, 3, 1.5)
    x = tf.constant(normal(2, 5, 6, 3))
    with tf.GradientTape() as outer:
        y = tf.constant(normal(*style.upfirdn(x, taps, up, down, padding).shape, seed=1))
        outer.watch(y)
        with tf.GradientTape() as inner:
            inner.watch(x)
            product = tf.reduce_sum(style.upfirdn(x, taps, up, down, padding) * y)
        back = inner.gradient(product, x)
        square = tf.reduce_sum(back**2) / 2
    assert float(tf.reduce_sum(back * x)) == pytest.approx(float(product), rel=1e-4)
    found = outer.gradient(square, y)
    np.testing.assert_allclose(found, style.upfirdn(back, taps, up, down, padding), atol=1e-4)


def test_binomial_resampling_by_hand():
    """Doubling is linear interpolation at a quarter and three quarters, halving weighs 1, 3, 3, 1; zeros outside."""
    row = np.float32([4, 8, 0, 16]).reshape((1, 1, 4, 1)) * np.ones((1, 4, 1, 1), "float32")
    double = style.Resample(up=2)(row).numpy()[0, 3, :, 0]
    np.testing.assert_allclose(double, [3, 5, 7, 6, 2, 4, 12, 12], atol=1e-5)
    half = style.Resample(down=2)(row).numpy()
    np.testing.assert_allclose(half[0, 0, :, 0] * 8 / 7, [4.5, 7.0], atol=1e-5)  # a row of the edge loses 1 of 8
    assert half.shape == (1, 2, 2, 1)
    blurred = style.Resample(taps=(1, 2, 1))(row).numpy()[0, 1, :, 0]
    np.testing.assert_allclose(blurred, [4, 5, 6, 8], atol=1e-5)


def modulated(filters=3, channels=4, size=6, batch=2, **options):
    x, w = normal(batch, size, size, channels), normal(batch, 5, seed=1)
    layer = style.ModulatedConv2D(filters, **{"activate": False, "noise": False, "use_bias": False} | options)
    return layer, x, w, layer([x, w]).numpy()


@pytest.mark.parametrize("demodulate", [True, False])
@pytest.mark.parametrize("up", [1, 2])
def test_modulated_convolution_has_a_kernel_for_each_image(up, demodulate):
    layer, x, w, found = modulated(up=up, demodulate=demodulate, gain=0.7)
    for image, latent, result in zip(x, w, found):
        styles = latent @ np.array(layer.affine.kernel) / np.sqrt(5) + 1
        kernel = np.array(layer.kernel) / np.sqrt(9 * 4) * styles[:, None]
        if demodulate:
            kernel = kernel / np.sqrt((kernel**2).sum(axis=(0, 1, 2)) + 1e-8)
        image = image[None]
        if up == 2:
            image = style.upfirdn(image, (1, 3, 3, 1), up=2, padding=(3, 2), gain=4.0)
        explicit = 0.7 * tf.nn.conv2d(image, kernel, 1, "SAME" if up == 1 else "VALID")[0].numpy()
        np.testing.assert_allclose(result[1:-1, 1:-1], explicit[1:-1, 1:-1], atol=1e-5)


def test_demodulated_outputs_have_unit_variance():
    """For inputs of unit variance, whatever the styles: 2 x 32^2 x 64 values, whose neighbours hang together."""
    _, _, _, found = modulated(filters=64, channels=32, size=34)
    inner = found[:, 1:-1, 1:-1]
    np.testing.assert_allclose(inner.var(axis=(1, 2, 3)), 1, atol=0.05)
    loud, x, w, found = modulated(filters=64, channels=32, size=34, demodulate=False)
    styles = w @ np.array(loud.affine.kernel) / np.sqrt(5) + 1
    np.testing.assert_allclose(found[:, 1:-1, 1:-1].var(axis=(1, 2, 3)), (styles**2).mean(axis=1), rtol=0.1)
    assert np.abs((styles**2).mean(axis=1) - 1).min() > 0.1  # otherwise both would say the same


def test_noise_bias_and_rectifier_follow_the_convolution():
    layer, x, w, _ = modulated(noise=True, use_bias=True, activate=True)
    plain = style.ModulatedConv2D(3, activate=False, noise=False, use_bias=False)
    plain.build([x.shape, w.shape])
    plain.kernel.assign(layer.kernel)
    plain.affine.kernel.assign(layer.affine.kernel)
    layer.bias.assign([0.5, -1.0, 0.0])
    layer.add_noise.strength.assign(2.0)
    sums = plain([x, w]).numpy() + 2 * np.array(layer.add_noise.fixed) + np.array([0.5, -1.0, 0.0])
    np.testing.assert_allclose(layer([x, w]), np.sqrt(2) * np.where(sums > 0, sums, 0.2 * sums), atol=1e-5)


def test_noise_is_drawn_for_each_image_in_training_and_fixed_otherwise():
    layer = style.Noise(per_channel=True, seed=0)
    zeros = np.zeros((64, 8, 8, 2), "float32")
    layer.build(zeros.shape)
    layer.strength.assign([1.0, 3.0])
    fixed = layer(zeros).numpy()
    np.testing.assert_array_equal(fixed[0], fixed[1])
    drawn = layer(zeros, training=True).numpy()
    assert drawn.std(axis=(0, 1, 2)) == pytest.approx([1, 3], rel=0.05)
    assert np.corrcoef(drawn[0].ravel(), drawn[1].ravel())[0, 1] < 0.4
    np.testing.assert_allclose(drawn[..., 1], 3 * drawn[..., 0], atol=1e-5)


@pytest.mark.parametrize("rate", [1.0, 0.01])
def test_a_step_of_adam_moves_outputs_alike_whatever_the_fan_in(rate):
    """Adam's first step moves n weights by 0.1; an input of length 1, of n entries 1 / sqrt(n), then moves by 0.1 rate.

    Through weights as they are, it would move by 0.1 sqrt(n).
    """
    moves = []
    for n in (4, 400):
        layer = style.EqualizedDense(1, activate=False, use_bias=False, rate=rate)
        x = np.sqrt(1 / n) * np.ones((1, n), "float32")  # of length 1
        before = float(layer(x)[0, 0])
        optimizer = keras.optimizers.Adam(0.1, epsilon=1e-12)
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(x))
        optimizer.apply(tape.gradient(loss, layer.trainable_variables), layer.trainable_variables)
        moves.append(before - float(layer(x)[0, 0]))
    assert moves == pytest.approx([0.1 * rate, 0.1 * rate], rel=1e-3)


def test_equalized_layers_start_with_unit_variance_and_rectify():
    x = normal(256, 100)
    assert style.EqualizedDense(300, activate=False)(x).numpy().var() == pytest.approx(1, abs=0.05)
    assert style.EqualizedDense(300, activate=False, rate=0.01)(x).numpy().var() == pytest.approx(1, abs=0.05)
    layer = style.EqualizedDense(3, gain=0.5, bias_start=0.25, rate=0.1)
    sums = x @ np.array(layer(x) is not None and layer.kernel) * 0.1 / 10 + 0.25
    np.testing.assert_allclose(layer(x), 0.5 * np.sqrt(2) * np.where(sums > 0, sums, 0.2 * sums), atol=1e-4)
    images = normal(8, 16, 16, 20)
    assert style.EqualizedConv2D(40, activate=False)(images).numpy()[:, 1:-1, 1:-1].var() == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("kernel_size", [1, 3])
def test_a_halving_convolution_filters_first(kernel_size):
    images = normal(2, 8, 8, 3)
    layer = style.EqualizedConv2D(4, kernel_size, down=2, activate=False, use_bias=False)
    found = layer(images).numpy()
    pad = kernel_size // 2
    blurred = style.upfirdn(images, (1, 3, 3, 1), padding=(1 + pad, 1 + pad))
    kernel = np.array(layer.kernel) / np.sqrt(3 * kernel_size**2)
    np.testing.assert_allclose(found, tf.nn.conv2d(blurred, kernel, 2, "VALID"), atol=1e-5)
    assert found.shape == layer.compute_output_shape(images.shape) == (2, 4, 4, 4)


def test_style_modulation_scales_and_shifts_channels():
    layer, x, w = style.StyleModulation(), normal(2, 3, 3, 4), normal(2, 5, seed=1)
    found = layer([x, w])
    scale, shift = np.split(w @ np.array(layer.affine.kernel) / np.sqrt(5), 2, axis=1)
    np.testing.assert_allclose(found, x * (1 + scale[:, None, None]) + shift[:, None, None], atol=1e-5)


def test_the_mean_of_w_decays():
    layer = style.TrackedMean(decay=0.9)
    x = np.float32([[1, 0], [3, 4]])
    np.testing.assert_array_equal(layer(x), x)
    np.testing.assert_array_equal(layer.mean, [0, 0])
    layer(x, training=True)
    np.testing.assert_allclose(layer.mean, [0.2, 0.2], atol=1e-6)
    layer(x, training=True)
    np.testing.assert_allclose(layer.mean, [0.38, 0.38], atol=1e-6)


def test_mapping_normalises_latents_and_knows_classes():
    mapping = networks.mapping_network(6, 5, 2, num_classes=3)
    z, labels = normal(4, 6), np.int32([0, 1, 2, 0])
    w = mapping([z, labels]).numpy()
    np.testing.assert_allclose(mapping([7 * z, labels]), w, atol=1e-4)
    assert np.abs(mapping([z, labels[::-1].copy()]).numpy()[0] - w[0]).max() < 1e-6  # the class 0 again
    assert np.abs(mapping([z, (labels + 1) % 3]).numpy() - w).max(axis=1).min() > 1e-2


def test_mixing_crosses_over_at_its_layer():
    w, other = np.zeros((3, 4, 2), "float32"), np.ones((3, 4, 2), "float32")
    mixed = networks.mix(w, other, [0, 1, 4]).numpy()[..., 0]
    assert mixed.tolist() == [[1, 1, 1, 1], [0, 1, 1, 1], [0, 0, 0, 0]]


@pytest.mark.parametrize(
    "layer",
    [
        style.Resample(down=2, taps=(1, 2, 1)),
        style.EqualizedDense(3, gain=0.5, rate=0.1, bias_start=1.0),
        style.EqualizedConv2D(3, 1, down=2, use_bias=False),
        style.ModulatedConv2D(3, up=2, demodulate=False, noise=False),
        style.Noise(per_channel=True, gain=2.0),
        style.LearnedConstant(4, 2, keras.initializers.RandomNormal(stddev=1.0)),
        style.TrackedMean(0.5),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_config_round_trip(layer):
    clone = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(clone) is type(layer) and clone.get_config() == layer.get_config()
