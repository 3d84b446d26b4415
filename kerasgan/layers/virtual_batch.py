"""Virtual batch normalization and its reference batch."""

import keras
import tensorflow as tf

from kerasgan.arguments import whole
from kerasgan.layers.arithmetic import wide


def _rows(rows):
    if whole(rows) is None:
        raise ValueError(f"`rows` must be an int of at least 1. Received: {rows!r}")
    return int(rows)


@keras.saving.register_keras_serializable("kerasgan")
class ReferenceBatch(keras.layers.Layer):
    """Prepends a fixed random reference batch to each batch, for `VirtualBatchNormalization`.

    Args:
        rows: int. Rows of the reference batch. Defaults to 64.
        prior: `"normal"` or `"uniform"` on [-1, 1), the distribution of the reference batch. Use the prior of the
            model. Defaults to `"normal"`.
        seed: int. Defaults to a random one.

    Input (batch, n), latents; output (rows + batch, n).
    """

    def __init__(self, rows=64, prior="normal", seed=None, **kwargs):
        super().__init__(**kwargs)
        if prior not in ("normal", "uniform"):
            raise ValueError(f"`prior` must be 'normal' or 'uniform'. Received: {prior!r}")
        self.rows, self.prior, self.seed = _rows(rows), prior, seed

    def build(self, input_shape):
        start = {
            "normal": keras.initializers.RandomNormal(stddev=1.0, seed=self.seed),
            "uniform": keras.initializers.RandomUniform(-1.0, 1.0, seed=self.seed),
        }[self.prior]
        shape = (self.rows, *input_shape[1:])
        self.reference = self.add_weight(shape=shape, initializer=start, trainable=False, name="reference")
        self.built = True

    def call(self, inputs):
        return tf.concat([tf.cast(self.reference, inputs.dtype), inputs], axis=0)

    def compute_output_shape(self, input_shape):
        return (None if input_shape[0] is None else self.rows + input_shape[0], *input_shape[1:])

    def get_config(self):
        return {**super().get_config(), "rows": self.rows, "prior": self.prior, "seed": self.seed}


@keras.saving.register_keras_serializable("kerasgan")
class VirtualBatchNormalization(keras.layers.Layer):
    """Normalizes each example by the statistics of a reference batch and of itself (Salimans et al. 2016).

    https://arxiv.org/abs/1606.03498, section 3.5. No example depends on the other examples of its batch, neither in
    training nor in inference. The reference batch of m rows is normalized by its own mean and mean square. For an
    example x, these are

        m / (m + 1) reference + 1 / (m + 1) x,

    where the statistics of x are over its pixels. The reference batch must pass through the network, so the paper uses
    the layer only in G.

    Args:
        rows: int, m. The first rows of the input are the reference batch. `ReferenceBatch(rows)` prepends it, and
            `DropReference(rows)` removes it after the last normalization. Defaults to 64.
        epsilon: float, added to the variance. Defaults to 1e-5.

    Input and output (rows + batch, channels) or (rows + batch, height, width, channels).

    Example:

    >>> x = latents = keras.Input((8,))
    >>> x = keras.layers.Dense(16)(kerasgan.layers.ReferenceBatch(4)(x))
    >>> x = kerasgan.layers.VirtualBatchNormalization(4)(x)
    >>> network = keras.Model(latents, kerasgan.layers.DropReference(4)(x))
    >>> network(np.zeros((2, 8), "float32")).shape
    TensorShape([2, 16])
    """

    def __init__(self, rows=64, epsilon=1e-5, **kwargs):
        super().__init__(**kwargs)
        self.rows, self.epsilon = _rows(rows), epsilon

    def build(self, input_shape):
        shape = (input_shape[-1],)
        self.gamma = self.add_weight(shape=shape, initializer="ones", name="gamma")
        self.beta = self.add_weight(shape=shape, initializer="zeros", name="beta")
        self.built = True

    def call(self, inputs):
        x, pixels = wide(inputs), list(range(1, len(inputs.shape) - 1))
        means = [tf.reduce_mean(values, pixels, keepdims=True) for values in (x, x**2)]  # per row
        share = 1 / (self.rows + 1)
        mixed = []
        for mean in means:
            reference = tf.reduce_mean(mean[: self.rows], 0, keepdims=True)
            rest = (1 - share) * reference + share * mean[self.rows :]
            mixed.append(tf.concat([tf.repeat(reference, self.rows, axis=0), rest], axis=0))
        mean, variance = mixed[0], mixed[1] - mixed[0] ** 2
        gamma, beta = (tf.cast(weight, x.dtype) for weight in (self.gamma, self.beta))
        outputs = (x - mean) * tf.math.rsqrt(tf.maximum(variance, 0.0) + self.epsilon) * gamma + beta
        return tf.cast(outputs, inputs.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "rows": self.rows, "epsilon": self.epsilon}


@keras.saving.register_keras_serializable("kerasgan")
class DropReference(keras.layers.Layer):
    """Removes the reference batch that `ReferenceBatch` prepended.

    Args:
        rows: int. Rows of the reference batch. Defaults to 64.

    Input (rows + batch, ...), output (batch, ...).
    """

    def __init__(self, rows=64, **kwargs):
        super().__init__(**kwargs)
        self.rows = _rows(rows)

    def call(self, inputs):
        return inputs[self.rows :]

    def compute_output_shape(self, input_shape):
        return (None if input_shape[0] is None else input_shape[0] - self.rows, *input_shape[1:])

    def get_config(self):
        return {**super().get_config(), "rows": self.rows}
