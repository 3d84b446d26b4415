"""StyleGAN2: styles modulate the kernels, without progressive growing or instance normalization."""

import math

import keras
from keras import layers

from kerasgan import penalties
from kerasgan.layers import (
    ClippedSamples,
    EqualizedConv2D,
    EqualizedDense,
    LearnedConstant,
    MinibatchStdDev,
    ModulatedConv2D,
    PixelNormalization,
)
from kerasgan.models.stylegan import StyleGAN
from kerasgan.networks import add_picture, layer_styles, mapping_network, style_generator, style_stages
from kerasgan.optimizers import lazy_adam
from kerasgan.schedules import HalfLife
from kerasgan.shapes import as_size


def stylegan2_synthesis(image_size, channels, style_dim, channel_base, channel_max):
    """Figures 2d and 7b: modulated convolutions. The image is the sum of the images of all sizes.

    Returns:
        A `keras.Model` called `"synthesis"`, (batch, layers, style_dim) -> (batch, height, width, channels).
    """
    sizes, filters = style_stages(image_size, channel_base, channel_max)
    styles, ws = layer_styles(2 * len(sizes), style_dim)
    normal = keras.initializers.RandomNormal(stddev=1.0)
    x, picture = LearnedConstant(sizes[0], filters[0], normal, name="constant")(ws[0]), None
    to_image = {"demodulate": False, "noise": False, "activate": False}
    for level, ((size, _), count) in enumerate(zip(sizes, filters)):
        if level:
            x = ModulatedConv2D(count, up=2, name=f"double_{size}")([x, ws[2 * level - 1]])
        x = ModulatedConv2D(count, name=f"convolution_{size}")([x, ws[2 * level]])
        shown = ModulatedConv2D(channels, 1, **to_image, name=f"to_image_{size}")([x, ws[2 * level + 1]])
        picture = add_picture(picture, shown)
    return keras.Model(styles, ClippedSamples(dtype="float32", name="images")(picture), name="synthesis")


def stylegan2_discriminator(image_size, channels, num_classes, channel_base, channel_max, residual, group_size):
    """Figure 7c: residual blocks that halve the image, and a channel with the standard deviation of a group.

    With classes, the logit is <D(x), f(y)> / sqrt(n), where f is a mapping network of the class (ADA, authors' code).

    Returns:
        A `keras.Model`, images or [images, labels] -> (batch, 1) logits.
    """
    sizes, filters = style_stages(image_size, channel_base, channel_max)
    images = keras.Input((*as_size(image_size), channels), name="images")
    x = EqualizedConv2D(filters[-1], 1, name="from_image")(images)
    for level in reversed(range(1, len(filters))):
        size, count = sizes[level][0], filters[level - 1]
        half = {"down": 2, "gain": 0.5**0.5 if residual else 1.0}  # of a sum of two, each has the variance 1/2
        y = EqualizedConv2D(filters[level], name=f"convolution_{size}")(x)
        y = EqualizedConv2D(count, **half, name=f"half_{size}")(y)
        if residual:
            x = EqualizedConv2D(count, 1, activate=False, use_bias=False, **half, name=f"skip_{size}")(x)
            y = layers.Add(name=f"sum_{size}")([x, y])
        x = y
    x = EqualizedConv2D(filters[0], name="convolution")(MinibatchStdDev(group_size, name="spread")(x))
    x = EqualizedDense(filters[0], name="features")(layers.Flatten(name="flat")(x))
    if not num_classes:
        logits = EqualizedDense(1, activate=False, dtype="float32", name="logits")(x)
        return keras.Model(images, logits, name="discriminator")
    labels = keras.Input((), dtype="int32", name="labels")
    classes = mapping_network(0, filters[0], 8, num_classes, track=False)(labels)
    classes = PixelNormalization(dtype="float32", name="unit_classes")(classes)
    scale = 1 / math.sqrt(filters[0])
    x = EqualizedDense(filters[0], activate=False, gain=scale, dtype="float32", name="projection")(x)
    logits = layers.Dot(axes=1, dtype="float32", name="logits")([x, classes])
    return keras.Model([images, labels], logits, name="discriminator")


@keras.saving.register_keras_serializable("kerasgan")
class StyleGAN2(StyleGAN):
    """StyleGAN2 (Karras et al. 2020, https://arxiv.org/abs/1912.04958), with the additions of ADA.

    Styles scale the kernels of G's convolutions, and demodulation keeps the variance of the outputs (section 2.2),
    where StyleGAN normalized the features of each image. G sums the images of all sizes and D is residual (section
    4.1), so there is no progressive growing. R1 is computed every 16 steps. Path length regularization, every 4 steps,
    makes equal steps in w change images equally (sections 3.1 and 3.2). The conditional variant is that of ADA (Karras
    et al. 2020, https://arxiv.org/abs/2006.06676). Mapping, style mixing, truncation and `map`, `truncate`,
    `synthesize` are those of `StyleGAN`. `fit` takes images, or with `num_classes` `(images, labels)`.

    `compile()` trains as configuration F: non-saturating loss, R1 of gamma 10, path length of weight 2, Adam(0.002,
    beta_1=0, beta_2=0.99) corrected for the lazy terms (appendix B), style mixing for 90 % of the images, batches of 32
    and an averaged generator that forgets half over 10,000 images. gamma must suit the size: the authors' rule of thumb
    is 0.0002 image_size^2 / batch size. For small data sets add `augment="bgc"`, ADA's augmentation.

    ADA's networks for CIFAR-10 are `StyleGAN2(image_size=32, mapping_layers=2, residual=False, group_size=32)`, with
    `num_classes=10` or without; they train by `compile(style_mixing=0, penalty=kerasgan.penalties.R1(0.01, every=16),
    augment="bgc", ema_decay=kerasgan.schedules.HalfLife(500_000, 64, ramp=0.05), ...)` with a rate of 0.0025.

    Pretrained: `kerasgan.zoo.load("stylegan2_celeba")`. Its recipe trains it:

        KERASGAN_DATA_DIR=... python -m kerasgan.zoo.stylegan2_celeba.recipe runs

    Args:
        image_size: int or (height, width): 4 to 7 times a power of two, from 16 on. Defaults to 1024.
        channels: int. 1 for grey, 3 for colour. Defaults to 3.
        num_classes: int, or None (default) for images without labels.
        latent_dim: int. Length of z. Defaults to 512.
        style_dim: int. Length of w. Defaults to 512.
        mapping_layers: int. Defaults to 8.
        channel_base: int. The layers of n pixels have `channel_base / n` channels. Defaults to 32768, that of
            configuration F; 2048 to 4096 train at 64 pixels on small machines.
        channel_max: int. Upper bound of the channels. Defaults to 512.
        residual: bool. Whether D is residual. Defaults to True.
        group_size: int. Size of the groups for the standard deviation in D. Defaults to 4.
        prior: `"normal"` or `"uniform"` on [-1, 1). Defaults to `"normal"`.
        generator: `keras.Model`, a `kerasgan.networks.style_generator`. Defaults to the paper's.
        discriminator: `keras.Model`, images or [images, labels] -> logits. Defaults to the paper's.
        seed: int. Seed of the noise.

    Example:

    >>> model = kerasgan.StyleGAN2(image_size=16, latent_dim=8, style_dim=8, channel_base=128)
    >>> model.compile(penalty=[kerasgan.penalties.R1(0.1, every=16), "path_length"])
    >>> model.generate(2, seed=0, truncation=0.7).shape
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
        channel_base=32768,
        channel_max=512,
        residual=True,
        group_size=4,
        prior="normal",
        generator=None,
        discriminator=None,
        **kwargs,
    ):
        if generator is None:
            generator = style_generator(
                mapping_network(latent_dim, style_dim, mapping_layers, num_classes),
                stylegan2_synthesis(image_size, channels, style_dim, channel_base, channel_max),
            )
        if discriminator is None:
            discriminator = stylegan2_discriminator(
                image_size, channels, num_classes, channel_base, channel_max, residual, group_size
            )
        super().__init__(
            image_size=image_size,
            channels=channels,
            num_classes=num_classes,
            latent_dim=latent_dim,
            style_dim=style_dim,
            prior=prior,
            generator=generator,
            discriminator=discriminator,
            **kwargs,
        )

    def defaults(self):
        return {
            "g_optimizer": lazy_adam(0.002, every=4),
            "d_optimizer": lazy_adam(0.002, every=16),
            "penalty": [penalties.R1(10.0, every=16), penalties.PathLength(2.0, every=4)],
            "ema_decay": HalfLife(10_000, batch_size=32),
        }
