"""Dropout with masks that do not depend on the number of devices."""

import keras

from kerasgan import random


@keras.saving.register_keras_serializable("kerasgan")
class Dropout(keras.layers.Layer):
    """Dropout with masks that are the same on any number of devices, and with or without XLA.

    In contrast, Keras's `Dropout` draws the same mask for all replicas, and a different one when compiled with XLA.

    Args:
        rate: float in [0, 1). Share of the units that are set to 0. The others are divided by `1 - rate`.
        seed: int. Defaults to a random one.

    Input and output of any shape (batch, ...).
    """

    def __init__(self, rate, seed=None, **kwargs):
        super().__init__(**kwargs)
        if not 0 <= rate < 1:
            raise ValueError(f"`rate` must be in [0, 1). Received: {rate!r}")
        self.rate = rate
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs, training=False):
        if not training or not self.rate:
            return inputs
        kept = random.uniform(self.mask_shape(inputs), self.seed_generator) >= self.rate
        return inputs * keras.ops.cast(kept, inputs.dtype) / (1 - self.rate)

    def mask_shape(self, inputs):
        """Returns the shape of the mask, by default the shape of `inputs`."""
        return keras.ops.shape(inputs)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "rate": self.rate}


@keras.saving.register_keras_serializable("kerasgan")
class SpatialDropout2D(Dropout):
    """`Dropout` of whole channels (Tompson et al. 2015, https://arxiv.org/abs/1411.4280, section 3.2).

    Arguments are those of `Dropout`. Input and output (batch, height, width, channels).
    """

    def mask_shape(self, inputs):
        return (keras.ops.shape(inputs)[0], 1, 1, inputs.shape[-1])
