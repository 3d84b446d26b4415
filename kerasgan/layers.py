"""Layers that papers on adversarial networks introduced or rely on and that Keras lacks."""

import keras


@keras.saving.register_keras_serializable("kerasgan")
class Maxout(keras.layers.Layer):
    """Maxout (Goodfellow et al. 2013, https://arxiv.org/abs/1302.4389, equation 1): the largest of several linear maps.

    Args:
        units: int. Length of the output.
        pieces: int. Linear maps per unit. Defaults to 5.

    Input (batch, n), output (batch, units).
    """

    def __init__(self, units, pieces=5, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.pieces = pieces
        self.linear = keras.layers.Dense(units * pieces, dtype=self.dtype_policy)

    def build(self, input_shape):
        self.linear.build(input_shape)
        self.built = True

    def call(self, inputs):
        return keras.ops.max(keras.ops.reshape(self.linear(inputs), (-1, self.units, self.pieces)), axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        return {**super().get_config(), "units": self.units, "pieces": self.pieces}
