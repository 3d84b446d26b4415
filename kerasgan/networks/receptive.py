"""Receptive fields."""

from typing import NamedTuple

from keras import layers

from kerasgan.layers import MaxPoolingWithIndices, ReflectionPadding2D, SpectralNormalization

POOLING = (layers.MaxPooling2D, layers.AveragePooling2D)
CONVOLUTIONS = (layers.Conv2D, layers.DepthwiseConv2D, layers.SeparableConv2D)
WHOLE = (layers.GlobalAveragePooling2D, layers.GlobalMaxPooling2D)
MERGING = (layers.Add, layers.Average, layers.Concatenate, layers.Maximum, layers.Minimum, layers.Multiply)
MERGING += (layers.Subtract,)
# Each output pixel depends on one pixel of the input, which padding and cropping shift.
PIXELWISE = (layers.Activation, layers.ReLU, layers.LeakyReLU, layers.ELU, layers.PReLU, layers.Softmax)
PIXELWISE += (layers.BatchNormalization, layers.LayerNormalization, layers.UnitNormalization, layers.Rescaling)
PIXELWISE += (layers.Dropout, layers.SpatialDropout2D, layers.GaussianNoise, layers.GaussianDropout, layers.Identity)
PIXELWISE += (layers.ZeroPadding2D, layers.Cropping2D, ReflectionPadding2D, layers.Dense, layers.InputLayer)


class ReceptiveField(NamedTuple):
    """The part of the image that an output of a layer depends on.

    Attributes:
        size: (height, width), in pixels.
        stride: (down, right), distance in pixels between the fields of neighbouring outputs.
    """

    size: tuple
    stride: tuple


def receptive_fields(network):
    """Returns the receptive field of each layer of a convolutional network, by layer name.

    If the input of a layer has a receptive field of r pixels and a stride of s pixels, a window of k outputs has a
    field of r + (k - 1) s pixels. Padding is included, so a field can be larger than the image. If a layer has several
    inputs, the largest field is used.

    Args:
        network: a functional or sequential `keras.Model` of convolutions, poolings, dense layers, and pixelwise layers
            such as activations and batch normalization.

    Returns:
        dict of layer name -> `ReceptiveField`, in the order of the layers.

    Raises:
        ValueError: for other layers, shared layers, or a subclassed network.

    Example:

    >>> images = keras.Input((32, 32, 3))
    >>> x = keras.layers.Conv2D(8, 5, 2, name="conv")(images)
    >>> x = keras.layers.MaxPooling2D(3, 2, name="pool")(x)
    >>> {name: field.size[0] for name, field in receptive_fields(keras.Model(images, x)).items() if name in "conv pool"}
    {'conv': 5, 'pool': 9}
    """
    if not getattr(network, "inputs", None):
        raise ValueError(f"`network` must be a functional or sequential `keras.Model`. Received: {network!r}")
    places, found = {}, {}  # by layer: its node in the graph; what `_field` returns

    def visit(tensor):
        layer, node, _ = tensor._keras_history
        if places.setdefault(layer.name, node) != node:
            raise ValueError(f"Layer {layer.name!r} is used several times, so its receptive field is not unique.")
        if layer.name not in found:
            sources = layer._inbound_nodes[node].input_tensors
            found[layer.name] = _field(layer, [(*visit(x), x) for x in sources])
        return found[layer.name]

    for output in network.outputs:
        visit(output)
    return {name: field for name, (field, _) in found.items()}


def _field(layer, sources):
    """Returns the receptive field of `layer`, and the number of positions (down, right) in a flattened vector."""
    if not sources:
        return ReceptiveField((1, 1), (1, 1)), (1, 1)
    if len(sources) > 1 and not isinstance(layer, MERGING):
        raise _unknown(layer)
    (size, stride), joined, tensor = sources[0]
    for (other, _), _, _ in sources[1:]:
        size = tuple(map(max, size, other))
    inner = layer.layer if isinstance(layer, SpectralNormalization) else layer
    if isinstance(inner, layers.Flatten):
        return ReceptiveField(size, stride), tuple(tensor.shape[1:3]) if len(tensor.shape) == 4 else joined
    if isinstance(inner, WHOLE):
        return ReceptiveField(_wider(size, stride, tensor.shape[1:3]), stride), (1, 1)
    if isinstance(inner, layers.Dense):  # sees the whole flattened image
        return ReceptiveField(_wider(size, stride, joined), stride), (1, 1)
    if isinstance(inner, (*CONVOLUTIONS, *POOLING, MaxPoolingWithIndices)):
        window, step = _window(inner)
        return ReceptiveField(_wider(size, stride, window), tuple(s * k for s, k in zip(stride, step))), joined
    if isinstance(inner, (*PIXELWISE, *MERGING)):
        return ReceptiveField(size, stride), joined
    raise _unknown(layer)


def _window(layer):
    """Returns the height and width of the window of a convolution or pooling, and its strides."""
    if isinstance(layer, MaxPoolingWithIndices):
        return (layer.pool_size,) * 2, (layer.pool_size,) * 2
    if isinstance(layer, POOLING):
        return layer.pool_size, layer.strides
    dilation = layer.dilation_rate
    dilation = dilation if isinstance(dilation, (tuple, list)) else (dilation, dilation)
    return tuple((k - 1) * d + 1 for k, d in zip(layer.kernel_size, dilation)), layer.strides


def _wider(size, stride, window):
    if None in window:
        raise ValueError("Layers that see the whole image need a network of a known image size.")
    return tuple(r + (k - 1) * s for r, k, s in zip(size, window, stride))


def _unknown(layer):
    return ValueError(
        "Receptive fields are supported for convolutions, poolings, dense layers and pixelwise layers. "
        f"Received: layer {layer.name!r}, a {type(layer).__name__}"
    )
