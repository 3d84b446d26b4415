"""Spectrally normalized residual blocks of BigGAN, with latents and classes in each norm of the generator.

The layers that use the condition have explicit names. The condition's gradient is a sum over these layers, and
TensorFlow's graph optimizer sorts sums by name. With the numbered names of Keras, two models of one process would round
differently.
"""

from keras import layers

from kerasgan.convolutions import Conv2D
from kerasgan.layers import BatchNormalization, SpectralNormalization
from kerasgan.networks.parts import pyramid

# Channels as multiples of the width, by the number of halvings (Brock et al. 2019, tables 4 to 6, and the authors' code
# at 32 and 64 pixels), for the generator from its first layer on, and for the discriminator's blocks.
UP = {4: (16, 16, 8, 4, 2), 5: (16, 16, 8, 4, 2, 1), 6: (16, 16, 8, 8, 4, 2, 1), 7: (16, 16, 8, 8, 4, 2, 1, 1)}
DOWN = {4: (1, 2, 4, 8, 16), 5: (1, 2, 4, 8, 16, 16), 6: (1, 2, 4, 8, 8, 16, 16), 7: (1, 1, 2, 4, 8, 8, 16, 16)}


def biggan_stages(image_size, width, attention_size):
    """Returns the sizes and channels of both networks.

    Returns:
        The smallest size (height, width); the generator's channels, from the first layer to the image; for each of the
        discriminator's blocks, from the image on, its channels and whether it halves the image; and the longer side of
        the maps with self-attention, 0 for none.

    Raises:
        ValueError: if a size does not fit.
    """
    base, levels = pyramid(image_size, 1)
    depth = len(levels)
    sizes = [max(base) * 2**level for level in range(1, depth)]
    if attention_size is None:
        attention_size = max([size for size in sizes if size <= 64], default=0)
    if depth > max(UP):
        raise ValueError(f"`image_size` must be below {8 << max(UP)} pixels. Received: {image_size!r}")
    if attention_size not in (0, *sizes):
        raise ValueError(f"`attention_size` must be 0 or one of {sizes}. Received: {attention_size!r}")
    small = depth < min(UP)  # the authors' networks for CIFAR have one width, and two blocks of D do not halve
    up, down = (widths.get(depth, (4,) * (depth + 1)) for widths in (UP, DOWN))
    halvings = depth - 1 if small else depth
    blocks = [(width * factor, level < halvings) for level, factor in enumerate(down)]
    return base, [width * factor for factor in up], blocks, attention_size


def spectral_convolution(filters, kernel_size, start):
    """A spectrally normalized convolution. `start` returns a new initializer for each layer."""
    return SpectralNormalization(Conv2D(filters, kernel_size, padding="same", kernel_initializer=start()))


def linear_norm(x, condition, start, spectral, name):
    """Batch norm with gains 1 + W c and shifts V c, where c is the condition of an image.

    Args:
        x: tensor (batch, height, width, channels).
        condition: tensor (batch, dim), c.
        start: callable, () -> a new initializer.
        spectral: bool. Whether W and V are spectrally normalized.
        name: str.
    """

    def linear(part):
        names = {"name": f"{name}_{part}"}
        layer = layers.Dense(x.shape[-1], use_bias=False, kernel_initializer=start(), **({} if spectral else names))
        y = (SpectralNormalization(layer, **names) if spectral else layer)(condition)
        return layers.Reshape((1, 1, x.shape[-1]))(y)

    norm = BatchNormalization(momentum=0.9, epsilon=1e-5, center=False, scale=False, synchronized=True, name=name)
    return norm(x) * (1 + linear("gains")) + linear("shifts")


def doubling_block(x, condition, filters, start, spectral, name):
    """Norm, ReLU, nearest pixels, 3x3, norm, ReLU, 3x3, added to a 1x1 convolution (figure 15b)."""
    y = layers.ReLU()(linear_norm(x, condition, start, spectral, f"{name}_norm_1"))
    y = spectral_convolution(filters, 3, start)(layers.UpSampling2D()(y))
    y = spectral_convolution(filters, 3, start)(
        layers.ReLU()(linear_norm(y, condition, start, spectral, f"{name}_norm_2"))
    )
    # The 1x1 convolution comes before the upsampling: the result is the same and the cost is lower.
    return layers.Add()([layers.UpSampling2D()(spectral_convolution(filters, 1, start)(x)), y])


def halving_block(x, filters, start, first, halves):
    """ReLU (except in the first block), 3x3, ReLU, 3x3, mean pooling, added to a 1x1 convolution (figure 15c)."""
    y = spectral_convolution(filters, 3, start)(x if first else layers.ReLU()(x))
    y = spectral_convolution(filters, 3, start)(layers.ReLU()(y))
    if halves:
        x, y = layers.AveragePooling2D(2)(x), layers.AveragePooling2D(2)(y)
    if halves or x.shape[-1] != filters:
        x = spectral_convolution(filters, 1, start)(x)
    return layers.Add()([x, y])
