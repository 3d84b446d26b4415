"""The convolutions against Keras's, whose gradients are TensorFlow's own."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasgan import convolutions
from kerasgan.convolutions import Conv2D, Conv2DTranspose
from kerasgan.layers import SpectralNormalization

# Layer, inputs: all small enough for the product, in odd sizes, both paddings, and kernels that do not meet.
CASES = {
    "same": (Conv2D, dict(filters=5, kernel_size=4, strides=2, padding="same"), (3, 9, 8, 256)),
    "valid": (Conv2D, dict(filters=5, kernel_size=(3, 2), strides=(2, 3), use_bias=False), (3, 9, 8, 256)),
    "whole": (Conv2D, dict(filters=5, kernel_size=4, activation="relu"), (3, 4, 4, 256)),
    "stride 1": (Conv2D, dict(filters=5, kernel_size=3, padding="same"), (3, 4, 3, 256)),
    "far apart": (Conv2D, dict(filters=5, kernel_size=2, strides=3, padding="same"), (3, 8, 8, 256)),
    "transposed": (Conv2DTranspose, dict(filters=256, kernel_size=5, strides=2, padding="same"), (3, 3, 4, 5)),
    "transposed, valid": (Conv2DTranspose, dict(filters=256, kernel_size=4, use_bias=False), (3, 1, 1, 5)),
    "transposed, odd": (Conv2DTranspose, dict(filters=256, kernel_size=3, strides=2, output_padding=0), (3, 2, 3, 5)),
    "transposed, padded": (
        Conv2DTranspose,
        dict(filters=256, kernel_size=4, strides=3, padding="same", output_padding=1),
        (3, 2, 3, 5),
    ),
}


IN_BFLOAT16 = {
    "one channel": (Conv2D, dict(filters=5, kernel_size=(5, 3), strides=2, padding="same"), (3, 19, 18, 1)),
    "transposed, one channel": (Conv2DTranspose, dict(filters=1, kernel_size=4, strides=2), (3, 9, 10, 5)),
}


def both(name, dtype="float32"):
    """A layer and Keras's with the same weights, and inputs."""
    kind, arguments, shape = (CASES | IN_BFLOAT16)[name]
    ours = kind(dtype=dtype, **arguments)
    keras_s = kind.__mro__[1](dtype=dtype, **arguments)
    rng = np.random.default_rng(0)
    for layer in (ours, keras_s):
        layer.build(shape)
    ours.set_weights([rng.normal(0, 0.3, weight.shape) for weight in ours.weights])
    keras_s.set_weights(ours.get_weights())
    return ours, keras_s, tf.constant(rng.normal(size=shape), tf.float32)


def gradients(layer, x):
    """Of a function of the outputs: those of the inputs, of the weights, and of the length of the former."""
    with tf.GradientTape() as outer:
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(x)
            outputs = layer(x, training=True)
            goal = tf.reduce_sum(tf.sin(tf.cast(outputs, tf.float32)))
        first = tape.gradient(goal, [x, *(weight.value for weight in layer.weights)])
        penalty = tf.reduce_sum(first[0] ** 2)
    return [outputs, *first, *outer.gradient(penalty, [weight.value for weight in layer.weights])]


def operations(layer, x):
    """The kinds of operations of a step that takes the gradient of the kernel."""

    def step(x):
        with tf.GradientTape() as tape:
            goal = tf.reduce_sum(tf.cast(layer(x, training=True), tf.float32))
        return tape.gradient(goal, layer.kernel.value)

    return {node.op for node in tf.function(step).get_concrete_function(x).graph.as_graph_def().node}


@pytest.mark.parametrize("way", ["eager", "graph", "xla", "any batch"])
@pytest.mark.parametrize("name", CASES)
def test_gradients_of_first_and_second_order_are_keras_s(name, way):
    ours, keras_s, x = both(name)
    signature = [tf.TensorSpec((None, *x.shape[1:]))] if way == "any batch" else None
    compiled = [
        (lambda x, layer=layer: gradients(layer, x))
        if way == "eager"
        else tf.function(lambda x, layer=layer: gradients(layer, x), signature, jit_compile=way == "xla")
        for layer in (ours, keras_s)
    ]
    values, expected = (run(x) for run in compiled)
    assert "Conv2DBackpropFilter" not in operations(ours, x) and "Conv2DBackpropFilter" in operations(keras_s, x)
    for value, other in zip(values, expected, strict=True):
        if other is None:
            assert value is None
            continue
        assert value.shape == other.shape
        np.testing.assert_allclose(value, other, rtol=2e-4, atol=2e-4 * np.abs(other).max())


@pytest.mark.parametrize("name", ["same", "transposed", "one channel", "transposed, one channel"])
def test_in_mixed_precision_the_gradient_is_the_exact_one_to_the_precision_of_bfloat16(name):
    ours, _, x = both(name, "mixed_bfloat16")
    exact = both(name)[1]
    rounded = tf.cast(tf.cast(x, tf.bfloat16), tf.float32)
    exact.set_weights([tf.cast(tf.cast(weight, tf.bfloat16), tf.float32) for weight in ours.get_weights()])
    values = []
    for layer, images in ((ours, x), (exact, rounded)):
        with tf.GradientTape() as tape:
            outputs = tf.cast(layer(images, training=True), tf.float32)
            goal = tf.reduce_sum(outputs * tf.random.stateless_normal(outputs.shape, (0, 1)))
        values.append(tape.gradient(goal, layer.kernel.value))
    assert "Conv2DBackpropFilter" not in operations(ours, x)
    assert values[0].dtype == tf.float32
    np.testing.assert_allclose(values[0], values[1], rtol=0.01, atol=0.01 * np.abs(values[1]).max())


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_product_is_tensorflow_s_gradient_of_a_kernel(channels, padding, compiled):
    rng = np.random.default_rng(0)
    images = tf.constant(rng.normal(size=(4, 19, 18, channels)), tf.float32)
    shape, strides = (5, 4, channels, 6), (2, 3)
    upstream = tf.nn.conv2d(images, tf.ones(shape), strides, padding)
    upstream = tf.constant(rng.normal(size=upstream.shape), tf.float32)
    expected = tf.raw_ops.Conv2DBackpropFilter(
        input=images, filter_sizes=shape, out_backprop=upstream, strides=[1, *strides, 1], padding=padding
    )
    compute = tf.function(convolutions._kernel_gradient, jit_compile=compiled)
    found = compute(images, upstream, shape, strides, padding)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(
    "shape, arguments, dtype, product",
    [
        ((2, 16, 16, 256), {}, "float32", True),
        ((2, 18, 16, 256), {}, "float32", False),  # nine places
        ((2, 16, 16, 255), {}, "float32", False),
        ((2, 16, 16, 64), {}, "mixed_bfloat16", True),
        ((2, 16, 16, 63), {}, "mixed_bfloat16", False),
        ((2, 64, 64, 1), {}, "mixed_bfloat16", True),
        ((2, 64, 64, 1), {"kernel_size": 1}, "mixed_bfloat16", False),
        ((2, 64, 64, 1), {"strides": 1}, "mixed_bfloat16", False),
        ((2, 64, 64, 1), {}, "float32", False),
        ((2, 16, 16, 256), {}, "mixed_float16", False),
        ((2, 4, 4, 256), {"strides": 1}, "float32", True),
        ((2, 5, 5, 256), {"strides": 1}, "float32", False),
        ((2, 8, 8, 256), {"kernel_size": 1}, "float32", False),
        ((2, 4, 4, 256), {"strides": 1, "dilation_rate": 2}, "float32", False),
        ((2, 8, 8, 256), {"groups": 2}, "float32", False),
        ((2, 256, 8, 8), {"data_format": "channels_first"}, "float32", False),
        ((2, 3, 3, 256), {"padding": "valid"}, "float32", False),  # no place
    ],
)
def test_the_product_is_taken_where_it_is_faster(shape, arguments, dtype, product):
    layer = Conv2D(**{"filters": 4, "kernel_size": 4, "strides": 2, "padding": "same", "dtype": dtype, **arguments})
    assert convolutions._takes_product(layer, shape[1:], tf.as_dtype(layer.compute_dtype)) is product


def test_sizes_that_are_not_known_before_take_the_plain_way():
    layer = Conv2D(4, 4, 2, "same")
    layer.build((None, None, None, 256))

    def step(x):
        with tf.GradientTape() as tape:
            goal = tf.reduce_sum(layer(x, training=True))
        return tape.gradient(goal, layer.kernel.value)

    free = tf.function(step, [tf.TensorSpec((None, None, None, 256))])
    x = tf.random.stateless_normal((2, 8, 8, 256), (0, 1))
    np.testing.assert_allclose(free(x), step(x), rtol=1e-4, atol=1e-4)


def test_other_devices_and_inference_take_the_plain_way(monkeypatch):
    ours, _, x = both("same")
    graph = tf.function(lambda x: ours(x, training=False)).get_concrete_function(x).graph
    assert not any("CustomGradient" in node.name or node.op == "IdentityN" for node in graph.as_graph_def().node)
    devices = [*tf.config.list_logical_devices(), tf.config.LogicalDevice("/device:GPU:0", "GPU")]
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda device_type=None: devices)
    assert "Conv2DBackpropFilter" in operations(ours, x)


def test_a_subclass_that_convolves_its_own_way_does_so_in_training_too():
    class Doubled(Conv2D):
        def convolution_op(self, inputs, kernel):
            return super().convolution_op(inputs, 2 * keras.ops.convert_to_tensor(kernel))

    _, keras_s, x = both("same")
    doubled = Doubled(5, 4, 2, "same", use_bias=False)
    doubled.build(x.shape)
    doubled.set_weights(keras_s.get_weights()[:1])
    keras_s.bias.assign(tf.zeros(5))
    np.testing.assert_allclose(doubled(x, training=True), 2 * keras_s(x), rtol=1e-4, atol=1e-4)


def test_a_gradient_without_a_shape_is_given_one():
    ours, keras_s, x = both("transposed")
    indices = tf.range(6)

    def step(layer):
        with tf.GradientTape() as tape:
            outputs = tf.map_fn(lambda image: tf.gather(image, indices), layer(x, training=True))
            goal = tf.reduce_sum(tf.sin(outputs))
        return tape.gradient(goal, layer.kernel.value)

    found, expected = (tf.function(lambda layer=layer: step(layer))() for layer in (ours, keras_s))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_under_spectral_normalisation_the_gradient_goes_through_the_norm(dtype):
    found = []
    for kind in (Conv2D, keras.layers.Conv2D):
        layer = SpectralNormalization(kind(5, 4, 2, "same", use_bias=False, dtype=dtype), dtype=dtype)
        x = tf.random.stateless_normal((2, 8, 8, 256), (0, 1))
        layer.build(x.shape)
        rng = np.random.default_rng(0)
        layer.set_weights([rng.normal(size=weight.shape) for weight in layer.weights])
        with tf.GradientTape() as tape:
            goal = tf.reduce_sum(tf.sin(tf.cast(layer(x, training=True), tf.float32)))
        found.append(tape.gradient(goal, layer.kernel.value))
    precision = 1e-4 if dtype == "float32" else 0.02
    np.testing.assert_allclose(*found, rtol=precision, atol=precision * np.abs(found[1]).max())


@pytest.mark.parametrize("name", CASES)
def test_a_saved_layer_is_the_same_class_with_the_same_outputs(name, tmp_path):
    ours, _, x = both(name)
    images = keras.Input(x.shape[1:])
    keras.Model(images, ours(images)).save(tmp_path / "layer.keras")
    again = keras.models.load_model(tmp_path / "layer.keras")
    assert type(again.layers[-1]) is type(ours)
    np.testing.assert_array_equal(again(x), ours(x))


@pytest.mark.parametrize(("strides", "padding"), [(1, "same"), ((2, 1), "valid"), ((1, 2), "same")])
def test_convolutions_in_groups_by_products_are_those_of_each_group(strides, padding):
    rng = np.random.default_rng(0)
    images, kernel = (tf.constant(rng.normal(size=shape), tf.float32) for shape in ((2, 5, 6, 4), (3, 2, 2, 6)))
    strides = strides if isinstance(strides, tuple) else (strides, strides)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([images, kernel])
        found = convolutions._grouped_products(images, kernel, 2, strides, padding.upper())
        halves = zip(tf.split(images, 2, -1), tf.split(kernel, 2, -1))
        expected = tf.concat([tf.nn.conv2d(x, k, strides, padding.upper()) for x, k in halves], axis=-1)
        sums = [tf.reduce_sum(outputs**2) for outputs in (found, expected)]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    for source in (images, kernel):
        np.testing.assert_allclose(*(tape.gradient(each, source) for each in sums), rtol=1e-4, atol=1e-4)


GROUPED = """
import keras, numpy as np, tensorflow as tf
from kerasgan.convolutions import GroupedConv2D

layer = GroupedConv2D(4, 3, padding="same", groups=2, bias_initializer="ones")
images = np.random.default_rng(0).normal(size=(2, 5, 5, 4)).astype("float32")
plain = tf.nn.leaky_relu(layer(images))
inputs = keras.Input((5, 5, 4))
network = keras.Model(inputs, keras.layers.LeakyReLU(0.2)(layer(inputs)))
np.testing.assert_allclose(network.predict(images, verbose=0), plain, atol=1e-6)
network.compile("sgd", "mse")
network.fit(images, images, verbose=0)
with tf.GradientTape() as tape:
    loss = tf.reduce_sum(tf.nn.leaky_relu(layer(tf.constant(images))))
assert tape.gradient(loss, layer.kernel.value).shape == (3, 3, 2, 4)
"""


@pytest.mark.slow
@pytest.mark.parametrize("onednn", ["0", "1"])
def test_grouped_convolutions_run_in_graphs_with_and_without_onednn(onednn):
    environment = os.environ | {"TF_ENABLE_ONEDNN_OPTS": onednn, "PYTHONPATH": os.pathsep.join(sys.path)}
    answer = subprocess.run([sys.executable, "-c", GROUPED], env=environment, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr[-2000:]
