"""Layers against numbers worked out by hand or by NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasgan.layers import ConditionalBatchNormalization, SelfAttention, SpectralNormalization

RNG = np.random.default_rng(0)


def largest_singular_value(kernel, output_axis=-1):
    kernel = np.moveaxis(np.asarray(kernel), output_axis, -1)
    return np.linalg.svd(kernel.reshape(-1, kernel.shape[-1]), compute_uv=False)[0]


SPECTRAL = {
    "Dense": (lambda: keras.layers.Dense(4), RNG.normal(size=(2, 6)), -1),
    "Conv2D": (lambda: keras.layers.Conv2D(5, 3), RNG.normal(size=(2, 4, 4, 3)), -1),
    "Conv2DTranspose": (lambda: keras.layers.Conv2DTranspose(5, 4, 2), RNG.normal(size=(2, 4, 4, 3)), -2),
    "Embedding": (lambda: keras.layers.Embedding(7, 3), np.array([0, 6, 2]), -1),
}


@pytest.mark.parametrize("name", SPECTRAL)
def test_spectral_normalization_is_the_svd_after_many_iterations(name):
    make, x, axis = SPECTRAL[name]
    x = tf.constant(x, "int32" if name == "Embedding" else "float32")
    layer = SpectralNormalization(make())
    layer(x)
    for _ in range(100):
        layer(x, training=True)
    sigma = largest_singular_value(layer.kernel, axis)
    np.testing.assert_allclose(layer.effective_kernel(), np.asarray(layer.kernel) / sigma, rtol=1e-4, atol=1e-6)
    plain = make()
    plain(x)
    plain.set_weights([np.asarray(layer.kernel) / sigma, *plain.get_weights()[1:]])
    np.testing.assert_allclose(layer(x), plain(x), rtol=1e-4, atol=1e-5)


def test_spectral_normalization_iterates_once_a_training_call_and_never_else():
    layer = SpectralNormalization(keras.layers.Dense(4))
    x = tf.constant(RNG.normal(size=(2, 6)), tf.float32)
    layer(x)
    u = np.asarray(layer.u)
    layer(x, training=False)
    np.testing.assert_array_equal(layer.u, u)
    layer(x, training=True)
    w = np.asarray(layer.kernel).T
    v = w.T @ u / np.linalg.norm(w.T @ u)
    np.testing.assert_allclose(layer.u, w @ v / np.linalg.norm(w @ v), rtol=1e-5)


def test_spectral_normalization_has_the_gradient_of_equation_12():
    """d loss / d W = (A - lambda u v^T) / sigma, with A the gradient by W / sigma and lambda = <A, W / sigma>."""
    layer = SpectralNormalization(keras.layers.Dense(4, use_bias=False))
    x = tf.constant(RNG.normal(size=(3, 6)), tf.float32)
    for _ in range(100):
        layer(x, training=True)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(x) ** 3)
    gradient = np.asarray(tape.gradient(loss, layer.trainable_variables[0]))
    left, s, right = np.linalg.svd(np.asarray(layer.kernel))
    bar = np.asarray(layer.kernel) / s[0]
    a = np.asarray(x).T @ (3 * (np.asarray(x) @ bar) ** 2)
    expected = (a - np.sum(a * bar) * np.outer(left[:, 0], right[0])) / s[0]
    np.testing.assert_allclose(gradient, expected, rtol=1e-3, atol=1e-4)


def test_spectral_normalization_in_mixed_precision_keeps_sigma_in_float32():
    keras.config.set_dtype_policy("mixed_bfloat16")
    layer = SpectralNormalization(keras.layers.Dense(4))
    x = tf.constant(RNG.normal(size=(2, 6)), tf.float32)
    for _ in range(100):
        y = layer(x, training=True)
    assert y.dtype == tf.bfloat16 and layer.u.dtype == "float32"
    assert largest_singular_value(layer.effective_kernel()) == pytest.approx(1, abs=1e-5)


def test_spectral_normalization_refuses_layers_without_kernel():
    with pytest.raises(ValueError, match="must have a `kernel`"):
        SpectralNormalization(keras.layers.LeakyReLU(0.2))(np.zeros((2, 3), "float32"))


def test_self_attention_starts_as_the_identity():
    x = RNG.normal(size=(2, 4, 4, 16)).astype("float32")
    np.testing.assert_array_equal(SelfAttention()(x), x)


def test_self_attention_by_hand_on_two_pixels():
    """C = 1: kernels are numbers, and spectral normalisation leaves their signs."""
    layer = SelfAttention()
    x = np.array([[[[1.0], [3.0]]]], "float32")
    layer.build(x.shape)
    for convolution, value in ((layer.f, 2.0), (layer.g, -0.5), (layer.h, 7.0), (layer.v, 4.0)):
        convolution.kernel.assign(np.full((1, 1, 1, 1), value, "float32"))
    layer.gamma.assign(0.5)
    # f(x) = x, g(x) = -x, h(x) = x: pixel 1 scores the pixels -1 and -3, pixel 2 scores them -3 and -9.
    first = (1 * np.exp(-1) + 3 * np.exp(-3)) / (np.exp(-1) + np.exp(-3))
    second = (1 * np.exp(-3) + 3 * np.exp(-9)) / (np.exp(-3) + np.exp(-9))
    expected = [1 + 0.5 * first, 3 + 0.5 * second]
    np.testing.assert_allclose(np.ravel(layer(x)), expected, rtol=1e-5)


def test_conditional_batch_normalization_by_hand():
    layer = ConditionalBatchNormalization(2, epsilon=0.0)
    x = np.array([1.0, 3.0, 5.0, 7.0], "float32").reshape(4, 1, 1, 1)
    labels = np.array([0, 1, 1, 0])
    layer([x, labels])
    layer.gamma.assign([[2.0], [10.0]])
    layer.beta.assign([[1.0], [-1.0]])
    y = layer([x, labels], training=True)
    unit = np.array([-3, -1, 1, 3]) / np.sqrt(5)  # mean 4, variance 5
    np.testing.assert_allclose(np.ravel(y), unit * [2, 10, 10, 2] + [1, -1, -1, 1], rtol=1e-5)
