"""The generator of videos, which draws the next frame and the flow from the last one."""

import keras
from keras import layers

from kerasgan.convolutions import Conv2D
from kerasgan.layers import ReflectionPadding2D
from kerasgan.networks.parts import normal
from kerasgan.networks.residual import _convolve, _enlarge, _paint, _residual_block
from kerasgan.shapes import as_size

FLOW_FACTOR = 20.0  # as in the authors' code, so that small weights give flow of many pixels


def video_generator(image_size, channels, num_classes, width=128, blocks=9, downsamplings=3, foreground=False):
    """The sequential generator of vid2vid (Wang et al. 2018, https://arxiv.org/abs/1808.06601, section 3).

    Two encoders, of label maps and of earlier frames, have c7s1, halvings and residual blocks. Their outputs are added.
    One branch of residual blocks and doublings draws an image. The other one computes the flow and the mask. The
    network is as in the authors' program, but with instance normalization instead of batch normalization, which is the
    same for batches of one image.

    Args:
        image_size: int or (height, width) of the frames in training, multiples of 2^downsamplings. The network takes
            frames of any such size.
        channels: int. Channels of a frame.
        num_classes: int. Number of classes of the label maps.
        width: int. Channels of the first layers. Defaults to 128.
        blocks: int. Residual blocks from the label maps to an image. The encoder has the larger half. Defaults to 9.
        downsamplings: int. Number of halvings of the size. Defaults to 3.
        foreground: bool. Whether a separate network draws the foreground from the label maps only (section 3.2).
            Defaults to False.

    Returns:
        A `keras.Model`: [labels (batch, height, width, 3 num_classes), one-hot label maps of three frames, the current
        one last; previous (..., 2 channels), the two frames before] -> a dict of float32 tensors: `"image"`
        (..., channels) in [-1, 1]; `"flow"` (..., 2), backward to the frame before, in pixels to the right and down;
        `"mask"` (..., 1) in [0, 1]; and, with `foreground`, `"foreground"` (..., channels) in [-1, 1].

    Raises:
        ValueError: if `image_size` is not a multiple of 2^downsamplings, or too small.
    """
    multiple = 2**downsamplings
    if any(side < 2 * multiple or side % multiple for side in as_size(image_size)):
        raise ValueError(
            f"`image_size` must be a multiple of {multiple}, at least {2 * multiple}. Received: {image_size!r}"
        )
    labels = keras.Input((None, None, 3 * num_classes), name="labels")
    previous = keras.Input((None, None, 2 * channels), name="previous")
    levels = [width * 2**level for level in range(downsamplings + 1)]

    def encoded(x):
        x = layers.ReLU()(_convolve(ReflectionPadding2D(3)(x), width, 7))
        for filters in levels[1:]:
            x = layers.ReLU()(_convolve(x, filters, 3, stride=2))
        return _blocks(x, blocks - blocks // 2)

    def enlarged(x):
        x = _blocks(x, blocks // 2)
        for filters in levels[-2::-1]:
            x = _enlarge(x, filters)
        return x

    both = layers.Add()([encoded(labels), encoded(previous)])
    outputs = {"image": _paint(enlarged(both), channels)}
    moving = ReflectionPadding2D(3)(enlarged(both))
    flow = Conv2D(2, 7, kernel_initializer=normal())(moving)
    outputs["flow"] = layers.Rescaling(FLOW_FACTOR, dtype="float32")(flow)
    mask = Conv2D(1, 7, kernel_initializer=normal())(moving)
    outputs["mask"] = layers.Activation("sigmoid", dtype="float32")(mask)
    if foreground:
        outputs["foreground"] = _paint(enlarged(encoded(labels)), channels)
    return keras.Model([labels, previous], outputs, name="generator")


def _blocks(x, count):
    for _ in range(count):
        x = _residual_block(x)
    return x
