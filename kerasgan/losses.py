"""Adversarial losses of D and G, computed from logits.

Every loss is a serialisable object with two methods, which a paper's `train_step` calls:

    loss.discriminator_loss(real_logits, fake_logits)
    loss.generator_loss(fake_logits, real_logits)

A custom loss needs only these two. It may also define the following, which have defaults (see `Completed`):

- `needs_real_logits`: whether `generator_loss` uses `real_logits`, as relativistic losses do. If False, None is passed.
  Default: True for a custom loss, and False for a subclass of `AdversarialLoss`.
- `probabilities(real_logits, fake_logits)`: the means of D(x) and D(G(z)), logged as `d_real` and `d_fake`. Default:
  the means of the sigmoid of the logits.
- `certainty(real_logits, fake_logits)`: the overfitting measure of adaptive augmentation. Default: E sign(D(x) - 1/2).
- `draw_from(seed_generator)`: called by `compile`, for losses that draw random numbers.
- `count_by(step)`: called by `compile`, for losses that change during training.

Logits may be one tensor of any shape (the map of a PatchGAN) or a list of them (several discriminators). The loss is
the mean over each tensor and then over the list. If a discriminator outputs a dict, the logits are its entry
`"logits"`. All arithmetic is in float32.
"""

import keras
import tensorflow as tf

from kerasgan import random, replicas
from kerasgan.arguments import KnowsItsArguments, did_you_mean, whole

softplus = tf.nn.softplus  # softplus(-x) = -log sigmoid(x); softplus(x) = -log(1 - sigmoid(x))


def entry(outputs, name):
    """Returns the entry `name` of each output of a discriminator. An output that is not a dict is the logits."""
    if isinstance(outputs, (list, tuple)):
        return [entry(output, name) for output in outputs]
    if isinstance(outputs, dict) and name in outputs:
        return outputs[name]
    if isinstance(outputs, dict) or name != "logits":
        raise ValueError(
            f"The discriminator must output a dict with the entry {name!r}. Received: {outputs}. Remedy: "
            "`kerasgan.networks.with_features(discriminator)`"
        )
    return outputs


def over_outputs(function, *outputs, name="logits"):
    """Averages `function` over an entry of the discriminator's outputs, in float32."""
    columns = [[tf.cast(x, tf.float32) for x in tf.nest.flatten(entry(output, name))] for output in outputs]
    values = [function(*row) for row in zip(*columns, strict=True)]
    return sum(values) / len(values)


class AdversarialLoss(KnowsItsArguments):
    """Base class of adversarial losses. It averages the formulas of a subclass over the outputs of a discriminator.

    A subclass implements `on_discriminator(real, fake)` and `on_generator(fake, real)` for float32 tensors of logits.
    It stores the arguments of its constructor as attributes of the same names and lists them in `arguments`.
    """

    arguments = ()
    needs_real_logits = False

    def discriminator_loss(self, real_logits, fake_logits):
        """Returns the scalar that the discriminator minimises."""
        return over_outputs(self.on_discriminator, real_logits, fake_logits)

    def generator_loss(self, fake_logits, real_logits=None):
        """Returns the scalar that the generator minimises."""
        if not self.needs_real_logits:
            return over_outputs(lambda fake: self.on_generator(fake, None), fake_logits)
        if real_logits is None:
            raise ValueError(f"{type(self).__name__}.generator_loss needs `real_logits` too. Received: None")
        return over_outputs(self.on_generator, fake_logits, real_logits)

    def probabilities(self, real_logits, fake_logits):
        """Returns the means of D(x) and of D(G(z)), two scalars. Both are 1/2 at the theoretical optimum."""
        return (
            over_outputs(lambda real, fake: tf.reduce_mean(self.probability(real, fake)), real_logits, fake_logits),
            over_outputs(lambda real, fake: tf.reduce_mean(self.probability(fake, real)), real_logits, fake_logits),
        )

    def probability(self, logits, others):
        """Returns D's probability that images with `logits` are real. `others` are the logits of the other kind."""
        return tf.sigmoid(logits)

    def certainty(self, real_logits, fake_logits):
        """Returns E sign(P(x) - 1/2) over real images x, a scalar in [-1, 1].

        It is 0 if D guesses, and 1 if D classifies all of them correctly. If the probability is the sigmoid of the
        logits, it equals E sign D(x).
        """
        one = lambda real, fake: tf.reduce_mean(tf.sign(self.probability(real, fake) - 0.5))  # noqa: E731
        return over_outputs(one, real_logits, fake_logits)

    def draw_from(self, seed_generator):
        """Receives the source of random numbers. `compile` calls it for each loss."""

    def get_config(self):
        return {name: getattr(self, name) for name in self.arguments}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


class _CrossEntropy(AdversarialLoss):
    """Equation 1 of Goodfellow et al. (2014), with one-sided label smoothing (Salimans et al. 2016, section 3.4)."""

    arguments = ("label_smoothing",)

    def __init__(self, label_smoothing=0.0):
        if not 0 <= label_smoothing < 0.5:
            raise ValueError(f"`label_smoothing` must be in [0, 0.5). Received: {label_smoothing!r}")
        self.label_smoothing = label_smoothing

    def on_discriminator(self, real, fake):
        smoothing = self.label_smoothing
        real_term = (1 - smoothing) * softplus(-real) + smoothing * softplus(real)
        return tf.reduce_mean(real_term) + tf.reduce_mean(softplus(fake))


@keras.saving.register_keras_serializable("kerasgan")
class Minimax(_CrossEntropy):
    """The minimax game (Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661, equation 1).

    D minimises -E log D(x) - E log(1 - D(G(z))). G minimises E log(1 - D(G(z))). The gradient of G vanishes while D
    rejects the samples with confidence.

    Args:
        label_smoothing: float in [0, 0.5). D's target is 1 - `label_smoothing` for real images and 0 for fake ones.
            Defaults to 0.
    """

    def on_generator(self, fake, real):
        return -tf.reduce_mean(softplus(fake))


@keras.saving.register_keras_serializable("kerasgan")
class NonSaturating(_CrossEntropy):
    """The non-saturating loss (Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661, end of section 3).

    D has the loss of the minimax game. G minimises -E log D(G(z)), which has the same fixed point and stronger
    gradients early in training.

    Args:
        label_smoothing: float in [0, 0.5). D's target is 1 - `label_smoothing` for real images and 0 for fake ones.
            Defaults to 0.
    """

    def on_generator(self, fake, real):
        return tf.reduce_mean(softplus(-fake))


@keras.saving.register_keras_serializable("kerasgan")
class LeastSquares(AdversarialLoss):
    """Least squares (Mao et al. 2017, https://arxiv.org/abs/1611.04076, equation 2).

    D minimises E (D(x) - b)^2 / 2 + E (D(G(z)) - a)^2 / 2, G minimises E (D(G(z)) - c)^2 / 2.

    Args:
        a: float. D's target for fake images. Defaults to 0.
        b: float. D's target for real images. Defaults to 1.
        c: float. G's target for fake images. Defaults to 1, the 0-1 coding of equation 9. a=-1, b=1, c=0 is equation 8,
            which minimises the Pearson chi-squared divergence.
    """

    arguments = ("a", "b", "c")

    def __init__(self, a=0.0, b=1.0, c=1.0):
        if a == b:
            raise ValueError(
                f"`a` and `b`, D's targets for fake and real images, must differ. Received: {a!r} for both"
            )
        self.a, self.b, self.c = a, b, c

    def on_discriminator(self, real, fake):
        return 0.5 * tf.reduce_mean((real - self.b) ** 2) + 0.5 * tf.reduce_mean((fake - self.a) ** 2)

    def on_generator(self, fake, real):
        return 0.5 * tf.reduce_mean((fake - self.c) ** 2)

    def probability(self, logits, others):
        """Solves the optimal D, (b p_data + a p_g) / (p_data + p_g) (equation 5), for the share of p_data."""
        return tf.clip_by_value((logits - self.a) / (self.b - self.a), 0.0, 1.0)


@keras.saving.register_keras_serializable("kerasgan")
class Wasserstein(AdversarialLoss):
    """The loss of a Wasserstein critic (Arjovsky et al. 2017, https://arxiv.org/abs/1701.07875, equation 2).

    The critic minimises E f(G(z)) - E f(x), the negative of its estimate of the distance. G minimises -E f(G(z)). The
    critic must be Lipschitz: use weight clipping or a gradient penalty. A critic has no probabilities, so `d_real` and
    `d_fake` are the shares of pairs in which the real, or the fake, image scores higher.
    """

    def on_discriminator(self, real, fake):
        return tf.reduce_mean(fake) - tf.reduce_mean(real)

    def on_generator(self, fake, real):
        return -tf.reduce_mean(fake)

    def probability(self, logits, others):
        return tf.cast(logits > others, tf.float32) + 0.5 * tf.cast(logits == others, tf.float32)


@keras.saving.register_keras_serializable("kerasgan")
class Hinge(AdversarialLoss):
    """The hinge loss (Lim & Ye 2017, https://arxiv.org/abs/1705.02894; Miyato et al. 2018, equations 16 and 17).

    D minimises E max(0, 1 - D(x)) + E max(0, 1 + D(G(z))). G minimises -E D(G(z)).
    """

    def on_discriminator(self, real, fake):
        return tf.reduce_mean(tf.nn.relu(1 - real)) + tf.reduce_mean(tf.nn.relu(1 + fake))

    def on_generator(self, fake, real):
        return -tf.reduce_mean(fake)


@keras.saving.register_keras_serializable("kerasgan")
class Relativistic(AdversarialLoss):
    """The relativistic paired loss, RpGAN (Jolicoeur-Martineau 2018, https://arxiv.org/abs/1807.00734).

    This is the form of Huang et al. 2024 (https://arxiv.org/abs/2501.05441, equation 2): with f(t) = -log(1 + e^-t),
    D maximises E f(D(x) - D(G(z))) and G maximises E f(D(G(z)) - D(x)). `d_real` is the mean of
    sigmoid(D(x) - D(G(z))), the probability that the real image of a pair is the more realistic one. `d_fake` is that
    of the fake image.
    """

    needs_real_logits = True

    def on_discriminator(self, real, fake):
        return tf.reduce_mean(softplus(fake - real))

    def on_generator(self, fake, real):
        return tf.reduce_mean(softplus(real - fake))

    def probability(self, logits, others):
        return tf.sigmoid(logits - others)


class _Around(AdversarialLoss):
    """Base of losses that change a part of another loss, `adversarial`."""

    arguments = ("adversarial",)

    def __init__(self, adversarial):
        self.adversarial = get(adversarial)

    @property
    def needs_real_logits(self):
        return self.adversarial.needs_real_logits

    def discriminator_loss(self, real_logits, fake_logits):
        return self.adversarial.discriminator_loss(real_logits, fake_logits)

    def generator_loss(self, fake_logits, real_logits=None):
        return self.adversarial.generator_loss(fake_logits, real_logits)

    def probabilities(self, real_logits, fake_logits):
        return self.adversarial.probabilities(real_logits, fake_logits)

    def certainty(self, real_logits, fake_logits):
        return self.adversarial.certainty(real_logits, fake_logits)

    def draw_from(self, seed_generator):
        if hasattr(self.adversarial, "draw_from"):
            self.adversarial.draw_from(seed_generator)

    def count_by(self, step):
        if hasattr(self.adversarial, "count_by"):
            self.adversarial.count_by(step)

    def get_config(self):
        return super().get_config() | {"adversarial": keras.saving.serialize_keras_object(self.adversarial)}


@keras.saving.register_keras_serializable("kerasgan")
class FeatureMatching(_Around):
    """Feature matching (Salimans et al. 2016, https://arxiv.org/abs/1606.03498, section 3.1).

    The loss of D is unchanged. G minimises |E f(x) - E f(G(z))|^2, where f are activations inside D and the means are
    over the batch of all devices. The discriminator must also output f: see `kerasgan.networks.with_features`.

    With `per_image=True`, it is the feature matching of translators (Wang et al. 2018,
    https://arxiv.org/abs/1711.11585, equation 4): E |f(x) - f(G)|, the mean absolute difference between the features of
    each generated image and its real one. With several layers or discriminators, it is the mean over these.

    Args:
        adversarial: anything that `losses.get` accepts. It is the loss of D, and of G with `adversarial_weight`.
            Defaults to `"non_saturating"`.
        weight: float. Weight of the feature distance. Defaults to 1.
        adversarial_weight: float. Weight of G's adversarial loss. Defaults to 0, as in the paper.
        per_image: bool. Whether to compare each image with its real one instead of the means. Defaults to False.

    Example:

    >>> judge = kerasgan.networks.with_features(kerasgan.DCGAN(image_size=16, width=4).discriminator)
    >>> model = kerasgan.DCGAN(image_size=16, width=4, discriminator=judge)
    >>> model.compile(loss=kerasgan.losses.FeatureMatching(adversarial_weight=0.1))
    """

    arguments = ("adversarial", "weight", "adversarial_weight", "per_image")
    needs_real_logits = True

    def __init__(self, adversarial="non_saturating", weight=1.0, adversarial_weight=0.0, per_image=False):
        super().__init__(adversarial)
        for name, value in (("weight", weight), ("adversarial_weight", adversarial_weight)):
            if value < 0:
                raise ValueError(f"`{name}` must be at least 0. Received: {value!r}")
        self.weight, self.adversarial_weight, self.per_image = weight, adversarial_weight, per_image

    def distance(self, fake_outputs, real_outputs):
        """Returns the unweighted distance of the features in two outputs of a discriminator, a float32 scalar."""

        def of_means(fake, real):
            difference = replicas.mean(tf.reduce_mean(fake, axis=0) - tf.reduce_mean(real, axis=0))
            return tf.reduce_sum(difference**2)

        def of_images(fake, real):
            return tf.reduce_mean(tf.abs(fake - tf.stop_gradient(real)))

        compare = of_images if self.per_image else of_means
        return over_outputs(compare, fake_outputs, real_outputs, name="features")

    def generator_loss(self, fake_logits, real_logits=None):
        if real_logits is None:
            raise ValueError("FeatureMatching.generator_loss needs `real_logits` too. Received: None")
        loss = self.weight * self.distance(fake_logits, real_logits)
        if self.adversarial_weight:
            loss += self.adversarial_weight * self.adversarial.generator_loss(fake_logits, real_logits)
        return loss


@keras.saving.register_keras_serializable("kerasgan")
class LabelFlipping(_Around):
    """Flips the labels of some images in the loss of D.

    With probability p, the logits of a real image and of its fake neighbour in the batch are swapped, so each label is
    wrong with probability p. The loss of G is unchanged. The `d_loss` of `evaluate` also uses flipped labels. Label
    flipping makes D less confident. An alternative is one-sided smoothing (Salimans et al. 2016,
    https://arxiv.org/abs/1606.03498, section 3.4), the `label_smoothing` of the logarithmic losses.

    Args:
        adversarial: anything that `losses.get` accepts. Defaults to `"non_saturating"`.
        flip_probability: float in [0, 0.5), p. Defaults to 0.05.

    Example:

    >>> model = kerasgan.GAN(image_size=8)
    >>> model.compile(loss=kerasgan.losses.LabelFlipping("hinge", flip_probability=0.1))
    """

    arguments = ("adversarial", "flip_probability")

    def __init__(self, adversarial="non_saturating", flip_probability=0.05):
        super().__init__(adversarial)
        if not 0 <= flip_probability < 0.5:
            raise ValueError(f"`flip_probability` must be in [0, 0.5). Received: {flip_probability!r}")
        self.flip_probability = flip_probability
        self.seed_generator = None

    def draw_from(self, seed_generator):
        super().draw_from(seed_generator)
        self.seed_generator = seed_generator

    def discriminator_loss(self, real_logits, fake_logits):
        if self.seed_generator is None:
            self.seed_generator = keras.random.SeedGenerator()
        real, fake = (tf.nest.flatten(entry(outputs, "logits")) for outputs in (real_logits, fake_logits))
        rows = keras.ops.shape(real[0])[0]
        # All outputs of D share the labels.
        flips = random.uniform((rows,), self.seed_generator) < self.flip_probability
        flips = [tf.reshape(flips, (-1,) + (1,) * (len(x.shape) - 1)) for x in real]
        flipped_real = [tf.where(flip, f, r) for flip, r, f in zip(flips, real, fake)]
        flipped_fake = [tf.where(flip, r, f) for flip, r, f in zip(flips, real, fake)]
        return self.adversarial.discriminator_loss(flipped_real, flipped_fake)


@keras.saving.register_keras_serializable("kerasgan")
class TopK(_Around):
    """Top-k training of G (Sinha et al. 2020, https://arxiv.org/abs/2002.06224, section 3).

    G learns only from the k images of the batch with the highest logits. After n times `steps` training steps, k is the
    share max(decay^n, share) of the batch. If an image has several logits, their mean is used. Each device selects from
    its own part of the batch. The loss of D is unchanged.

    Args:
        adversarial: anything that `losses.get` accepts, except losses that compare logits, such as `"relativistic"`.
            Defaults to `"non_saturating"`.
        share: float in (0, 1], nu. Defaults to 0.5, as in the paper for CIFAR-10.
        decay: float in (0, 1], gamma. Defaults to 0.99, as in the paper.
        steps: int. Training steps between two reductions of k. Defaults to 1000. The paper uses one epoch.

    Example:

    >>> model = kerasgan.DCGAN(image_size=16, width=2)
    >>> model.compile(loss=kerasgan.losses.TopK("hinge", steps=500))
    """

    arguments = ("adversarial", "share", "decay", "steps")

    def __init__(self, adversarial="non_saturating", share=0.5, decay=0.99, steps=1000):
        super().__init__(adversarial)
        for name, value in (("share", share), ("decay", decay)):
            if not 0 < value <= 1:
                raise ValueError(f"`{name}` must be in (0, 1]. Received: {value!r}")
        if whole(steps) is None:
            raise ValueError(f"`steps` must be an int of at least 1. Received: {steps!r}")
        if self.adversarial.needs_real_logits:
            raise ValueError(
                f"`adversarial` must not compare images with each other. Received: {type(self.adversarial).__name__}"
            )
        self.share, self.decay, self.steps, self.step = share, decay, int(steps), None

    def count_by(self, step):
        super().count_by(step)
        self.step = step

    def generator_loss(self, fake_logits, real_logits=None):
        passed = 0 if self.step is None else tf.convert_to_tensor(self.step) // self.steps
        share = tf.maximum(self.decay ** tf.cast(passed, tf.float32), self.share)
        logits = [tf.cast(x, tf.float32) for x in tf.nest.flatten(entry(fake_logits, "logits"))]
        rows = keras.ops.shape(logits[0])[0]
        count = tf.maximum(tf.round(share * tf.cast(rows, tf.float32)), 1.0)
        scores = sum(tf.reduce_mean(tf.reshape(x, (rows, -1)), axis=1) for x in logits)
        order = tf.argsort(tf.stop_gradient(scores), direction="DESCENDING", stable=True)
        rank = tf.cast(tf.argsort(order), tf.float32)  # static shapes: XLA compiles one step for every k

        def chosen(x):
            """Returns the mean over the chosen: that of all with the others set to 0, minus the share of the zeros."""
            keep = tf.reshape(rank < count, (-1,) + (1,) * (len(x.shape) - 1))
            others = tf.cast(rows, tf.float32) - count
            whole_batch = self.adversarial.generator_loss(tf.where(keep, x, 0.0))
            nothing = self.adversarial.generator_loss(tf.zeros((1,)))
            return (tf.cast(rows, tf.float32) * whole_batch - others * nothing) / count

        return sum(map(chosen, logits)) / len(logits)


@keras.saving.register_keras_serializable("kerasgan")
class Completed(AdversarialLoss):
    """Wraps a user's loss of two methods and adds defaults for the others.

    `losses.get` and `compile` wrap such a loss automatically. Methods that the loss defines are used.

    Args:
        loss: object with `discriminator_loss(real_logits, fake_logits)` and `generator_loss(fake_logits, real_logits)`.
            To be saved with a model, it also needs `get_config` and a name registered in Keras.

    Example:

    >>> class Margin:
    ...     def discriminator_loss(self, real_logits, fake_logits):
    ...         return tf.reduce_mean(tf.nn.relu(1 + fake_logits - real_logits))
    ...     def generator_loss(self, fake_logits, real_logits):
    ...         return -tf.reduce_mean(fake_logits)
    >>> model = kerasgan.GAN(image_size=8)
    >>> model.compile(loss=Margin(), augment="adaptive")
    """

    def __init__(self, loss):
        self.loss = loss
        # It is unknown whether the loss uses them.
        self.needs_real_logits = getattr(loss, "needs_real_logits", True)
        for name in ("probabilities", "probability", "certainty", "draw_from", "count_by"):
            if hasattr(loss, name):
                setattr(self, name, getattr(loss, name))

    def discriminator_loss(self, real_logits, fake_logits):
        return self.loss.discriminator_loss(real_logits, fake_logits)

    def generator_loss(self, fake_logits, real_logits=None):
        return self.loss.generator_loss(fake_logits, real_logits)

    def get_config(self):
        return {"loss": keras.saving.serialize_keras_object(self.loss)}

    @classmethod
    def from_config(cls, config):
        return cls(keras.saving.deserialize_keras_object(config["loss"]))


NAMES = {
    "minimax": Minimax,
    "non_saturating": NonSaturating,
    "least_squares": LeastSquares,
    "wasserstein": Wasserstein,
    "hinge": Hinge,
    "relativistic": Relativistic,
    "top_k": TopK,
}


def get(loss):
    """Returns the adversarial loss that `loss` names.

    Args:
        loss: str, one of `"minimax"`, `"non_saturating"`, `"least_squares"`, `"wasserstein"`, `"hinge"`,
            `"relativistic"`, `"top_k"`; or a config made by `keras.saving.serialize_keras_object`; or an object with
            `discriminator_loss` and `generator_loss`, for which `Completed` adds the other methods.

    Returns:
        An object with `discriminator_loss(real_logits, fake_logits)` and `generator_loss(fake_logits, real_logits)`.

    Raises:
        ValueError: if `loss` is none of these.

    Example:

    >>> float(kerasgan.losses.get("hinge").generator_loss(tf.constant([[2.0], [4.0]])))
    -3.0
    """
    if isinstance(loss, dict):
        loss = keras.saving.deserialize_keras_object(loss)
    if isinstance(loss, str) and loss in NAMES:
        return NAMES[loss]()
    if hasattr(loss, "discriminator_loss") and hasattr(loss, "generator_loss"):
        complete = all(hasattr(loss, name) for name in ("needs_real_logits", "probabilities", "certainty"))
        return loss if complete else Completed(loss)
    raise ValueError(
        f"`loss` must be one of {sorted(NAMES)}, or an object with `discriminator_loss` and `generator_loss`. "
        f"Received: {loss!r}.{did_you_mean(loss, NAMES)}"
    )
