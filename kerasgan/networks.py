"""Networks that several papers share, and discriminators made of others."""

import keras
from keras import layers

from kerasgan.convolutions import Conv2D, Conv2DTranspose
from kerasgan.layers import BatchNormalization, InstanceNormalization, LeakyReLU, ReflectionPadding2D

# How many layers of stride 2 give which receptive field (Isola et al. 2017, appendix 6.1.2); 34 lies between.
RECEPTIVE_FIELDS = {1: 0, 16: 1, 34: 2, 70: 3, 142: 4, 286: 5}


def normal():
    """N(0, 0.02), from which DCGAN's weights start and those of many papers after it (Radford et al. 2016, section 4).

    A new object a layer: a shared one repeats its draw.
    """
    return keras.initializers.RandomNormal(stddev=0.02)


def batch_norm():
    """Batch normalization with the constants of the code of DCGAN and of the first translation papers."""
    return BatchNormalization(momentum=0.9, epsilon=1e-5, synchronized=True)


def instance_norm():
    """Instance normalization with a shift only.

    Where the authors' code has a bias before a normalisation without parameters, which the normalisation cancels, the
    shift stands behind it: as many parameters, and all of them do something.
    """
    return InstanceNormalization(scale=False)


NORMALIZATIONS = {"batch": batch_norm, "instance": instance_norm}


def patch_discriminator(
    image_size, channels, condition_channels=0, width=64, receptive_field=70, normalization="batch"
):
    """The PatchGAN (Isola et al. 2017, section 3.2.2): logits for overlapping patches instead of one for the image.

    4x4 convolutions: n of stride 2 and two of stride 1 see patches of 16, 34, 70, 142 or 286 pixels for n = 1 to 5;
    a field of 1 pixel has 1x1 convolutions throughout.

    Args:
        image_size: int. Side of the images.
        channels: int. Of the images that are judged.
        condition_channels: int. Of the images that the judgement depends on; 0 for none. Defaults to 0.
        width: int. Channels of the first layer, doubled at each further one, up to 8 times. Defaults to 64.
        receptive_field: int, one of 1, 16, 34, 70, 142, 286. Defaults to 70.
        normalization: `"batch"` or `"instance"`; none next to the image. Defaults to `"batch"`.

    Returns:
        A `keras.Model`, images or [images, condition] -> a map of logits (batch, rows, columns, 1).

    Raises:
        ValueError: if `receptive_field` is none of these, or the image is too small for it.
    """
    if receptive_field not in RECEPTIVE_FIELDS:
        raise ValueError(f"`receptive_field` must be one of {list(RECEPTIVE_FIELDS)}. Received: {receptive_field!r}")
    strided = RECEPTIVE_FIELDS[receptive_field]
    if strided and image_size < 3 * 2**strided:
        raise ValueError(
            f"`receptive_field={receptive_field}` needs images of at least {3 * 2**strided} pixels, so that its two "
            f"last layers find something to look at. Received: image_size={image_size}. Use a smaller field."
        )
    norm, bias = NORMALIZATIONS[normalization], normalization == "instance"

    images = keras.Input((image_size, image_size, channels), name="images")
    inputs, x = images, images
    if condition_channels:
        condition = keras.Input((image_size, image_size, condition_channels), name="condition")
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


def residual_generator(image_size, channels, source_channels=None, width=64, blocks=None):
    """The translator of Johnson et al. (2016) as CycleGAN has it (Zhu et al. 2017, appendix 7.2).

    c7s1-64, d128, d256, R256 x n, u128, u64, c7s1-3, with reflection padding and instance normalization.

    Args:
        image_size: int. Side of the images, a multiple of 4.
        channels: int. Of the images that come out.
        source_channels: int. Of the images that go in. Defaults to `channels`.
        width: int. Channels of the first layer. Defaults to 64.
        blocks: int. Residual blocks. Defaults to 9 from 256 pixels on and to 6 below, as in the paper.

    Returns:
        A `keras.Model`, (batch, image_size, image_size, source_channels) -> (..., channels) in [-1, 1].
    """
    if image_size < 8 or image_size % 4:
        raise ValueError(f"`image_size` must be a multiple of 4, at least 8. Received: {image_size!r}")
    blocks = (9 if image_size >= 256 else 6) if blocks is None else blocks

    def convolution(x, filters, kernel, stride=1):
        x = Conv2D(filters, kernel, stride, "same" if stride > 1 else "valid", **plain())(x)
        return instance_norm()(x)

    def plain():
        return {"use_bias": False, "kernel_initializer": normal()}

    x = images = keras.Input((image_size, image_size, source_channels or channels), name="images")
    x = layers.ReLU()(convolution(ReflectionPadding2D(3)(x), width, 7))
    x = layers.ReLU()(convolution(x, 2 * width, 3, stride=2))
    x = layers.ReLU()(convolution(x, 4 * width, 3, stride=2))
    for _ in range(blocks):
        y = layers.ReLU()(convolution(ReflectionPadding2D()(x), 4 * width, 3))
        x = layers.Add()([x, convolution(ReflectionPadding2D()(y), 4 * width, 3)])
    for filters in (2 * width, width):
        x = Conv2DTranspose(filters, 3, 2, "same", **plain())(x)
        x = layers.ReLU()(instance_norm()(x))
    x = Conv2D(channels, 7, kernel_initializer=normal())(ReflectionPadding2D(3)(x))
    return keras.Model(images, layers.Activation("tanh", dtype="float32")(x), name="generator")


def with_features(discriminator, layer=-2):
    """Makes a discriminator that also outputs its activations: what `kerasgan.losses.FeatureMatching` compares.

    Args:
        discriminator: `keras.Model` of the functional kind; its weights are shared, not copied.
        layer: name or index of the layer whose output is matched. Defaults to -2, before the last one. ACGAN's
            discriminator ends in two, so there it is -3.

    Returns:
        A `keras.Model` with the same inputs, whose output is {"logits": ..., "features": ...}.

    Raises:
        ValueError: if `discriminator` is not functional, or has no such layer.
    """
    if not hasattr(discriminator, "operations"):
        raise ValueError(f"`discriminator` must be a functional `keras.Model`. Received: {discriminator!r}")
    found = discriminator.get_layer(layer) if isinstance(layer, str) else discriminator.get_layer(index=layer)
    outputs = {"logits": discriminator.output, "features": found.output}
    return keras.Model(discriminator.input, outputs, name=discriminator.name)


def at_scales(make, image_size, scales=3):
    """Several discriminators of one architecture, each on images of half the size of those before.

    As in pix2pixHD (Wang et al. 2018, https://arxiv.org/abs/1711.11585, section 3.2): the one on the smallest images
    sees the most of the whole. A pixel of a smaller image is the mean of those it stands for. Losses are the mean over
    the discriminators, where the paper has the sum.

    Args:
        make: callable, image size -> `keras.Model`, images (or [images, ...]) of that size -> logits.
        image_size: int. Side of the largest images, a multiple of 2^(scales - 1).
        scales: int. How many. Defaults to 3, the paper's.

    Returns:
        A `keras.Model` with the inputs of `make(image_size)` -> the list of all logits. Inputs that are images are
        halved, others, such as labels, go to each discriminator.

    Raises:
        ValueError: if `image_size` cannot be halved so often.

    Example:

    >>> from kerasgan.networks import at_scales, patch_discriminator
    >>> judge = at_scales(lambda size: patch_discriminator(size, 3, 3, width=8, receptive_field=16), 64, scales=2)
    >>> model = kerasgan.Pix2Pix(image_size=64, width=8, discriminator=judge)
    """
    if scales != int(scales) or scales < 1 or image_size % 2 ** (scales - 1):
        raise ValueError(
            f"`image_size` must be a multiple of 2^(scales - 1), for at least 1 scale. Received: {image_size} and "
            f"scales={scales!r}"
        )
    views = [(image_size // 2**i, layers.AveragePooling2D(2**i) if i else None) for i in range(scales)]
    return _on_views(make, image_size, views)


def at_regions(make, image_size, regions):
    """Several discriminators of one architecture, each on a square region of the image.

    Where images are aligned, as faces are, each region has its own details to be judged by (Li et al. 2017,
    https://arxiv.org/abs/1704.05838, section 3.2). A region of (0, 0, image_size) is the image itself.

    Args:
        make: callable, side of a region -> `keras.Model`, images (or [images, ...]) of that size -> logits.
        image_size: int. Side of the images.
        regions: list of (top, left, side) in pixels.

    Returns:
        A `keras.Model`, as `at_scales` does.

    Raises:
        ValueError: if a region is not inside the image, or there is none.

    Example:

    >>> from kerasgan.models.dcgan import dcgan_discriminator
    >>> corners = [(0, 0, 32), (0, 0, 16), (0, 16, 16), (16, 0, 16), (16, 16, 16)]
    >>> judge = kerasgan.networks.at_regions(lambda size: dcgan_discriminator(size, 3, width=8), 32, corners)
    >>> model = kerasgan.DCGAN(image_size=32, width=8, discriminator=judge)
    """
    views = []
    for top, left, side in regions:
        bottom, right = image_size - top - side, image_size - left - side
        if min(top, left, bottom, right) < 0 or side < 1:
            raise ValueError(f"`regions` must lie inside {image_size} pixels. Received: {(top, left, side)}")
        views.append((side, layers.Cropping2D(((top, bottom), (left, right)))))
    if not views:
        raise ValueError("`regions` must name at least one region. Received: none")
    return _on_views(make, image_size, views)


def _on_views(make, image_size, views):
    """Joins a network `make(size)` for each (size, layer or None) of `views`, called on what the layer shows it."""
    networks = [make(size) for size, _ in views]
    inputs = [
        keras.Input(
            (image_size, image_size, x.shape[-1]) if len(x.shape) == 4 else x.shape[1:], None, x.dtype, name=x.name
        )
        for x in networks[0].inputs
    ]
    outputs = []
    for i, (network, (_, view)) in enumerate(zip(networks, views)):
        network.name = f"discriminator_{i}"  # names must differ in one network
        seen = [view(x) if view and len(x.shape) == 4 else x for x in inputs]
        outputs.append(network(seen if len(seen) > 1 else seen[0]))
    return keras.Model(inputs if len(inputs) > 1 else inputs[0], outputs, name="discriminator")
