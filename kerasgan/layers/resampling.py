"""Upsampling, downsampling and padding."""

import keras
import numpy as np
import tensorflow as tf


@keras.saving.register_keras_serializable("kerasgan")
class ReflectionPadding2D(keras.layers.Layer):
    """Pads height and width by reflection, without repeating the edge.

    Args:
        padding: int, pixels on each side. It must be less than the size of the image. Defaults to 1.

    Input (batch, height, width, channels), output (batch, height + 2 padding, width + 2 padding, channels).
    """

    def __init__(self, padding=1, **kwargs):
        super().__init__(**kwargs)
        self.padding = padding

    def call(self, inputs):
        p = self.padding
        return tf.pad(inputs, [[0, 0], [p, p], [p, p], [0, 0]], mode="REFLECT")

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        grow = lambda size: None if size is None else size + 2 * self.padding  # noqa: E731
        return (batch, grow(height), grow(width), channels)

    def get_config(self):
        return {**super().get_config(), "padding": self.padding}


@keras.saving.register_keras_serializable("kerasgan")
class PixelShuffle(keras.layers.Layer):
    """Rearranges channels into pixels: the second half of the sub-pixel convolution (Shi et al. 2016).

    https://arxiv.org/abs/1609.05158, equation 4.

    Args:
        scale: int, the factor of height and width. Defaults to 2.

    Input (batch, height, width, scale^2 channels), output (batch, scale height, scale width, channels).
    """

    def __init__(self, scale=2, **kwargs):
        super().__init__(**kwargs)
        self.scale = scale

    def call(self, inputs):
        return tf.nn.depth_to_space(inputs, self.scale)

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        grow = lambda size: None if size is None else size * self.scale  # noqa: E731
        return (batch, grow(height), grow(width), channels // self.scale**2)

    def get_config(self):
        return {**super().get_config(), "scale": self.scale}


def _doubling(size):
    """Returns the matrix (2 size, size) that doubles an axis with the kernel [1, 3, 3, 1] / 4 and zero padding."""
    places = np.arange(2 * size)[:, None] - 2 * np.arange(size)[None]  # from -1 to 2 within the kernel
    return np.select([(places == -1) | (places == 2), (places == 0) | (places == 1)], [0.25, 0.75], 0.0)


def _along_axes(x, rows, columns):
    """Multiplies height and width of images by matrices, the fastest way to filter on CPUs."""
    height, width, channels = x.shape[1:]
    x = tf.matmul(tf.constant(rows, x.dtype), tf.reshape(x, (-1, height, width * channels)))
    x = tf.matmul(tf.constant(columns, x.dtype), tf.reshape(x, (-1, width, channels)))
    return tf.reshape(x, (-1, len(rows), len(columns), channels))


@keras.saving.register_keras_serializable("kerasgan")
class SmoothUpSampling2D(keras.layers.Layer):
    """Doubles height and width with the kernel [1, 3, 3, 1] / 4, as in R3GAN and the StyleGANs.

    Inside the image, this is bilinear interpolation between pixel centres. The image is padded with zeros, while
    `keras.layers.UpSampling2D` repeats its edges.

    Input (batch, height, width, channels), output (batch, 2 height, 2 width, channels).
    """

    def call(self, inputs):
        return _along_axes(inputs, *(_doubling(size) for size in inputs.shape[1:3]))

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        double = lambda size: None if size is None else 2 * size  # noqa: E731
        return (batch, double(height), double(width), channels)


def _stretching(size):
    """Returns the matrix (2 size, size) of linear interpolation with aligned ends."""
    places = np.linspace(0, size - 1, 2 * size)[:, None]
    return np.maximum(1 - np.abs(places - np.arange(size)[None]), 0.0)


@keras.saving.register_keras_serializable("kerasgan")
class AlignedUpSampling2D(keras.layers.Layer):
    """Doubles height and width by bilinear interpolation with aligned corners.

    Input (batch, height, width, channels), output (batch, 2 height, 2 width, channels).
    """

    def call(self, inputs):
        return _along_axes(inputs, *(_stretching(size) for size in inputs.shape[1:3]))

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        double = lambda size: None if size is None else 2 * size  # noqa: E731
        return (batch, double(height), double(width), channels)


@keras.saving.register_keras_serializable("kerasgan")
class SmoothDownSampling2D(keras.layers.Layer):
    """Halves height and width with the kernel [1, 3, 3, 1] / 8, the transpose of `SmoothUpSampling2D` over 4.

    Its low-pass filter causes less aliasing than the mean of 2x2 pixels. The image is padded with zeros.

    Input (batch, height, width, channels) of even height and width, output (batch, height / 2, width / 2, channels).
    """

    def call(self, inputs):
        height, width = self.compute_output_shape(inputs.shape)[1:3]
        return _along_axes(inputs, _doubling(height).T / 2, _doubling(width).T / 2)

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        for size in (height, width):
            if size is not None and size % 2:
                raise ValueError(f"Height and width must be even to be halved. Received: {tuple(input_shape)}")
        half = lambda size: None if size is None else size // 2  # noqa: E731
        return (batch, half(height), half(width), channels)
