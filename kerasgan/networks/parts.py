"""What the networks of many papers are made of: where weights start, normalisations, and sizes that double."""

import keras

from kerasgan.layers import BatchNormalization, InstanceNormalization


def normal():
    """N(0, 0.02), from which DCGAN's weights start and those of many papers after it (Radford et al. 2016, section 4).

    A new object a layer: a shared one repeats its draw.
    """
    return keras.initializers.RandomNormal(stddev=0.02)


def batch_norm():
    """Batch normalization with the constants of the code of DCGAN and of the first translation papers."""
    return BatchNormalization(momentum=0.9, epsilon=1e-5, synchronized=True)


def instance_norm():
    """Instance normalization with a shift only.

    Where the authors' code has a bias before a normalisation without parameters, which the normalisation cancels, the
    shift stands behind it: as many parameters, and all of them do something.
    """
    return InstanceNormalization(scale=False)


NORMALIZATIONS = {"batch": batch_norm, "instance": instance_norm}


def pyramid(image_size, width):
    """Splits an image size into a small base and doublings.

    Args:
        image_size: int, 4 to 7 times a power of two: 28 = 7 * 4, 64 = 4 * 16, 96 = 6 * 16.
        width: int. Channels of the layer next to the image; doubled at each halving of the size, up to 8 times.

    Returns:
        The base size, and the list of channels from the image inwards.
    """
    base, depth = image_size, 0
    while base >= 8 and base % 2 == 0:
        base, depth = base // 2, depth + 1
    if not 4 <= base <= 7 or depth < 2:
        raise ValueError(
            "`image_size` must be 4, 5, 6 or 7 times a power of two from 4 on: 16, 20, 24, 28, 32, ... 64, 96, 128, "
            f"256. Received: {image_size!r}"
        )
    return base, [width * min(2**level, 8) for level in range(depth)]
