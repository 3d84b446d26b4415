"""Parts of many papers' networks: initializers, normalization, and image sizes that double."""

import keras

from kerasgan.layers import BatchNormalization, InstanceNormalization, SpectralNormalization
from kerasgan.shapes import as_size, spelled


def normal():
    """N(0, 0.02), the initializer of DCGAN (Radford et al. 2016, section 4) and of many later papers.

    Each layer needs a new one: a shared initializer returns the same numbers again.
    """
    return keras.initializers.RandomNormal(stddev=0.02)


def batch_norm():
    """Batch normalization with the constants of the code of DCGAN, pix2pix and others."""
    return BatchNormalization(momentum=0.9, epsilon=1e-5, synchronized=True)


def instance_norm():
    """Instance normalization with a shift only.

    The authors' code has a bias before a normalization without parameters, which cancels it. Here the shift is after
    the normalization, with the same number of parameters.
    """
    return InstanceNormalization(scale=False)


NORMALIZATIONS = {"batch": batch_norm, "instance": instance_norm}


def pyramid(image_size, width):
    """Splits an image size into a small base and doublings.

    Args:
        image_size: int or (height, width). Both sides are 4 to 7 times the same power of two. 28 = 7 * 4,
            64 = 4 * 16, (96, 64) = (6, 4) * 16.
        width: int. Channels of the layer next to the image, doubled at each halving of the size, up to 8 times.

    Returns:
        The base size (height, width), and the list of channels from the image inwards.

    Raises:
        ValueError: for another size. The message has the nearest valid sizes.
    """
    size = as_size(image_size)
    depth = max(0, size[0].bit_length() - 3)
    base = tuple(side >> depth for side in size)
    if depth < 2 or any(not 4 <= small <= 7 or small << depth != side for small, side in zip(base, size)):
        raise ValueError(
            "`image_size` must have sides of 4, 5, 6 or 7 times a power of two from 4 on, the same for both: 16, 20, "
            f"24, 28, 32, ... 64, 96, 128, 256. Received: {image_size!r}. The nearest are {_nearest(size)}."
        )
    return base, [width * min(2**level, 8) for level in range(depth)]


def class_projection(x, labels, num_classes, initializer):
    """The head of a projection discriminator (Miyato & Koyama 2018, equation 4), spectrally normalized.

    https://arxiv.org/abs/1802.05637. The logit is psi(phi) + y^T V phi, where phi are the features summed over
    positions, psi is linear, and V is an embedding of the class.

    Args:
        x: tensor (batch, height, width, channels).
        labels: int tensor (batch,).
        num_classes: int.
        initializer: callable, () -> a new initializer.

    Returns:
        Logits (batch, 1), float32.
    """
    features = keras.ops.sum(keras.ops.cast(x, "float32"), axis=(1, 2))
    plain = keras.layers.Dense(1, kernel_initializer=initializer(), dtype="float32")
    plain = SpectralNormalization(plain, dtype="float32")(features)
    embedding = keras.layers.Embedding(num_classes, x.shape[-1], embeddings_initializer=initializer(), dtype="float32")
    classes = SpectralNormalization(embedding, dtype="float32")(labels)
    projected = keras.layers.Dot(axes=1, dtype="float32")([features, classes])
    return keras.layers.Add(dtype="float32")([plain, projected])


def halvings(network):
    """Returns the number n of halvings in a network. The sides of its images should be multiples of 2^n."""
    total = 0
    for layer in network.layers:
        if isinstance(layer, keras.Model):
            total += halvings(layer)
        elif not isinstance(layer, keras.layers.Conv2DTranspose):
            strides = getattr(layer, "strides", 1)
            total += max(strides if isinstance(strides, (tuple, list)) else (strides,)).bit_length() - 1
    return total


def _nearest(size):
    """Returns the two valid sizes nearest to `size`, in words. For a square, both are squares."""
    times = range(4, 8)
    sizes = [(high << depth, wide << depth) for depth in range(2, 12) for high in times for wide in times]
    sizes = [found for found in sizes if size[0] != size[1] or found[0] == found[1]]
    sizes.sort(key=lambda found: abs(found[0] - size[0]) + abs(found[1] - size[1]))
    return " and ".join(spelled(found) for found in sizes[:2])
