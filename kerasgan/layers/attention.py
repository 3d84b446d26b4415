"""Self-attention."""

import keras
import tensorflow as tf

from kerasgan.layers.arithmetic import wide
from kerasgan.layers.spectral import SpectralNormalization


@keras.saving.register_keras_serializable("kerasgan")
class SelfAttention(keras.layers.Layer):
    """Lets every position of a feature map look at every other one (Zhang et al. 2019, section 3).

    https://arxiv.org/abs/1805.08318. With 1x1 convolutions f, g, h to C / `reduction` channels and v back to C, all
    spectrally normalised, position j attends to i by beta_ji = softmax_i(f(x_i)^T g(x_j)) (equation 1),
    o_j = v(sum_i beta_ji h(x_i)) (equation 2), y = gamma o + x (equation 3). gamma starts at 0: the layer learns to
    use its neighbourhood first. The weights are computed in float32; memory grows with the fourth power of the side.

    Args:
        reduction: int, k in the paper. Defaults to 8.

    Input and output (batch, height, width, channels).
    """

    def __init__(self, reduction=8, **kwargs):
        super().__init__(**kwargs)
        self.reduction = reduction

    def build(self, input_shape):
        channels = input_shape[-1]
        inner = max(1, channels // self.reduction)

        def convolution(filters, shape, name):
            layer = keras.layers.Conv2D(filters, 1, use_bias=False, dtype=self.dtype_policy)
            layer = SpectralNormalization(layer, dtype=self.dtype_policy, name=name)
            layer.build(shape)
            return layer

        self.f, self.g, self.h = (convolution(inner, input_shape, name) for name in "fgh")
        self.v = convolution(channels, (*input_shape[:-1], inner), "v")
        self.gamma = self.add_weight(shape=(), initializer="zeros", name="gamma")
        self.built = True

    def call(self, inputs, training=False):
        batch, height, width, _ = keras.ops.shape(inputs)

        def positions(convolution):
            x = convolution(inputs, training=training)
            return tf.reshape(x, (-1, height * width, x.shape[-1]))

        scores = tf.matmul(positions(self.g), positions(self.f), transpose_b=True)  # row j, column i
        attention = tf.cast(tf.nn.softmax(wide(scores)), inputs.dtype)
        seen = tf.matmul(attention, positions(self.h))
        seen = self.v(tf.reshape(seen, (-1, height, width, seen.shape[-1])), training=training)
        return inputs + tf.cast(self.gamma, inputs.dtype) * seen

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "reduction": self.reduction}
