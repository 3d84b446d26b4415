"""Single-image super-resolution: a residual generator, content losses, and an adversarial loss."""

import keras
import tensorflow as tf

from kerasgan.models.base import AdversarialModel
from kerasgan.models.tasks import FromImage
from kerasgan.networks.enlarging import srgan_discriminator, srgan_generator
from kerasgan.networks.vgg import perceptual_network
from kerasgan.optimizers import Adam
from kerasgan.reconstruction import mean_square, total_variation
from kerasgan.shapes import as_size


@keras.saving.register_keras_serializable("kerasgan")
class SRGAN(FromImage, AdversarialModel):
    """Super-resolution with an adversarial loss (Ledig et al. 2017, https://arxiv.org/abs/1609.04802).

    G enlarges a low-resolution image. Its loss (equation 3) is a content loss + 10^-3 of the adversarial loss
    -log D(G(low)) (equation 6), which is `loss="non_saturating"`. The content loss is the mean squared error of pixels
    (equation 4) or of features (equation 5), see `compile`. `fit` takes (low, high), such as `data.super_resolution`.

    Training has two phases (section 3.2), each with `compile` and `fit`. With `adversarial_weight=0`, D is not trained,
    and the generator becomes the paper's SRResNet. The adversarial training then starts from it:

        model.compile(adversarial_weight=0)
        model.fit(dataset, epochs=...)
        model.compile(perceptual="vgg19_54")
        model.fit(dataset, epochs=...)

    `compile()` trains with Adam(1e-4) (beta_1 = 0.9, section 3.2); the paper lowers the rate to 1e-5 half-way.
    Low-resolution images are also in [-1, 1]; in the paper they are in [0, 1].

    Args:
        image_size: int or (height, width) of the large images in training, multiples of `scale`. Defaults to 96.
        channels: int. Defaults to 3.
        scale: int, a power of two. Defaults to 4, as in the paper.
        width: int. Channels of the first layers of both networks. Defaults to 64, as in the paper.
        blocks: int. Residual blocks of the generator. Defaults to 16, as in the paper.
        generator: `keras.Model`, low -> high. Defaults to the paper's SRResNet.
        discriminator: `keras.Model`, high -> logits. Defaults to the paper's.
        seed: int. Seed of augmentations and penalties.

    Logs `d_loss`, `g_loss` (equation 3), `content_loss`, `d_real` and `d_fake`.

    Example:

    >>> model = kerasgan.SRGAN(image_size=32, width=4, blocks=1)
    >>> model.compile()
    >>> model.upscale(np.zeros((1, 20, 30, 3), "float32")).shape
    (1, 80, 120, 3)
    """

    loss_names = ("d_loss", "g_loss", "content_loss")
    pair_names = ("low", "high")

    def __init__(
        self, image_size=96, channels=3, scale=4, width=64, blocks=16, generator=None, discriminator=None, **kwargs
    ):
        if any(side % scale for side in as_size(image_size)):
            raise ValueError(f"`image_size` must be a multiple of `scale`={scale}. Received: {image_size!r}")
        super().__init__(
            generator=generator or srgan_generator(channels, scale, width, blocks),
            discriminator=discriminator or srgan_discriminator(image_size, channels, width),
            **kwargs,
        )
        self.image_size, self.scale = image_size, scale
        self.channels = self.source_channels = channels

    def defaults(self):
        return {"g_optimizer": Adam(1e-4), "d_optimizer": Adam(1e-4)}

    def compile(self, perceptual=None, adversarial_weight=1e-3, total_variation_weight=0.0, **kwargs):
        """Configures training: `AdversarialModel.compile`, and the generator's loss.

        Args:
            perceptual: the features of the content loss: None for pixels (the default, which needs no download); a name
                for `kerasgan.networks.vgg_features`, such as `"vgg19_54"`, which Keras downloads once, or `"vgg16_33"`,
                from the extra `natural`; or any `keras.Model`, images in [-1, 1] -> features or a list of these, whose
                errors are added. The network is frozen and saved with this model.
            adversarial_weight: float. Defaults to 10^-3 (equation 3). 0 trains SRResNet, without a discriminator.
            total_variation_weight: float. Weight of the mean absolute difference of neighbouring pixels. Defaults to
                0; the paper's first version had such a term.
            **kwargs: arguments of `AdversarialModel.compile`.
        """
        self.weigh(adversarial_weight=adversarial_weight, total_variation_weight=total_variation_weight)
        if perceptual is not None:
            # Hidden from Keras's tracking, as checkpoints need not contain the weights of a VGG.
            object.__setattr__(self, "_features", perceptual_network(perceptual))
        self.perceptual = perceptual
        super().compile(**kwargs)

    def log_names(self):
        """Without an adversarial loss, D is not used and its values are not logged."""
        return super().log_names() if getattr(self, "adversarial_weight", 1) else ("g_loss", "content_loss")

    def features(self, images):
        """Returns the inputs of the content loss: the images, or their features."""
        return images if self.perceptual is None else self._features(images, training=False)

    def train_step(self, data):
        """One step of D, then one of G, on the same enlargements."""
        *earlier, (low, high) = self.fresh_batches(data)
        for small, large in earlier:
            self.update_discriminator(large, self.generator(small, training=True))

        with tf.GradientTape() as g_tape:
            fake = self.generator(low, training=True)
            d_logs, adversarial_loss = {}, 0.0
            if self.adversarial_weight:
                with g_tape.stop_recording():
                    d_logs = self.update_discriminator(high, fake)
                fake_logits = self.judge(fake)  # by the updated D
                real_logits = self.judge(high) if self.loss.needs_real_logits else None
                adversarial_loss = self.loss.generator_loss(fake_logits, real_logits)  # equation 6
            g_logs = self.generator_losses(high, fake, adversarial_loss)
            g_logs["g_loss"] += self.generator_penalties()
        self.descend(g_tape, g_logs["g_loss"], self.g_variables, self.g_optimizer)
        self.update_ema()
        return self.track(**g_logs, **d_logs)

    def generator_losses(self, high, fake, adversarial_loss):
        """Equation 3, and its content term."""
        pairs = zip(tf.nest.flatten(self.features(high)), tf.nest.flatten(self.features(fake)), strict=True)
        content_loss = sum(mean_square(real, made) for real, made in pairs)  # equations 4 and 5
        g_loss = content_loss + self.adversarial_weight * adversarial_loss
        if self.total_variation_weight:
            g_loss += self.total_variation_weight * total_variation(fake)
        return {"g_loss": g_loss, "content_loss": content_loss}

    def update_discriminator(self, high, fake):
        """Makes one step of D and returns the logs."""
        with tf.GradientTape() as d_tape:
            real_logits, fake_logits = self.judge(high), self.judge(fake)
            d_loss = self.loss.discriminator_loss(real_logits, fake_logits)  # equation 2
            d_loss += self.penalties(self.judge, high, fake)
        self.descend(d_tape, d_loss, self.d_variables, self.d_optimizer)
        adapted = self.adapt(high, real_logits, fake_logits)
        return {"d_loss": d_loss} | self.probabilities(real_logits, fake_logits) | adapted

    def judge(self, images, training=True):
        """D's logits for `images`, with the compiled augmentation."""
        return self.discriminator(self.augmented(images, training), training=training)

    def test_step(self, data):
        """Computes the losses without training, and the compiled metrics over (high, enlarged)."""
        low, high = data
        fake = self.sampler()(low, training=False)
        self.compare(high, tf.clip_by_value(fake, -1.0, 1.0))
        if not self.adversarial_weight:
            return self.track(high, **self.generator_losses(high, fake, 0.0))
        real_logits, fake_logits = self.judge(high, training=False), self.judge(fake, training=False)
        return self.track(
            high,
            d_loss=self.loss.discriminator_loss(real_logits, fake_logits),
            **self.generator_losses(high, fake, self.loss.generator_loss(fake_logits, real_logits)),
            **self.probabilities(real_logits, fake_logits),
        )

    upscale = FromImage.translate  # the usual name
