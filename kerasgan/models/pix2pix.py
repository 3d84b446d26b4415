"""Image-to-image translation with conditional adversarial networks: a U-Net, a judge of patches, and an L1 term."""

import math

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from kerasgan.convolutions import Conv2D, Conv2DTranspose
from kerasgan.data import checks
from kerasgan.layers import BatchNormalization, LeakyReLU
from kerasgan.models.base import AdversarialModel, _stateless_latents, join_inputs
from kerasgan.networks import normal, patch_discriminator, residual_generator


@keras.saving.register_keras_serializable("kerasgan")
class NoiseDropout(layers.Layer):
    """Dropout whose random numbers are an input of the network: they are the paper's z (section 3.2).

    Whoever calls the network decides the mask, so that a seed repeats a translation, on any device and once exported.

    Args:
        rate: float in [0, 1). Share of the units that are set to 0. Defaults to 0.5.
        offset: int. Where in the noise the numbers of this layer begin. Defaults to 0.

    Inputs: features (batch, height, width, channels), and noise (batch, n), uniform on [-1, 1). Output: features.
    """

    def __init__(self, rate=0.5, offset=0, **kwargs):
        super().__init__(**kwargs)
        self.rate, self.offset = rate, offset

    def call(self, inputs):
        x, noise = inputs
        shape = x.shape[1:]
        noise = ops.reshape(noise[:, self.offset : self.offset + math.prod(shape)], (-1, *shape))
        keep = ops.cast(noise >= 2 * self.rate - 1, x.dtype)
        return x * keep / (1 - self.rate)

    def compute_output_shape(self, input_shape):
        return input_shape[0]

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "offset": self.offset}


@keras.saving.register_keras_serializable("kerasgan")
class ImageBatchNormalization(BatchNormalization):
    """Batch normalization that outside of training takes the statistics of each image itself.

    Section 3.3: the generator is run at test time exactly as in training, with the statistics of the test batch. For
    the paper's batches of one image that is this layer; and no image changes by what it shares a batch with.
    """

    def call(self, inputs, training=None, mask=None):
        if training:
            return super().call(inputs, training=True, mask=mask)
        x = tf.cast(inputs, tf.float32)
        mean, variance = tf.nn.moments(x, [1, 2], keepdims=True)
        beta, gamma = tf.cast(self.beta, tf.float32), tf.cast(self.gamma, tf.float32)
        return tf.cast(tf.nn.batch_normalization(x, mean, variance, beta, gamma, self.epsilon), inputs.dtype)


STATISTICS = {"image": ImageBatchNormalization, "moving": BatchNormalization}


def unet_generator(image_size, channels, source_channels=None, width=64, dropout=True, sampling_statistics="image"):
    """The U-Net (appendix 6.1.1): halves the image down to one pixel and back, with skips between equal sizes.

    Encoder C64-C128-C256-C512-C512-C512-C512-C512, decoder CD512-CD512-CD512-C512-C256-C128-C64 for 256 pixels; other
    sizes have as many layers as they have halvings. Dropout is in the first three layers of the decoder that are
    followed by two without.

    Args: as in `Pix2Pix`.

    Returns:
        A `keras.Model`, images, or [images, noise] with dropout, -> images in [-1, 1].
    """
    depth = round(math.log2(max(image_size, 1)))
    if image_size != 2**depth or depth < 3:
        raise ValueError(f"`image_size` must be a power of two from 8 on. Received: {image_size!r}")
    if sampling_statistics not in STATISTICS:
        raise ValueError(f"`sampling_statistics` must be one of {list(STATISTICS)}. Received: {sampling_statistics!r}")

    def norm():
        return STATISTICS[sampling_statistics](momentum=0.9, epsilon=1e-5, synchronized=True)

    filters = [width * min(2**level, 8) for level in range(depth)]
    dropped = min(3, depth - 3) if dropout else 0
    # Numbers that each dropout needs: the first layer of the decoder is 2x2 pixels large, the next 4x4 ...
    sizes = [4 ** (i + 1) * filters[-2 - i] for i in range(dropped)]

    x = images = keras.Input((image_size, image_size, source_channels or channels), name="images")
    noise = keras.Input((sum(sizes),), name="noise") if dropped else None
    skips = []
    for level, count in enumerate(filters):
        x = Conv2D(count, 4, 2, "same", use_bias=False, kernel_initializer=normal())(x)
        x = LeakyReLU(0.2)(norm()(x) if level else x)
        skips.append(x)
    for i, (count, skip) in enumerate(zip(reversed(filters[:-1]), reversed(skips[:-1]))):
        x = Conv2DTranspose(count, 4, 2, "same", use_bias=False, kernel_initializer=normal())(x)
        x = norm()(x)
        if i < dropped:
            x = NoiseDropout(0.5, offset=sum(sizes[:i]))([x, noise])
        x = layers.Concatenate()([layers.ReLU()(x), skip])
    x = Conv2DTranspose(channels, 4, 2, "same", kernel_initializer=normal())(x)
    outputs = layers.Activation("tanh", dtype="float32")(x)
    return keras.Model([images, noise] if dropped else images, outputs, name="generator")


@keras.saving.register_keras_serializable("kerasgan")
class Pix2Pix(AdversarialModel):
    """Image-to-image translation from pairs (Isola et al. 2017, https://arxiv.org/abs/1611.07004).

    G maps a source x and noise z to a target y; D sees the source beside the true or the made target and judges its
    patches. Equation 4: G minimises its adversarial loss + lambda E |y - G(x, z)|, lambda = 100. D's loss is halved
    (section 3.3). `fit` takes (source, target).

    The noise is dropout, in translation too (section 3.2). The U-Net-256 and the 70x70 PatchGAN have 54,425,859 and
    2,770,433 parameters, as in TensorFlow's tutorial. Where that differs from the paper's own code this class goes with
    the tutorial: the one-pixel bottleneck is batch-normalised too; skips carry features after LeakyReLU and pass no
    further ReLU; convolutions before a normalisation have no bias, nor has the first one. With the paper it goes
    in the statistics of the norms (epsilon 1e-5, and see `sampling_statistics`) and in the halving of D's loss.

    A trained one is `kerasgan.zoo.load("pix2pix_edges2shoes")`; its recipe trains it anew:

        KERASGAN_DATA_DIR=... python -m kerasgan.zoo.pix2pix_edges2shoes.recipe runs

    Args:
        image_size: int. Side of the images, a power of two from 8 on for the U-Net. Defaults to 256.
        channels: int. Of the targets. Defaults to 3.
        source_channels: int. Of the sources. Defaults to `channels`.
        width: int. Channels of the layers next to the images. Defaults to 64, the paper's.
        dropout: bool. Whether G has noise; False makes it a function of the source. Defaults to True.
        receptive_field: int. Side of the patches that D judges: 1, 16, 34, 70, 142, or 286, which is the full image at
            256 pixels. Defaults to 70.
        sampling_statistics: `"image"`: when translating, each image is normalised by its own statistics, which for
            training with one image a batch is what training does (section 3.3). `"moving"`: by the running averages of
            training; to be chosen for larger batches, from which the bottleneck, one pixel an image, learns
            what an image's own statistics would remove. Defaults to `"image"`, as the paper trains with one.
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
        # 0: the generator is a function of the source alone.
        self.latent_dim = generator.inputs[1].shape[-1] if len(generator.inputs) > 1 else 0

    def compile(self, l1_weight=100.0, adversarial_weight=1.0, **kwargs):
        """Chooses the training: `AdversarialModel.compile`, and the weights of G's two terms.

        Args:
            l1_weight: float. Lambda of equation 4. Defaults to 100, the paper's; 0 is "cGAN" in its table 1.
            adversarial_weight: float. Defaults to 1. 0 is "L1" in table 1: D is not trained.
            **kwargs: those of `AdversarialModel.compile`.
        """
        for name, weight in (("l1_weight", l1_weight), ("adversarial_weight", adversarial_weight)):
            if weight < 0:
                raise ValueError(f"`{name}` must be at least 0. Received: {weight!r}")
        self.l1_weight, self.adversarial_weight = float(l1_weight), float(adversarial_weight)
        super().compile(**kwargs)

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
                fake_logits = self.judge(fake, source)  # by the improved D
                real_logits = self.judge(target, source) if self.loss.needs_real_logits else None
                adversarial_loss = self.loss.generator_loss(fake_logits, real_logits)
            l1_loss = tf.reduce_mean(tf.abs(target - fake))  # equation 3
            g_loss = self.adversarial_weight * adversarial_loss + self.l1_weight * l1_loss  # equation 4
        self.descend(g_tape, g_loss, self.g_variables, self.g_optimizer)
        self.update_ema()
        return self.track(g_loss=g_loss, l1_loss=l1_loss, **d_logs)

    def update_discriminator(self, source, target, fake):
        """Makes one step of D and returns what is to be logged."""
        with tf.GradientTape() as d_tape:
            real_logits = self.judge(target, source)
            fake_logits = self.judge(fake, source)
            d_loss = self.loss.discriminator_loss(real_logits, fake_logits) / 2  # section 3.3: slows D down
            d_loss += self.penalties(lambda images: self.judge(images, source), target, fake)
        self.descend(d_tape, d_loss, self.d_variables, self.d_optimizer)
        self.adapt(target, real_logits, fake_logits)
        d_real, d_fake = self.loss.probabilities(real_logits, fake_logits)
        return {"d_loss": d_loss, "d_real": d_real, "d_fake": d_fake}

    def test_step(self, data):
        """Losses without training, and the compiled metrics over (targets, translations)."""
        source, target = data
        fake = self.draw(source, self.sampler(), training=False)
        real_logits = self.judge(target, source, training=False)
        fake_logits = self.judge(fake, source, training=False)
        l1_loss = tf.reduce_mean(tf.abs(target - fake))
        adversarial_loss = self.loss.generator_loss(fake_logits, real_logits)
        d_real, d_fake = self.loss.probabilities(real_logits, fake_logits)
        self.compare(target, fake)
        return self.track(
            d_loss=self.loss.discriminator_loss(real_logits, fake_logits) / 2,
            g_loss=self.adversarial_weight * adversarial_loss + self.l1_weight * l1_loss,
            l1_loss=l1_loss,
            d_real=d_real,
            d_fake=d_fake,
        )

    def draw(self, source, generator=None, training=True):
        """Translates `source`, with noise of its own where the generator has any."""
        noise = (self.latents(ops.shape(source)[0]),) if self.latent_dim else ()
        return (generator or self.generator)(join_inputs(source, noise), training=training)

    def judge(self, images, source, training=True):
        """D's logits for `images` beside their `source`; augmentations change the images only."""
        return self.discriminator([self.augmented(images, training), source], training=training)

    # Data and pictures -----------------------------------------------------------------------------------------------

    def check_batch(self, batch, check_range=True):
        source, target = checks.check_pair(batch, "source", "target")
        check = {"image_size": self.image_size, "check_range": check_range}
        checks.check_images(source, channels=self.source_channels, name="source", **check)
        checks.check_images(target, channels=self.channels, name="target", **check)
        if len(source) == 1 and self.sampling_statistics == "moving":
            raise ValueError(
                "With one image a batch the statistics of the one-pixel bottleneck have no variance to average. Use "
                "`sampling_statistics='image'`, or larger batches. Received: a batch of 1 and 'moving'"
            )

    def real_images(self, batch):
        """Returns the targets of a dataset element."""
        return np.asarray(batch[1])

    def translate(self, images, seed=None, batch_size=16):
        """Translates sources, with the averaged generator where there is one.

        Args:
            images: float32 (n, image_size, image_size, source_channels) in [-1, 1].
            seed: int. The same seed gives the same translations, whatever the batch size. Defaults to a random one.
            batch_size: int. Defaults to 16.

        Returns:
            float32 array (n, image_size, image_size, channels) in [-1, 1].
        """
        checks.check_images(images, image_size=self.image_size, channels=self.source_channels, check_range=False)
        noise = (self.sample_latents(len(images), seed),) if self.latent_dim else ()
        inputs = join_inputs(np.asarray(images, "float32"), noise)
        return self.sampler().predict(inputs, batch_size=batch_size, verbose=0)

    def preview(self, batch, num_images=64, seed=0):
        """Returns rows of input | output | truth, as many as make `num_images` images."""
        rows = max(1, num_images // 3)
        source, target = (np.asarray(images)[:rows] for images in batch)
        columns = [source, self.translate(source, seed=seed), target]
        deepest = max(column.shape[-1] for column in columns)  # grey beside colour
        return np.stack([np.broadcast_to(c, (*c.shape[:-1], deepest)) for c in columns], axis=1)

    def serving_functions(self):
        """Returns the endpoints of a SavedModel.

        `serving_default` takes `images` and answers as `translate(images, seed=0)` does; `translate` takes `seed` too.
        """
        network = self.sampler()

        def translate(images, seed):
            noise = ()
            if self.latent_dim:
                noise = (_stateless_latents(self.prior, tf.shape(images)[0], self.latent_dim, seed),)
            return {"images": network(join_inputs(images, noise), training=False)}

        shape = (None, self.image_size, self.image_size, self.source_channels)
        images, seed = tf.TensorSpec(shape, tf.float32, "images"), tf.TensorSpec((), tf.int32, "seed")
        return {
            "serving_default": (lambda images: translate(images, tf.constant(0)), [images]),
            "translate": (translate, [images, seed]),
        }
