"""Batch, instance, group, layer and class-conditional normalization."""

import keras
import tensorflow as tf

from kerasgan import replicas
from kerasgan.layers.arithmetic import normalize, wide


@keras.saving.register_keras_serializable("kerasgan")
class BatchNormalization(keras.layers.BatchNormalization):
    """Keras's `BatchNormalization` (Ioffe and Szegedy 2015, algorithm 1) with TensorFlow's fused kernel in training.

    https://arxiv.org/abs/1502.03167. Keras computes and applies the moments by separate operations in float32, which
    takes two to three times the work, and more memory under mixed precision. This layer uses Keras's arithmetic with
    several replicas, which average their statistics, and for options that the kernel does not support (masks, renorm,
    float64). The variance over replicas is the mean squared deviation, as Keras's difference of two means loses
    precision if a channel varies little. All paths agree up to rounding. The second gradients, which gradient penalties
    need, are exact; those of Keras lack a term.

    Args:
        **kwargs: as in `keras.layers.BatchNormalization`.

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
        # The kernel returns the unbiased variance.
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
    """Normalizes each channel of each image by its own mean and variance (Ulyanov et al. 2016).

    https://arxiv.org/abs/1607.08022, equation 7. The arithmetic is in float32, also under mixed precision.

    Args:
        epsilon: float, added to the variance. Defaults to 1e-5, as in the paper.
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
    """Keras's `GroupNormalization` (Wu and He 2018) with exact second gradients, which gradient penalties need.

    https://arxiv.org/abs/1803.08494, equation 7. `groups=1` is layer normalization over a whole image, with a scale and
    an offset per channel. Arguments, weights and arithmetic are those of `keras.layers.GroupNormalization`.

    Args:
        **kwargs: as in `keras.layers.GroupNormalization`.

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
    """Keras's `LayerNormalization` (Ba et al. 2016) with exact second gradients, which gradient penalties need.

    https://arxiv.org/abs/1607.06450, equation 3. Arguments, weights and arithmetic are those of
    `keras.layers.LayerNormalization`.

    Args:
        **kwargs: as in `keras.layers.LayerNormalization`.

    Input and output of one shape.
    """

    def call(self, inputs):
        if getattr(self, "rms_scaling", False):  # without a mean, Keras's gradients are correct
            return super().call(inputs)
        axes = self.axis if isinstance(self.axis, (list, tuple)) else [self.axis]
        axes = [axis % len(inputs.shape) for axis in axes]
        there = [size if i in axes else 1 for i, size in enumerate(inputs.shape)]
        weights = [None if w is None else keras.ops.reshape(w, there) for w in (self.gamma, self.beta)]
        return tf.cast(normalize(wide(inputs), axes, *weights, self.epsilon), self.compute_dtype)


@keras.saving.register_keras_serializable("kerasgan")
class ConditionalBatchNormalization(keras.layers.Layer):
    """Batch normalization with a scale and shift for each class (Dumoulin et al. 2017, equation 5).

    https://arxiv.org/abs/1610.07629. Scales start at 1 and shifts at 0. The statistics are those of the whole batch,
    over all classes and, under `tf.distribute`, over all replicas.

    Args:
        num_classes: int.
        momentum: float. Momentum of the moving statistics. Defaults to 0.9.
        epsilon: float, added to the variance. Defaults to 1e-5.

    Call it on [features (batch, height, width, channels), labels int (batch,)]. The output has the shape of the
    features.
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
        # A matrix product, as the sparse gradient of a look-up is slower here.
        classes = tf.one_hot(labels, self.num_classes, dtype=x.dtype)
        gamma, beta = (tf.matmul(classes, tf.cast(w, x.dtype))[:, None, None, :] for w in (self.gamma, self.beta))
        return x * gamma + beta

    def compute_output_shape(self, input_shape):
        return input_shape[0]

    def get_config(self):
        names = ("num_classes", "momentum", "epsilon")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
