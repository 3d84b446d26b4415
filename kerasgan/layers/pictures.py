"""First and last layers of generators without normalization."""

import keras
import tensorflow as tf

from kerasgan.shapes import as_size


@keras.saving.register_keras_serializable("kerasgan")
class LearnedBasis(keras.layers.Layer):
    """Turns features into a small image: each channel is a learned picture scaled by its feature.

    Args:
        size: int or (height, width), the size of the image.

    Input (batch, channels), output (batch, height, width, channels).
    """

    def __init__(self, size, **kwargs):
        super().__init__(**kwargs)
        self.size = size

    def build(self, input_shape):
        shape = (*as_size(self.size), input_shape[-1])
        self.pictures = self.add_weight(shape=shape, initializer=keras.initializers.RandomNormal(stddev=1.0))
        self.built = True

    def call(self, inputs):
        return inputs[:, None, None, :] * self.pictures

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *as_size(self.size), input_shape[-1])

    def get_config(self):
        return {**super().get_config(), "size": self.size}


@keras.saving.register_keras_serializable("kerasgan")
class ClippedSamples(keras.layers.Layer):
    """Clips images to [-1, 1] in inference, and returns them unchanged in training."""

    def call(self, inputs, training=False):
        return inputs if training else tf.clip_by_value(inputs, -1.0, 1.0)

    def compute_output_shape(self, input_shape):
        return input_shape
