import keras
import numpy as np
import pytest

from kerasgan.layers import WeightNormalization, initialize_by_data


@pytest.mark.parametrize(
    ("inner", "shape", "axes"),
    [
        (lambda: keras.layers.Dense(3), (4, 5), 0),
        (lambda: keras.layers.Conv2D(3, 2), (4, 6, 6, 2), (0, 1, 2)),
        (lambda: keras.layers.Conv2DTranspose(3, 2), (4, 6, 6, 2), (0, 1, 3)),
    ],
)
def test_outputs_are_those_of_a_kernel_of_unit_length_times_the_length(inner, shape, axes):
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    layer = WeightNormalization(inner())
    layer(x)
    layer.lengths.assign([1.0, 2.0, 3.0])
    layer.layer.bias.assign([0.5, 0.0, -1.0])
    kernel = np.array(layer.layer.kernel)
    norms = np.sqrt((kernel**2).sum(axis=axes))
    lengths = np.array([1.0, 2.0, 3.0]) / norms
    plain = inner()
    plain.build(shape)
    plain.kernel.assign(kernel * (lengths[:, None] if axes == (0, 1, 3) else lengths))
    plain.bias.assign(layer.layer.bias)
    np.testing.assert_allclose(layer(x), plain(x), rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(layer.layer.kernel, kernel)


def test_initialization_by_hand():
    """x w over (1, 3, 5) with w = 1 has mean 3 and variance 8/3: length sqrt(3/8), bias -3 sqrt(3/8)."""
    x = np.array([[1.0], [3.0], [5.0]], "float32")
    layer = WeightNormalization(keras.layers.Dense(1, kernel_initializer=keras.initializers.Constant(7.0)))
    network = keras.Sequential([keras.Input((1,)), layer])
    initialize_by_data(network, x)
    np.testing.assert_allclose(layer.lengths, [np.sqrt(3 / 8)], rtol=1e-5)
    np.testing.assert_allclose(layer.layer.bias, [-3 * np.sqrt(3 / 8)], rtol=1e-5)
    np.testing.assert_allclose(network(x)[:, 0], np.array([-2, 0, 2]) * np.sqrt(3 / 8), rtol=1e-5, atol=1e-6)


def test_lengths_are_trained_unless_told_otherwise_and_saved(tmp_path):
    for trainable in (True, False):
        network = keras.Sequential([keras.Input((2,)), WeightNormalization(keras.layers.Dense(3), trainable)])
        assert len(network.trainable_variables) == 2 + trainable
        network.layers[0].lengths.assign([1.0, 2.0, 3.0])
        network.save(tmp_path / "a.keras")
        loaded = keras.saving.load_model(tmp_path / "a.keras")
        np.testing.assert_array_equal(loaded.layers[0].lengths, [1, 2, 3])
        assert len(loaded.trainable_variables) == 2 + trainable


@pytest.mark.parametrize(
    "layer", [keras.layers.Dense(2, use_bias=False), keras.layers.Dense(2, "relu"), keras.layers.Flatten()]
)
def test_other_layers_are_refused(layer):
    with pytest.raises(ValueError, match="`layer` must have a bias and no activation"):
        WeightNormalization(layer)
