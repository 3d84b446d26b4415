"""Discriminators built from other networks."""

import keras
from keras import layers

from kerasgan.arguments import whole
from kerasgan.shapes import as_size


def with_features(discriminator, layer=-2):
    """Makes a discriminator that also outputs its activations: what `kerasgan.losses.FeatureMatching` compares.

    Args:
        discriminator: `keras.Model` of the functional kind; its weights are shared, not copied.
        layer: name or index of the layer whose output is matched, or a list of these. Defaults to -2, before the last
            one. ACGAN's discriminator ends in two, so there it is -3.

    Returns:
        A `keras.Model` with the same inputs, whose output is {"logits": ..., "features": ...}; of a list of layers
        "features" is a list.

    Raises:
        ValueError: if `discriminator` is not functional, or has no such layer.
    """
    if not hasattr(discriminator, "operations"):
        raise ValueError(f"`discriminator` must be a functional `keras.Model`. Received: {discriminator!r}")

    def output_of(layer):
        found = discriminator.get_layer(layer) if isinstance(layer, str) else discriminator.get_layer(index=layer)
        return found.output

    features = [output_of(each) for each in layer] if isinstance(layer, (list, tuple)) else output_of(layer)
    outputs = {"logits": discriminator.output, "features": features}
    return keras.Model(discriminator.input, outputs, name=discriminator.name)


def at_scales(make, image_size, scales=3):
    """Several discriminators of one architecture, each on images of half the size of those before.

    As in pix2pixHD (Wang et al. 2018, https://arxiv.org/abs/1711.11585, section 3.2): the one on the smallest images
    sees the most of the whole. A pixel of a smaller image is the mean of those it stands for. Losses are the mean over
    the discriminators, where the paper has the sum.

    Args:
        make: callable, image size -> `keras.Model`, images (or [images, ...]) of that size -> logits.
        image_size: int or (height, width) of the largest images, multiples of 2^(scales - 1).
        scales: int. How many. Defaults to 3, as in the paper.

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
    height, width = as_size(image_size)
    if whole(scales) is None or height % 2 ** (scales - 1) or width % 2 ** (scales - 1):
        raise ValueError(
            f"`image_size` must be a multiple of 2^(scales - 1), for at least 1 scale. Received: {image_size} and "
            f"scales={scales!r}"
        )
    square = isinstance(image_size, int)
    sizes = [height // 2**i if square else (height // 2**i, width // 2**i) for i in range(scales)]
    views = [(size, layers.AveragePooling2D(2**i) if i else None) for i, size in enumerate(sizes)]
    return _on_views(make, image_size, views)


def at_smaller_scales(discriminator):
    """The discriminators of `at_scales` but the one of the full size, with their weights.

    Args:
        discriminator: what `at_scales` returned, of at least 2 scales.

    Returns:
        A `keras.Model` of images of half the size -> the list of the other logits.

    Raises:
        ValueError: if there are no two discriminators.
    """
    found = [layer for layer in discriminator.layers if isinstance(layer, keras.Model)]
    if len(found) < 2:
        raise ValueError(f"`discriminator` must be one of `at_scales`, of 2 or more. Received: {len(found)} inside it")
    views = [layers.AveragePooling2D(2**i) if i else None for i in range(len(found) - 1)]
    return _joined(found[1:], tuple(found[1].inputs[0].shape[1:3]), views)


def at_regions(make, image_size, regions):
    """Several discriminators of one architecture, each on a square region of the image.

    Where images are aligned, as faces are, each region has its own details to be judged by (Li et al. 2017,
    https://arxiv.org/abs/1704.05838, section 3.2). A region of (0, 0, image_size) is the image itself.

    Args:
        make: callable, size of a region -> `keras.Model`, images (or [images, ...]) of that size -> logits.
        image_size: int or (height, width) of the images.
        regions: list of (top, left, side) in pixels; a side is an int or (height, width).

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
    views, (height, width) = [], as_size(image_size)
    for top, left, side in regions:
        bottom, right = height - top - as_size(side, "regions")[0], width - left - as_size(side, "regions")[1]
        if min(top, left, bottom, right) < 0:
            raise ValueError(f"`regions` must lie inside {image_size} pixels. Received: {(top, left, side)}")
        views.append((side, layers.Cropping2D(((top, bottom), (left, right)))))
    if not views:
        raise ValueError("`regions` must name at least one region. Received: none")
    return _on_views(make, image_size, views)


def _on_views(make, image_size, views):
    """Joins a network `make(size)` for each (size, layer or None) of `views`, called on what the layer shows it."""
    networks = [make(size) for size, _ in views]
    for i, network in enumerate(networks):
        network.name = f"discriminator_{i}"  # names must differ in one network
    return _joined(networks, as_size(image_size), [view for _, view in views])


def _joined(networks, size, views):
    inputs = [
        keras.Input((*size, x.shape[-1]) if len(x.shape) == 4 else x.shape[1:], None, x.dtype, name=x.name)
        for x in networks[0].inputs
    ]
    outputs = []
    for network, view in zip(networks, views, strict=True):
        seen = [view(x) if view and len(x.shape) == 4 else x for x in inputs]
        outputs.append(network(seen if len(seen) > 1 else seen[0]))
    return keras.Model(inputs if len(inputs) > 1 else inputs[0], outputs, name="discriminator")
