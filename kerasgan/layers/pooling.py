"""Max pooling with indices, and unpooling."""

import keras
import tensorflow as tf

from kerasgan.arguments import positive_int


def _sides(x):
    """Returns height and width, as ints if they are static."""
    return [x.shape[i] if x.shape[i] is not None else tf.shape(x)[i] for i in (1, 2)]


def _at(places, size):
    """Returns the places as one-hot bools (batch, height, width, size^2, channels)."""
    return places[..., None, :] == tf.range(size**2, dtype=places.dtype)[:, None]


@keras.saving.register_keras_serializable("kerasgan")
class MaxPoolingWithIndices(keras.layers.Layer):
    """Max pooling over non-overlapping windows. It also returns the positions of the maxima.

    The positions are the switches of Zeiler & Fergus (2014, https://arxiv.org/abs/1311.2901, section 2.1), the input of
    `Unpooling`. Of equal values in a window, the first one is the maximum.

    Args:
        pool_size: int, height and width of a window. Defaults to 2.

    Input (batch, height, width, channels), with height and width multiples of `pool_size`. Output: the maxima
    (batch, height / pool_size, width / pool_size, channels), and int32 places of this shape, in [0, pool_size^2), which
    number the pixels of a window row by row.

    Raises:
        ValueError: if the height or the width is not a multiple of `pool_size`.

    Example:

    >>> image = np.float32([[1, 2], [4, 3]]).reshape((1, 2, 2, 1))
    >>> [x.numpy().item() for x in MaxPoolingWithIndices()(image)]
    [4.0, 2]
    """

    def __init__(self, pool_size=2, **kwargs):
        super().__init__(**kwargs)
        self.pool_size = positive_int("pool_size", pool_size)

    def call(self, inputs):
        self.compute_output_shape(inputs.shape)
        size = self.pool_size
        depth = tf.nn.space_to_depth(inputs, size) if size > 1 else inputs
        windows = tf.reshape(depth, (-1, *_sides(depth), size**2, inputs.shape[-1]))
        places = tf.argmax(windows, axis=3, output_type=tf.int32)
        chosen = _at(places, size)
        # `reduce_max` would share its gradient among equal values.
        return [tf.reduce_sum(tf.where(chosen, windows, tf.zeros((), windows.dtype)), axis=3), places]

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        for side in (height, width):
            if side is not None and side % self.pool_size:
                raise ValueError(
                    f"Height and width must be multiples of the window size {self.pool_size}. "
                    f"Received: {tuple(input_shape)}"
                )
        shrink = lambda side: None if side is None else side // self.pool_size  # noqa: E731
        shape = (batch, shrink(height), shrink(width), channels)
        return [shape, shape]

    def compute_output_spec(self, inputs):
        maxima, places = self.compute_output_shape(inputs.shape)
        return [keras.KerasTensor(maxima, self.compute_dtype), keras.KerasTensor(places, "int32")]

    def get_config(self):
        return {**super().get_config(), "pool_size": self.pool_size}


@keras.saving.register_keras_serializable("kerasgan")
class Unpooling(keras.layers.Layer):
    """Enlarges features: each value is placed at one pixel of its window, and the other pixels are 0.

    Call it on `[features, places]`, the outputs of `MaxPoolingWithIndices` (Zeiler & Fergus 2014,
    https://arxiv.org/abs/1311.2901, section 2.1), or on features alone. The place is then the upper left pixel
    (Dosovitskiy et al. 2015, https://arxiv.org/abs/1411.5928, section 3.1).

    Args:
        pool_size: int, height and width of a window. Defaults to 2.

    Input (batch, height, width, channels), or a list of this and of int places of the same shape. Output (batch,
    pool_size height, pool_size width, channels).

    Raises:
        ValueError: if features and places differ in shape.

    Example:

    >>> features, places = np.float32([[[[4]]]]), np.int32([[[[2]]]])
    >>> Unpooling()([features, places]).numpy().ravel().tolist(), Unpooling()(features).numpy().ravel().tolist()
    ([0.0, 0.0, 4.0, 0.0], [4.0, 0.0, 0.0, 0.0])
    """

    def __init__(self, pool_size=2, **kwargs):
        super().__init__(**kwargs)
        self.pool_size = positive_int("pool_size", pool_size)

    def call(self, inputs):
        size = self.pool_size
        if isinstance(inputs, (list, tuple)):
            self.compute_output_shape([each.shape for each in inputs])
            features, places = inputs
            windows = features[..., None, :] * tf.cast(_at(places, size), features.dtype)
        else:
            features = inputs
            windows = tf.pad(features[..., None, :], [[0, 0], [0, 0], [0, 0], [0, size**2 - 1], [0, 0]])
        depth = tf.reshape(windows, (-1, *_sides(features), size**2 * features.shape[-1]))
        return tf.nn.depth_to_space(depth, size) if size > 1 else depth

    def compute_output_shape(self, input_shape):
        if isinstance(input_shape[0], (list, tuple, tf.TensorShape)):
            features, places = (tuple(shape) for shape in input_shape)
            differ = (None not in pair and pair[0] != pair[1] for pair in zip(features, places))
            if len(features) != len(places) or any(differ):
                raise ValueError(f"Features and places must have the same shape. Received: {features} and {places}")
            input_shape = features
        batch, height, width, channels = input_shape
        grow = lambda side: None if side is None else side * self.pool_size  # noqa: E731
        return (batch, grow(height), grow(width), channels)

    def get_config(self):
        return {**super().get_config(), "pool_size": self.pool_size}
