"""Corruptions of the input of denoising autoencoders. Each is a Keras layer, so its state is saved."""

import keras
import tensorflow as tf

from kerasgan import random


class Corruption(keras.layers.Layer):
    """Base class of corruptions, which are active only in training.

    A subclass defines `corrupted(images)`. Input and output of any shape (batch, ...), values in [-1, 1].

    Args:
        seed: int. Defaults to a random one.
    """

    def __init__(self, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, images, training=False):
        return self.corrupted(images) if training else images

    def _chosen(self, images, rate):
        """Returns a mask that selects each entry of `images` with probability `rate`."""
        return random.uniform(keras.ops.shape(images), self.seed_generator) < rate

    def compute_output_shape(self, input_shape):
        return input_shape


def _check_rate(rate):
    if not 0 <= rate < 1:
        raise ValueError(f"`rate` must be in [0, 1). Received: {rate!r}")
    return float(rate)


@keras.saving.register_keras_serializable("kerasgan")
class GaussianCorruption(Corruption):
    """Adds noise N(mean, stddev^2) to every entry (Vincent et al. 2010, section 3.3).

    Args:
        stddev: float. Defaults to 0.5.
        mean: float. Defaults to 0.
        seed: int. Defaults to a random one.
    """

    def __init__(self, stddev=0.5, mean=0.0, seed=None, **kwargs):
        super().__init__(seed, **kwargs)
        if stddev < 0:
            raise ValueError(f"`stddev` must be at least 0. Received: {stddev!r}")
        self.stddev, self.mean = float(stddev), float(mean)

    def corrupted(self, images):
        noise = random.normal(keras.ops.shape(images), self.seed_generator)
        return images + tf.cast(self.mean + self.stddev * noise, images.dtype)

    def get_config(self):
        return {**super().get_config(), "stddev": self.stddev, "mean": self.mean}


@keras.saving.register_keras_serializable("kerasgan")
class MaskingCorruption(Corruption):
    """Sets a share of the entries to black (Vincent et al. 2008, section 2.3).

    Args:
        rate: float in [0, 1). Share of the entries. Defaults to 0.3.
        seed: int. Defaults to a random one.
    """

    def __init__(self, rate=0.3, seed=None, **kwargs):
        super().__init__(seed, **kwargs)
        self.rate = _check_rate(rate)

    def corrupted(self, images):
        return tf.where(self._chosen(images, self.rate), tf.cast(-1.0, images.dtype), images)

    def get_config(self):
        return {**super().get_config(), "rate": self.rate}


@keras.saving.register_keras_serializable("kerasgan")
class SaltAndPepperCorruption(Corruption):
    """Sets a share of the entries to black or white, each with probability 1/2 (Vincent et al. 2010, section 3.3).

    Args:
        rate: float in [0, 1). Share of the entries. Defaults to 0.3.
        seed: int. Defaults to a random one.
    """

    def __init__(self, rate=0.3, seed=None, **kwargs):
        super().__init__(seed, **kwargs)
        self.rate = _check_rate(rate)

    def corrupted(self, images):
        draw = random.uniform(keras.ops.shape(images), self.seed_generator)  # one draw decides both
        white = tf.cast(1.0, images.dtype)
        return tf.where(draw < self.rate / 2, white, tf.where(draw < self.rate, -white, images))

    def get_config(self):
        return {**super().get_config(), "rate": self.rate}


NAMES = {"gaussian": GaussianCorruption, "masking": MaskingCorruption, "salt_and_pepper": SaltAndPepperCorruption}


def get(corruption):
    """Returns the list of corruption layers for the argument `corruption`.

    Args:
        corruption: None, a name (`"gaussian"`, `"masking"`, `"salt_and_pepper"`), a config, a `keras.layers.Layer` with
            an argument `training`, or a list of these, which are applied in order.

    Returns:
        A list of layers, empty for None.

    Raises:
        ValueError: if an entry is none of these.

    Example:

    >>> kerasgan.corruptions.get("masking")[0].rate
    0.3
    """
    if corruption is None:
        return []
    if isinstance(corruption, (list, tuple)):
        return [layer for item in corruption for layer in get(item)]
    if isinstance(corruption, dict):
        corruption = keras.saving.deserialize_keras_object(corruption)
    if isinstance(corruption, str) and corruption in NAMES:
        return [NAMES[corruption]()]
    if isinstance(corruption, keras.layers.Layer):
        return [corruption]
    raise ValueError(
        f"`corruption` must be None, one of {sorted(NAMES)}, a Keras layer, or a list of these. "
        f"Received: {corruption!r}"
    )
