"""Generative adversarial networks: the game, Algorithm 1, and the paper's fully connected networks."""

import math

import keras
import tensorflow as tf
from keras import layers

from kerasgan.layers import Dropout, Maxout
from kerasgan.models.base import AdversarialModel
from kerasgan.models.tasks import FromNoise, join_inputs
from kerasgan.penalties import PathLength, Recorded
from kerasgan.schedules import LossThreshold
from kerasgan.shapes import as_size


def gan_generator(image_size, channels, latent_dim):
    """Two ReLU layers of 1,200 units. The output is tanh, where the paper has a sigmoid for pixels in [0, 1].

    Returns:
        A `keras.Model`, (batch, latent_dim) -> (batch, height, width, channels) in [-1, 1].
    """
    x = latents = keras.Input((latent_dim,), name="latents")
    x = layers.Dense(1200, activation="relu")(x)
    x = layers.Dense(1200, activation="relu")(x)
    shape = (*as_size(image_size), channels)
    x = layers.Reshape(shape)(layers.Dense(math.prod(shape))(x))
    images = layers.Activation("tanh", dtype="float32")(x)
    return keras.Model(latents, images, name="generator")


def gan_discriminator(image_size, channels):
    """Two maxout layers of 240 units, five pieces each, with dropout, as in the paper's MNIST model.

    Returns:
        A `keras.Model`, (batch, height, width, channels) -> (batch, 1) logits.
    """
    x = images = keras.Input((*as_size(image_size), channels), name="images")
    x = layers.Flatten()(x)
    x = Dropout(0.2)(x)
    x = Maxout(240, pieces=5)(x)
    x = Dropout(0.5)(x)
    x = Maxout(240, pieces=5)(x)
    x = Dropout(0.5)(x)
    logits = layers.Dense(1, dtype="float32")(x)
    return keras.Model(images, logits, name="discriminator")


@keras.saving.register_keras_serializable("kerasgan")
class GAN(FromNoise, AdversarialModel):
    """Generative adversarial network (Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661).

    G and D play the game of equation 1, min_G max_D V(D, G) = E_x log D(x) + E_z log(1 - D(G(z))). For a fixed G the
    best D is D*(x) = p_data(x) / (p_data(x) + p_g(x)) (proposition 1); at p_g = p_data it is 1/2 everywhere and V is
    -log 4 (theorem 1). `fit` takes images.

    Networks and noise are those of the paper's MNIST model: maxout with dropout in D, ReLU in G, uniform noise.
    `compile()` trains with Adam(2e-4, beta_1=0.5), where the paper used SGD with momentum, and with the loss that
    the paper recommends, `"non_saturating"`. `"minimax"` is equation 1.

    A recipe of the zoo trains it:

        python -m kerasgan.zoo.gan_mnist.recipe runs

    Args:
        image_size: int or (height, width), in pixels. Defaults to 28.
        channels: int. 1 for grey, 3 for colour. Defaults to 1.
        latent_dim: int. Length of z. Defaults to 100.
        prior: `"uniform"` on [-1, 1), as in the paper, or `"normal"`. Defaults to `"uniform"`.
        generator: `keras.Model`, (batch, latent_dim) -> images in [-1, 1]. Defaults to the paper's.
        discriminator: `keras.Model`, images -> logits. Defaults to the paper's.
        seed: int. Seed of the noise.

    Logs `d_loss`, `g_loss`, and `d_real`, `d_fake`: the mean probabilities D(x) and D(G(z)).

    Example:

    >>> model = kerasgan.GAN()
    >>> model.compile()
    >>> history = model.fit(-np.ones((32, 28, 28, 1), "float32"), verbose=0)
    >>> model.generate(4, seed=0).shape
    (4, 28, 28, 1)
    """

    def __init__(
        self, image_size=28, channels=1, latent_dim=100, prior="uniform", generator=None, discriminator=None, **kwargs
    ):
        super().__init__(
            generator=generator or gan_generator(image_size, channels, latent_dim),
            discriminator=discriminator or gan_discriminator(image_size, channels),
            **kwargs,
        )
        if prior not in ("uniform", "normal"):
            raise ValueError(f"`prior` must be 'uniform' or 'normal'. Received: {prior!r}")
        self.image_size, self.channels, self.latent_dim, self.prior = image_size, channels, latent_dim, prior

    def train_step(self, data):
        """Algorithm 1: k updates of D, each on fresh data, then one of G.

        The last update of D and the update of G use the same samples, so they share one pass of G.
        """
        if isinstance(self.d_steps, LossThreshold):
            return self.train_to_thresholds(data)
        if self.accumulate > 1:
            return self.train_by_accumulation(data)
        *earlier, last = self.fresh_batches(data)
        for batch in earlier:
            self.discriminator_step(batch)

        real, condition = self.unpack(last)
        with tf.GradientTape() as g_tape:
            fake = self.draw(real, condition)
            with g_tape.stop_recording():
                d_logs = self.update_discriminator(real, fake, condition)
            g_loss = self.judged_generator_loss(real, fake, condition)  # by the updated D
        self.descend(g_tape, g_loss, self.g_variables, self.g_optimizer)
        self.update_ema()
        return self.track(g_loss=g_loss, **d_logs)

    def discriminator_step(self, batch):
        """One update of D on a batch and the same number of new samples."""
        real, condition = self.unpack(batch)
        return self.update_discriminator(real, self.draw(real, condition), condition)

    def generator_step(self, batch):
        """One update of G on one new sample for each image of `batch`."""
        real, condition = self.unpack(batch)
        with tf.GradientTape() as g_tape:
            g_loss = self.judged_generator_loss(real, self.draw(real, condition), condition)
        self.descend(g_tape, g_loss, self.g_variables, self.g_optimizer)
        return {"g_loss": g_loss}

    def update_discriminator(self, real, fake, condition):
        """Ascends the gradient of V in D once and returns the logs."""
        judge = Recorded(lambda images: self.judge(images, condition))  # one pass for the loss and the penalties
        real, fake = self.shown(real, fake, condition)
        with tf.GradientTape() as d_tape:
            real_logits = judge(real)  # separate from the fakes, as batch norm must not mix them
            fake_logits = judge(fake)
            d_loss = self.discriminator_loss(real_logits, fake_logits, condition)
            d_loss += self.penalties(judge, real, fake) + self.latent_consistency(real, condition, judge)
        self.descend(d_tape, d_loss, self.d_variables, self.d_optimizer)
        adapted = self.adapt(real, real_logits, fake_logits)
        return {"d_loss": d_loss, **self.measure(real_logits, fake_logits, condition), **adapted}

    def judged_generator_loss(self, real, fake, condition):
        """Returns G's loss. D also judges the real images if the loss needs their logits."""
        fake_logits = self.judge(fake, condition)
        real_logits = self.judge(real, condition) if self.loss.needs_real_logits else None
        loss = self.generator_loss(fake_logits, real_logits, condition) + self.generator_penalties()
        loss += self.latent_consistency(real, condition)
        for penalty in self.penalty:
            if isinstance(penalty, PathLength):
                points, paint = self.paths(penalty.rows(keras.ops.shape(real)[0]), condition)
                scale = self.g_optimizer.scale_loss(tf.ones(()))
                loss += penalty.penalize(paint, points, self.seed_generator, self.step, self.g_variables, scale)
        return loss

    def paths(self, rows, condition):
        """Returns `rows` points of the latent space, and the function that maps them to images, for `PathLength`."""
        condition = tuple(values[:rows] for values in condition)
        return self.latents(rows), lambda latents: self.generator(join_inputs(latents, condition), training=True)

    def discriminator_loss(self, real_logits, fake_logits, condition):
        """Returns the loss of D without penalties."""
        return self.loss.discriminator_loss(real_logits, fake_logits)

    def generator_loss(self, fake_logits, real_logits, condition):
        """Returns the loss of G."""
        return self.loss.generator_loss(fake_logits, real_logits)

    def measure(self, real_logits, fake_logits, condition):
        """Returns further logs by name."""
        return self.probabilities(real_logits, fake_logits)

    def test_step(self, data):
        """Computes losses and probabilities without training, and the compiled metrics."""
        real, condition = self.unpack(data)
        fake = self.draw(real, condition, self.sampler(), training=False)
        real_logits = self.judge(real, condition, training=False)
        fake_logits = self.judge(fake, condition, training=False)
        self.compare(real, fake)
        return self.track(
            real,
            d_loss=self.discriminator_loss(real_logits, fake_logits, condition),
            g_loss=self.generator_loss(fake_logits, real_logits, condition),
            **self.measure(real_logits, fake_logits, condition),
        )

    # Methods that conditional variants override: `condition` is a tuple of further inputs of G and D -------------

    def draw(self, real, condition, generator=None, training=True):
        """Draws one image for each of `real`."""
        latents = self.latents(keras.ops.shape(real)[0])
        return (generator or self.generator)(join_inputs(latents, condition), training=training)

    def judge(self, images, condition, training=True):
        """D's logits for `images`, with the compiled augmentation."""
        return self.discriminator(join_inputs(self.augmented(images, training), condition), training=training)
