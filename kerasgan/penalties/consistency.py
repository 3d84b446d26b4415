"""Consistency and LeCam regularization."""

import keras
import tensorflow as tf

from kerasgan import random, replicas
from kerasgan.arguments import KnowsItsArguments
from kerasgan.augment import flipped, translated
from kerasgan.losses import over_outputs
from kerasgan.penalties.gradients import Penalty, check_weight


def squared_change(judge, a, b):
    """Returns E (D(a) - D(b))^2 over all logits, a float32 scalar."""
    return over_outputs(lambda x, y: tf.reduce_mean((x - y) ** 2), judge(a), judge(b))


@keras.saving.register_keras_serializable("kerasgan")
class Consistency(Penalty):
    """Consistency regularization, CR (Zhang et al. 2020, https://arxiv.org/abs/1910.12027, equation 3).

    The penalty is weight E (D(x) - D(T(x)))^2 + fake_weight E (D(G(z)) - D(T(G(z))))^2, where T mirrors half of the
    images and shifts each by up to 1/8 of its size. Without the second term it is CR, `penalty="cr"`. With both terms
    it is balanced CR, bCR (Zhao et al. 2021, https://arxiv.org/abs/2002.04724, section 3.1), `penalty="bcr"`. The
    augmentation of `compile(augment=)` is applied after T.

    Args:
        weight: float, lambda. Defaults to 10, as in the papers.
        fake_weight: float, lambda_fake. Defaults to 0. bCR uses 10.
        every: int. See `Penalty`. Defaults to 1.
    """

    of_gradients = False

    def __init__(self, weight=10.0, fake_weight=0.0, every=1):
        super().__init__(weight, every)
        check_weight(fake_weight)
        self.fake_weight = fake_weight

    def __call__(self, judge, real, fake, seed):
        terms = [(weight, x) for weight, x in ((self.weight, real), (self.fake_weight, fake)) if weight]
        changes = [weight * squared_change(judge, x, translated(flipped(x, seed), seed)) for weight, x in terms]
        return sum(changes, start=tf.zeros(()))

    def get_config(self):
        return {**super().get_config(), "fake_weight": self.fake_weight}


@keras.saving.register_keras_serializable("kerasgan")
class LatentConsistency(KnowsItsArguments):
    """Latent consistency regularization, zCR (Zhao et al. 2021, https://arxiv.org/abs/2002.04724, section 3.2).

    The loss of D gains weight E (D(G(z)) - D(G(z + dz)))^2, which makes D insensitive to a small step dz in the latent
    space. The loss of G gains -g_weight E (G(z) - G(z + dz))^2, which makes G sensitive to it. dz is normal noise of
    standard deviation `stddev`. Together with bCR this is improved CR, ICR: `penalty=["bcr", "zcr"]`. It costs two more
    passes of both networks in the update of D, and two more passes of G in the update of G.

    Args:
        weight: float, lambda_dis. Defaults to 20.
        g_weight: float, lambda_gen. Defaults to 0.5.
        stddev: float, sigma. Defaults to 0.05.
    """

    def __init__(self, weight=20.0, g_weight=0.5, stddev=0.05):
        for value in (weight, g_weight):
            check_weight(value)
        if stddev <= 0:
            raise ValueError(f"`stddev` must be above 0. Received: {stddev!r}")
        self.weight, self.g_weight, self.stddev = weight, g_weight, stddev

    def _both(self, paint, latents, seed):
        """Returns the images of the latents, and of the latents with noise added."""
        return paint(latents), paint(latents + self.stddev * random.normal(keras.ops.shape(latents), seed))

    def on_discriminator(self, judge, paint, latents, seed):
        """Returns the term of D, a float32 scalar. `paint` maps latents to images."""
        images, near = map(tf.stop_gradient, self._both(paint, latents, seed))
        return self.weight * squared_change(judge, images, near)

    def on_generator(self, paint, latents, seed):
        """Returns the term of G, a float32 scalar."""
        images, near = (tf.cast(each, tf.float32) for each in self._both(paint, latents, seed))
        return -self.g_weight * tf.reduce_mean((images - near) ** 2)

    def get_config(self):
        return {"weight": self.weight, "g_weight": self.g_weight, "stddev": self.stddev}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


@keras.saving.register_keras_serializable("kerasgan")
class LeCam(KnowsItsArguments, keras.layers.Layer):
    """LeCam regularization for few images (Tseng et al. 2021, https://arxiv.org/abs/2104.03310, equation 5).

    The penalty is weight (E max(0, D(x) - a_F)^2 + E max(0, a_R - D(G(z)))^2), where a_R and a_F are moving averages of
    the logits of real and of generated images. It keeps the logits of each side near those of the other. The maximum
    is taken from the authors' code. During the first `start` updates of D there is no penalty, and the averages are the
    means of the last batch.

    The moving averages are weights of this object and are saved with the model. Do not share the object between models.

    Args:
        weight: float, lambda. Defaults to 0.3, as in the authors' code.
        decay: float in [0, 1), gamma. Defaults to 0.99, as in the authors' code.
        start: int. Updates of D before the penalty starts. Defaults to 1000, as in the authors' code.

    Example:

    >>> model = kerasgan.DCGAN(image_size=16, width=2)
    >>> model.compile(loss="hinge", penalty=kerasgan.penalties.LeCam(), augment="diffaugment")
    """

    of_gradients = False

    def __init__(self, weight=0.3, decay=0.99, start=1000, **kwargs):
        super().__init__(**kwargs)
        check_weight(weight)
        if not 0 <= decay < 1:
            raise ValueError(f"`decay` must be in [0, 1). Received: {decay!r}")
        if start != int(start) or start < 0:
            raise ValueError(f"`start` must be an int of at least 0. Received: {start!r}")
        self.weight, self.decay, self.start = weight, decay, int(start)
        self.parts = 1  # batches per update, see `compile(accumulate=...)`
        fixed = {"shape": (), "initializer": "zeros", "trainable": False, "autocast": False, "dtype": "float32"}
        self.real, self.fake, self.updates = (self.add_weight(name=n, **fixed) for n in ("real", "fake", "updates"))
        self.built = True

    def call(self, judge, real, fake, seed):
        logits = judge(real), judge(fake)
        begun = tf.round(self.updates * self.parts) >= self.start * self.parts
        decay = tf.where(begun, self.decay ** (1 / self.parts), 0.0)
        for mean, each in zip((self.real, self.fake), logits):
            batch = replicas.mean(tf.stop_gradient(over_outputs(tf.reduce_mean, each)))
            mean.assign(batch + decay * (mean - batch))
        self.updates.assign_add(1 / self.parts)
        real_mean, fake_mean = tf.convert_to_tensor(self.real), tf.convert_to_tensor(self.fake)
        total = over_outputs(lambda x: tf.reduce_mean(tf.nn.relu(x - fake_mean) ** 2), logits[0])
        total += over_outputs(lambda x: tf.reduce_mean(tf.nn.relu(real_mean - x) ** 2), logits[1])
        return tf.where(begun, self.weight * total, 0.0)

    def __call__(self, judge, real, fake, seed):  # Keras's `__call__` would treat the judge as an input
        return self.call(judge, real, fake, seed)

    def get_config(self):
        return {**super().get_config(), "weight": self.weight, "decay": self.decay, "start": self.start}
