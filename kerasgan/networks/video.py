"""The generator of videos: the next frame, and how the last one moves."""

import keras
from keras import layers

from kerasgan.convolutions import Conv2D
from kerasgan.layers import ReflectionPadding2D
from kerasgan.networks.parts import normal
from kerasgan.networks.residual import _convolve, _enlarge, _paint, _residual_block
from kerasgan.shapes import as_size

FLOW_FACTOR = 20.0  # the authors': so that flow of many pixels comes from small weights


def video_generator(image_size, channels, num_classes, width=128, blocks=9, downsamplings=3, foreground=False):
    """The sequential generator of vid2vid (Wang et al. 2018, https://arxiv.org/abs/1808.06601, section 3).

    Label maps and earlier frames are encoded apart, each by c7s1, halvings and residual blocks, and added. From there
    one branch of residual blocks and doublings paints an image, the other one tells the flow and the mask. As in the
    authors' program, with instance normalization instead of batch normalization, which is the same where a batch
    holds one image.

    Args:
        image_size: int or (height, width) of the frames in training, multiples of 2^downsamplings; it takes frames of
            any such size.
        channels: int. Of a frame.
        num_classes: int. Of the label maps.
        width: int. Channels of the first layers. Defaults to 128.
        blocks: int. Residual blocks from the label maps to an image, of which the encoder has the larger half. Defaults
            to 9.
        downsamplings: int. How often the size is halved. Defaults to 3.
        foreground: bool. Whether a network of its own paints the foreground from the label maps alone (section 3.2).
            Defaults to False.

    Returns:
        A `keras.Model`: [labels (batch, height, width, 3 num_classes), one channel a class of three frames, the current
        one last; previous (..., 2 channels), the two frames before] -> a dict of `"image"` (..., channels) in [-1, 1],
        `"flow"` (..., 2), backward to the frame before, in pixels to the right and down, `"mask"` (..., 1) in [0, 1],
        and `"foreground"` (..., channels) in [-1, 1] where it is asked for, all of them float32.

    Raises:
        ValueError: if `image_size` cannot be halved so often.
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
