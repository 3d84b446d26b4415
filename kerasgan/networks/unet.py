"""The U-Net of pix2pix, with its noise and batch statistics."""

import math

import keras
import tensorflow as tf
from keras import layers, ops

from kerasgan.convolutions import Conv2D, Conv2DTranspose
from kerasgan.layers import BatchNormalization, LeakyReLU, normalize, wide
from kerasgan.networks.parts import halvings, normal
from kerasgan.shapes import as_size


@keras.saving.register_keras_serializable("kerasgan")
class NoiseDropout(layers.Layer):
    """Dropout with random numbers from an input of the network, z in the paper (section 3.2).

    The caller gives the random numbers, so that a seed gives the same translation on any device and after export.

    Args:
        rate: float in [0, 1). Share of the units that are set to 0. Defaults to 0.5.
        offset: int. Position in the noise of this layer's first number. Defaults to 0.
        numbers: int. The number of features that `offset` is for. For k times as many features, the offset is k times
            as large. Defaults to None, which means the same `offset` for all sizes.

    Inputs: features (batch, height, width, channels), and noise (batch, n), uniform on [-1, 1). Output: features.
    """

    def __init__(self, rate=0.5, offset=0, numbers=None, **kwargs):
        super().__init__(**kwargs)
        self.rate, self.offset, self.numbers = rate, offset, numbers

    def call(self, inputs):
        x, noise = inputs
        shape = ops.shape(x)[1:]
        count = math.prod(shape)
        first = self.offset * (count // self.numbers if self.numbers else 1)
        noise = ops.reshape(noise[:, first : first + count], (-1, *shape))
        keep = ops.cast(noise >= 2 * self.rate - 1, x.dtype)
        return x * keep / (1 - self.rate)

    def compute_output_shape(self, input_shape):
        return input_shape[0]

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "offset": self.offset, "numbers": self.numbers}


@keras.saving.register_keras_serializable("kerasgan")
class ImageBatchNormalization(BatchNormalization):
    """Batch normalization that uses the statistics of each image outside of training.

    In the paper, the generator uses the statistics of the test batch at test time (section 3.3). For its batches of one
    image, this layer is the same. In larger batches, an image does not depend on the other images.
    """

    def call(self, inputs, training=None, mask=None):
        if training:
            return super().call(inputs, training=True, mask=mask)
        return tf.cast(normalize(wide(inputs), [1, 2], self.gamma, self.beta, self.epsilon), inputs.dtype)


STATISTICS = {"image": ImageBatchNormalization, "moving": BatchNormalization}


def unet_generator(image_size, channels, source_channels=None, width=64, dropout=True, sampling_statistics="image"):
    """The U-Net (appendix 6.1.1), with as many halvings as possible and skip connections between equal sizes.

    For 256 pixels, the encoder is C64-C128-C256-C512-C512-C512-C512-C512, down to one pixel, and the decoder is
    CD512-CD512-CD512-C512-C256-C128-C64. For other sizes, the number of layers is the number of halvings. Dropout is in
    up to three first layers of the decoder; at least two layers after them have none. The network takes any size that
    can be halved as often as `image_size`.

    Args: as in `Pix2Pix`.

    Returns:
        A `keras.Model`, images, or [images, noise] with dropout, -> images in [-1, 1].
    """
    sides = as_size(image_size)
    depth = min((side & -side).bit_length() - 1 for side in sides)
    if depth < 3:
        raise ValueError(f"`image_size` must be multiples of 8: a U-Net halves them. Received: {image_size!r}")
    if sampling_statistics not in STATISTICS:
        raise ValueError(f"`sampling_statistics` must be one of {list(STATISTICS)}. Received: {sampling_statistics!r}")

    def norm():
        return STATISTICS[sampling_statistics](momentum=0.9, epsilon=1e-5, synchronized=True)

    filters = [width * min(2**level, 8) for level in range(depth)]
    dropped = min(3, depth - 3) if dropout else 0
    # Numbers that each dropout needs for a bottleneck of one pixel: the decoder's first layer has 2x2, the next 4x4 ...
    sizes = [4 ** (i + 1) * filters[-2 - i] for i in range(dropped)]

    x = images = keras.Input((None, None, source_channels or channels), name="images")
    noise = keras.Input((None,), name="noise") if dropped else None
    skips = []
    for level, count in enumerate(filters):
        x = Conv2D(count, 4, 2, "same", use_bias=False, kernel_initializer=normal())(x)
        x = LeakyReLU(0.2)(norm()(x) if level else x)
        skips.append(x)
    for i, (count, skip) in enumerate(zip(reversed(filters[:-1]), reversed(skips[:-1]))):
        x = Conv2DTranspose(count, 4, 2, "same", use_bias=False, kernel_initializer=normal())(x)
        x = norm()(x)
        if i < dropped:
            x = NoiseDropout(0.5, sum(sizes[:i]), sizes[i])([x, noise])
        x = layers.Concatenate()([layers.ReLU()(x), skip])
    x = Conv2DTranspose(channels, 4, 2, "same", kernel_initializer=normal())(x)
    outputs = layers.Activation("tanh", dtype="float32")(x)
    return keras.Model([images, noise] if dropped else images, outputs, name="generator")


def noise_length(network, image_size):
    """Returns the length of a translator's noise input for images of `image_size`, 0 for none."""
    if len(network.inputs) < 2:
        return 0
    if network.inputs[1].shape[-1] is not None:
        return network.inputs[1].shape[-1]
    numbers = sum(layer.numbers for layer in network.layers if isinstance(layer, NoiseDropout))
    return numbers * math.prod(side // 2 ** halvings(network) for side in as_size(image_size))
