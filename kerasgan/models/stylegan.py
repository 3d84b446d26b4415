"""StyleGAN: a mapping network turns latents into styles, which control each layer of a synthesis network."""

import keras
import tensorflow as tf
from keras import layers

from kerasgan import penalties, random
from kerasgan.layers import (
    BiasedRectifier,
    ClippedSamples,
    EqualizedConv2D,
    EqualizedDense,
    InstanceNormalization,
    LearnedConstant,
    MinibatchStdDev,
    Noise,
    Resample,
    StyleModulation,
)
from kerasgan.models.gan import GAN
from kerasgan.models.tasks import FromStyles, join_inputs, name_conditions
from kerasgan.networks import add_picture, layer_styles, mapping_network, mix, style_generator, style_stages
from kerasgan.optimizers import Adam
from kerasgan.schedules import HalfLife
from kerasgan.shapes import as_size

RATES = {512: 0.003, 256: 0.002, 128: 0.0015}


def stylegan_synthesis(image_size, channels, style_dim, channel_base, channel_max):
    """Figure 1b: a learned constant, and for each size two convolutions, each with noise, LeakyReLU and AdaIN.

    Returns:
        A `keras.Model` called `"synthesis"`, (batch, layers, style_dim) -> (batch, height, width, channels).
    """
    sizes, filters = style_stages(image_size, channel_base, channel_max)
    styles, ws = layer_styles(2 * len(sizes), style_dim)

    def convolution(x, count):
        return EqualizedConv2D(count, activate=False, gain=2**0.5, use_bias=False)(x)

    def finish(x, w):
        x = BiasedRectifier()(Noise(per_channel=True)(x))
        return StyleModulation()([InstanceNormalization(1e-8, center=False, scale=False)(x), w])

    x = picture = None
    for level, count in enumerate(filters):
        if level:
            x = Resample(taps=(1, 2, 1))(convolution(layers.UpSampling2D()(x), count))
        else:
            x = LearnedConstant(sizes[0], count)(ws[0])
        x = finish(x, ws[2 * level])
        x = finish(convolution(x, count), ws[2 * level + 1])
        picture = add_picture(picture, EqualizedConv2D(channels, 1, activate=False)(x))
    return keras.Model(styles, ClippedSamples(dtype="float32")(picture), name="synthesis")


def stylegan_discriminator(image_size, channels, num_classes, channel_base, channel_max, group_size=4):
    """Halves the image by convolutions: a `keras.Model`, images or [images, labels] -> (batch, 1) logits.

    It has inputs from images of each size, and a channel with the standard deviation of a group of images.
    """
    _, filters = style_stages(image_size, channel_base, channel_max)
    small = images = keras.Input((*as_size(image_size), channels), name="images")
    x = EqualizedConv2D(filters[-1], 1)(images)
    for level in reversed(range(1, len(filters))):
        x = Resample(taps=(1, 2, 1))(EqualizedConv2D(filters[level])(x))
        x = EqualizedConv2D(filters[level - 1], activate=False, gain=2**0.5, use_bias=False)(x)
        x = BiasedRectifier()(layers.AveragePooling2D(2)(x))
        small = layers.AveragePooling2D(2)(small)
        x = layers.Add()([x, EqualizedConv2D(filters[level - 1], 1)(small)])
    x = EqualizedConv2D(filters[0])(MinibatchStdDev(group_size)(x))
    x = EqualizedDense(filters[0])(layers.Flatten()(x))
    logits = EqualizedDense(num_classes or 1, activate=False, dtype="float32")(x)
    if not num_classes:
        return keras.Model(images, logits, name="discriminator")
    labels = keras.Input((), dtype="int32", name="labels")
    logits = layers.Dot(axes=1, dtype="float32")([logits, keras.ops.one_hot(labels, num_classes)])
    return keras.Model([images, labels], logits, name="discriminator")


@keras.saving.register_keras_serializable("kerasgan")
class StyleGAN(FromStyles, GAN):
    """StyleGAN (Karras et al. 2019, https://arxiv.org/abs/1812.04948).

    A mapping network turns z into w, and learned affine maps turn w into styles, which scale and shift the channels of
    each layer of the synthesis network (AdaIN, equation 1). The image starts from a learned constant, and noise adds
    random details (section 2). In training, most images use the w of one latent in the first layers and that of another
    latent in the rest: style mixing (section 3.1). `fit` takes images, or with `num_classes` `(images, labels)`.

    Progressive growing is left out. Instead, the images of all sizes are summed, as the skips of StyleGAN2 (Karras et
    al. 2020, figure 7b).

    `compile()` trains with the non-saturating loss, R1 of gamma 10 (appendix C), Adam(beta_1=0, beta_2=0.99) of rate
    0.001, from 128 pixels on 0.0015, 256 0.002 and 512 0.003 (authors' code), style mixing for 90 % of the images, and
    an average with a half-life of 10,000 images.

    Args:
        image_size: int or (height, width): 4 to 7 times a power of two, from 16 on. Defaults to 1024.
        channels: int. 1 for grey, 3 for colour. Defaults to 3.
        num_classes: int, or None (default) for images without labels.
        latent_dim, style_dim, mapping_layers: int. Lengths of z and w, 512 by default, and layers between them, 8.
        channel_base, channel_max: int, 16384 and 512. Layers of n pixels have base / n channels, at most max.
        prior: `"normal"` (default) or `"uniform"` on [-1, 1).
        generator: `keras.Model`, a `kerasgan.networks.style_generator`. Defaults to the paper's.
        discriminator: `keras.Model`, images or [images, labels] -> logits. Defaults to the paper's.
        seed: int. Seed of the noise.

    Example:

    >>> model = kerasgan.StyleGAN(image_size=16, latent_dim=8, style_dim=8, channel_base=128)
    >>> model.compile()
    >>> w = model.map(model.sample_latents(2, seed=0))
    >>> model.synthesize(model.truncate(w, 0.7)).shape
    (2, 16, 16, 3)
    """

    def __init__(
        self,
        image_size=1024,
        channels=3,
        num_classes=None,
        latent_dim=512,
        style_dim=512,
        mapping_layers=8,
        channel_base=16384,
        channel_max=512,
        prior="normal",
        generator=None,
        discriminator=None,
        **kwargs,
    ):
        sizes = name_conditions(num_classes) if num_classes is not None else ({}, {})
        generator = generator or style_generator(
            mapping_network(latent_dim, style_dim, mapping_layers, num_classes),
            stylegan_synthesis(image_size, channels, style_dim, channel_base, channel_max),
        )
        super().__init__(
            image_size=image_size,
            channels=channels,
            latent_dim=latent_dim,
            prior=prior,
            generator=generator,
            discriminator=discriminator
            or stylegan_discriminator(image_size, channels, num_classes, channel_base, channel_max),
            **kwargs,
        )
        self.num_classes = num_classes
        self.set_conditions(*sizes)
        self.set_styles()

    def defaults(self):
        rate = next((rate for size, rate in RATES.items() if max(as_size(self.image_size)) >= size), 0.001)
        return {
            "g_optimizer": Adam(rate, beta_1=0.0, beta_2=0.99, epsilon=1e-8),
            "d_optimizer": Adam(rate, beta_1=0.0, beta_2=0.99, epsilon=1e-8),
            "penalty": penalties.R1(10.0),
            "ema_decay": HalfLife(10_000, batch_size=32),
        }

    def compile(self, style_mixing=0.9, **kwargs):
        """Configures training: `AdversarialModel.compile`, and style mixing.

        Args:
            style_mixing: float in [0, 1]. Share of the images with styles of another latent from a random layer on.
                Defaults to 0.9, as in the paper.
            **kwargs: arguments of `AdversarialModel.compile`.
        """
        if not 0 <= style_mixing <= 1:
            raise ValueError(f"`style_mixing` must be in [0, 1]. Received: {style_mixing!r}")
        self.style_mixing = float(style_mixing)
        super().compile(**kwargs)

    def draw(self, real, condition, generator=None, training=True):
        """Samples one image per row of `real`, with mixed styles in training."""
        if not training:
            return super().draw(real, condition, generator, training)
        styles = self.draw_styles(keras.ops.shape(real)[0], condition)
        return self.generator.get_layer("synthesis")(styles, training=True)

    def draw_styles(self, rows, condition, training=True):
        """Draws the w of each layer, (rows, layers, style_dim). Training updates the mean w."""

        def repeated(training):
            w = self.generator.get_layer("mapping")(join_inputs(self.latents(rows), condition), training=training)
            return tf.repeat(w[:, None], self.num_layers, axis=1)

        styles = repeated(training)
        if self.style_mixing:  # section 3.1
            crossover = random.integers((rows,), self.seed_generator, 1, self.num_layers)
            mixed = random.uniform((rows,), self.seed_generator) < self.style_mixing
            styles = mix(styles, repeated(False), tf.where(mixed, crossover, self.num_layers))
        return styles

    def paths(self, rows, condition):
        """Returns `rows` points of w and the synthesis network: for `PathLength`."""
        styles = self.draw_styles(rows, tuple(values[:rows] for values in condition), training=False)
        return styles, lambda w: self.generator.get_layer("synthesis")(w, training=True)
