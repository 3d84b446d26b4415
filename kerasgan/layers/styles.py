"""Layers of style-based generators (Karras et al. 2019, 2020)."""

import keras
import tensorflow as tf

from kerasgan import random, replicas
from kerasgan.layers.arithmetic import wide
from kerasgan.layers.equalized import Equalized, EqualizedDense
from kerasgan.layers.filters import BINOMIAL, resized, upfirdn
from kerasgan.shapes import as_size


@keras.saving.register_keras_serializable("kerasgan")
class Noise(keras.layers.Layer):
    """Adds single-channel noise, scaled by a learned strength (Karras et al. 2019, section 2).

    https://arxiv.org/abs/1812.04948. In training, new noise is drawn for each image. In inference, the noise is a fixed
    non-trainable weight, so each latent gives one image.

    Args:
        per_channel: bool. Whether each channel has its own strength, as in StyleGAN, or all share one, as in StyleGAN2.
            Strengths start at 0. Defaults to False.
        gain: float. Factor of the noise. Defaults to 1.

    Input and output (batch, height, width, channels).
    """

    def __init__(self, per_channel=False, gain=1.0, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.per_channel, self.gain = per_channel, gain
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, input_shape):
        _, height, width, channels = input_shape
        shape = (channels,) if self.per_channel else ()
        self.strength = self.add_weight(shape=shape, initializer="zeros", name="strength")
        start = keras.initializers.RandomNormal(stddev=1.0)
        self.fixed = self.add_weight(shape=(height, width, 1), initializer=start, trainable=False, name="fixed")
        self.built = True

    def call(self, inputs, training=False):
        if training:
            _, height, width, _ = inputs.shape
            noise = random.normal((keras.ops.shape(inputs)[0], height, width, 1), self.seed_generator)
        else:
            noise = tf.convert_to_tensor(self.fixed)
        strength = tf.cast(self.strength, inputs.dtype)
        return inputs + tf.cast(self.gain * noise, inputs.dtype) * strength

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "per_channel": self.per_channel, "gain": self.gain}


@keras.saving.register_keras_serializable("kerasgan")
class ModulatedConv2D(Equalized):
    """A modulated convolution: the style of each image scales the input channels of the kernel (Karras et al. 2020).

    https://arxiv.org/abs/1912.04958. With styles s = A(w), the kernel is w'_ijk = s_i w_ijk (equation 1), divided by
    sqrt(sum_ik w'_ijk^2 + 1e-8) (equation 3), so that inputs of unit variance give outputs of unit variance. The layer
    scales the inputs by s and divides the outputs by the root, which is equivalent and needs no grouped convolution.

    Args:
        filters: int. Channels of the output.
        kernel_size: int, odd. Defaults to 3.
        up: int, 1 or 2. With 2, the image is doubled with zeros between the pixels and a binomial filter. Defaults to
            1.
        demodulate: bool. Whether to divide by the root. Defaults to True.
        noise: bool. Whether noise is added before the bias. Defaults to True.
        activate, gain, use_bias, bias_start, rate: see `Equalized`.

    Call it on [features (batch, height, width, channels), w (batch, style_dim)]. Output
    (batch, height up, width up, filters).
    """

    arguments = ("filters", "kernel_size", "up", "demodulate", "noise", *Equalized.arguments)

    def __init__(self, filters, kernel_size=3, up=1, demodulate=True, noise=True, **kwargs):
        super().__init__(**kwargs)
        self.filters, self.kernel_size, self.up = filters, kernel_size, up
        self.demodulate, self.noise = demodulate, noise
        self.add_noise = Noise(gain=self.factor, dtype=self.dtype_policy, name="noise") if noise else None

    def build(self, input_shape):
        features, w = input_shape
        self.add_weights((self.kernel_size, self.kernel_size, features[-1], self.filters), self.filters)
        dtype = "float64" if self.compute_dtype == "float64" else "float32"
        self.affine = EqualizedDense(features[-1], activate=False, bias_start=1.0, dtype=dtype, name="affine")
        self.affine.build(w)
        if self.noise:
            self.add_noise.build(self.compute_output_shape(input_shape))
        self.built = True

    def call(self, inputs, training=False):
        x, w = inputs
        x = self.convolve(x, self.affine(wide(w)), training)
        if self.noise:
            x = self.add_noise(x, training=training)
        return self.finish(x, training)

    def convolve(self, x, styles, training=True):
        """Returns the modulated convolution of `x`, including the factor of the outputs, without the bias.

        Args:
            x: (batch, height, width, channels).
            styles: (batch, channels), float32 or float64.
            training: bool, see `upfirdn`.
        """
        kernel = tf.cast(self.scaled_kernel(), styles.dtype)
        x = x * tf.cast(styles, x.dtype)[:, None, None, :]
        if not self.demodulate:
            return self._plain(x, kernel * self.factor, training)
        sums = tf.matmul(styles**2, tf.reduce_sum(kernel**2, axis=(0, 1)))
        factors = self.factor * tf.math.rsqrt(sums + 1e-8)
        return self._plain(x, kernel, training) * tf.cast(factors, x.dtype)[:, None, None, :]

    def _plain(self, x, kernel, training):
        kernel = tf.cast(kernel, x.dtype)
        if self.up == 1:
            return tf.nn.conv2d(x, kernel, 1, "SAME")
        _, height, width, _ = x.shape
        size, pad = self.kernel_size, self.kernel_size // 2
        shape = (tf.shape(x)[0], self.up * (height - 1) + size, self.up * (width - 1) + size, self.filters)
        # A transposed convolution avoids products with the zeros between the pixels. The filter can be applied last.
        kernel = tf.transpose(kernel[::-1, ::-1], (0, 1, 3, 2))
        x = tf.nn.conv2d_transpose(x, kernel, shape, self.up, "VALID")
        return upfirdn(x, BINOMIAL, padding=(2 - pad, 2 - pad), gain=self.up**2, training=training)

    def compute_output_shape(self, input_shape):
        batch, height, width, _ = input_shape[0]
        return (batch, resized(height, self.up), resized(width, self.up), self.filters)


@keras.saving.register_keras_serializable("kerasgan")
class StyleModulation(keras.layers.Layer):
    """Scales and shifts each channel by the style, (1 + y_s) x + y_b with y = A(w) (Karras et al. 2019, equation 1).

    https://arxiv.org/abs/1812.04948. After an instance normalization, it is the AdaIN of the paper.

    Call it on [features (batch, height, width, channels), w (batch, style_dim)]. The output has the shape of the
    features.
    """

    def build(self, input_shape):
        features, w = input_shape
        dtype = "float64" if self.compute_dtype == "float64" else "float32"
        self.affine = EqualizedDense(2 * features[-1], activate=False, dtype=dtype, name="affine")
        self.affine.build(w)
        self.built = True

    def call(self, inputs):
        x, w = inputs
        scale, shift = tf.split(tf.cast(self.affine(wide(w)), x.dtype)[:, None, None, :], 2, axis=-1)
        return x * (1 + scale) + shift

    def compute_output_shape(self, input_shape):
        return input_shape[0]


@keras.saving.register_keras_serializable("kerasgan")
class LearnedConstant(keras.layers.Layer):
    """Returns the same learned feature maps for every w (Karras et al. 2019, section 2).

    Args:
        size: int or (height, width), the size of the feature maps.
        channels: int.
        initializer: as in Keras. Defaults to ones, as in StyleGAN.

    Input (batch, ...), output (batch, height, width, channels).
    """

    def __init__(self, size, channels, initializer="ones", **kwargs):
        super().__init__(**kwargs)
        self.size, self.channels, self.initializer = size, channels, keras.initializers.get(initializer)

    def build(self, input_shape):
        shape = (*as_size(self.size), self.channels)
        self.picture = self.add_weight(shape=shape, initializer=self.initializer, name="picture")
        self.built = True

    def call(self, inputs):
        picture = tf.cast(self.picture, self.compute_dtype)[None]
        # XLA cannot compile the gradient of `tf.tile`.
        return picture * tf.ones((keras.ops.shape(inputs)[0], 1, 1, 1), picture.dtype)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *as_size(self.size), self.channels)

    def get_config(self):
        initializer = keras.initializers.serialize(self.initializer)
        return {**super().get_config(), "size": self.size, "channels": self.channels, "initializer": initializer}


@keras.saving.register_keras_serializable("kerasgan")
class PixelNormalization(keras.layers.Layer):
    """Divides each vector by its root mean square (Karras et al. 2018, section 4.2).

    https://arxiv.org/abs/1710.10196. Input and output (..., channels).
    """

    def call(self, inputs):
        return inputs * tf.math.rsqrt(tf.reduce_mean(inputs**2, axis=-1, keepdims=True) + 1e-8)

    def compute_output_shape(self, input_shape):
        return input_shape


@keras.saving.register_keras_serializable("kerasgan")
class TrackedMean(keras.layers.Layer):
    """Returns its inputs unchanged. In training, it tracks their moving average, the centre of truncation.

    Args:
        decay: float. Defaults to 0.995, as in the authors' code of StyleGAN.

    Input and output (batch, n). `mean` (n,) starts at 0.
    """

    def __init__(self, decay=0.995, **kwargs):
        super().__init__(**kwargs)
        self.decay = decay

    def build(self, input_shape):
        self.mean = self.add_weight(shape=(input_shape[-1],), initializer="zeros", trainable=False, name="mean")
        self.built = True

    def call(self, inputs, training=False):
        if training:
            batch = tf.cast(replicas.mean(tf.reduce_mean(inputs, axis=0)), self.mean.dtype)
            self.mean.assign(batch + self.decay * (self.mean - batch))
        return inputs

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "decay": self.decay}
