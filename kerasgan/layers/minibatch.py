"""Layers that compare the images of a batch in a discriminator."""

import keras
import tensorflow as tf

from kerasgan import replicas
from kerasgan.arguments import whole
from kerasgan.layers.arithmetic import wide


@keras.saving.register_keras_serializable("kerasgan")
class MinibatchStdDev(keras.layers.Layer):
    """Adds the standard deviation within a group of images as a feature map (Karras et al. 2018, section 3).

    https://arxiv.org/abs/1710.10196. The layer computes the standard deviation of each feature at each position over a
    group, averages these to one number, and appends it to the features of the group as a constant channel. The paper
    uses it near the end of D. Groups are consecutive rows, so several devices with whole groups train as one device
    does. The arithmetic is in float32.

    Args:
        group_size: int. Rows per group. If it does not divide the batch size, the largest smaller divisor is used.
            Defaults to 4, as in the authors' code.

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
        if isinstance(rows, int):  # XLA needs static shapes
            group = max(size for size in range(1, self.group_size + 1) if rows % size == 0) if rows else 1
        else:
            sizes = tf.range(1, self.group_size + 1)
            group = tf.reduce_max(tf.where(rows % sizes == 0, sizes, 1))
        shape = inputs.shape[1:]
        x = tf.reshape(wide(inputs), (-1, group, *shape))
        variance = tf.reduce_mean((x - tf.reduce_mean(x, axis=1, keepdims=True)) ** 2, axis=1)
        deviation = tf.reduce_mean(tf.sqrt(variance + 1e-8), axis=range(1, len(shape) + 1))
        extra = tf.reshape(deviation[:, None] * tf.ones((1, group), deviation.dtype), (-1,) + (1,) * len(shape))
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
    c_b(x_i, x_j) = exp(-|M_i,b - M_j,b|_1), the layer appends o(x_i)_b = sum_j c_b(x_i, x_j) to the features of x_i.
    The sum is over all images j of the batch on all devices, including x_i. The arithmetic is in float32.

    Args:
        num_kernels: int, B in the paper. Defaults to 50, as in the authors' code.
        kernel_dim: int, C in the paper. Defaults to 5, as in the authors' code.

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
    """Concatenates images along channels, so that the discriminator judges several at once: PacGAN (Lin et al. 2018).

    https://arxiv.org/abs/1712.04086, section 2. m images, all real or all generated, get one logit D(x_1, ..., x_m).
    D can then detect missing modes, as packs of generated images are less varied than packs of real ones. Use the layer
    as the first layer of a discriminator with m times the channels. The same number of logits needs a batch that is m
    times as large. Rows that do not fill a pack, in the last batch of `evaluate`, are dropped. Gradient penalties are
    computed per image.

    Args:
        num_images: int, m. Defaults to 2, as in most experiments of the paper.

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
