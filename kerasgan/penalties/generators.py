"""Penalties of G: path length, and orthogonal filters."""

import math

import keras
import tensorflow as tf

from kerasgan import random, replicas
from kerasgan.arguments import KnowsItsArguments
from kerasgan.layers.arithmetic import output_axis
from kerasgan.penalties.gradients import check_weight, lazily


@keras.saving.register_keras_serializable("kerasgan")
class PathLength(KnowsItsArguments, keras.layers.Layer):
    """Path length regularization of a generator (Karras et al. 2020, https://arxiv.org/abs/1912.04958, equation 4).

    weight * E (|J^T y| - a)^2, where J is the Jacobian of the image by the latent, y is normal noise, divided by the
    root of the number of pixels as in the authors' code, and a is a moving mean of the lengths. Steps of one length in
    the space of latents then change the image alike everywhere. The space is w for style-based models, where the
    length is the root of the mean over the layers of the squared lengths, and z for the others.

    The moving mean is a weight of this object and is saved with the model: each model needs an object of its own.

    Args:
        weight: float. Defaults to 2, that of the authors' code.
        decay: float. Share of a new mean in the moving one. Defaults to 0.01, that of the authors' code.
        every: int. See `Penalty`. Defaults to 4, the paper's.
        share: float in (0, 1]. Part of the batch that is looked at. Defaults to 1/2, that of the authors' code.

    Example:

    >>> model = kerasgan.DCGAN(image_size=16, width=2)
    >>> model.compile(penalty=[kerasgan.penalties.R1(1.0, every=16), kerasgan.penalties.PathLength()])
    """

    def __init__(self, weight=2.0, decay=0.01, every=4, share=0.5, **kwargs):
        super().__init__(**kwargs)
        check_weight(weight, every)
        for name, value in (("decay", decay), ("share", share)):
            if not 0 < value <= 1:
                raise ValueError(f"`{name}` must be in (0, 1]. Received: {value!r}")
        self.weight, self.decay, self.every, self.share = weight, decay, int(every), share
        fixed = {"initializer": "zeros", "trainable": False, "autocast": False, "dtype": "float32"}
        self.mean = self.add_weight(shape=(), name="mean", **fixed)
        self.built = True

    def rows(self, batch_size):
        """Returns how many images of a batch are looked at."""
        if isinstance(batch_size, int):
            return max(1, int(batch_size * self.share))
        return tf.maximum(1, tf.cast(tf.cast(batch_size, tf.float32) * self.share, tf.int32))

    def penalize(self, paint, points, seed, step, variables, scale=1.0):
        """Returns the penalty, a float32 scalar that holds the weight and the interval; moves the mean.

        Each replica measures its lengths against the mean moved by its own, as in the authors' code; the mean that is
        kept moves by those of all.

        Args:
            paint: callable, points -> images.
            points: (rows, latent_dim), or (rows, layers, style_dim).
            seed: `keras.random.SeedGenerator`.
            step: int. The penalty is 0 where `every` does not divide it.
            variables: list of variables, by which the penalty has gradients.
            scale: float. See `lazily`.
        """
        old = tf.convert_to_tensor(self.mean)

        def compute(points):
            lengths = path_lengths(paint, points, seed)
            length = tf.reduce_mean(lengths)
            mean = old + self.decay * (length - old)
            return self.weight * self.every * tf.reduce_mean((lengths - mean) ** 2), length

        penalty, length = lazily(step, self.every, compute, variables, points, outputs=2, scale=scale)
        due = tf.convert_to_tensor(step) % self.every == 0
        self.mean.assign(tf.where(due, old + self.decay * (replicas.mean(length) - old), old))
        return penalty

    def get_config(self):
        names = ("weight", "decay", "every", "share")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def path_lengths(paint, points, seed):
    """Returns |J^T y| for each point, float32 (rows,): see `PathLength`."""
    points = tf.identity(points)
    with tf.GradientTape() as tape:
        tape.watch(points)
        images = tf.cast(paint(points), tf.float32)
        _, height, width, _ = images.shape
        noise = random.normal(keras.ops.shape(images), seed) / math.sqrt(height * width)
        total = tf.reduce_sum(images * noise)
    squares = tf.reduce_sum(tf.cast(tape.gradient(total, points), tf.float32) ** 2, axis=-1)
    if len(squares.shape) > 1:
        squares = tf.reduce_mean(squares, axis=1)
    # The small number keeps the root's own gradient finite where the length is 0.
    return tf.sqrt(squares + 1e-12)


@keras.saving.register_keras_serializable("kerasgan")
class Orthogonal(KnowsItsArguments):
    """Orthogonal regularization of the generators (Brock et al. 2019, https://arxiv.org/abs/1809.11096, equation 3).

    weight * sum over the kernels W of |W^T W * (1 - I)|^2, the squared Frobenius norm: any two filters of a layer
    become orthogonal, but keep their lengths, which equation 2 would bind too. Filters are the columns of W, flattened.
    Embeddings, biases and normalisations are left alone. More generators then take truncation (section 3.1).

    Args:
        weight: float, beta in the paper. Defaults to 1e-4, the paper's. The authors' PyTorch code has half of it.

    Example:

    >>> model = kerasgan.DCGAN(image_size=16, width=2)
    >>> model.compile(penalty="orthogonal")
    """

    def __init__(self, weight=1e-4):
        check_weight(weight)
        self.weight = weight

    def __call__(self, networks):
        """Returns the penalty of a list of `keras.Model`s, a float32 scalar."""
        kernels = [kernel for network in networks for kernel in filters_of(network)]
        return self.weight * sum(map(overlap, kernels), start=tf.zeros(()))

    def get_config(self):
        return {"weight": self.weight}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def filters_of(network):
    """Returns the trainable kernels of a network as matrices, float32, a column for each filter."""
    matrices = {}
    for layer in network._flatten_layers():
        for kernel in layer._trainable_variables:
            if kernel.trainable and kernel.name == "kernel" and len(kernel.shape) > 1:
                matrix = tf.cast(tf.convert_to_tensor(kernel), tf.float32)
                if output_axis(layer, kernel) != len(kernel.shape) - 1:
                    matrix = tf.linalg.matrix_transpose(matrix)
                matrices[id(kernel)] = tf.reshape(matrix, (-1, matrix.shape[-1]))
    return list(matrices.values())


def overlap(matrix):
    """Returns |W^T W * (1 - I)|^2 of a matrix W: the sum of the squared products of all pairs of its columns."""
    products = tf.matmul(matrix, matrix, transpose_a=True)
    return tf.reduce_sum(tf.linalg.set_diag(products, tf.zeros(products.shape[0])) ** 2)


# Terms of the loss of G; the others belong to that of D.
OF_GENERATORS = (PathLength, Orthogonal)
