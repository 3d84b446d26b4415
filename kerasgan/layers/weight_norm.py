"""Weight normalization and its data-dependent initialization."""

import keras
import tensorflow as tf

from kerasgan.layers.arithmetic import output_axis


@keras.saving.register_keras_serializable("kerasgan")
class WeightNormalization(keras.layers.Wrapper):
    """Reparameterizes each kernel of a layer as a direction and a length (Salimans & Kingma 2016, equation 2).

    https://arxiv.org/abs/1602.07868. The weights of each output are w = g v / |v|. The optimizer trains the kernel v of
    the layer and the lengths g, which start at 1. See `initialize_by_data`.

    Args:
        layer: a `Conv2D`, `Conv2DTranspose` or `Dense` with a bias and without an activation.
        trainable_lengths: bool. Whether g is trained. Defaults to True.

    Input and output are those of `layer`.

    Raises:
        ValueError: if `layer` has no kernel or no bias, or has an activation.

    Example:

    >>> layer = kerasgan.layers.WeightNormalization(keras.layers.Dense(3))
    >>> layer(np.ones((2, 5), "float32")).shape
    TensorShape([2, 3])
    """

    def __init__(self, layer, trainable_lengths=True, **kwargs):
        # No cast here, so the kernel is read in full precision. `layer` casts according to its policy.
        super().__init__(layer, autocast=False, **kwargs)
        self.trainable_lengths = trainable_lengths
        self._initializing = False
        if not getattr(layer, "use_bias", False) or getattr(layer, "activation", None) not in (
            None,
            keras.activations.linear,
        ):
            raise ValueError(f"`layer` must have a bias and no activation. Received: {layer}")

    def build(self, input_shape):
        super().build(input_shape)
        self.output_axis = output_axis(self.layer, self.layer.kernel)
        self.lengths = self.add_weight(
            shape=(self.layer.kernel.shape[self.output_axis],),
            initializer="ones",
            trainable=self.trainable_lengths,
            name="lengths",
        )
        self.built = True

    def effective_kernel(self):
        """Returns the kernel used by `layer`, g v / |v|."""
        kernel = tf.convert_to_tensor(self.layer.kernel)
        axes = [axis for axis in range(len(kernel.shape)) if axis != self.output_axis]
        lengths = tf.convert_to_tensor(self.lengths)
        if self.output_axis != len(kernel.shape) - 1:
            lengths = lengths[:, None]
        squares = tf.reduce_sum(kernel**2, axis=axes, keepdims=True)
        return kernel * lengths * tf.math.rsqrt(tf.maximum(squares, 1e-12))

    def call(self, inputs):
        with keras.StatelessScope([(self.layer.kernel, self.effective_kernel())]):
            outputs = self.layer(inputs)
        return self._initialized(outputs) if self._initializing else outputs

    def _initialized(self, outputs):
        """Sets lengths and biases so that each output has mean 0 and variance 1. Returns the normalized outputs."""
        mean, variance = tf.nn.moments(tf.cast(outputs, tf.float32), list(range(len(outputs.shape) - 1)))
        scale = tf.math.rsqrt(variance + 1e-10)
        self.lengths.assign(self.lengths * scale)
        self.layer.bias.assign((self.layer.bias - mean) * scale)
        return tf.cast((tf.cast(outputs, tf.float32) - mean) * scale, outputs.dtype)

    def compute_output_shape(self, input_shape):
        return self.layer.compute_output_shape(input_shape)

    def get_config(self):
        return {**super().get_config(), "trainable_lengths": self.trainable_lengths}


def initialize_by_data(network, inputs):
    """Sets lengths and biases of all `WeightNormalization` layers so that their outputs have mean 0 and variance 1.

    The statistics are over `inputs` (Salimans & Kingma 2016, section 3). Layers are initialized in order, each after
    the layers before it.

    Args:
        network: `keras.Model` with `WeightNormalization` layers.
        inputs: a batch of some hundred rows. The network is called on it with `training=True`.

    Raises:
        ValueError: if the network has no such layer.
    """
    found = [layer for layer in network._flatten_layers() if isinstance(layer, WeightNormalization)]
    if not found:
        raise ValueError(f"`network` must contain `WeightNormalization` layers. Received: {network.name!r}, with none")
    for layer in found:
        layer._initializing = True
    try:
        network(inputs, training=True)
    finally:
        for layer in found:
            layer._initializing = False
