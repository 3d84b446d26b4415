"""The PatchGAN: a discriminator of overlapping patches."""

import keras
from keras import layers

from kerasgan.convolutions import Conv2D
from kerasgan.layers import LeakyReLU
from kerasgan.networks.composed import with_features
from kerasgan.networks.parts import NORMALIZATIONS, normal
from kerasgan.shapes import as_size

# Receptive field: number of layers of stride 2 (Isola et al. 2017, appendix 6.1.2). 34 is not in the paper.
RECEPTIVE_FIELDS = {1: 0, 16: 1, 34: 2, 70: 3, 142: 4, 286: 5}


def patch_discriminator(
    image_size, channels, condition_channels=0, width=64, receptive_field=70, normalization="batch"
):
    """The PatchGAN (Isola et al. 2017, section 3.2.2): logits for overlapping patches instead of one for the image.

    The network has n 4x4 convolutions of stride 2 and two of stride 1, with a receptive field of 16, 34, 70, 142 or 286
    pixels for n = 1 to 5. For a receptive field of 1 pixel, all convolutions are 1x1.

    Args:
        image_size: int or (height, width). Size of the images.
        channels: int. Channels of the images.
        condition_channels: int. Channels of the condition images, 0 for none. Defaults to 0.
        width: int. Channels of the first layer, doubled at each further one, up to 8 times. Defaults to 64.
        receptive_field: int, one of 1, 16, 34, 70, 142, 286. Defaults to 70.
        normalization: `"batch"` or `"instance"`. The first layer has none. Defaults to `"batch"`.

    Returns:
        A `keras.Model`, images or [images, condition] -> a map of logits (batch, rows, columns, 1).

    Raises:
        ValueError: if `receptive_field` is not one of these, or the image is too small for it.
    """
    if receptive_field not in RECEPTIVE_FIELDS:
        raise ValueError(f"`receptive_field` must be one of {list(RECEPTIVE_FIELDS)}. Received: {receptive_field!r}")
    strided = RECEPTIVE_FIELDS[receptive_field]
    if strided and min(as_size(image_size)) < 3 * 2**strided:
        raise ValueError(
            f"`receptive_field={receptive_field}` needs images of at least {3 * 2**strided} pixels. "
            f"Received: image_size={image_size}. Use a smaller field."
        )
    norm, bias = NORMALIZATIONS[normalization], normalization == "instance"

    images = keras.Input((*as_size(image_size), channels), name="images")
    inputs, x = images, images
    if condition_channels:
        condition = keras.Input((*as_size(image_size), condition_channels), name="condition")
        inputs, x = [images, condition], layers.Concatenate()([condition, images])
    if not strided:
        x = LeakyReLU(0.2)(Conv2D(width, 1, use_bias=bias, kernel_initializer=normal())(x))
        x = Conv2D(2 * width, 1, use_bias=False, kernel_initializer=normal())(x)
        x = LeakyReLU(0.2)(norm()(x))
        logits = Conv2D(1, 1, kernel_initializer=normal(), dtype="float32")(x)
        return keras.Model(inputs, logits, name="discriminator")
    for level in range(strided):
        filters = width * min(2**level, 8)
        x = Conv2D(filters, 4, 2, "same", use_bias=bias and not level, kernel_initializer=normal())(x)
        x = LeakyReLU(0.2)(norm()(x) if level else x)
    x = layers.ZeroPadding2D()(x)
    x = Conv2D(width * min(2**strided, 8), 4, use_bias=False, kernel_initializer=normal())(x)
    x = LeakyReLU(0.2)(norm()(x))
    x = layers.ZeroPadding2D()(x)
    logits = Conv2D(1, 4, kernel_initializer=normal(), dtype="float32")(x)
    return keras.Model(inputs, logits, name="discriminator")


def matched_discriminator(*args, **kwargs):
    """A PatchGAN that also outputs its features, for feature matching (Wang et al. 2018, section 3.2).

    https://arxiv.org/abs/1711.11585, equation 4.

    Args:
        *args, **kwargs: arguments of `patch_discriminator`.

    Returns:
        A `keras.Model` with the same inputs -> {"logits": ..., "features": [...]}, the activations after each
        convolution except the last.
    """
    judge = patch_discriminator(*args, **kwargs)
    return with_features(judge, [layer.name for layer in judge.layers if isinstance(layer, LeakyReLU)])
