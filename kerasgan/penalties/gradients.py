"""Gradient penalties of D."""

import warnings

import keras
import tensorflow as tf

from kerasgan import layers, random
from kerasgan.arguments import KnowsItsArguments
from kerasgan.losses import entry


class Recorded:
    """Wraps a discriminator and caches its logits, so that a penalty on the same images needs no second pass.

    Args:
        judge: callable, images -> logits (or a list of logits, or a dict with the entry `"logits"`).
    """

    def __init__(self, judge):
        self.judge, self.memory = judge, {}

    def __call__(self, images):
        return self.record(images)[0]

    def record(self, images):
        """Returns the logits of `images` and the tape that recorded their computation."""
        if id(images) not in self.memory:
            with tf.GradientTape(persistent=True) as tape:
                tape.watch(images)
                logits = self.judge(images)
            self.memory[id(images)] = logits, tape, images  # keeps the tensor, so that no other one gets its id
        return self.memory[id(images)][:2]


def squared_gradient_norms(judge, images):
    """Returns the squared norm of the gradient of D's output with respect to each image.

    Args:
        judge: callable, images -> logits (or a list of logits, which are summed). A `Recorded` judge uses its cache.
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
    """Computes a loss and its gradients only once every `every` steps.

    The gradients are computed in the same branch of the graph as the loss, as XLA cannot differentiate through the
    result of a branch.

    Args:
        step: int. The loss is computed if `every` divides it.
        every: int.
        compute: callable, () -> tuple of `outputs` float32 scalars, with the loss first. It is called with `points`
            unless they are None.
        variables: list of variables to differentiate the loss by.
        points: tensor to differentiate the loss by, or None.
        outputs: int. Number of scalars.
        scale: float. The loss is multiplied by it while gradients are computed, for half precision.

    Returns:
        The tuple of `compute`, or zeros in the other steps. Only the loss has gradients.

    Raises:
        ValueError: if layers in `compute` combine devices, which TensorFlow cannot do in a branch.
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

    try:
        values, gradients = tf.cond(tf.convert_to_tensor(step) % every == 0, due, idle)
    except RuntimeError as error:
        if "merge_call" not in str(error):
            raise
        raise ValueError(
            "On several devices, a penalty with `every` above 1 needs networks without synchronized layers, such as "
            f"BatchNormalization. Received: every={every!r}. Remedy: every=1"
        ) from error

    @tf.custom_gradient
    def with_gradients(value, *_):
        return value, lambda upstream: (upstream, *(tf.cast(upstream, g.dtype) * g for g in gradients))

    values = [tf.stop_gradient(value) for value in values]
    return with_gradients(values[0], *sources), *values[1:]


def check_weight(weight, every=1):
    """Raises an error if the weight or the interval is out of range."""
    if weight < 0:
        raise ValueError(f"`weight` of a penalty must be at least 0. Received: {weight!r}")
    if every != int(every) or every < 1:
        raise ValueError(f"`every` of a penalty must be an int of at least 1. Received: {every!r}")


class Penalty(KnowsItsArguments):
    """Base class of penalties, with the weight and the interval.

    Args:
        weight: float.
        every: int. Once every `every` steps, the model adds `every` times the penalty. This is lazy regularization
            (Karras et al. 2020, https://arxiv.org/abs/1912.04958, section 3.1): nearly as good and much cheaper. In
            such a step D sees the images a second time, with new augmentation and dropout. See
            `kerasgan.optimizers.lazy_adam`. Defaults to 1.
    """

    def __init__(self, weight, every=1):
        check_weight(weight, every)
        self.weight, self.every = weight, int(every)

    def get_config(self):
        return {"weight": self.weight, "every": self.every}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


@keras.saving.register_keras_serializable("kerasgan")
class GradientPenalty(Penalty):
    """Gradient penalty of WGAN-GP (Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028, equation 3).

    The penalty is weight * E (|grad D(x^)| - target)^2, where x^ is a random point between a real and a fake image.

    Args:
        weight: float, lambda in the paper. Defaults to 10.
        target: float, the target of the gradient norm. Defaults to 1.
        every: int. See `Penalty`. Defaults to 1.
    """

    def __init__(self, weight=10.0, target=1.0, every=1):
        super().__init__(weight, every)
        self.target = target

    def __call__(self, judge, real, fake, seed):
        real, fake = tf.cast(real, tf.float32), tf.cast(fake, tf.float32)
        share = random.uniform((keras.ops.shape(real)[0],) + (1,) * (len(real.shape) - 1), seed)
        between = share * real + (1 - share) * fake  # algorithm 1, line 6
        # The epsilon keeps the gradient of the square root finite at norm 0.
        norms = tf.sqrt(squared_gradient_norms(judge, between) + 1e-12)
        return self.weight * tf.reduce_mean((norms - self.target) ** 2)

    def get_config(self):
        return {**super().get_config(), "target": self.target}


@keras.saving.register_keras_serializable("kerasgan")
class R1(Penalty):
    """Zero-centred penalty on real images (Mescheder et al. 2018, https://arxiv.org/abs/1801.04406, equation 9).

    The penalty is weight / 2 * E |grad D(x)|^2.

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

    The penalty is weight / 2 * E |grad D(G(z))|^2.

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

    The penalty is weight * E (|grad D(x + d)| - 1)^2. d is uniform from 0 to half the standard deviation of the batch,
    and is scaled by one uniform number per image, as in the authors' code.

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


# Second gradients of these layers lack a term: see `layers.moments`.
INEXACT = ("BatchNormalization", "GroupNormalization", "LayerNormalization")


def warn_of_inexact_norms(penalty, network):
    """Warns about layers of `network` with wrong second gradients, if one of the penalties needs these.

    Such layers are Keras's normalizations with statistics of their input. Keras's `BatchNormalization` is exact if it
    is frozen or `synchronized`.

    Args:
        penalty: list of penalties, as `get` returns it.
        network: `keras.Model`, a discriminator.
    """
    if not any(getattr(each, "of_gradients", True) and getattr(each, "weight", 1) for each in penalty):
        return
    for layer in network._flatten_layers():
        for name in INEXACT:
            if not isinstance(layer, getattr(keras.layers, name)) or isinstance(layer, getattr(layers, name)):
                continue
            batch = name == "BatchNormalization"
            if (batch and (layer.synchronized or not layer.trainable)) or getattr(layer, "rms_scaling", False):
                continue
            warnings.warn(
                f"The layer {layer.name!r} of the discriminator, a `keras.layers.{name}`, makes the gradients of a "
                "gradient penalty wrong: the second gradient of its statistics lacks a term. Use "
                f"`kerasgan.layers.{name}`, which takes the same arguments and weights.",
                stacklevel=3,
            )
