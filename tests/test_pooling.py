"""Max pooling that remembers places, and unpooling."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasgan.layers import MaxPoolingWithIndices, Unpooling

# One image of 4x6 pixels: windows of 2x2 whose maxima lie at each of the four places, and two with equal values.
IMAGE = np.float32([[9, 1, 2, 8, 0, 0], [3, 4, 5, 6, 0, 0], [1, 2, 3, 4, -5, -5], [7, 6, 2, 5, -5, -1]])[
    None, ..., None
]
MAXIMA, PLACES = [[9, 8, 0], [7, 5, -1]], [[0, 1, 0], [2, 3, 3]]


def test_maxima_and_places_by_hand():
    maxima, places = MaxPoolingWithIndices()(IMAGE)
    assert places.dtype == tf.int32
    np.testing.assert_array_equal(maxima[0, ..., 0], MAXIMA)
    np.testing.assert_array_equal(places[0, ..., 0], PLACES)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_maxima_are_those_of_keras(size):
    x = np.random.default_rng(0).normal(size=(2, 6, 12, 3)).astype("float32")
    np.testing.assert_array_equal(MaxPoolingWithIndices(size)(x)[0], keras.layers.MaxPooling2D(size)(x))


def test_each_maximum_returns_to_its_place():
    restored = Unpooling()(MaxPoolingWithIndices()(IMAGE))
    by_hand = [[9, 0, 0, 8, 0, 0], [0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0], [7, 0, 0, 5, 0, -1]]
    np.testing.assert_array_equal(restored[0, ..., 0], by_hand)


def test_without_places_values_go_to_the_upper_left():
    restored = Unpooling(3)(np.float32([[1, 2]])[None, ..., None])
    np.testing.assert_array_equal(restored[0, ..., 0], [[1, 0, 0, 2, 0, 0], [0] * 6, [0] * 6])


def test_channels_have_places_of_their_own():
    x = np.random.default_rng(0).normal(size=(2, 4, 4, 5)).astype("float32")
    together = Unpooling()(MaxPoolingWithIndices()(x)).numpy()
    for channel in range(5):
        alone = Unpooling()(MaxPoolingWithIndices()(x[..., channel : channel + 1]))
        np.testing.assert_array_equal(together[..., channel : channel + 1], alone)
    np.testing.assert_array_equal(np.count_nonzero(together, axis=(1, 2)), 4)


def test_the_gradient_reaches_the_maximum_alone_the_first_of_equals():
    x = tf.constant(IMAGE)
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.reduce_sum(MaxPoolingWithIndices()(x)[0] * [[[[1.0], [2.0], [3.0]], [[4.0], [5.0], [6.0]]]])
    by_hand = [[1, 0, 0, 2, 3, 0], [0] * 6, [0] * 6, [4, 0, 0, 5, 0, 6]]
    np.testing.assert_array_equal(tape.gradient(loss, x)[0, ..., 0], by_hand)


def test_xla_compiles_both_for_any_number_of_images():
    @tf.function(jit_compile=True, input_signature=[tf.TensorSpec((None, 4, 6, 1), tf.float32)])
    def there_and_back(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            restored = Unpooling()(MaxPoolingWithIndices()(x))
        return restored, tape.gradient(restored, x)

    restored, gradient = there_and_back(IMAGE)
    np.testing.assert_array_equal(restored, Unpooling()(MaxPoolingWithIndices()(IMAGE)))
    np.testing.assert_array_equal(gradient[0, ..., 0], [[1, 0, 0, 1, 1, 0], [0] * 6, [0] * 6, [1, 0, 0, 1, 0, 1]])


def test_a_network_of_both_is_saved_with_places_that_are_integers(tmp_path):
    images = keras.Input((4, 6, 1))
    maxima, places = MaxPoolingWithIndices()(images)
    assert places.dtype == "int32"
    network = keras.Model(images, Unpooling()([maxima, places]))
    network.save(tmp_path / "network.keras")
    loaded = keras.models.load_model(tmp_path / "network.keras")
    np.testing.assert_array_equal(loaded(IMAGE), network(IMAGE))


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match=r"multiples of the window size 2. Received: \(1, 4, 5, 1\)"):
        MaxPoolingWithIndices()(np.zeros((1, 4, 5, 1), "float32"))
    with pytest.raises(ValueError, match=r"the same shape. Received: \(1, 2, 3, 1\) and \(1, 2, 2, 1\)"):
        Unpooling()([np.zeros((1, 2, 3, 1), "float32"), np.zeros((1, 2, 2, 1), "int32")])
    for layer in (MaxPoolingWithIndices, Unpooling):
        with pytest.raises(ValueError, match="`pool_size` must be"):
            layer(0)
