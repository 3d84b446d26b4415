"""Discriminators built from other networks."""

import keras
from keras import layers

from kerasgan.arguments import whole
from kerasgan.shapes import as_size


def with_features(discriminator, layer=-2):
    """Makes a discriminator that also outputs features for `kerasgan.losses.FeatureMatching`.

    Args:
        discriminator: a functional `keras.Model`. Its weights are shared, not copied.
        layer: name or index of the layer with the features, or a list of these. Defaults to -2, the last but one.
            ACGAN's discriminator has two output layers, so use -3 there.

    Returns:
        A `keras.Model` with the same inputs and the output {"logits": ..., "features": ...}. For a list of layers,
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
    """Makes several discriminators of one architecture, each on images of half the previous size.

    This is the multi-scale discriminator of pix2pixHD (Wang et al. 2018, https://arxiv.org/abs/1711.11585, section
    3.2). Images are halved by mean pooling. Losses are the mean over the discriminators; the paper has the sum.

    Args:
        make: callable, image size -> `keras.Model`, images (or [images, ...]) of that size -> logits.
        image_size: int or (height, width) of the largest images, multiples of 2^(scales - 1).
        scales: int, the number of discriminators. Defaults to 3, as in the paper.

    Returns:
        A `keras.Model` with the inputs of `make(image_size)` -> the list of all logits. Image inputs are halved. Other
        inputs, such as labels, are passed to each discriminator unchanged.

    Raises:
        ValueError: if `image_size` is not a multiple of 2^(scales - 1).

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
    """Returns the discriminators of `at_scales` without the one of the full size. Weights are shared.

    Args:
        discriminator: the result of `at_scales` with at least 2 scales.

    Returns:
        A `keras.Model`, images of half the size -> the list of their logits.

    Raises:
        ValueError: if there are fewer than two discriminators.
    """
    found = [layer for layer in discriminator.layers if isinstance(layer, keras.Model)]
    if len(found) < 2:
        raise ValueError(
            f"`discriminator` must be made by `at_scales` with 2 or more scales. Received: {len(found)} scales"
        )
    views = [layers.AveragePooling2D(2**i) if i else None for i in range(len(found) - 1)]
    return _joined(found[1:], tuple(found[1].inputs[0].shape[1:3]), views)


def at_regions(make, image_size, regions):
    """Makes several discriminators of one architecture, each on a region of the image.

    Use it for aligned images, such as faces (Li et al. 2017, https://arxiv.org/abs/1704.05838, section 3.2). The region
    (0, 0, image_size) is the whole image.

    Args:
        make: callable, size of a region -> `keras.Model`, images (or [images, ...]) of that size -> logits.
        image_size: int or (height, width) of the images.
        regions: list of (top, left, side) in pixels. A side is an int or (height, width).

    Returns:
        A `keras.Model`, as in `at_scales`.

    Raises:
        ValueError: if a region is not inside the image, or the list is empty.

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
            raise ValueError(f"`regions` must be inside {image_size} pixels. Received: {(top, left, side)}")
        views.append((side, layers.Cropping2D(((top, bottom), (left, right)))))
    if not views:
        raise ValueError("`regions` must name at least one region. Received: none")
    return _on_views(make, image_size, views)


def _on_views(make, image_size, views):
    """Joins a network `make(size)` for each (size, layer or None) of `views`, applied to the output of the layer."""
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
