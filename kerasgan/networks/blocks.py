"""Spectrally normalized residual blocks as BigGAN has them: with latents and classes in each norm of the generator.

What reads the condition has a name of its own. Its gradient is a sum of many, and TensorFlow's optimizer of graphs
sorts sums by name: with the numbered names of Keras, two models of one process would round differently.
"""

from keras import layers

from kerasgan.convolutions import Conv2D
from kerasgan.layers import BatchNormalization, SpectralNormalization
from kerasgan.networks.parts import pyramid

# Channels over those next to the image, by how often the image is halved (Brock et al. 2019, tables 4 to 6, and the
# authors' code at 32 and 64 pixels): of the generator from its first layer on, and of the discriminator's blocks.
UP = {4: (16, 16, 8, 4, 2), 5: (16, 16, 8, 4, 2, 1), 6: (16, 16, 8, 8, 4, 2, 1), 7: (16, 16, 8, 8, 4, 2, 1, 1)}
DOWN = {4: (1, 2, 4, 8, 16), 5: (1, 2, 4, 8, 16, 16), 6: (1, 2, 4, 8, 8, 16, 16), 7: (1, 1, 2, 4, 8, 8, 16, 16)}


def biggan_stages(image_size, width, attention_size):
    """Returns the sizes and channels of both networks.

    Returns:
        The smallest size (height, width); the generator's channels, from the first layer to the image; those of the
        discriminator's blocks, from the image on, each with whether the block halves the image; and the longer side of
        the maps that attend, 0 for none.

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
    small = depth < min(UP)  # the authors' networks for CIFAR: one width, and two of D's blocks do not halve
    up, down = (widths.get(depth, (4,) * (depth + 1)) for widths in (UP, DOWN))
    halvings = depth - 1 if small else depth
    blocks = [(width * factor, level < halvings) for level, factor in enumerate(down)]
    return base, [width * factor for factor in up], blocks, attention_size


def spectral_convolution(filters, kernel_size, start):
    """A spectrally normalized convolution; `start` makes a new initializer a layer."""
    return SpectralNormalization(Conv2D(filters, kernel_size, padding="same", kernel_initializer=start()))


def linear_norm(x, condition, start, spectral, name):
    """Batch norm with gains 1 + W c and shifts V c, linear in the condition c of an image.

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
    # A 1x1 convolution and the nearest pixels may change places: so there are fewer to multiply.
    return layers.Add()([layers.UpSampling2D()(spectral_convolution(filters, 1, start)(x)), y])


def halving_block(x, filters, start, first, halves):
    """ReLU, but not of the image, 3x3, ReLU, 3x3 and mean pooling, added to a 1x1 convolution (figure 15c)."""
    y = spectral_convolution(filters, 3, start)(x if first else layers.ReLU()(x))
    y = spectral_convolution(filters, 3, start)(layers.ReLU()(y))
    if halves:
        x, y = layers.AveragePooling2D(2)(x), layers.AveragePooling2D(2)(y)
    if halves or x.shape[-1] != filters:
        x = spectral_convolution(filters, 1, start)(x)
    return layers.Add()([x, y])
