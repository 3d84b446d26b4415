"""Latent directions of the largest change."""

import keras
import numpy as np

from kerasgan.latent.drawing import check_has_latents


def directions(model, count=5, layers=None):
    """Finds the latent directions with the largest effect on the first layer of a generator: SeFa (Shen & Zhou 2021).

    https://arxiv.org/abs/2007.06600, equation 5: the eigenvectors of A^T A with the largest eigenvalues, where A maps
    the latents to the first features. The method needs no data and no training. For a style-based model, A contains the
    affine maps from w to the styles of all chosen layers, and the directions are directions of w. If a generator splits
    the latents, as BigGAN's does, the directions move only the part that enters its first layer.

    Args:
        model: a model that draws images from latents, or a style-based model.
        count: int. Default 5.
        layers: for style-based models, the layers to consider: a range or a list of ints. Defaults to all.

    Returns:
        float32 array (count, latent_dim) or (count, style_dim), rows of length 1, largest effect first. To plot them:
        `plots.labelled_grid(decode(model, latents[0] + np.linspace(-3, 3, 7)[:, None] * it[:, None]))`. For a
        style-based model, use w and `model.synthesize` instead of latents and `decode`.

    Raises:
        ValueError: if the latents do not enter a dense layer or a convolution first, or an argument is out of range.

    Example:

    >>> model = kerasgan.DCGAN(image_size=16, width=2, latent_dim=4)
    >>> directions(model, count=2).shape
    (2, 4)
    """
    styles = hasattr(model, "synthesize")
    if layers is not None and not styles:
        raise ValueError(f"`layers` is for style-based models. Received: {layers!r} for a {type(model).__name__}")
    maps = _affine_maps(model, layers) if styles else [_first_kernel(model)]
    matrix = np.concatenate(maps, axis=1).astype("float64")
    known = int(matrix.any(axis=1).sum())
    if not 1 <= count <= known:
        raise ValueError(f"`count` must be from 1 to {known}. Received: {count!r}")
    _, vectors = np.linalg.eigh(matrix @ matrix.T)
    vectors = vectors[:, ::-1].T[:count]
    largest = np.take_along_axis(vectors, np.abs(vectors).argmax(axis=1)[:, None], axis=1)
    return (vectors * np.sign(largest)).astype("float32")  # fixes the sign, which is arbitrary


def _affine_maps(model, layers):
    """Returns the kernels (style_dim, channels) from w to styles, of each chosen layer."""
    chosen = set(range(model.num_layers) if layers is None else layers)
    if not chosen or not chosen <= set(range(model.num_layers)):
        raise ValueError(f"`layers` must be among 0 to {model.num_layers - 1}. Received: {layers!r}")
    synthesis = model.sampler().get_layer("synthesis")
    of_layer, maps = {}, []
    for operation in synthesis.operations:
        for node in operation._inbound_nodes:
            if any(tensor is synthesis.inputs[0] for tensor in node.input_tensors):
                of_layer[id(operation.output)] = node.arguments.args[1][1]  # the i of `styles[:, i]`
            elif hasattr(operation, "affine") and of_layer[id(node.input_tensors[-1])] in chosen:
                maps.append(np.asarray(operation.affine.scaled_kernel()))
    return maps


def _first_kernel(model):
    """Returns the weights (latent_dim, features) of the first layer that the latents reach."""
    check_has_latents(model)
    layer = _first_layer(model.sampler())
    if layer is None:
        raise ValueError(
            "The first layer after the latents must be a dense layer or a convolution. Received: another generator of "
            f"{type(model).__name__}"
        )
    kernel = np.asarray(layer.kernel)
    kernel = np.moveaxis(kernel, -1 if isinstance(layer, keras.layers.Conv2DTranspose) else -2, 0)
    kernel = kernel.reshape((len(kernel), -1))[: model.latent_dim]  # a condition may follow the latents
    # A hierarchical generator splits the latents, and only the first part enters this layer.
    return np.pad(kernel, ((0, model.latent_dim - len(kernel)), (0, 0)))


def _first_layer(network):
    """Returns the first layer with a kernel that a network's first input enters, or None."""
    reached = {id(network.inputs[0])}
    for operation in network.operations:
        for node in operation._inbound_nodes:
            if not node.input_tensors or id(node.input_tensors[0]) not in reached:
                continue
            if isinstance(operation, keras.Model):
                return _first_layer(operation)
            operation = getattr(operation, "layer", operation)  # the layer of a wrapper
            if hasattr(operation, "kernel"):
                return operation
            if getattr(operation, "weights", ()):
                return None
            reached |= {id(tensor) for tensor in node.output_tensors}
    return None
