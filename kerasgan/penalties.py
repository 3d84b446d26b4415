"""Penalties: terms added to the loss of D, computed on real and fake images, or to that of G.

A penalty of D is called as `penalty(judge, real, fake, seed)`, where `judge` maps images to logits, and returns a
scalar that already holds its weight. The norms are computed in float32 whatever the networks' precision.
"""

import math
import warnings

import keras
import tensorflow as tf

from kerasgan import layers, random, replicas
from kerasgan.arguments import KnowsItsArguments, did_you_mean
from kerasgan.losses import entry


class Recorded:
    """A judge that remembers: images whose logits it has given cost no second pass of D when a penalty needs them.

    Args:
        judge: callable, images -> logits (or a list of logits, or a dict with the entry `"logits"`).
    """

    def __init__(self, judge):
        self.judge, self.memory = judge, {}

    def __call__(self, images):
        return self.record(images)[0]

    def record(self, images):
        """Returns the logits of `images` and the tape that knows how they depend on them."""
        if id(images) not in self.memory:
            with tf.GradientTape(persistent=True) as tape:
                tape.watch(images)
                logits = self.judge(images)
            self.memory[id(images)] = logits, tape, images  # kept, so that no other tensor gets its id
        return self.memory[id(images)][:2]


def squared_gradient_norms(judge, images):
    """Squared norm of the gradient of D's output at each image.

    Args:
        judge: callable, images -> logits (or a list of logits, which are summed); a `Recorded` one is not called on
            images that it knows.
        images: (batch, height, width, channels).

    Returns:
        float32 tensor of shape (batch,).
    """
    images = tf.cast(images, tf.float32)
    if not isinstance(judge, Recorded):
        judge, images = Recorded(judge), tf.identity(images)
    logits, tape = judge.record(images)
    gradient = tape.gradient(entry(logits, "logits"), images)  # of the sum of all logits
    return tf.reduce_sum(gradient**2, axis=range(1, len(images.shape)))


def lazily(step, every, compute, variables, points=None, outputs=1, scale=1.0):
    """Computes a loss and its gradients in one step of `every` only.

    The gradients are computed where the loss is, in a branch of the graph, and handed out with it: XLA compiles no
    gradient of what has left a branch.

    Args:
        step: int. The step is due where `every` divides it.
        every: int.
        compute: callable, () -> tuple of `outputs` float32 scalars, the loss first; it is given `points` where there
            are any.
        variables: list of variables, by which the loss has gradients.
        points: tensor, by which it has gradients too, or None.
        outputs: int. Number of scalars.
        scale: float. Factor of the loss while its gradients are computed, for half precision.

    Returns:
        The tuple, in a step that is not due of zeros. Only the loss has gradients.
    """
    sources = [tf.convert_to_tensor(variable) for variable in variables]
    sources += [] if points is None else [points]

    def due():
        inputs = [] if points is None else [tf.identity(points)]
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            values = compute(*inputs)
            scaled = scale * values[0]
        found = zip(tape.gradient(scaled, [*variables, *inputs]), sources, strict=True)
        gradients = [tf.zeros_like(s) if g is None else tf.convert_to_tensor(g) for g, s in found]
        return values, [gradient / tf.cast(scale, gradient.dtype) for gradient in gradients]

    def idle():
        return tuple(tf.zeros(()) for _ in range(outputs)), [tf.zeros_like(source) for source in sources]

    values, gradients = tf.cond(tf.convert_to_tensor(step) % every == 0, due, idle)

    @tf.custom_gradient
    def with_gradients(value, *_):
        return value, lambda upstream: (upstream, *(tf.cast(upstream, g.dtype) * g for g in gradients))

    values = [tf.stop_gradient(value) for value in values]
    return with_gradients(values[0], *sources), *values[1:]


def _check(weight, every):
    if weight < 0:
        raise ValueError(f"`weight` of a penalty must be at least 0. Received: {weight!r}")
    if every != int(every) or every < 1:
        raise ValueError(f"`every` of a penalty must be an int of at least 1. Received: {every!r}")


class Penalty(KnowsItsArguments):
    """Base of the penalties: keeps the weight and the interval, serialises.

    Args:
        weight: float.
        every: int. In one step of `every` the model adds `every` times the penalty, and in the others nothing: lazy
            regularization (Karras et al. 2020, https://arxiv.org/abs/1912.04958, section 3.1), nearly as good and
            much cheaper. In such a step D judges the images once more, with augmentation and dropout drawn anew. See
            `kerasgan.optimizers.lazy_adam`. Defaults to 1.
    """

    def __init__(self, weight, every=1):
        _check(weight, every)
        self.weight, self.every = weight, int(every)

    def get_config(self):
        return {"weight": self.weight, "every": self.every}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


@keras.saving.register_keras_serializable("kerasgan")
class GradientPenalty(Penalty):
    """Gradient penalty of WGAN-GP (Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028, equation 3).

    weight * E (|grad D(x^)| - target)^2, where x^ lies uniformly between a real and a fake image.

    Args:
        weight: float, lambda in the paper. Defaults to 10.
        target: float, the gradient's wanted norm. Defaults to 1.
        every: int. See `Penalty`. Defaults to 1.
    """

    def __init__(self, weight=10.0, target=1.0, every=1):
        super().__init__(weight, every)
        self.target = target

    def __call__(self, judge, real, fake, seed):
        real, fake = tf.cast(real, tf.float32), tf.cast(fake, tf.float32)
        share = random.uniform((keras.ops.shape(real)[0],) + (1,) * (len(real.shape) - 1), seed)
        between = share * real + (1 - share) * fake  # algorithm 1, line 6
        # The small number keeps the root's own gradient finite where the norm is 0.
        norms = tf.sqrt(squared_gradient_norms(judge, between) + 1e-12)
        return self.weight * tf.reduce_mean((norms - self.target) ** 2)

    def get_config(self):
        return {**super().get_config(), "target": self.target}


@keras.saving.register_keras_serializable("kerasgan")
class R1(Penalty):
    """Zero-centred penalty on real images (Mescheder et al. 2018, https://arxiv.org/abs/1801.04406, equation 9).

    weight / 2 * E |grad D(x)|^2.

    Args:
        weight: float, gamma in the paper. Defaults to 10, the paper's value for images.
        every: int. See `Penalty`. Defaults to 1.
    """

    def __init__(self, weight=10.0, every=1):
        super().__init__(weight, every)

    def __call__(self, judge, real, fake, seed):
        return self.weight / 2 * tf.reduce_mean(squared_gradient_norms(judge, real))


@keras.saving.register_keras_serializable("kerasgan")
class R2(Penalty):
    """Zero-centred penalty on fake images (Mescheder et al. 2018, https://arxiv.org/abs/1801.04406, equation 10).

    weight / 2 * E |grad D(G(z))|^2.

    Args:
        weight: float, gamma in the paper. Defaults to 10.
        every: int. See `Penalty`. Defaults to 1.
    """

    def __init__(self, weight=10.0, every=1):
        super().__init__(weight, every)

    def __call__(self, judge, real, fake, seed):
        return self.weight / 2 * tf.reduce_mean(squared_gradient_norms(judge, fake))


@keras.saving.register_keras_serializable("kerasgan")
class DRAGAN(Penalty):
    """Gradient penalty around the data (Kodali et al. 2017, https://arxiv.org/abs/1705.07215, algorithm 1).

    weight * E (|grad D(x + d)| - 1)^2 with d uniform, 0 to half a standard deviation of the batch, scaled by one
    uniform share per image as in the authors' code.

    Args:
        weight: float, lambda in the paper. Defaults to 10.
        every: int. See `Penalty`. Defaults to 1.
    """

    def __init__(self, weight=10.0, every=1):
        super().__init__(weight, every)

    def __call__(self, judge, real, fake, seed):
        real = tf.cast(real, tf.float32)
        shape = keras.ops.shape(real)
        share = random.uniform((shape[0],) + (1,) * (len(real.shape) - 1), seed)
        noise = 0.5 * tf.math.reduce_std(real) * random.uniform(shape, seed)
        norms = tf.sqrt(squared_gradient_norms(judge, real + share * noise) + 1e-12)
        return self.weight * tf.reduce_mean((norms - 1) ** 2)


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
        _check(weight, every)
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
        _check(weight, 1)
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
                if isinstance(layer, (keras.layers.Conv1DTranspose, keras.layers.Conv2DTranspose)):
                    matrix = tf.linalg.matrix_transpose(matrix)  # whose outputs are before the inputs
                matrices[id(kernel)] = tf.reshape(matrix, (-1, matrix.shape[-1]))
    return list(matrices.values())


def overlap(matrix):
    """Returns |W^T W * (1 - I)|^2 of a matrix W: the sum of the squared products of all pairs of its columns."""
    products = tf.matmul(matrix, matrix, transpose_a=True)
    return tf.reduce_sum(tf.linalg.set_diag(products, tf.zeros(products.shape[0])) ** 2)


# Terms of the loss of G; the others belong to that of D.
OF_GENERATORS = (PathLength, Orthogonal)

NAMES = {
    "gradient_penalty": GradientPenalty,
    "r1": R1,
    "r2": R2,
    "dragan": DRAGAN,
    "path_length": PathLength,
    "orthogonal": Orthogonal,
}


def get(penalty):
    """Returns the list of penalties that `penalty` names.

    Args:
        penalty: None, a name (`"gradient_penalty"`, `"r1"`, `"r2"`, `"dragan"`, `"path_length"`, `"orthogonal"`), a
            config, a `PathLength` or an `Orthogonal`, a callable `(judge, real, fake, seed) -> scalar`, or a list.

    Returns:
        A list of callables, empty for None.

    Raises:
        ValueError: if an entry is none of these.

    Example:

    >>> kerasgan.penalties.get("r1")[0].weight
    10.0
    """
    if penalty is None:
        return []
    if isinstance(penalty, (list, tuple)):
        return [entry for item in penalty for entry in get(item)]
    if isinstance(penalty, dict):
        penalty = keras.saving.deserialize_keras_object(penalty)
    if isinstance(penalty, str) and penalty in NAMES:
        return [NAMES[penalty]()]
    if callable(penalty):
        return [penalty]
    raise ValueError(
        f"`penalty` must be None, one of {sorted(NAMES)}, a callable, or a list of these. Received: {penalty!r}."
        f"{did_you_mean(penalty, NAMES)}"
    )


# Their second gradients lack a term: see `layers.moments`.
INEXACT = ("BatchNormalization", "GroupNormalization", "LayerNormalization")


def warn_of_inexact_norms(penalty, network):
    """Warns of each layer of `network` whose second gradients are wrong, where the list `penalty` needs them.

    These are Keras's normalisations by statistics of what they are called on. Its `BatchNormalization` is exact where
    it is frozen or `synchronized`.

    Args:
        penalty: list of penalties, as `get` returns it.
        network: `keras.Model`, a discriminator.
    """
    if not any(getattr(each, "weight", 1) for each in penalty):
        return
    for layer in network._flatten_layers():
        for name in INEXACT:
            if not isinstance(layer, getattr(keras.layers, name)) or isinstance(layer, getattr(layers, name)):
                continue
            batch = name == "BatchNormalization"
            if (batch and (layer.synchronized or not layer.trainable)) or getattr(layer, "rms_scaling", False):
                continue
            warnings.warn(
                f"The layer {layer.name!r} of the discriminator, a `keras.layers.{name}`, gives a gradient penalty "
                "wrong gradients: the second gradient of its statistics lacks a term. Use "
                f"`kerasgan.layers.{name}`, which takes the same arguments and weights.",
                stacklevel=3,
            )
