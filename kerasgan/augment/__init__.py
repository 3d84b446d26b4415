"""Augmentations of real and generated images before the discriminator.

Each augmentation is a Keras layer, so its state is saved with the model.
"""

import keras

from kerasgan.arguments import did_you_mean
from kerasgan.augment.diffaugment import (
    AdaptiveAugment,
    DiffAugment,
    InstanceNoise,
    OccasionalAugment,
    PseudoAugment,
    flipped,
    translated,
)
from kerasgan.augment.pipe import AugmentPipe
from kerasgan.augment.pool import ImagePool

__all__ = [
    "AdaptiveAugment",
    "AugmentPipe",
    "DiffAugment",
    "ImagePool",
    "InstanceNoise",
    "OccasionalAugment",
    "PseudoAugment",
    "flipped",
    "get",
    "translated",
]
NAMES = {
    "diffaugment": DiffAugment,
    "adaptive": AdaptiveAugment,
    "bgc": AugmentPipe,
    "apa": PseudoAugment,
    "pool": ImagePool,
    "instance_noise": InstanceNoise,
}


def get(augment):
    """Returns the list of augmentation layers for the argument `augment` of `compile`.

    Args:
        augment: None, a name (`"diffaugment"`, `"adaptive"`, `"bgc"`, `"apa"`, `"pool"`, `"instance_noise"`), a config,
            a `keras.layers.Layer` on images, or a list of these.

    Returns:
        A list of layers, empty for None.

    Raises:
        ValueError: if an entry is none of these.

    Example:

    >>> kerasgan.augment.get("diffaugment")[0].policy
    'color,translation,cutout'
    """
    if augment is None:
        return []
    if isinstance(augment, (list, tuple)):
        return [layer for item in augment for layer in get(item)]
    if isinstance(augment, dict):
        augment = keras.saving.deserialize_keras_object(augment)
    if isinstance(augment, str) and augment in NAMES:
        return [NAMES[augment]()]
    if isinstance(augment, keras.layers.Layer):
        return [augment]
    raise ValueError(
        f"`augment` must be None, one of {sorted(NAMES)}, a Keras layer, or a list of these. Received: {augment!r}."
        f"{did_you_mean(augment, NAMES)}"
    )
