"""Text to image: the matching-aware discriminator of GAN-CLS, and interpolated texts of GAN-INT."""

import keras
import tensorflow as tf
from keras import layers

from kerasgan import random
from kerasgan.convolutions import Conv2DTranspose
from kerasgan.models.base import AdversarialModel
from kerasgan.models.tasks import FromText, choose_rows, mismatched
from kerasgan.networks import batch_norm, normal, pyramid
from kerasgan.networks.text import MATCHING, project_text


def gan_cls_generator(image_size, channels, latent_dim, text_dim, width, projection_dim):
    """Joins the projected text to z and doubles the size by strided transposed convolutions (figure 2 of the paper).

    Returns:
        A `keras.Model`, [latents, text] -> (batch, height, width, channels) in [-1, 1].
    """
    base, filters = pyramid(image_size, width)
    latents, text = keras.Input((latent_dim,), name="latents"), keras.Input((text_dim,), name="text")
    x = layers.Concatenate()([latents, project_text(text, projection_dim)])
    x = layers.Dense(base[0] * base[1] * filters[-1], use_bias=False, kernel_initializer=normal())(x)
    x = layers.Reshape((*base, filters[-1]))(x)
    x = layers.ReLU()(batch_norm()(x))
    for count in reversed(filters[:-1]):
        x = Conv2DTranspose(count, 4, 2, "same", use_bias=False, kernel_initializer=normal())(x)
        x = layers.ReLU()(batch_norm()(x))
    x = Conv2DTranspose(channels, 4, 2, "same", kernel_initializer=normal())(x)
    images = layers.Activation("tanh", dtype="float32")(x)
    return keras.Model([latents, text], images, name="generator")


@keras.saving.register_keras_serializable("kerasgan")
class GANCLS(FromText, AdversarialModel):
    """GAN-CLS and GAN-INT-CLS (Reed et al. 2016, https://arxiv.org/abs/1605.05396).

    D gets three kinds of pairs (Algorithm 1): a real image with its text (score s_r), a real image with a wrong text
    (s_w), and a generated image with its text (s_f). D ascends log s_r + (log(1 - s_w) + log(1 - s_f)) / 2, so it
    learns whether images are real and match the text. G ascends log s_f. With `interpolation`, G is also trained on
    texts between two of the batch, beta t_1 + (1 - beta) t_2 (equation 5), which have no real images.

    `fit` takes `(images, text vectors)`. Wrong texts come from the same batch and differ from the right one. With
    `(images, text vectors, labels)`, they also come from another class. If the batch has no wrong text for a row, s_w
    is replaced by s_f.

    `compile()` trains with Adam(2e-4, beta_1=0.5). The paper uses batches of 64. As in `GAN`, G is updated after D and
    judged by the updated D. Text vectors are first scaled to a root mean square of 1.

    The paper's D has batch normalization after image and text are joined. As right and wrong pairs form separate
    batches, it can tell them apart without using the text. Trained alone on glyphs, it prefers the caption with the
    right letter to one with a wrong letter for 58 % of the images, and with `matching="projection"` for 98 % (guessing:
    half; `zoo/gan_cls_glyphs/matching.py`).

    Pretrained: `kerasgan.zoo.load("gan_cls_glyphs")`. Its recipe trains it:

        python -m kerasgan.zoo.gan_cls_glyphs.recipe runs

    Args:
        image_size: int or (height, width). Sides of 4 to 7 times a power of two, the same for both. Defaults to 64.
        channels: int. 1 for grey, 3 for colour. Defaults to 3.
        latent_dim: int. Length of z. Defaults to 100.
        text_dim: int. Length of the text vectors. Defaults to 1024, that of the paper's encoder.
        width: int. Channels of the layer next to the image, doubled at each halving of the size, up to 8 times.
            Defaults to 64.
        projection_dim: int. Length of the text inside G and D. Defaults to 128.
        matching: str, how D learns whether image and text match: `"concatenation"`, as in the paper, which joins the
            text to the 4x4 feature map; or `"projection"`, the inner product of Miyato & Koyama (2018,
            https://arxiv.org/abs/1802.05637). Defaults to `"concatenation"`.
        interpolation: float in (0, 1), beta in the paper, which takes 0.5 for GAN-INT; or None for GAN-CLS. Defaults to
            None.
        encoder: the text encoder: a callable from a list of strings to (n, text_dim). Defaults to
            none; see `set_encoder`.
        generator: `keras.Model`, [latents, text] -> images in [-1, 1]. Further inputs of it get normal noise. Defaults
            to the paper's.
        discriminator: `keras.Model`, [images, text] -> logits. Defaults to that of `matching`, which has no effect
            otherwise.
        seed: int. Seed of the noise.

    Logs `d_loss`, `g_loss`, and the mean probabilities `d_real`, `d_wrong`, `d_fake`: s_r, s_w, s_f.

    Example:

    >>> model = kerasgan.GANCLS(image_size=32, text_dim=8, width=8)
    >>> model.compile()
    >>> model.generate(np.ones(8, "float32"), num_images=2, seed=0).shape
    (2, 32, 32, 3)
    """

    loss_names = ("d_loss", "g_loss", "d_wrong")

    def __init__(
        self,
        image_size=64,
        channels=3,
        latent_dim=100,
        text_dim=1024,
        width=64,
        projection_dim=128,
        matching="concatenation",
        interpolation=None,
        encoder=None,
        generator=None,
        discriminator=None,
        **kwargs,
    ):
        if interpolation is not None and not 0 < interpolation < 1:
            raise ValueError(f"`interpolation` must be in (0, 1), or None for none. Received: {interpolation!r}")
        if matching not in MATCHING:
            raise ValueError(f"`matching` must be one of {tuple(MATCHING)}. Received: {matching!r}")
        super().__init__(
            generator=generator or gan_cls_generator(image_size, channels, latent_dim, text_dim, width, projection_dim),
            discriminator=discriminator or MATCHING[matching](image_size, channels, text_dim, width, projection_dim),
            **kwargs,
        )
        self.image_size, self.channels, self.latent_dim = image_size, channels, latent_dim
        self.interpolation = interpolation
        self.set_text(text_dim, encoder)

    def train_step(self, data):
        """Algorithm 1: k updates of D, each on fresh data, then one of G."""
        *earlier, last = self.fresh_batches(data)
        for batch in earlier:
            real, text, labels = self.unpack(batch)
            self.update_discriminator(real, self.draw(text), text, *mismatched(text, labels))

        real, text, labels = self.unpack(last)
        wrong, found = mismatched(text, labels)
        with tf.GradientTape() as g_tape:
            fake = self.draw(text)  # line 6: x^ <- G(z, h)
            with g_tape.stop_recording():
                d_logs = self.update_discriminator(real, fake, text, wrong, found)
            g_loss = self.generator_loss(real, fake, text) + self.interpolated_loss(real, text, wrong)
            g_loss += self.generator_penalties()
            terms = self.generator_terms(text)
            total = g_loss + sum(terms.values(), start=tf.zeros(()))
        self.descend(g_tape, total, self.g_variables, self.g_optimizer)
        self.update_ema()
        return self.track(g_loss=g_loss, **terms, **d_logs)

    def update_discriminator(self, real, fake, text, wrong, found):
        """Ascends log s_r + (log(1 - s_w) + log(1 - s_f)) / 2 once and returns the logs."""
        with tf.GradientTape() as d_tape:
            d_loss, logs = self.matching_loss(real, fake, text, wrong, found)
            d_loss += self.penalties(lambda images: self.judge(images, text), real, fake)
        self.descend(d_tape, d_loss, self.d_variables, self.d_optimizer)
        return {"d_loss": d_loss} | logs

    def matching_loss(self, real, fake, text, wrong, found, training=True):
        """Line 10 of Algorithm 1, for any adversarial loss: the mean of right against fake and right against wrong."""
        right_logits = self.judge(real, text, training)
        wrong_logits = self.judge(real, wrong, training)
        fake_logits = self.judge(fake, text, training)
        wrong_logits = choose_rows(found, wrong_logits, fake_logits)
        against_fake = self.loss.discriminator_loss(right_logits, fake_logits)
        against_wrong = self.loss.discriminator_loss(right_logits, wrong_logits)
        adapted = self.adapt(real, right_logits, fake_logits) if training else {}
        d_real, d_fake = self.loss.probabilities(right_logits, fake_logits)
        _, d_wrong = self.loss.probabilities(right_logits, wrong_logits)
        logs = {"d_real": d_real, "d_wrong": d_wrong, "d_fake": d_fake, **adapted}
        return (against_fake + against_wrong) / 2, logs

    def generator_loss(self, real, fake, text, training=True):
        """Returns the loss of G for images of `text`: -log s_f with the paper's loss."""
        real_logits = self.judge(real, text, training) if self.loss.needs_real_logits else None
        return self.loss.generator_loss(self.judge(fake, text, training), real_logits)

    def interpolated_loss(self, real, text, wrong, generator=None, training=True):
        """Returns the loss of G for texts between right and wrong ones (equation 5), or 0 without `interpolation`."""
        if self.interpolation is None:
            return tf.zeros(())
        between = self.interpolation * text + (1 - self.interpolation) * wrong
        return self.generator_loss(real, self.draw(between, generator, training), between, training)

    def generator_terms(self, text):
        """Returns further terms of G's loss by their names in the logs. GAN-CLS has none."""
        return {}

    def test_step(self, data):
        """Computes losses and probabilities without training, and the compiled metrics."""
        real, text, labels = self.unpack(data)
        wrong, found = mismatched(text, labels)
        fake = self.draw(text, self.sampler(), training=False)
        d_loss, logs = self.matching_loss(real, fake, text, wrong, found, training=False)
        g_loss = self.generator_loss(real, fake, text, training=False)
        g_loss += self.interpolated_loss(real, text, wrong, self.sampler(), training=False)
        self.compare(real, fake)
        return self.track(real, d_loss=d_loss, g_loss=g_loss, **self.generator_terms(text), **logs)

    def draw(self, text, generator=None, training=True):
        """Samples an image for each text."""
        n = keras.ops.shape(text)[0]
        noise = [random.normal((n, dim), self.seed_generator) for dim in self.noise_dims]
        return (generator or self.generator)([self.latents(n), text, *noise], training=training)

    def judge(self, images, text, training=True):
        """D's logits for pairs of images, augmented as compiled, and texts."""
        return self.discriminator([self.augmented(images, training), text], training=training)
