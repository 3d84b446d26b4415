"""The generator of videos, which draws the next frame and the flow from the last one."""

import keras
from keras import layers

from kerasgan.arguments import whole
from kerasgan.convolutions import Conv2D
from kerasgan.layers import ReflectionPadding2D
from kerasgan.networks.parts import normal
from kerasgan.networks.residual import _convolve, _enlarge, _painted, _residual_block
from kerasgan.shapes import as_size

FLOW_FACTOR = 20.0  # as in the authors' code, so that small weights give flow of many pixels; doubled by an enhancer
ENHANCER_BLOCKS = 3


def video_generator(
    image_size, channels, num_classes, width=128, blocks=9, downsamplings=3, foreground=False, enhancers=0
):
    """The sequential generator of vid2vid (Wang et al. 2018, https://arxiv.org/abs/1808.06601, section 3).

    Two encoders, of label maps and of earlier frames, have c7s1, halvings and residual blocks. Their outputs are added.
    One branch of residual blocks and doublings draws an image. The other one computes the flow and the mask. The
    network is as in the authors' program, but with instance normalization instead of batch normalization, which is the
    same for batches of one image.

    Each enhancer doubles the size (coarse to fine, as the local enhancer of pix2pixHD): one halving of the full inputs,
    to which the last features of the coarser network are added, then three residual blocks and a doubling for each
    branch. The coarser network sees inputs of half the size. It is the layer `"coarse"`.

    Args:
        image_size: int or (height, width) of the frames in training, multiples of 2^(downsamplings + enhancers). The
            network takes frames of any such size.
        channels: int. Channels of a frame.
        num_classes: int. Number of classes of the label maps.
        width: int. Channels of the first layers. Defaults to 128.
        blocks: int. Residual blocks from the label maps to an image. The encoder has the larger half. Defaults to 9.
        downsamplings: int. Number of halvings of the size. Defaults to 3.
        foreground: bool. Whether a separate network draws the foreground from the label maps only (section 3.2).
            Defaults to False.
        enhancers: int. Number of finer networks on top of the coarsest. Each has half the width of the one before.
            Defaults to 0.

    Returns:
        A `keras.Model`: [labels (batch, height, width, 3 num_classes), one-hot label maps of three frames, the current
        one last; previous (..., 2 channels), the two frames before] -> a dict of float32 tensors: `"image"`
        (..., channels) in [-1, 1]; `"flow"` (..., 2), backward to the frame before, in pixels to the right and down;
        `"mask"` (..., 1) in [0, 1]; and, with `foreground`, `"foreground"` (..., channels) in [-1, 1].

    Raises:
        ValueError: if `image_size` is not a multiple of 2^(downsamplings + enhancers) or too small, or `width` is not a
            multiple of 2^enhancers.
    """
    if whole(enhancers, least=0) is None:
        raise ValueError(f"`enhancers` must be an int of at least 0. Received: {enhancers!r}")
    if width % 2**enhancers:
        raise ValueError(f"`width` must be a multiple of {2**enhancers} for {enhancers} enhancers. Received: {width!r}")
    multiple = 2 ** (downsamplings + enhancers)
    if any(side < 2 * multiple or side % multiple for side in as_size(image_size)):
        raise ValueError(
            f"`image_size` must be a multiple of {multiple}, at least {2 * multiple}. Received: {image_size!r}"
        )
    network = _coarsest(channels, num_classes, width, blocks, downsamplings, foreground)
    for level in range(1, enhancers + 1):
        network = _enhanced(network, channels, width // 2**level, FLOW_FACTOR * 2**level)
    return network


def video_features(generator):
    """Returns the part of a `video_generator` before its last convolutions, a `keras.Model`: a dict of features."""
    names = [name for name in ("image", "flow", "foreground") if name in generator.output]
    features = {name: generator.get_layer(f"before_{name}").input for name in names}
    return keras.Model(generator.inputs, features, name="coarse")


def _coarsest(channels, num_classes, width, blocks, downsamplings, foreground):
    labels = keras.Input((None, None, 3 * num_classes), name="labels")
    previous = keras.Input((None, None, 2 * channels), name="previous")
    levels = [width * 2**level for level in range(downsamplings + 1)]

    def encoded(x):
        return _blocks(_halved(x, levels), blocks - blocks // 2)

    def enlarged(x):
        x = _blocks(x, blocks // 2)
        for filters in levels[-2::-1]:
            x = _enlarge(x, filters)
        return x

    both = layers.Add()([encoded(labels), encoded(previous)])
    features = {"image": enlarged(both), "flow": enlarged(both)}
    if foreground:
        features["foreground"] = enlarged(encoded(labels))
    return _with_heads([labels, previous], features, channels, FLOW_FACTOR)


def _enhanced(coarse, channels, width, flow_factor):
    """Returns the network that draws frames of twice the size from the features of `coarse`."""
    labels, previous = inputs = [keras.Input(x.shape[1:], name=x.name) for x in coarse.inputs]
    known = video_features(coarse)([layers.AveragePooling2D(2)(x) for x in inputs])
    levels = [width, 2 * width]
    near = layers.Add()([_halved(labels, levels), _halved(previous, levels)])
    starts = {"image": near, "flow": near}
    if "foreground" in known:
        starts["foreground"] = _halved(labels, levels)
    features = {
        name: _enlarge(_blocks(layers.Add()([start, known[name]]), ENHANCER_BLOCKS), width)
        for name, start in starts.items()
    }
    return _with_heads(inputs, features, channels, flow_factor)


def _with_heads(inputs, features, channels, flow_factor):
    """Returns the generator with the last convolutions of each branch."""
    padded = {name: ReflectionPadding2D(3, name=f"before_{name}")(x) for name, x in features.items()}
    outputs = {"image": _painted(padded["image"], channels)}
    flow = Conv2D(2, 7, kernel_initializer=normal())(padded["flow"])
    outputs["flow"] = layers.Rescaling(flow_factor, dtype="float32")(flow)
    mask = Conv2D(1, 7, kernel_initializer=normal())(padded["flow"])
    outputs["mask"] = layers.Activation("sigmoid", dtype="float32")(mask)
    if "foreground" in padded:
        outputs["foreground"] = _painted(padded["foreground"], channels)
    return keras.Model(inputs, outputs, name="generator")


def _halved(x, levels):
    """c7s1, then a convolution with stride 2 for each further level."""
    x = layers.ReLU()(_convolve(ReflectionPadding2D(3)(x), levels[0], 7))
    for filters in levels[1:]:
        x = layers.ReLU()(_convolve(x, filters, 3, stride=2))
    return x


def _blocks(x, count):
    for _ in range(count):
        x = _residual_block(x)
    return x
