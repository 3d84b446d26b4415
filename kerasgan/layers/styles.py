"""Layers of style-based generators (Karras et al. 2019, 2020) and of the discriminators that go with them."""

import math

import keras
import numpy as np
import tensorflow as tf

from kerasgan import random, replicas
from kerasgan.layers.activations import LeakyReLU
from kerasgan.layers.arithmetic import wide
from kerasgan.shapes import as_size

BINOMIAL = (1, 3, 3, 1)


def upfirdn(x, taps, up=1, down=1, padding=(0, 0), gain=1.0):
    """Puts zeros between pixels, filters rows and columns, and keeps each `down`-th pixel.

    Args:
        x: (batch, height, width, channels).
        taps: floats, the filter along each axis, scaled to a sum of 1.
        up: int. After each pixel follow `up - 1` zeros. Defaults to 1.
        down: int. Defaults to 1.
        padding: (before, after), zeros on each side, counted after `up`; negative ones crop. Defaults to none.
        gain: float. Factor of the outputs; `up**2` keeps the brightness. Defaults to 1.

    Returns:
        A tensor of the dtype of `x`. A side of n pixels becomes
        `(n * up + sum(padding) - len(taps)) // down + 1`.

    Example:

    >>> x = np.float32([1, 0, 0, 0]).reshape((1, 4, 1, 1)) * np.ones((1, 1, 4, 1), "float32")
    >>> kerasgan.layers.upfirdn(x, (1, 3, 3, 1), padding=(2, 1))[0, :, 2, 0].numpy()
    array([0.375, 0.375, 0.125, 0.   ], dtype=float32)
    """
    taps = gain**0.5 * np.asarray(taps, "float64") / np.sum(taps)
    return _filtered(x, tuple(taps), up, down, (padding, padding))


def _filtered(x, taps, up, down, padding):
    """As `upfirdn`, by taps as they are. Its gradient is a filter too, which CPUs compute faster than TensorFlow's."""
    _, height, width, channels = x.shape

    @tf.custom_gradient
    def apply(x):
        if up > 1:
            x = tf.pad(x[:, :, None, :, None], [[0, 0], [0, 0], [0, up - 1], [0, 0], [0, up - 1], [0, 0]])
            x = tf.reshape(x, (-1, height * up, width * up, channels))
        x = tf.pad(x, [[0, 0], *([max(side, 0) for side in sides] for sides in padding), [0, 0]])
        (top, bottom), (left, right) = ([max(-side, 0) for side in sides] for sides in padding)
        x = x[:, top : x.shape[1] - bottom, left : x.shape[2] - right]
        kernel = tf.constant(np.outer(taps, taps)[::-1, ::-1], x.dtype)  # a convolution, not a correlation
        kernel = tf.tile(kernel[:, :, None, None], (1, 1, channels, 1))
        outputs = tf.nn.depthwise_conv2d(x, kernel, [1, down, down, 1], "VALID")

        def gradient(upstream):
            upstream = tf.ensure_shape(upstream, outputs.shape)  # a tape does not say
            back = []
            for size, made, (before, _) in zip((height, width), outputs.shape[1:3], padding):
                after = size * up - made * down + before - up + 1
                back.append((len(taps) - before - 1, after))
            return _filtered(upstream, taps[::-1], down, up, tuple(back))

        return outputs, gradient

    return apply(x)


@keras.saving.register_keras_serializable("kerasgan")
class Resample(keras.layers.Layer):
    """Doubles or halves images by a binomial filter (Karras et al. 2020, section 4; Zhang 2019).

    https://arxiv.org/abs/1912.04958. Outside of the image are zeros.

    Args:
        up: int, 1 or 2. Defaults to 1.
        down: int, 1 or 2. Defaults to 1; with `up=1` too, the layer blurs.
        taps: tuple of floats, the filter. Defaults to (1, 3, 3, 1), that of StyleGAN2.

    Input (batch, height, width, channels), output (batch, height up / down, width up / down, channels).
    """

    def __init__(self, up=1, down=1, taps=BINOMIAL, **kwargs):
        super().__init__(**kwargs)
        self.up, self.down, self.taps = up, down, tuple(taps)

    def call(self, inputs):
        total = len(self.taps) - self.down
        return upfirdn(inputs, self.taps, self.up, self.down, ((total + 1) // 2, total // 2), self.up**2)

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        return (batch, _resized(height, self.up, self.down), _resized(width, self.up, self.down), channels)

    def get_config(self):
        return {**super().get_config(), "up": self.up, "down": self.down, "taps": self.taps}


def _resized(side, up=1, down=1):
    return None if side is None else side * up // down


class Equalized(keras.layers.Layer):
    """Base of layers with an equalized learning rate (Karras et al. 2018, section 4.1).

    https://arxiv.org/abs/1710.10196. Weights start at N(0, 1) and are divided by sqrt(fan_in) at run time, so that a
    step of Adam changes the outputs of all layers alike. The scaling is computed in float32.

    Args:
        activate: bool. Whether sqrt(2) LeakyReLU(0.2) follows. Defaults to True.
        gain: float. Factor of the outputs. Defaults to 1.
        use_bias: bool. Defaults to True.
        bias_start: float. Defaults to 0.
        rate: float. Factor of the layer's learning rate. Defaults to 1.
    """

    arguments = ("activate", "gain", "use_bias", "bias_start", "rate")

    def __init__(self, activate=True, gain=1.0, use_bias=True, bias_start=0.0, rate=1.0, **kwargs):
        super().__init__(**kwargs)
        self.activate, self.gain, self.use_bias = activate, gain, use_bias
        self.bias_start, self.rate = bias_start, rate
        self.rectify = LeakyReLU(0.2, dtype=self.dtype_policy, name="rectifier") if activate else None
        # The rectifier is linear along each ray: what follows it can be said before it.
        self.factor = gain * (math.sqrt(2) if activate else 1.0)

    def add_weights(self, shape, units):
        start = keras.initializers.RandomNormal(stddev=1 / self.rate)
        self.kernel = self.add_weight(shape=shape, initializer=start, autocast=False, name="kernel")
        self.scale = self.rate / math.sqrt(math.prod(shape[:-1]))
        self.bias = None
        if self.use_bias:
            start = keras.initializers.Constant(self.bias_start / self.rate)
            self.bias = self.add_weight(shape=(units,), initializer=start, autocast=False, name="bias")

    def scaled_kernel(self, factor=1.0):
        return tf.convert_to_tensor(self.kernel) * (self.scale * factor)

    def finish(self, outputs, training):
        """Adds the bias and rectifies; the factor of the outputs is in them, that of the bias is not."""
        if self.use_bias:
            bias = tf.convert_to_tensor(self.bias) * (self.rate * self.factor)
            outputs = tf.nn.bias_add(outputs, tf.cast(bias, outputs.dtype))
        return self.rectify(outputs, training=training) if self.activate else outputs

    def get_config(self):
        return {**super().get_config(), **{name: getattr(self, name) for name in self.arguments}}


@keras.saving.register_keras_serializable("kerasgan")
class EqualizedDense(Equalized):
    """A dense layer with an equalized learning rate.

    Args:
        units: int. Length of the output.
        activate, gain, use_bias, bias_start, rate: see `Equalized`.

    Input (batch, n), output (batch, units).
    """

    arguments = ("units", *Equalized.arguments)

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.add_weights((input_shape[-1], self.units), self.units)
        self.built = True

    def call(self, inputs, training=False):
        kernel = tf.cast(self.scaled_kernel(self.factor), inputs.dtype)
        return self.finish(tf.matmul(inputs, kernel), training)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)


@keras.saving.register_keras_serializable("kerasgan")
class EqualizedConv2D(Equalized):
    """A convolution with an equalized learning rate, which may halve the image behind a binomial filter.

    Args:
        filters: int. Channels of the output.
        kernel_size: int, odd. Defaults to 3.
        down: int, 1 or 2. Defaults to 1.
        activate, gain, use_bias, bias_start, rate: see `Equalized`.

    Input (batch, height, width, channels), output (batch, height / down, width / down, filters).
    """

    arguments = ("filters", "kernel_size", "down", *Equalized.arguments)

    def __init__(self, filters, kernel_size=3, down=1, **kwargs):
        super().__init__(**kwargs)
        self.filters, self.kernel_size, self.down = filters, kernel_size, down

    def build(self, input_shape):
        self.add_weights((self.kernel_size, self.kernel_size, input_shape[-1], self.filters), self.filters)
        self.built = True

    def call(self, inputs, training=False):
        kernel = tf.cast(self.scaled_kernel(self.factor), inputs.dtype)
        if self.down == 1:
            return self.finish(tf.nn.conv2d(inputs, kernel, 1, "SAME"), training)
        if self.kernel_size == 1:
            x = upfirdn(inputs, BINOMIAL, down=self.down, padding=(1, 1))
            return self.finish(tf.nn.conv2d(x, kernel, 1, "SAME"), training)
        pad = self.kernel_size // 2
        x = upfirdn(inputs, BINOMIAL, padding=(pad + 1, pad + 1))
        return self.finish(tf.nn.conv2d(x, kernel, self.down, "VALID"), training)

    def compute_output_shape(self, input_shape):
        batch, height, width, _ = input_shape
        return (batch, _resized(height, 1, self.down), _resized(width, 1, self.down), self.filters)


@keras.saving.register_keras_serializable("kerasgan")
class BiasedRectifier(keras.layers.Layer):
    """Adds a bias to each channel, from 0, and rectifies by LeakyReLU(0.2).

    Input and output (batch, height, width, channels).
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.rectify = LeakyReLU(0.2, dtype=self.dtype_policy, name="rectifier")

    def build(self, input_shape):
        self.bias = self.add_weight(shape=(input_shape[-1],), initializer="zeros", name="bias")
        self.built = True

    def call(self, inputs, training=False):
        return self.rectify(tf.nn.bias_add(inputs, tf.cast(self.bias, inputs.dtype)), training=training)

    def compute_output_shape(self, input_shape):
        return input_shape


@keras.saving.register_keras_serializable("kerasgan")
class Noise(keras.layers.Layer):
    """Adds one picture of noise, times a learned strength (Karras et al. 2019, section 2).

    https://arxiv.org/abs/1812.04948. In training the noise is drawn anew for each image; otherwise it is one fixed
    picture, a weight that is not trained, so that a latent has one image.

    Args:
        per_channel: bool. Whether each channel has its own strength, as in StyleGAN, or all have one, as in StyleGAN2.
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
    """A convolution whose kernel belongs to the image: its style scales the input channels (Karras et al. 2020).

    https://arxiv.org/abs/1912.04958. With styles s = A(w), the kernel is w'_ijk = s_i w_ijk (equation 1), divided by
    sqrt(sum_ik w'_ijk^2 + 1e-8) (equation 3), so that inputs of unit variance give outputs of unit variance. To scale
    the inputs by s, and the outputs by that root, is the same as to have a kernel for each image, without
    convolutions in groups.

    Args:
        filters: int. Channels of the output.
        kernel_size: int, odd. Defaults to 3.
        up: int, 1 or 2: doubles the image by zeros between the pixels and a binomial filter. Defaults to 1.
        demodulate: bool. Whether to divide by the root. Defaults to True.
        noise: bool. Whether noise is added before the bias. Defaults to True.
        activate, gain, use_bias, bias_start, rate: see `Equalized`.

    Called on [features (batch, height, width, channels), w (batch, style_dim)]; output
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
        x = self.convolve(x, self.affine(wide(w)))
        if self.noise:
            x = self.add_noise(x, training=training)
        return self.finish(x, training)

    def convolve(self, x, styles):
        """Returns the modulated convolution of `x`, with the factor of the outputs and without a bias.

        Args:
            x: (batch, height, width, channels).
            styles: (batch, channels), float32 or float64.
        """
        kernel = tf.cast(self.scaled_kernel(), styles.dtype)
        x = x * tf.cast(styles, x.dtype)[:, None, None, :]
        if not self.demodulate:
            return self._plain(x, kernel * self.factor)
        sums = tf.matmul(styles**2, tf.reduce_sum(kernel**2, axis=(0, 1)))
        factors = self.factor * tf.math.rsqrt(sums + 1e-8)
        return self._plain(x, kernel) * tf.cast(factors, x.dtype)[:, None, None, :]

    def _plain(self, x, kernel):
        kernel = tf.cast(kernel, x.dtype)
        if self.up == 1:
            return tf.nn.conv2d(x, kernel, 1, "SAME")
        _, height, width, _ = x.shape
        size, pad = self.kernel_size, self.kernel_size // 2
        shape = (tf.shape(x)[0], self.up * (height - 1) + size, self.up * (width - 1) + size, self.filters)
        # Transposed, so that no product with the zeros between the pixels is computed; the filter may come last.
        kernel = tf.transpose(kernel[::-1, ::-1], (0, 1, 3, 2))
        x = tf.nn.conv2d_transpose(x, kernel, shape, self.up, "VALID")
        return upfirdn(x, BINOMIAL, padding=(2 - pad, 2 - pad), gain=self.up**2)

    def compute_output_shape(self, input_shape):
        batch, height, width, _ = input_shape[0]
        return (batch, _resized(height, self.up), _resized(width, self.up), self.filters)


@keras.saving.register_keras_serializable("kerasgan")
class StyleModulation(keras.layers.Layer):
    """Scales and shifts each channel by the style, (1 + y_s) x + y_b with y = A(w) (Karras et al. 2019, equation 1).

    https://arxiv.org/abs/1812.04948. Behind an instance normalisation it is the paper's AdaIN.

    Called on [features (batch, height, width, channels), w (batch, style_dim)]; output like the features.
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
    """Answers any w with one learned picture (Karras et al. 2019, section 2).

    Args:
        size: int or (height, width), of the picture.
        channels: int.
        initializer: as in Keras. Defaults to ones, StyleGAN's.

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
        return tf.tile(picture, (tf.shape(inputs)[0], 1, 1, 1))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *as_size(self.size), self.channels)

    def get_config(self):
        initializer = keras.initializers.serialize(self.initializer)
        return {**super().get_config(), "size": self.size, "channels": self.channels, "initializer": initializer}


@keras.saving.register_keras_serializable("kerasgan")
class PixelNormalization(keras.layers.Layer):
    """Divides each vector by the root of its mean square (Karras et al. 2018, section 4.2).

    https://arxiv.org/abs/1710.10196. Input and output (..., channels).
    """

    def call(self, inputs):
        return inputs * tf.math.rsqrt(tf.reduce_mean(inputs**2, axis=-1, keepdims=True) + 1e-8)

    def compute_output_shape(self, input_shape):
        return input_shape


@keras.saving.register_keras_serializable("kerasgan")
class TrackedMean(keras.layers.Layer):
    """Passes vectors on and, in training, keeps a moving mean of them: the centre of truncation.

    Args:
        decay: float. Defaults to 0.995, that of the authors of StyleGAN.

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
