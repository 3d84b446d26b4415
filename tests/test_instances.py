"""Instances: where one ends, and what its pixels have in common; and the networks of pix2pixHD."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasgan import layers, networks

RNG = np.random.default_rng(0)


def test_boundaries_by_hand():
    """Both sides of each edge are marked, along rows and columns, not across corners; the border itself is none."""
    instances = [[1, 1, 2, 2], [1, 1, 2, 2], [1, 1, 1, 9], [1, 1, 1, 1]]
    expected = [[0, 1, 1, 0], [0, 1, 1, 1], [0, 0, 1, 1], [0, 0, 0, 1]]
    found = layers.instance_boundaries(np.int32([instances, np.ones((4, 4))]))
    assert found.shape == (2, 4, 4, 1) and found.dtype == tf.float32
    np.testing.assert_array_equal(found[0, :, :, 0], expected)
    assert not found[1].numpy().any()


def test_instance_means_by_hand():
    """The same number in another image is another instance, and numbers need not be near each other."""
    instances = np.int32([[[7, 7], [7, 26001]], [[7, -3], [-3, -3]]])
    features = np.float32([[[1, 2], [4, 9]], [[5, 0], [1, 2]]])
    features = np.stack([features, 10 * features], axis=-1)
    expected = np.float32([[[7 / 3, 7 / 3], [7 / 3, 9]], [[5, 1], [1, 1]]])
    found = layers.InstanceMean()([features, instances])
    np.testing.assert_allclose(found, np.stack([expected, 10 * expected], axis=-1), rtol=1e-6)
    compiled = tf.function(layers.InstanceMean(), jit_compile=True)
    np.testing.assert_allclose(compiled([tf.constant(features), tf.constant(instances)]), found, rtol=1e-6)


def test_the_gradient_of_instance_means_is_that_of_a_matrix():
    instances = RNG.integers(0, 4, (2, 5, 3)).astype("int32")
    x, weight = (tf.constant(RNG.normal(size=(2, 5, 3, 2))) for _ in range(2))
    layer = layers.InstanceMean(dtype="float64")
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = tf.reduce_sum(weight * layer([x, instances]))
    same = instances.reshape(2, 15, 1) == instances.reshape(2, 1, 15)
    matrix = same / same.sum(axis=1, keepdims=True)
    expected = np.einsum("bij,bic->bjc", matrix, weight.numpy().reshape(2, 15, 2)).reshape(x.shape)
    np.testing.assert_allclose(tape.gradient(value, x), expected, rtol=1e-9)


def test_the_global_generator_is_the_residual_one_and_shows_its_last_features():
    generator = networks.global_generator((32, 64), 3, 5, width=4, blocks=1, downsamplings=4)
    images, features = generator(RNG.normal(size=(2, 32, 64, 5)).astype("float32"))
    assert images.shape == (2, 32, 64, 3) and features.shape == (2, 32, 64, 4)
    assert float(tf.reduce_min(features)) == 0  # behind a rectifier
    head = generator.layers[-2]
    padded = tf.pad(features, [[0, 0], [3, 3], [3, 3], [0, 0]], mode="REFLECT")
    np.testing.assert_allclose(np.tanh(head(padded)), images, atol=1e-6)
    widest = max(layer.filters for layer in generator.layers if isinstance(layer, keras.layers.Conv2D))
    assert widest == 64  # 4 times 2^4
    with pytest.raises(ValueError, match="`image_size` must be a multiple of 16, at least 32. Received: 24"):
        networks.global_generator(24, 3, 5)


def test_the_enhancer_adds_the_features_of_the_smaller_image():
    enhancer = networks.local_enhancer(3, 5, features=8, blocks=1)
    sources, known = RNG.normal(size=(1, 8, 12, 5)).astype("float32"), RNG.normal(size=(1, 4, 6, 8)).astype("float32")
    assert enhancer([sources, known]).shape == (1, 8, 12, 3)
    (added,) = [layer for layer in enhancer.layers if isinstance(layer, keras.layers.Add)][:1]
    before = keras.Model(enhancer.inputs, [added.input[0], added.output])
    own, both = before([sources, known])
    np.testing.assert_allclose(both, own + known, rtol=1e-6)


def test_a_perceptual_network_of_several_layers_has_the_papers_five():
    features = networks.vgg_features("vgg19_11_to_51", pretrained=False)
    shapes = [x.shape for x in features(np.zeros((1, 32, 48, 3), "float32"))]
    assert shapes == [(1, 32 // 2**i, 48 // 2**i, min(64 * 2**i, 512)) for i in range(5)]
    with pytest.raises(ValueError, match="`perceptual` must be None, one of .* Got: 'vgg'"):
        networks.perceptual_network("vgg")
