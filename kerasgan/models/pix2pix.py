"""pix2pix: image-to-image translation with a U-Net, a PatchGAN discriminator, and an L1 term."""

import keras
import tensorflow as tf
from keras import ops

from kerasgan.models.base import AdversarialModel
from kerasgan.models.tasks import FromImage, join_inputs
from kerasgan.networks import patch_discriminator, residual_generator, unet_generator
from kerasgan.networks.unet import noise_length
from kerasgan.reconstruction import mean_absolute


@keras.saving.register_keras_serializable("kerasgan")
class Pix2Pix(FromImage, AdversarialModel):
    """Image-to-image translation from pairs (Isola et al. 2017, https://arxiv.org/abs/1611.07004).

    G maps a source x and noise z to a target y. D judges patches of the real or generated target together with the
    source. G minimises its adversarial loss + lambda E |y - G(x, z)| with lambda = 100 (equation 4). D's loss is halved
    (section 3.3). `fit` takes (source, target).

    The noise is dropout, also in translation (section 3.2). The U-Net-256 and the 70x70 PatchGAN have 54,425,859 and
    2,770,433 parameters, as in TensorFlow's tutorial. The tutorial differs from the paper's code, and this class
    follows the tutorial in three points: the one-pixel bottleneck is batch-normalized; skips carry features after
    LeakyReLU, without a further ReLU; convolutions before a normalization and the first one have no bias. It follows
    the paper in the statistics of the norms (epsilon 1e-5, see `sampling_statistics`) and in halving D's loss.

    Pretrained: `kerasgan.zoo.load("pix2pix_facades")`. Its recipe trains it:

        KERASGAN_DATA_DIR=... python -m kerasgan.zoo.pix2pix_facades.recipe runs

    Args:
        image_size: int or (height, width) of the images in training: multiples of 8 for the U-Net, which halves them as
            often as it can, of 4 for the residual generator. `translate` takes any size. Defaults to 256.
        channels: int. Of the targets. Defaults to 3.
        source_channels: int. Of the sources. Defaults to `channels`.
        width: int. Channels of the layers next to the images. Defaults to 64, as in the paper.
        dropout: bool. Whether G has noise. Defaults to True.
        receptive_field: int. Side of the patches that D judges: 1, 16, 34, 70, 142, or 286, which is the full image at
            256 pixels. Defaults to 70.
        sampling_statistics: `"image"`: translation normalizes each image by its own statistics, as in training with one
            image per batch (section 3.3). `"moving"`: by the moving averages of training. Use it with larger batches,
            as an image's own statistics would remove all information from the one-pixel bottleneck. Defaults to
            `"image"`, as the paper trains with one.
        generator: `"unet"`, `"resnet"` (`networks.residual_generator`, without noise), or a `keras.Model`, sources or
            [sources, noise (batch, n)] -> images in [-1, 1]. Defaults to `"unet"`.
        discriminator: `keras.Model`, [images, sources] -> logits of any shape. Defaults to the PatchGAN.
        seed: int. Seed of the noise.

    Logs `d_loss`, `g_loss` (the sum of equation 4), `l1_loss` (without its weight), `d_real` and `d_fake`.

    Example:

    >>> model = kerasgan.Pix2Pix(image_size=32, width=8, receptive_field=16)
    >>> model.compile(l1_weight=100)
    >>> model.translate(np.zeros((2, 32, 32, 3), "float32"), seed=0).shape
    (2, 32, 32, 3)
    """

    loss_names = ("d_loss", "g_loss", "l1_loss")
    prior = "uniform"

    def __init__(
        self,
        image_size=256,
        channels=3,
        source_channels=None,
        width=64,
        dropout=True,
        receptive_field=70,
        sampling_statistics="image",
        generator="unet",
        discriminator=None,
        **kwargs,
    ):
        source_channels = source_channels or channels
        if isinstance(generator, str):
            makers = {
                "unet": lambda *sizes: unet_generator(*sizes, dropout, sampling_statistics),
                "resnet": residual_generator,
            }
            if generator not in makers:
                raise ValueError(f"`generator` must be one of {list(makers)}, or a Model. Received: {generator!r}")
            generator = makers[generator](image_size, channels, source_channels, width)
        super().__init__(
            generator=generator,
            discriminator=discriminator
            or patch_discriminator(image_size, channels, source_channels, width, receptive_field),
            **kwargs,
        )
        self.image_size, self.channels, self.source_channels = image_size, channels, source_channels
        self.sampling_statistics = sampling_statistics
        self.latent_dim = noise_length(generator, image_size)  # 0: the generator has no noise

    def compile(self, l1_weight=100.0, adversarial_weight=1.0, **kwargs):
        """Configures training: `AdversarialModel.compile`, and the weights of G's two terms.

        Args:
            l1_weight: float. Lambda of equation 4. Defaults to 100, as in the paper; 0 is "cGAN" in its table 1.
            adversarial_weight: float. Defaults to 1. 0 is "L1" in table 1: D is not trained.
            **kwargs: arguments of `AdversarialModel.compile`.
        """
        self.weigh(l1_weight=l1_weight, adversarial_weight=adversarial_weight)
        super().compile(**kwargs)

    def log_names(self):
        """Without an adversarial loss, D is neither trained nor logged."""
        return super().log_names() if getattr(self, "adversarial_weight", 1) else ("g_loss", "l1_loss")

    def train_step(self, data):
        """Section 3.3: one step of D, then one of G, on the same translations."""
        *earlier, (source, target) = self.fresh_batches(data)
        for s, t in earlier:
            self.update_discriminator(s, t, self.draw(s))

        with tf.GradientTape() as g_tape:
            fake = self.draw(source)
            d_logs, adversarial_loss = {}, 0.0
            if self.adversarial_weight:
                with g_tape.stop_recording():
                    d_logs = self.update_discriminator(source, target, fake)
                fake_logits = self.judge(fake, source)  # by the updated D
                real_logits = self.judge(target, source) if self.loss.needs_real_logits else None
                adversarial_loss = self.loss.generator_loss(fake_logits, real_logits)
            l1_loss = mean_absolute(target, fake)  # equation 3
            g_loss = self.adversarial_weight * adversarial_loss + self.l1_weight * l1_loss  # equation 4
            g_loss += self.generator_penalties()
        self.descend(g_tape, g_loss, self.g_variables, self.g_optimizer)
        self.update_ema()
        return self.track(g_loss=g_loss, l1_loss=l1_loss, **d_logs)

    def update_discriminator(self, source, target, fake):
        """Makes one step of D and returns the logs."""
        with tf.GradientTape() as d_tape:
            real_logits = self.judge(target, source)
            fake_logits = self.judge(fake, source)
            d_loss = self.loss.discriminator_loss(real_logits, fake_logits) / 2  # section 3.3: slows D down
            d_loss += self.penalties(lambda images: self.judge(images, source), target, fake)
        self.descend(d_tape, d_loss, self.d_variables, self.d_optimizer)
        adapted = self.adapt(target, real_logits, fake_logits)
        return {"d_loss": d_loss} | self.probabilities(real_logits, fake_logits) | adapted

    def test_step(self, data):
        """Computes the losses without training, and the compiled metrics over (targets, translations)."""
        source, target = data
        fake = self.draw(source, self.sampler(), training=False)
        l1_loss = mean_absolute(target, fake)
        self.compare(target, fake)
        if not self.adversarial_weight:
            return self.track(target, g_loss=self.l1_weight * l1_loss, l1_loss=l1_loss)
        real_logits = self.judge(target, source, training=False)
        fake_logits = self.judge(fake, source, training=False)
        adversarial_loss = self.loss.generator_loss(fake_logits, real_logits)
        return self.track(
            target,
            d_loss=self.loss.discriminator_loss(real_logits, fake_logits) / 2,
            g_loss=self.adversarial_weight * adversarial_loss + self.l1_weight * l1_loss,
            l1_loss=l1_loss,
            **self.probabilities(real_logits, fake_logits),
        )

    def draw(self, source, generator=None, training=True):
        """Translates `source`, with new noise if the generator has noise."""
        noise = (self.latents(ops.shape(source)[0]),) if self.latent_dim else ()
        return (generator or self.generator)(join_inputs(source, noise), training=training)

    def judge(self, images, source, training=True):
        """Returns D's logits for `images` with their `source`. Augmentations change only the images."""
        return self.discriminator([self.augmented(images, training), source], training=training)

    check_evaluation_batch = FromImage.check_batch

    def check_batch(self, batch, check_range=True):
        super().check_batch(batch, check_range)
        if len(batch[0]) == 1 and self.sampling_statistics == "moving":
            raise ValueError(
                "With one image per batch, the statistics of the one-pixel bottleneck have no variance. Use "
                "`sampling_statistics='image'`, or larger batches. Received: a batch of 1 and 'moving'"
            )
