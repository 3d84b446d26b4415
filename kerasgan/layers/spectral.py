"""Spectral normalization."""

import keras
import tensorflow as tf

from kerasgan.layers.arithmetic import output_axis


@keras.saving.register_keras_serializable("kerasgan")
class SpectralNormalization(keras.layers.Wrapper):
    """Divides a layer's kernel by its largest singular value (Miyato et al. 2018, equation 8).

    https://arxiv.org/abs/1802.05957. The optimizer trains the kernel W of the layer, and each call computes
    W / sigma(W). The gradient includes the term through sigma (equation 12), with u and v constant in sigma = u^T W v.
    Each call makes one power iteration from the stored u (algorithm 1), in float32. Training calls store its result. W
    is reshaped to a matrix with one row per output channel.

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
        # No cast here, so the kernel is read in full precision. `layer` casts according to its policy.
        super().__init__(layer, autocast=False, **kwargs)

    def build(self, input_shape):
        super().build(input_shape)
        if not any(variable.name in ("kernel", "embeddings") for variable in self.layer.weights):
            raise ValueError(f"`layer` must have a `kernel` or `embeddings`. Received: {self.layer}")
        self.output_axis = output_axis(self.layer, self.kernel)
        start = keras.initializers.RandomNormal(stddev=1.0)
        shape = (self.kernel.shape[self.output_axis],)
        dtype = keras.backend.result_type(self.kernel.dtype, "float32")
        self.u = self.add_weight(shape=shape, initializer=start, trainable=False, dtype=dtype, name="u")
        self.built = True

    @property
    def kernel(self):
        """The kernel W, which the optimizer trains. It is a property, as Keras would save an attribute twice."""
        return next(variable for variable in self.layer.weights if variable.name in ("kernel", "embeddings"))

    def _singular(self):
        """Returns sigma, and u after one power iteration."""
        kernel, axes = tf.convert_to_tensor(self.kernel), list(range(len(self.kernel.shape)))
        if self.output_axis != axes[-1]:
            axes.remove(self.output_axis)
            kernel = tf.transpose(kernel, [*axes, self.output_axis])
        matrix = tf.reshape(kernel, (-1, kernel.shape[-1]))  # the transpose of W, which is not copied
        constant = tf.stop_gradient(matrix)
        v = tf.math.l2_normalize(tf.linalg.matvec(constant, self.u), epsilon=1e-24)
        u = tf.math.l2_normalize(tf.linalg.matvec(constant, v, transpose_a=True), epsilon=1e-24)
        return tf.tensordot(v, tf.linalg.matvec(matrix, u), 1), u

    def effective_kernel(self):
        """Returns the kernel used by `layer`, W / sigma(W)."""
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
