"""Text to image in two stages: StackGAN sketches an image from a text, then refines it to a larger one."""

import math

import keras
import numpy as np
from keras import layers, ops

from kerasgan.convolutions import Conv2D
from kerasgan.models.dcgan import pyramid
from kerasgan.models.gan_cls import GANCLS
from kerasgan.networks import batch_norm, normal


@keras.saving.register_keras_serializable("kerasgan")
class ConditioningAugmentation(layers.Layer):
    """Draws a text's condition from a Gaussian around it (Zhang et al. 2017, section 3.2).

    c = mu(text) + sigma(text) * noise, where a fully connected layer gives mu and log sigma. Sampling makes more pairs
    of few captions and smooths the space of texts; `divergence` keeps sigma from vanishing.

    Args:
        units: int. Length of c. Defaults to 128, the paper's.

    Input [text (batch, n), noise (batch, units)], standard normal; output (batch, units). Texts are first brought to a
    root mean square of 1. Computes in float32.
    """

    def __init__(self, units=128, **kwargs):
        super().__init__(**{"dtype": "float32"} | kwargs)
        self.units = units
        self.linear = layers.Dense(2 * units, dtype=self.dtype_policy)

    def build(self, input_shape):
        self.linear.build(input_shape[0])
        self.built = True

    def statistics(self, text):
        """Returns mu and log sigma, (batch, units) each."""
        even = ops.normalize(ops.cast(text, "float32"), axis=-1) * math.sqrt(text.shape[-1])
        return ops.split(self.linear(even), 2, axis=-1)

    def call(self, inputs):
        text, noise = inputs
        mean, log_sigma = self.statistics(text)
        return mean + ops.exp(log_sigma) * noise

    def divergence(self, text):
        """Returns D_KL(N(mu, sigma^2) || N(0, 1)) of each text, summed over the dimensions (equation 2): (batch,)."""
        mean, log_sigma = self.statistics(text)
        return 0.5 * ops.sum(mean**2 + ops.exp(2 * log_sigma) - 1 - 2 * log_sigma, axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[0][:-1], self.units)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def _convolve(x, filters, kernel_size=3, strides=1):
    x = Conv2D(filters, kernel_size, strides, "same", use_bias=False, kernel_initializer=normal())(x)
    return batch_norm()(x)


def _enlarge(x, filters):
    """Nearest neighbours, a convolution of 3x3, batch norm and ReLU (section 3.5)."""
    return layers.ReLU()(_convolve(layers.UpSampling2D(2)(x), filters))


def _paint(x, channels):
    x = Conv2D(channels, 3, 1, "same", kernel_initializer=normal())(x)
    return layers.Activation("tanh", dtype="float32")(x)


def _text_inputs(text_dim, condition_dim):
    text, noise = keras.Input((text_dim,), name="text"), keras.Input((condition_dim,), name="noise")
    return text, noise, ConditioningAugmentation(condition_dim, name="conditioning")([text, noise])


def stage1_generator(image_size, channels, latent_dim, text_dim, width, condition_dim):
    """Joins the sampled condition to z and doubles the size by upsampling blocks (section 3.3).

    Returns:
        A `keras.Model`, [latents, text, noise] -> (batch, image_size, image_size, channels) in [-1, 1].
    """
    base, filters = pyramid(image_size, width)
    latents = keras.Input((latent_dim,), name="latents")
    text, noise, condition = _text_inputs(text_dim, condition_dim)
    x = layers.Concatenate()([latents, condition])
    x = layers.Dense(base * base * 2 * filters[-1], use_bias=False, kernel_initializer=normal())(x)
    x = layers.Reshape((base, base, 2 * filters[-1]))(layers.ReLU()(batch_norm()(x)))
    for count in reversed(filters):
        x = _enlarge(x, count)
    return keras.Model([latents, text, noise], _paint(x, channels), name="generator")


def stage2_refiner(stage1_size, image_size, channels, text_dim, width, condition_dim, blocks):
    """Encodes the Stage-I image, joins a new condition everywhere, and enlarges after residual blocks (section 3.4).

    Returns:
        A `keras.Model`, [images of Stage-I, text, noise] -> (batch, image_size, image_size, channels) in [-1, 1].
    """
    factor = image_size // stage1_size
    if stage1_size % 4 or image_size != stage1_size * factor or factor < 2 or factor & (factor - 1):
        raise ValueError(
            "`image_size` must be 2, 4, 8 ... times the size of Stage-I, which must be a multiple of 4. Received: "
            f"{image_size!r} after {stage1_size!r}"
        )
    images = keras.Input((stage1_size, stage1_size, channels), name="images")
    text, noise, condition = _text_inputs(text_dim, condition_dim)
    x = layers.ReLU()(Conv2D(width, 3, 1, "same", kernel_initializer=normal())(images))
    x = layers.ReLU()(_convolve(x, 2 * width, 4, 2))
    x = layers.ReLU()(_convolve(x, 4 * width, 4, 2))
    side = stage1_size // 4
    replicated = layers.Reshape((side, side, condition_dim))(layers.RepeatVector(side * side)(condition))
    x = layers.ReLU()(_convolve(layers.Concatenate()([x, replicated]), 4 * width))
    for _ in range(blocks):
        y = layers.ReLU()(_convolve(x, 4 * width))
        x = layers.ReLU()(layers.Add()([x, _convolve(y, 4 * width)]))
    count = 2 * width
    while x.shape[1] < image_size:
        x = _enlarge(x, count)
        count = max(1, count // 2)
    return keras.Model([images, text, noise], _paint(x, channels), name="refiner")


def stage2_generator(sketcher, refiner, latent_dim, condition_dim):
    """Joins both stages, each with its own condition of the text.

    Returns:
        A `keras.Model`, [latents, text, noise, noise of Stage-II] -> images of Stage-II in [-1, 1].
    """
    latents = keras.Input((latent_dim,), name="latents")
    text = keras.Input((refiner.inputs[1].shape[-1],), name="text")
    noise = keras.Input((sketcher.inputs[2].shape[-1],), name="noise")
    refiner_noise = keras.Input((condition_dim,), name="refiner_noise")
    images = refiner([sketcher([latents, text, noise]), text, refiner_noise])
    return keras.Model([latents, text, noise, refiner_noise], images, name="generator")


def _divergence(network, text):
    """The mean divergence of the conditioning layers that are being trained."""
    total = 0.0
    for layer in network.layers:
        if isinstance(layer, ConditioningAugmentation):
            total += ops.mean(layer.divergence(text))
        elif isinstance(layer, keras.Model) and layer.trainable_variables:
            total += _divergence(layer, text)
    return total


@keras.saving.register_keras_serializable("kerasgan")
class StackGANStage1(GANCLS):
    """Stage-I of StackGAN (Zhang et al. 2017, https://arxiv.org/abs/1612.03242): a small image from a text.

    The step is that of `GANCLS`: D judges real images with right and with wrong texts and generated ones. G takes z and
    a condition that `ConditioningAugmentation` draws for the text, and descends the adversarial loss plus
    lambda D_KL(N(mu, sigma) || N(0, 1)) (equation 4).

    `fit` takes `(images, text vectors)` or `(images, text vectors, labels)`, as that of `GANCLS`. `compile()` trains
    with Adam(2e-4, beta_1=0.5); the paper halves the rate every 100 of 600 epochs, in batches of 64.

    Args:
        image_size: int. Side of the square images: 4 to 7 times a power of two. Defaults to 64.
        channels: int. Defaults to 3.
        latent_dim: int. Length of z. Defaults to 100.
        text_dim: int. Length of the text vectors. Defaults to 1024.
        width: int. Channels of the layer next to the image, doubled at each halving of the size, up to 8 times.
            Defaults to 64.
        condition_dim: int. Length of the condition in G and of the projected text in D. Defaults to 128.
        kl_weight: float, lambda of equation 4. Defaults to 1, the paper's. The authors' program has a weight of 2 on
            the mean over the dimensions, which is 2 / condition_dim here: much less, and the better choice where
            the text shall decide.
        encoder: what turns strings into text vectors; see `GANCLS.set_encoder`. Defaults to none.
        generator, discriminator: `keras.Model`s, [latents, text, noise] -> images in [-1, 1] with a
            `ConditioningAugmentation` among its layers, and [images, text] -> logits. Default to the paper's and that
            of `matching`.
        matching: str, `"concatenation"`, the paper's, or `"projection"`; see `GANCLS`.
        seed: int. Seed of the noise.

    Logs `d_loss`, `g_loss`, `kl_loss` (the weighted divergence, not in `g_loss`), `d_real`, `d_wrong`, `d_fake`.

    Example:

    >>> stage1 = kerasgan.StackGANStage1(image_size=16, text_dim=8, width=4)
    >>> stage1.compile()
    >>> stage1.generate(np.ones(8, "float32"), num_images=2, seed=0).shape
    (2, 16, 16, 3)
    """

    loss_names = ("d_loss", "g_loss", "kl_loss", "d_wrong")

    def __init__(
        self,
        image_size=64,
        channels=3,
        latent_dim=100,
        text_dim=1024,
        width=64,
        condition_dim=128,
        kl_weight=1.0,
        encoder=None,
        generator=None,
        discriminator=None,
        **kwargs,
    ):
        super().__init__(
            image_size=image_size,
            channels=channels,
            latent_dim=latent_dim,
            text_dim=text_dim,
            encoder=encoder,
            generator=generator or stage1_generator(image_size, channels, latent_dim, text_dim, width, condition_dim),
            width=width,
            projection_dim=condition_dim,
            discriminator=discriminator,
            **kwargs,
        )
        if kl_weight < 0:
            raise ValueError(f"`kl_weight` must be at least 0. Received: {kl_weight!r}")
        self.kl_weight = kl_weight

    def generator_terms(self, text):
        return {"kl_loss": self.kl_weight * _divergence(self.generator, text)}  # eq. 4


@keras.saving.register_keras_serializable("kerasgan")
class StackGANStage2(GANCLS):
    """Stage-II of StackGAN (Zhang et al. 2017, https://arxiv.org/abs/1612.03242): a larger image from Stage-I's.

    Stage-I is trained first and is fixed here. G refines its images under a new condition of the text, without further
    noise, and descends the adversarial loss plus lambda D_KL (equation 6); D's step is that of `GANCLS` on large images
    (equation 5). `fit` and `compile()` are as those of `StackGANStage1`, with images of `image_size`.

    Args:
        stage1: a trained `StackGANStage1`, whose sampling network is copied, or such a network. Defaults to an
            untrained one of the paper's size.
        image_size: int. 2, 4, 8 ... times Stage-I's. Defaults to 256.
        width: int. Channels of the refiner's first layer (the paper's 128 are 2 `width`) and of D's. Defaults to 64.
        condition_dim: int. Length of the condition in the refiner and of the projected text in D. Defaults to 128.
        blocks: int. Residual blocks: 4 for 256 pixels, the default, 2 for 128 (section 3.5).
        kl_weight: float, lambda. Defaults to 1; see `StackGANStage1`.
        encoder: what turns strings into text vectors. Defaults to that of `stage1`.
        generator: `keras.Model`, [latents, text, noise, noise] -> images in [-1, 1]. Defaults to Stage-I and the
            paper's refiner.
        discriminator: `keras.Model`, [images, text] -> logits. Defaults to that of `matching`.
        matching: str, `"concatenation"`, the paper's, or `"projection"`; see `GANCLS`.
        seed: int. Seed of the noise.

    Logs as `StackGANStage1`.

    Example:

    >>> stage1 = kerasgan.StackGANStage1(image_size=16, text_dim=8, width=4)
    >>> stage2 = kerasgan.StackGANStage2(stage1, image_size=32, width=4, blocks=1)
    >>> stage2.compile()
    >>> stage2.generate(np.ones(8, "float32"), num_images=2, seed=0).shape
    (2, 32, 32, 3)
    """

    loss_names = ("d_loss", "g_loss", "kl_loss", "d_wrong")

    def __init__(
        self,
        stage1=None,
        image_size=256,
        width=64,
        condition_dim=128,
        blocks=4,
        kl_weight=1.0,
        encoder=None,
        generator=None,
        discriminator=None,
        **kwargs,
    ):
        known = None
        if isinstance(stage1, StackGANStage1):
            known, stage1 = stage1.encoder or stage1.encoder_identity, stage1.sampler()
        if stage1 is None:
            stage1 = stage1_generator(64, 3, 100, 1024, 64, 128)
        sketcher = self._average_of(stage1)  # a copy, and fixed
        sketcher.name = "sketcher"
        (latent_dim, text_dim), channels = [x.shape[-1] for x in sketcher.inputs[:2]], sketcher.output_shape[-1]
        size = sketcher.output_shape[1]
        if generator is None:
            refiner = stage2_refiner(size, image_size, channels, text_dim, 2 * width, condition_dim, blocks)
            generator = stage2_generator(sketcher, refiner, latent_dim, condition_dim)
        super().__init__(
            image_size=image_size,
            channels=channels,
            latent_dim=latent_dim,
            text_dim=text_dim,
            encoder=known or encoder,
            generator=generator,
            width=width,
            projection_dim=condition_dim,
            discriminator=discriminator,
            **kwargs,
        )
        if kl_weight < 0:
            raise ValueError(f"`kl_weight` must be at least 0. Received: {kl_weight!r}")
        if known and callable(encoder):
            self.set_encoder(encoder)
        self._init_arguments["stage1"] = sketcher
        self.kl_weight = kl_weight

    def generator_terms(self, text):
        return {"kl_loss": self.kl_weight * _divergence(self.generator, text)}  # eq. 6


@keras.saving.register_keras_serializable("kerasgan")
class StackGAN(keras.Model):
    """Both trained stages of StackGAN (Zhang et al. 2017, https://arxiv.org/abs/1612.03242) in one object.

    The stages are trained one after the other by their own `fit`; this class samples and saves them together.

    A trained one is `kerasgan.zoo.load("stackgan_flowers")`; its recipe trains it anew:

        KERASGAN_DATA_DIR=... python -m kerasgan.zoo.stackgan_flowers.recipe runs

    Args:
        stage1: a `StackGANStage1`.
        stage2: the `StackGANStage2` made from it.

    Example:

    >>> stage1 = kerasgan.StackGANStage1(image_size=16, text_dim=8, width=4)
    >>> stage2 = kerasgan.StackGANStage2(stage1, image_size=32, width=4, blocks=1)
    >>> small, large = kerasgan.StackGAN(stage1, stage2).generate(np.ones((3, 8), "float32"), seed=0)
    >>> small.shape, large.shape
    ((3, 16, 16, 3), (3, 32, 32, 3))
    """

    stages = ("stage1", "stage2")

    def __init__(self, stage1, stage2, name=None):
        super().__init__(name=name)
        for argument, value, expected in (("stage1", stage1, StackGANStage1), ("stage2", stage2, StackGANStage2)):
            if not isinstance(value, expected):
                raise ValueError(f"`{argument}` must be a `{expected.__name__}`. Received: {value!r}")
        self.stage1, self.stage2 = stage1, stage2
        self.built = True

    def set_encoder(self, encoder):
        """Gives both stages what turns strings into text vectors; see `GANCLS.set_encoder`."""
        self.stage1.set_encoder(encoder)
        self.stage2.set_encoder(encoder)

    def call(self, inputs, training=False):
        """Maps [latents, text, noise, noise of Stage-II] to the images of both stages."""
        latents, text, noise, refiner_noise = inputs
        generator = self.stage2.sampler()
        small = generator.get_layer("sketcher")([latents, text, noise], training=False)
        return small, generator.get_layer("refiner")([small, text, refiner_noise], training=training)

    def generate(self, text, num_images=None, seed=None, batch_size=64):
        """Draws images of texts by both stages; arguments as those of `GANCLS.generate`.

        Returns:
            Two float32 arrays in [-1, 1]: the images of Stage-I (num_images, size, size, channels), and what Stage-II
            made of them.
        """
        inputs = self.stage2.sampling_inputs(text, num_images, seed)
        return self.predict(inputs, batch_size=batch_size, verbose=0)

    @property
    def step(self):
        """The train steps of both stages together."""
        return int(self.stage1.step) + int(self.stage2.step)

    def real_images(self, batch):
        """Returns the large images of a dataset element."""
        return np.asarray(batch[0])

    def preview(self, batch, num_images=64, seed=0):
        """Returns Stage-I, enlarged, and Stage-II of the batch's first texts side by side, `num_images` in all."""
        text = np.asarray(batch[1], "float32")[: max(1, num_images // 2)]
        pairs = min(len(text), max(1, math.isqrt(num_images) // 2))  # of a row
        small, large = self.generate(text[: len(text) // pairs * pairs], seed=seed)
        factor = large.shape[1] // small.shape[1]
        small = small.repeat(factor, axis=1).repeat(factor, axis=2)
        return np.stack([small, large], axis=1).reshape(-1, 2 * pairs, *large.shape[1:])

    def get_config(self):
        stages = {"stage1": self.stage1, "stage2": self.stage2}
        return {"name": self.name} | {k: keras.saving.serialize_keras_object(v) for k, v in stages.items()}

    @classmethod
    def from_config(cls, config):
        return cls(**{name: keras.saving.deserialize_keras_object(value) for name, value in config.items()})
