"""Image filters, and resampling with them."""

import keras
import numpy as np
import tensorflow as tf

BINOMIAL = (1, 3, 3, 1)


def upfirdn(x, taps, up=1, down=1, padding=(0, 0), gain=1.0, training=True):
    """Inserts zeros between pixels, filters rows and columns, and keeps every `down`-th pixel.

    Args:
        x: (batch, height, width, channels).
        taps: floats, the filter along each axis. It is scaled to a sum of 1.
        up: int. `up - 1` zeros are inserted after each pixel. Defaults to 1.
        down: int. Defaults to 1.
        padding: (before, after), the number of zeros on each side after `up`. Negative numbers crop. Defaults to none.
        gain: float. Factor of the outputs. `up**2` keeps the brightness. Defaults to 1.
        training: bool. Whether to use a custom gradient, which is faster on CPUs. Exported functions need False.
            Defaults to True.

    Returns:
        A tensor of the dtype of `x`. A side of n pixels becomes
        `(n * up + sum(padding) - len(taps)) // down + 1`.

    Example:

    >>> x = np.float32([1, 0, 0, 0]).reshape((1, 4, 1, 1)) * np.ones((1, 1, 4, 1), "float32")
    >>> kerasgan.layers.upfirdn(x, (1, 3, 3, 1), padding=(2, 1))[0, :, 2, 0].numpy()
    array([0.375, 0.375, 0.125, 0.   ], dtype=float32)
    """
    taps = gain**0.5 * np.asarray(taps, "float64") / np.sum(taps)
    return (_filtered if training else _forward)(x, tuple(taps), up, down, (padding, padding))


def _forward(x, taps, up, down, padding):
    """As `upfirdn`, but without scaling the taps."""
    _, height, width, channels = x.shape
    if up > 1:
        x = tf.pad(x[:, :, None, :, None], [[0, 0], [0, 0], [0, up - 1], [0, 0], [0, up - 1], [0, 0]])
        x = tf.reshape(x, (-1, height * up, width * up, channels))
    x = tf.pad(x, [[0, 0], *([max(side, 0) for side in sides] for sides in padding), [0, 0]])
    (top, bottom), (left, right) = ([max(-side, 0) for side in sides] for sides in padding)
    x = x[:, top : x.shape[1] - bottom, left : x.shape[2] - right]
    kernel = tf.constant(np.outer(taps, taps)[::-1, ::-1], x.dtype)  # a convolution, not a correlation
    kernel = tf.tile(kernel[:, :, None, None], (1, 1, channels, 1))
    return tf.nn.depthwise_conv2d(x, kernel, [1, down, down, 1], "VALID")


def _filtered(x, taps, up, down, padding):
    """As `_forward`, with a custom gradient that is also computed by filtering."""
    _, height, width, _ = x.shape

    @tf.custom_gradient
    def apply(x):
        outputs = _forward(x, taps, up, down, padding)

        def gradient(upstream):
            upstream = tf.ensure_shape(upstream, outputs.shape)  # the tape may not know the shape
            back = []
            for size, made, (before, _) in zip((height, width), outputs.shape[1:3], padding):
                after = size * up - made * down + before - up + 1
                back.append((len(taps) - before - 1, after))
            return _filtered(upstream, taps[::-1], down, up, tuple(back))

        return outputs, gradient

    return apply(x)


@keras.saving.register_keras_serializable("kerasgan")
class Resample(keras.layers.Layer):
    """Doubles or halves the size of images with a binomial filter (Karras et al. 2020, section 4; Zhang 2019).

    https://arxiv.org/abs/1912.04958. The image is padded with zeros.

    Args:
        up: int, 1 or 2. Defaults to 1.
        down: int, 1 or 2. Defaults to 1. With `up=1` and `down=1`, the layer blurs.
        taps: tuple of floats, the filter. Defaults to (1, 3, 3, 1), as in StyleGAN2.

    Input (batch, height, width, channels), output (batch, height up / down, width up / down, channels).
    """

    def __init__(self, up=1, down=1, taps=BINOMIAL, **kwargs):
        super().__init__(**kwargs)
        self.up, self.down, self.taps = up, down, tuple(taps)

    def call(self, inputs, training=False):
        total = len(self.taps) - self.down
        padding = (total + 1) // 2, total // 2
        return upfirdn(inputs, self.taps, self.up, self.down, padding, self.up**2, training)

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        return (batch, resized(height, self.up, self.down), resized(width, self.up, self.down), channels)

    def get_config(self):
        return {**super().get_config(), "up": self.up, "down": self.down, "taps": self.taps}


def resized(side, up=1, down=1):
    return None if side is None else side * up // down
