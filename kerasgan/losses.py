"""Adversarial losses: what D and G minimise, given logits.

Every loss is a small serialisable object with two methods, so a paper's `train_step` reads the same with each of them:

    loss.discriminator_loss(real_logits, fake_logits)
    loss.generator_loss(fake_logits, real_logits)

`real_logits` reaches the generator's side too, because relativistic losses compare the two; it is computed only for
losses that set `needs_real_logits`. Logits may be one tensor of any shape (a PatchGAN's map) or a list of them (several
discriminators): means are taken over each and then over the list. All arithmetic is in float32.
"""

import keras
import tensorflow as tf

softplus = tf.nn.softplus  # softplus(-x) = -log sigmoid(x); softplus(x) = -log(1 - sigmoid(x))


def _over_outputs(function, *logits):
    """Averages `function` over the discriminator's outputs, in float32."""
    columns = [[tf.cast(x, tf.float32) for x in tf.nest.flatten(structure)] for structure in logits]
    values = [function(*row) for row in zip(*columns, strict=True)]
    return sum(values) / len(values)


class AdversarialLoss:
    """Base of the adversarial losses: averages a subclass's formulas over a discriminator's outputs.

    A subclass writes `on_discriminator(real, fake)` and `on_generator(fake, real)` for one float32 tensor of logits.
    Its constructor's arguments are kept as attributes of the same names and listed in `arguments`.
    """

    arguments = ()
    needs_real_logits = False

    def discriminator_loss(self, real_logits, fake_logits):
        """Returns the scalar that the discriminator minimises."""
        return _over_outputs(self.on_discriminator, real_logits, fake_logits)

    def generator_loss(self, fake_logits, real_logits=None):
        """Returns the scalar that the generator minimises."""
        if not self.needs_real_logits:
            return _over_outputs(lambda fake: self.on_generator(fake, None), fake_logits)
        if real_logits is None:
            raise ValueError(f"{type(self).__name__}.generator_loss needs `real_logits` too. Received: None")
        return _over_outputs(self.on_generator, fake_logits, real_logits)

    def probabilities(self, real_logits, fake_logits):
        """Returns the mean of D(x) and of D(G(z)) as two scalars: 1/2 is where the theory says training ends."""
        return (
            _over_outputs(lambda real, fake: tf.reduce_mean(self.probability(real, fake)), real_logits, fake_logits),
            _over_outputs(lambda real, fake: tf.reduce_mean(self.probability(fake, real)), real_logits, fake_logits),
        )

    def probability(self, logits, others):
        """Returns D's probability that `logits` are of real images; `others` are the logits of the other kind."""
        return tf.sigmoid(logits)

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

    D minimises -E log D(x) - E log(1 - D(G(z))); G minimises E log(1 - D(G(z))), whose gradient vanishes while D
    rejects the samples with confidence.

    Args:
        label_smoothing: float in [0, 0.5). Real images are asked to score 1 - `label_smoothing`; fake ones stay at 0.
            Defaults to 0.
    """

    def on_generator(self, fake, real):
        return -tf.reduce_mean(softplus(fake))


@keras.saving.register_keras_serializable("kerasgan")
class NonSaturating(_CrossEntropy):
    """The non-saturating loss (Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661, end of section 3).

    D's loss is that of the minimax game; G minimises -E log D(G(z)): the same fixed point, stronger gradients early on.

    Args:
        label_smoothing: float in [0, 0.5). Real images are asked to score 1 - `label_smoothing`; fake ones stay at 0.
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
        c: float. What G wants D to say of its images. Defaults to 1, the 0-1 coding of equation 9; a=-1, b=1, c=0 is
            equation 8, which minimises the Pearson chi-squared divergence.
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
        """The optimal D is (b p_data + a p_g) / (p_data + p_g) (equation 5); solved for p_data's share."""
        return tf.clip_by_value((logits - self.a) / (self.b - self.a), 0.0, 1.0)


@keras.saving.register_keras_serializable("kerasgan")
class Wasserstein(AdversarialLoss):
    """The Wasserstein critic's loss (Arjovsky et al. 2017, https://arxiv.org/abs/1701.07875, equation 2).

    The critic minimises E f(G(z)) - E f(x), the negative of its estimate of the distance; G minimises -E f(G(z)).
    Only for critics held Lipschitz, by clipping or by a penalty. A critic gives no probabilities: the logged
    `d_real` and `d_fake` are the shares of pairs in which the real image, or the fake one, scores higher.
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

    D minimises E max(0, 1 - D(x)) + E max(0, 1 + D(G(z))); G minimises -E D(G(z)).
    """

    def on_discriminator(self, real, fake):
        return tf.reduce_mean(tf.nn.relu(1 - real)) + tf.reduce_mean(tf.nn.relu(1 + fake))

    def on_generator(self, fake, real):
        return -tf.reduce_mean(fake)


@keras.saving.register_keras_serializable("kerasgan")
class Relativistic(AdversarialLoss):
    """The relativistic paired loss, RpGAN (Jolicoeur-Martineau 2018, https://arxiv.org/abs/1807.00734).

    In the form of Huang et al. 2024 (https://arxiv.org/abs/2501.05441, equation 2): with f(t) = -log(1 + e^-t),
    D maximises E f(D(x) - D(G(z))) and G maximises E f(D(G(z)) - D(x)). `d_real` is the mean probability
    sigmoid(D(x) - D(G(z))) that the real one of a pair is the more realistic, `d_fake` that of the fake one.
    """

    needs_real_logits = True

    def on_discriminator(self, real, fake):
        return tf.reduce_mean(softplus(fake - real))

    def on_generator(self, fake, real):
        return tf.reduce_mean(softplus(real - fake))

    def probability(self, logits, others):
        return tf.sigmoid(logits - others)


NAMES = {
    "minimax": Minimax,
    "non_saturating": NonSaturating,
    "least_squares": LeastSquares,
    "wasserstein": Wasserstein,
    "hinge": Hinge,
    "relativistic": Relativistic,
}


def get(loss):
    """Returns the adversarial loss that `loss` names.

    Args:
        loss: str, one of `"minimax"`, `"non_saturating"`, `"least_squares"`, `"wasserstein"`, `"hinge"`,
            `"relativistic"`; or a config made by `keras.saving.serialize_keras_object`; or an object with
            `discriminator_loss` and `generator_loss`, which is returned as it is.

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
        return loss
    raise ValueError(
        f"`loss` must be one of {sorted(NAMES)}, or an object with `discriminator_loss` and `generator_loss`. "
        f"Received: {loss!r}"
    )
