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

    The penalty is weight * E (|J^T y| - a)^2, where J is the Jacobian of the image with respect to the latent, y is
    normal noise divided by the square root of the number of pixels (as in the authors' code), and a is a moving average
    of the lengths. It makes equal steps in the latent space change the image equally. For style-based models, the
    latent space is w, and the length is the root mean square of the lengths of the layers. For other models it is z.

    The moving average is a weight of this object and is saved with the model. Do not share the object between models.

    Args:
        weight: float. Defaults to 2, as in the authors' code.
        decay: float. Weight of a new mean in the moving average. Defaults to 0.01, as in the authors' code.
        every: int. See `Penalty`. Defaults to 4, as in the paper.
        share: float in (0, 1]. Share of the batch that is used. Defaults to 1/2, as in the authors' code.

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
        """Returns the number of images of a batch that are used."""
        if isinstance(batch_size, int):
            return max(1, int(batch_size * self.share))
        return tf.maximum(1, tf.cast(tf.cast(batch_size, tf.float32) * self.share, tf.int32))

    def penalize(self, paint, points, seed, step, variables, scale=1.0):
        """Returns the penalty, a float32 scalar that includes the weight and the interval, and updates the average.

        Each replica compares its lengths with the average updated by its own lengths, as in the authors' code. The
        stored average is updated by the lengths of all replicas.

        Args:
            paint: callable, points -> images.
            points: (rows, latent_dim), or (rows, layers, style_dim).
            seed: `keras.random.SeedGenerator`.
            step: int. The penalty is 0 unless `every` divides it.
            variables: list of variables to differentiate the penalty by.
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
    # The epsilon keeps the gradient of the square root finite at length 0.
    return tf.sqrt(squares + 1e-12)


@keras.saving.register_keras_serializable("kerasgan")
class Orthogonal(KnowsItsArguments):
    """Orthogonal regularization of the generators (Brock et al. 2019, https://arxiv.org/abs/1809.11096, equation 3).

    The penalty is weight * sum over the kernels W of |W^T W * (1 - I)|^2, with the squared Frobenius norm. It makes the
    filters of a layer orthogonal, but does not constrain their lengths, as equation 2 would. Filters are the flattened
    columns of W. Embeddings, biases and normalisations are excluded. The paper uses it to make generators amenable to
    truncation (section 3.1).

    Args:
        weight: float, beta in the paper. Defaults to 1e-4, as in the paper. The authors' PyTorch code uses half of it.

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
    """Returns the trainable kernels of a network as float32 matrices with one column per filter."""
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
    """Returns |W^T W * (1 - I)|^2 of a matrix W: the sum of the squared dot products of different columns."""
    products = tf.matmul(matrix, matrix, transpose_a=True)
    return tf.reduce_sum(tf.linalg.set_diag(products, tf.zeros(products.shape[0])) ** 2)


# Terms of the loss of G. The other penalties are terms of the loss of D.
OF_GENERATORS = (PathLength, Orthogonal)
