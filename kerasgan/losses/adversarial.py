"""The losses of the papers: minimax, non-saturating, least squares, Wasserstein, hinge, relativistic."""

import keras
import tensorflow as tf

from kerasgan.losses.base import AdversarialLoss

softplus = tf.nn.softplus  # softplus(-x) = -log sigmoid(x); softplus(x) = -log(1 - sigmoid(x))


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
