"""Layers that papers on adversarial networks introduced or rely on and that Keras lacks."""

import keras
import numpy as np
import tensorflow as tf

from kerasgan import random, replicas
from kerasgan.arguments import whole
from kerasgan.shapes import as_size


def wide(x):
    """Returns `x` in the precision of sums and norms: float32, or float64 where it is that already."""
    return tf.cast(x, keras.backend.result_type(x.dtype, "float32"))


def moments(x, axes):
    """Returns mean and variance over `axes`, which are kept; their gradients of any order are exact.

    `tf.nn.moments`, and with it Keras's normalisations, stops the gradient of the mean within the variance. The first
    gradient does not notice, but the second one, which a gradient penalty needs, lacks a term.
    """
    mean = tf.reduce_mean(x, axes, keepdims=True)
    return mean, tf.reduce_mean(tf.square(x - mean), axes, keepdims=True)


def normalize(x, axes, gamma, beta, epsilon):
    """Returns (x - mean) / sqrt(variance + epsilon) over `axes`, times `gamma`, plus `beta`, which may be None."""
    mean, variance = moments(x, axes)
    gamma, beta = (None if weight is None else tf.cast(weight, x.dtype) for weight in (gamma, beta))
    return tf.nn.batch_normalization(x, mean, variance, beta, gamma, epsilon)


@keras.saving.register_keras_serializable("kerasgan")
class Maxout(keras.layers.Layer):
    """Maxout (Goodfellow et al. 2013, https://arxiv.org/abs/1302.4389, equation 1): the largest of several linear maps.

    Args:
        units: int. Length of the output.
        pieces: int. Linear maps per unit. Defaults to 5.

    Input (..., n), output (..., units).
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
        x = self.linear(inputs)
        return keras.ops.max(keras.ops.reshape(x, (*keras.ops.shape(x)[:-1], self.units, self.pieces)), axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        return {**super().get_config(), "units": self.units, "pieces": self.pieces}


@keras.saving.register_keras_serializable("kerasgan")
class Dropout(keras.layers.Layer):
    """Dropout whose masks are the same on any number of devices and with or without XLA.

    Keras's own draws one mask for all replicas, and another one when compiled by XLA.

    Args:
        rate: float in [0, 1). Share of the units that are set to 0; the others are divided by `1 - rate`.
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
        """Returns the shape of the mask: by default that of `inputs`."""
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


def reverse_gradient(x, strength=1.0):
    """The gradient reversal layer (Ganin et al. 2016, https://arxiv.org/abs/1505.07818, equations 18 and 19).

    Args:
        x: float tensor of any shape.
        strength: float or scalar tensor, lambda. Defaults to 1.

    Returns:
        `x`. Its gradient is that of the output times `-strength`.

    Example:

    >>> x = tf.Variable([1.0, 2.0])
    >>> with tf.GradientTape() as tape:
    ...     y = tf.reduce_sum(kerasgan.layers.reverse_gradient(x, 0.5) ** 2)
    >>> tape.gradient(y, x).numpy().tolist()
    [-1.0, -2.0]
    """

    @tf.custom_gradient
    def reverse(inputs):
        return tf.identity(inputs), lambda upstream: -tf.cast(strength, upstream.dtype) * upstream

    return reverse(x)


@keras.saving.register_keras_serializable("kerasgan")
class LeakyReLU(keras.layers.LeakyReLU):
    """Keras's leaky rectifier (Maas, Hannun, Ng 2013, section 2), whose gradient asks for its outputs only.

    They have the sign of the inputs, which is all that matters. So a compiled step does not keep the inputs, and on
    CPUs TensorFlow joins the rectifier to a convolution before it.

    Arguments are those of `keras.layers.LeakyReLU`. Input and output of any shape.
    """

    def call(self, inputs, training=False):
        if not training:
            return super().call(inputs)
        slope = float(self.negative_slope)

        @tf.custom_gradient
        def rectify(x):
            outputs = tf.nn.leaky_relu(x, slope)
            sign = tf.stop_gradient(outputs)

            def gradient(upstream):
                return tf.raw_ops.LeakyReluGrad(gradients=upstream, features=sign, alpha=slope)

            return outputs, gradient

        return rectify(inputs)


@keras.saving.register_keras_serializable("kerasgan")
class BatchNormalization(keras.layers.BatchNormalization):
    """Keras's batch normalisation (Ioffe and Szegedy 2015, algorithm 1), in training by TensorFlow's fused kernel.

    https://arxiv.org/abs/1502.03167. Keras takes the moments, and applies them, by one operation after another, in
    float32: two to three times the work, and more memory under mixed precision. Where several replicas share a batch,
    whose statistics they then average, and for what the kernel does not do (masks, renormalisation, float64), it is
    Keras's own arithmetic, but for the variance over replicas, which is the mean square of the deviations: Keras's is a
    difference of two means, which is rounded away where a channel varies little. The ways differ by rounding. Second
    gradients, which a gradient penalty needs, are exact in all of them; Keras's lack a term.

    Args:
        **kwargs: as of `keras.layers.BatchNormalization`.

    Input and output (batch, channels) or (batch, height, width, channels).
    """

    def call(self, inputs, training=None, mask=None):
        rank = len(inputs.shape)
        plain = mask is None and not self.renorm and rank in (2, 4) and self.axis in (-1, rank - 1)
        known = inputs.dtype in ("float32", "bfloat16", "float16")
        if not (training and self.trainable and plain and known and replicas.count() == 1):
            return super().call(inputs, training=training, mask=mask)
        ones, zeros = tf.ones_like(self.moving_mean), tf.zeros_like(self.moving_mean)
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs if rank == 4 else inputs[:, None, None, :],
            scale=tf.cast(self.gamma, tf.float32) if self.scale else ones,
            offset=tf.cast(self.beta, tf.float32) if self.center else zeros,
            mean=[],
            variance=[],
            epsilon=self.epsilon,
        )
        # The kernel answers with the unbiased variance.
        count = tf.cast(tf.size(inputs) / tf.shape(inputs)[-1], tf.float32)
        variance *= (count - 1) / count
        for moving, value in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(self.momentum * moving + (1 - self.momentum) * value)
        return tf.cast(outputs if rank == 4 else outputs[:, 0, 0, :], self.compute_dtype)

    def _moments(self, inputs, mask):
        if mask is not None:
            return super()._moments(inputs, mask)
        shared = self.synchronized and replicas.count() > 1 and tf.distribute.get_replica_context()
        mean_of_all = replicas.mean if shared else tf.identity
        mean = mean_of_all(tf.reduce_mean(inputs, self._reduction_axes, keepdims=True))
        variance = mean_of_all(tf.reduce_mean(tf.square(inputs - mean), self._reduction_axes, keepdims=True))
        return tf.reshape(mean, (-1,)), tf.reshape(variance, (-1,))


@keras.saving.register_keras_serializable("kerasgan")
class InstanceNormalization(keras.layers.Layer):
    """Normalises each channel of each image by its own mean and variance (Ulyanov et al. 2016).

    https://arxiv.org/abs/1607.08022, equation 7. The arithmetic is in float32 under mixed precision, too.

    Args:
        epsilon: float, added to the variance. Defaults to 1e-5, the paper's.
        center: bool. Adds a learned shift per channel. Defaults to True.
        scale: bool. Multiplies by a learned factor per channel. Defaults to True.

    Input and output (batch, height, width, channels).
    """

    def __init__(self, epsilon=1e-5, center=True, scale=True, **kwargs):
        super().__init__(**kwargs)
        self.epsilon, self.center, self.scale = epsilon, center, scale

    def build(self, input_shape):
        shape = (input_shape[-1],)
        self.gamma = self.add_weight(shape=shape, initializer="ones", name="gamma") if self.scale else None
        self.beta = self.add_weight(shape=shape, initializer="zeros", name="beta") if self.center else None
        self.built = True

    def call(self, inputs):
        return tf.cast(normalize(wide(inputs), [1, 2], self.gamma, self.beta, self.epsilon), inputs.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon, "center": self.center, "scale": self.scale}


@keras.saving.register_keras_serializable("kerasgan")
class GroupNormalization(keras.layers.GroupNormalization):
    """Keras's group normalisation (Wu and He 2018), whose second gradients are exact, as a gradient penalty needs them.

    https://arxiv.org/abs/1803.08494, equation 7. `groups=1` is layer normalisation over a whole image, with a scale and
    an offset a channel. Arguments, weights and arithmetic are those of `keras.layers.GroupNormalization`.

    Args:
        **kwargs: as of `keras.layers.GroupNormalization`.

    Input and output of one shape, (batch, ..., channels) with the default `axis=-1`.
    """

    def call(self, inputs):
        x, shape = wide(inputs), keras.ops.shape(inputs)
        axis = self.axis % len(shape)
        groups = (*shape[:axis], self.groups, shape[axis] // self.groups, *shape[axis + 1 :])
        axes = [i for i in range(1, len(groups)) if i != axis]
        there = [size if i == axis else 1 for i, size in enumerate(inputs.shape)]
        x = keras.ops.reshape(normalize(keras.ops.reshape(x, groups), axes, None, None, self.epsilon), shape)
        if self.scale:
            x *= tf.cast(keras.ops.reshape(self.gamma, there), x.dtype)
        if self.center:
            x += tf.cast(keras.ops.reshape(self.beta, there), x.dtype)
        return tf.cast(x, self.compute_dtype)


@keras.saving.register_keras_serializable("kerasgan")
class LayerNormalization(keras.layers.LayerNormalization):
    """Keras's layer normalisation (Ba et al. 2016), whose second gradients are exact, as a gradient penalty needs them.

    https://arxiv.org/abs/1607.06450, equation 3. Arguments, weights and arithmetic are those of
    `keras.layers.LayerNormalization`.

    Args:
        **kwargs: as of `keras.layers.LayerNormalization`.

    Input and output of one shape.
    """

    def call(self, inputs):
        if getattr(self, "rms_scaling", False):  # no mean, so nothing is amiss
            return super().call(inputs)
        axes = self.axis if isinstance(self.axis, (list, tuple)) else [self.axis]
        axes = [axis % len(inputs.shape) for axis in axes]
        there = [size if i in axes else 1 for i, size in enumerate(inputs.shape)]
        weights = [None if w is None else keras.ops.reshape(w, there) for w in (self.gamma, self.beta)]
        return tf.cast(normalize(wide(inputs), axes, *weights, self.epsilon), self.compute_dtype)


@keras.saving.register_keras_serializable("kerasgan")
class ReflectionPadding2D(keras.layers.Layer):
    """Pads height and width with their mirror image; the edge itself is not repeated.

    Args:
        padding: int, pixels on each side, less than the image's. Defaults to 1.

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
    """Turns channels into pixels, the sub-pixel convolution's second half (Shi et al. 2016).

    https://arxiv.org/abs/1609.05158, equation 4.

    Args:
        scale: int, by which height and width grow. Defaults to 2.

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
    """The matrix (2 size, size) that doubles an axis by [1, 3, 3, 1] / 4; beyond its ends there is 0."""
    places = np.arange(2 * size)[:, None] - 2 * np.arange(size)[None]  # from -1 to 2 where the kernel lies
    return np.select([(places == -1) | (places == 2), (places == 0) | (places == 1)], [0.25, 0.75], 0.0)


def _along_axes(x, rows, columns):
    """Multiplies height and width of images by matrices: of the ways to filter, the fastest on CPUs."""
    height, width, channels = x.shape[1:]
    x = tf.matmul(tf.constant(rows, x.dtype), tf.reshape(x, (-1, height, width * channels)))
    x = tf.matmul(tf.constant(columns, x.dtype), tf.reshape(x, (-1, width, channels)))
    return tf.reshape(x, (-1, len(rows), len(columns), channels))


@keras.saving.register_keras_serializable("kerasgan")
class SmoothUpSampling2D(keras.layers.Layer):
    """Doubles height and width by the kernel [1, 3, 3, 1] / 4, as R3GAN and the StyleGANs do.

    Inside, that is bilinear interpolation between pixel centres. Beyond the edges of the image there is 0, where
    `keras.layers.UpSampling2D` repeats them.

    Input (batch, height, width, channels), output (batch, 2 height, 2 width, channels).
    """

    def call(self, inputs):
        return _along_axes(inputs, *(_doubling(size) for size in inputs.shape[1:3]))

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        double = lambda size: None if size is None else 2 * size  # noqa: E731
        return (batch, double(height), double(width), channels)


@keras.saving.register_keras_serializable("kerasgan")
class SmoothDownSampling2D(keras.layers.Layer):
    """Halves height and width by the kernel [1, 3, 3, 1] / 8, the transpose of `SmoothUpSampling2D` over 4.

    Its low-pass filter lets less of the fine texture through as false coarse one than the mean of 2x2 pixels. Beyond
    the edges of the image there is 0.

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


@keras.saving.register_keras_serializable("kerasgan")
class SpectralNormalization(keras.layers.Wrapper):
    """Divides a layer's kernel by its largest singular value (Miyato et al. 2018, equation 8).

    https://arxiv.org/abs/1802.05957. W / sigma(W) is made anew at each call and the layer's own kernel W is what the
    optimizer moves, so the gradient holds the term through sigma (equation 12): u and v are constants in
    sigma = u^T W v. A call makes one power iteration from the saved u (algorithm 1), in float32; training calls save
    its result. W is a matrix of output channels by everything else.

    Args:
        layer: a `keras.layers.Layer` with a `kernel` or `embeddings`: `Conv2D`, `Conv2DTranspose`, `Dense`,
            `Embedding`.

    Input and output are those of `layer`.

    Example:

    >>> layer = kerasgan.layers.SpectralNormalization(keras.layers.Dense(3))
    >>> layer(np.ones((2, 5), "float32")).shape
    TensorShape([2, 3])
    """

    def __init__(self, layer, **kwargs):
        # Without casting here, the kernel is read in full precision; `layer` itself casts as its policy says.
        super().__init__(layer, autocast=False, **kwargs)

    def build(self, input_shape):
        super().build(input_shape)
        if not any(variable.name in ("kernel", "embeddings") for variable in self.layer.weights):
            raise ValueError(f"`layer` must have a `kernel` or `embeddings`. Received: {self.layer}")
        transposed = isinstance(self.layer, (keras.layers.Conv1DTranspose, keras.layers.Conv2DTranspose))
        self.output_axis = len(self.kernel.shape) - (2 if transposed else 1)
        start = keras.initializers.RandomNormal(stddev=1.0)
        shape = (self.kernel.shape[self.output_axis],)
        dtype = keras.backend.result_type(self.kernel.dtype, "float32")
        self.u = self.add_weight(shape=shape, initializer=start, trainable=False, dtype=dtype, name="u")
        self.built = True

    @property
    def kernel(self):
        """The kernel W, which the optimizer moves; a property, as Keras would save an attribute a second time."""
        return next(variable for variable in self.layer.weights if variable.name in ("kernel", "embeddings"))

    def _singular(self):
        """Returns sigma, and u after one power iteration."""
        rest = [axis for axis in range(len(self.kernel.shape)) if axis != self.output_axis]
        kernel = tf.transpose(tf.convert_to_tensor(self.kernel), [self.output_axis, *rest])
        matrix = tf.reshape(kernel, (self.kernel.shape[self.output_axis], -1))
        constant = tf.stop_gradient(matrix)
        v = tf.math.l2_normalize(tf.linalg.matvec(constant, self.u, transpose_a=True), epsilon=1e-24)
        u = tf.math.l2_normalize(tf.linalg.matvec(constant, v), epsilon=1e-24)
        return tf.tensordot(u, tf.linalg.matvec(matrix, v), 1), u

    def effective_kernel(self):
        """Returns the kernel that `layer` is called with, W / sigma(W)."""
        return tf.convert_to_tensor(self.kernel) / tf.maximum(self._singular()[0], 1e-12)

    def call(self, inputs, training=False):
        sigma, u = self._singular()
        if training:
            self.u.assign(u)
        kernel = tf.convert_to_tensor(self.kernel) / tf.maximum(sigma, 1e-12)
        with keras.StatelessScope([(self.kernel, kernel)]):
            return self.layer(inputs)

    def compute_output_shape(self, input_shape):
        return self.layer.compute_output_shape(input_shape)


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


@keras.saving.register_keras_serializable("kerasgan")
class ConditionalBatchNormalization(keras.layers.Layer):
    """Batch normalisation whose scale and shift belong to the class (Dumoulin et al. 2017, equation 5).

    https://arxiv.org/abs/1610.07629. Scales start at 1, shifts at 0; the batch's statistics are those of all classes
    and, under `tf.distribute`, of all replicas.

    Args:
        num_classes: int.
        momentum: float. Of the moving statistics. Defaults to 0.9.
        epsilon: float, added to the variance. Defaults to 1e-5.

    Called on [features (batch, height, width, channels), labels int (batch,)]; output like the features.
    """

    def __init__(self, num_classes, momentum=0.9, epsilon=1e-5, **kwargs):
        super().__init__(**kwargs)
        self.num_classes, self.momentum, self.epsilon = num_classes, momentum, epsilon
        self.norm = BatchNormalization(
            momentum=momentum, epsilon=epsilon, center=False, scale=False, synchronized=True, dtype=self.dtype_policy
        )

    def build(self, input_shape):
        features, _ = input_shape
        self.norm.build(features)
        shape = (self.num_classes, features[-1])
        self.gamma = self.add_weight(shape=shape, initializer="ones", name="gamma")
        self.beta = self.add_weight(shape=shape, initializer="zeros", name="beta")
        self.built = True

    def call(self, inputs, training=False):
        features, labels = inputs
        x = self.norm(features, training=training)
        # A product of matrices: the gradient of a look-up is sparse, which costs more than it saves here.
        classes = tf.one_hot(labels, self.num_classes, dtype=x.dtype)
        gamma, beta = (tf.matmul(classes, tf.cast(w, x.dtype))[:, None, None, :] for w in (self.gamma, self.beta))
        return x * gamma + beta

    def compute_output_shape(self, input_shape):
        return input_shape[0]

    def get_config(self):
        names = ("num_classes", "momentum", "epsilon")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable("kerasgan")
class MinibatchStdDev(keras.layers.Layer):
    """Tells the discriminator how much the images of a group differ (Karras et al. 2018, section 3).

    https://arxiv.org/abs/1710.10196. The standard deviation over a group of each feature at each position, averaged to
    one number, is joined to the group's features as one more, constant, channel. The paper has it near the end of D.
    Groups are rows that follow each other, so that devices with whole groups train as one device does. Computed in
    float32.

    Args:
        group_size: int. Rows a group; where they do not divide the batch, the largest number below that does. Defaults
            to 4, that of the authors' code.

    Input (batch, ..., channels), output (batch, ..., channels + 1).

    Example:

    A discriminator is an argument of every model; here the one of DCGAN, with the layer before its head:

    >>> plain = kerasgan.DCGAN(image_size=16, channels=1, width=4).discriminator
    >>> x = kerasgan.layers.MinibatchStdDev()(plain.layers[-3].output)
    >>> logits = keras.layers.Dense(1, dtype="float32")(keras.layers.Flatten()(x))
    >>> model = kerasgan.DCGAN(image_size=16, channels=1, width=4, discriminator=keras.Model(plain.input, logits))
    """

    def __init__(self, group_size=4, **kwargs):
        super().__init__(**kwargs)
        if whole(group_size) is None:
            raise ValueError(f"`group_size` must be an int of at least 1. Received: {group_size!r}")
        self.group_size = int(group_size)

    def call(self, inputs):
        rows = keras.ops.shape(inputs)[0]
        if isinstance(rows, int):  # XLA needs shapes that are known
            group = max(size for size in range(1, self.group_size + 1) if rows % size == 0) if rows else 1
        else:
            sizes = tf.range(1, self.group_size + 1)
            group = tf.reduce_max(tf.where(rows % sizes == 0, sizes, 1))
        shape = inputs.shape[1:]
        x = tf.reshape(wide(inputs), (-1, group, *shape))
        variance = tf.reduce_mean((x - tf.reduce_mean(x, axis=1, keepdims=True)) ** 2, axis=1)
        deviation = tf.reduce_mean(tf.sqrt(variance + 1e-8), axis=range(1, len(shape) + 1))
        extra = tf.reshape(tf.repeat(deviation, group), (-1,) + (1,) * len(shape))
        extra = tf.broadcast_to(extra, (rows, *shape[:-1], 1))
        return tf.concat([inputs, tf.cast(extra, inputs.dtype)], axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], input_shape[-1] + 1)

    def get_config(self):
        return {**super().get_config(), "group_size": self.group_size}


@keras.saving.register_keras_serializable("kerasgan")
class MinibatchDiscrimination(keras.layers.Layer):
    """Lets the discriminator compare each image with all others of its batch (Salimans et al. 2016, section 3.2).

    https://arxiv.org/abs/1606.03498. With M_i = f(x_i) T, a matrix of `num_kernels` rows, and
    c_b(x_i, x_j) = exp(-|M_i,b - M_j,b|_1), the features of x_i are joined by o(x_i)_b = sum_j c_b(x_i, x_j), over the
    images j of the batch, those of all devices, x_i among them. Computed in float32.

    Args:
        num_kernels: int, B in the paper. Defaults to 50, that of the authors' code.
        kernel_dim: int, C in the paper. Defaults to 5, that of the authors' code.

    Input (batch, n), output (batch, n + num_kernels).

    Example:

    A discriminator is an argument of every model; here the one of DCGAN, with the layer before its head:

    >>> plain = kerasgan.DCGAN(image_size=16, channels=1, width=4).discriminator
    >>> x = kerasgan.layers.MinibatchDiscrimination(num_kernels=10)(plain.layers[-2].output)
    >>> logits = keras.layers.Dense(1, dtype="float32")(x)
    >>> model = kerasgan.DCGAN(image_size=16, channels=1, width=4, discriminator=keras.Model(plain.input, logits))
    """

    def __init__(self, num_kernels=50, kernel_dim=5, **kwargs):
        super().__init__(**kwargs)
        for name, value in (("num_kernels", num_kernels), ("kernel_dim", kernel_dim)):
            if whole(value) is None:
                raise ValueError(f"`{name}` must be an int of at least 1. Received: {value!r}")
        self.num_kernels, self.kernel_dim = int(num_kernels), int(kernel_dim)

    def build(self, input_shape):
        if len(input_shape) != 2:
            raise ValueError(f"Expected features of shape (batch, n): use `Flatten` before. Received: {input_shape}")
        shape = (input_shape[-1], self.num_kernels * self.kernel_dim)
        self.kernel = self.add_weight(shape=shape, initializer="glorot_uniform", name="kernel")
        self.built = True

    def call(self, inputs):
        m = wide(tf.matmul(inputs, tf.cast(self.kernel, inputs.dtype)))
        m = tf.reshape(m, (-1, self.num_kernels, self.kernel_dim))
        distances = tf.reduce_sum(tf.abs(m[:, None] - replicas.gather(m)[None]), axis=-1)
        near = tf.reduce_sum(tf.exp(-distances), axis=1)
        return tf.concat([inputs, tf.cast(near, inputs.dtype)], axis=-1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[-1] + self.num_kernels)

    def get_config(self):
        return {**super().get_config(), "num_kernels": self.num_kernels, "kernel_dim": self.kernel_dim}


@keras.saving.register_keras_serializable("kerasgan")
class Pack(keras.layers.Layer):
    """Joins images along channels, so that the discriminator judges several at once: PacGAN (Lin et al. 2018).

    https://arxiv.org/abs/1712.04086, section 2. m images of one class, all real or all generated, get one logit:
    D(x_1, ..., x_m). A generator that lacks modes is found out, as its packs are less varied than those of the data.
    As the first layer of a discriminator for m times the channels it turns any model into its paper's PacGAN m;
    the batch is m times as large for as many logits. Rows that do not fill a pack, of a last batch in `evaluate`, are
    left out. Gradient penalties stay those of each image.

    Args:
        num_images: int, m. Defaults to 2, the paper's for most experiments.

    Input (batch, height, width, channels), output (batch / m, height, width, m channels).

    Example:

    >>> images = keras.Input((16, 16, 1), name="images")
    >>> judge = kerasgan.DCGAN(image_size=16, channels=2, width=4).discriminator
    >>> packed = keras.Model(images, judge(kerasgan.layers.Pack(2)(images)))
    >>> model = kerasgan.DCGAN(image_size=16, channels=1, width=4, discriminator=packed)
    """

    def __init__(self, num_images=2, **kwargs):
        super().__init__(**kwargs)
        if whole(num_images) is None:
            raise ValueError(f"`num_images` must be an int of at least 1. Received: {num_images!r}")
        self.num_images = int(num_images)

    def call(self, inputs):
        rows = keras.ops.shape(inputs)[0]
        if isinstance(rows, int) and rows < self.num_images:
            raise ValueError(f"A batch must fill a pack of {self.num_images} images. Received: {rows}")
        packs = rows // self.num_images
        height, width, channels = inputs.shape[1:]
        x = tf.reshape(inputs[: packs * self.num_images], (packs, self.num_images, height, width, channels))
        x = tf.transpose(x, (0, 2, 3, 1, 4))
        return tf.reshape(x, (packs, height, width, self.num_images * channels))

    def compute_output_shape(self, input_shape):
        packs = None if input_shape[0] is None else input_shape[0] // self.num_images
        return (packs, *input_shape[1:-1], self.num_images * input_shape[-1])

    def get_config(self):
        return {**super().get_config(), "num_images": self.num_images}


@keras.saving.register_keras_serializable("kerasgan")
class LearnedBasis(keras.layers.Layer):
    """Spreads features over a small image: each channel has a learned picture, which its feature scales.

    Args:
        size: int or (height, width), of the image.

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
    """Images come from a linear layer: free while G learns, cut to [-1, 1] when they are looked at."""

    def call(self, inputs, training=False):
        return inputs if training else tf.clip_by_value(inputs, -1.0, 1.0)

    def compute_output_shape(self, input_shape):
        return input_shape
