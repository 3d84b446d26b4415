"""Self-attention."""

import keras
import tensorflow as tf

from kerasgan.layers.arithmetic import wide
from kerasgan.layers.spectral import SpectralNormalization


@keras.saving.register_keras_serializable("kerasgan")
class SelfAttention(keras.layers.Layer):
    """Self-attention over all positions of a feature map (Zhang et al. 2019, section 3).

    https://arxiv.org/abs/1805.08318. With 1x1 convolutions f, g, h to C / `reduction` channels and v back to C, all
    spectrally normalized, position j attends to i by beta_ji = softmax_i(f(x_i)^T g(x_j)) (equation 1),
    o_j = v(sum_i beta_ji h(x_i)) (equation 2), y = gamma o + x (equation 3). gamma starts at 0, so the network first
    learns from local neighbourhoods. Attention weights are computed in float32. Memory grows with the fourth power of
    the side.

    Args:
        reduction: int, k in the paper. Defaults to 8.
        value_reduction: int. k of h, the features that are summed. Defaults to `reduction`.
        pool: int. Size of the max pooling of f and h. Defaults to 1, no pooling. The code of BigGAN (Brock et al. 2019)
            uses `value_reduction=2, pool=2`.
        kernel_initializer: as in `keras.layers.Conv2D`. Defaults to `"glorot_uniform"`.

    Input and output (batch, height, width, channels).
    """

    def __init__(self, reduction=8, value_reduction=None, pool=1, kernel_initializer="glorot_uniform", **kwargs):
        super().__init__(**kwargs)
        self.reduction, self.pool = reduction, pool
        self.value_reduction = reduction if value_reduction is None else value_reduction
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape):
        channels = input_shape[-1]
        inner, values = (max(1, channels // factor) for factor in (self.reduction, self.value_reduction))

        def convolution(filters, shape, name):
            start = self.kernel_initializer.clone()  # a shared initializer may draw the same values again
            layer = keras.layers.Conv2D(filters, 1, use_bias=False, kernel_initializer=start, dtype=self.dtype_policy)
            layer = SpectralNormalization(layer, dtype=self.dtype_policy, name=name)
            layer.build(shape)
            return layer

        self.f, self.g = (convolution(inner, input_shape, name) for name in "fg")
        self.h = convolution(values, input_shape, "h")
        self.v = convolution(channels, (*input_shape[:-1], values), "v")
        self.gamma = self.add_weight(shape=(), initializer="zeros", name="gamma")
        self.built = True

    def call(self, inputs, training=False):
        batch, height, width, _ = keras.ops.shape(inputs)

        def positions(convolution, pool=1):
            x = convolution(inputs, training=training)
            x = tf.nn.max_pool2d(x, pool, pool, "VALID") if pool > 1 else x
            return tf.reshape(x, (-1, (height // pool) * (width // pool), x.shape[-1]))

        scores = tf.matmul(positions(self.g), positions(self.f, self.pool), transpose_b=True)  # row j, column i
        attention = tf.cast(tf.nn.softmax(wide(scores)), inputs.dtype)
        seen = tf.matmul(attention, positions(self.h, self.pool))
        seen = self.v(tf.reshape(seen, (-1, height, width, seen.shape[-1])), training=training)
        return inputs + tf.cast(self.gamma, inputs.dtype) * seen

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        names = ("reduction", "value_reduction", "pool")
        start = keras.initializers.serialize(self.kernel_initializer)
        return {**super().get_config(), **{name: getattr(self, name) for name in names}, "kernel_initializer": start}
