"""Regularizers of the codes or images of autoencoders."""

import keras
import tensorflow as tf

from kerasgan import replicas


class _Regularizer:
    """Base class with a weight. Subclasses define `value(images, code, output)`."""

    def __init__(self, weight):
        if weight < 0:
            raise ValueError(f"`weight` must be at least 0. Received: {weight!r}")
        self.weight = float(weight)

    def __call__(self, images, code, output):
        return self.weight * self.value(images, code, output)

    def get_config(self):
        return {"weight": self.weight}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


@keras.saving.register_keras_serializable("kerasgan")
class Sparse(_Regularizer):
    """Sparsity of the code: keeps mean activations near a small rate (Ng 2011, CS294A lecture notes, section 3).

    The penalty is weight sum_j KL(rate || mean activation of unit j), with the mean over the batch of all devices. The
    code must be in (0, 1), such as the output of a sigmoid.

    Args:
        rate: float in (0, 1), rho. Defaults to 0.05.
        weight: float, beta. Defaults to 3.
    """

    def __init__(self, rate=0.05, weight=3.0):
        super().__init__(weight)
        if not 0 < rate < 1:
            raise ValueError(f"`rate` must be in (0, 1). Received: {rate!r}")
        self.rate = float(rate)

    def value(self, images, code, output):
        mean = replicas.mean(tf.reduce_mean(tf.cast(code, tf.float32), axis=list(range(len(code.shape) - 1))))
        mean = tf.clip_by_value(mean, 1e-6, 1 - 1e-6)
        rate = self.rate
        return tf.reduce_sum(rate * tf.math.log(rate / mean) + (1 - rate) * tf.math.log((1 - rate) / (1 - mean)))

    def get_config(self):
        return {"rate": self.rate} | super().get_config()


@keras.saving.register_keras_serializable("kerasgan")
class KeepsDistances(_Regularizer):
    """Penalizes differences between distances of codes and of images: multidimensional scaling.

    The penalty is weight times the mean over the pairs i, j of the batch of (|X_i - X_j| - |E_i - E_j|)^2, where X are
    images and E codes. This is the case MDS of embedding with autoencoder regularization (Yu et al. 2013,
    https://doi.org/10.1007/978-3-642-40994-3_14).

    Args:
        weight: float. Defaults to 1.
    """

    def __init__(self, weight=1.0):
        super().__init__(weight)

    def value(self, images, code, output):
        return tf.reduce_mean(tf.square(_distances(images) - _distances(code)))


def _distances(rows):
    """Returns distances between all rows, float32 (batch, batch), with gradient 0 if two rows are equal."""
    rows = tf.reshape(tf.cast(rows, tf.float32), (tf.shape(rows)[0], -1))
    squares = tf.reduce_sum(tf.square(rows[:, None] - rows[None]), axis=-1)
    apart = squares > 0
    return tf.where(apart, tf.sqrt(tf.where(apart, squares, 1.0)), 0.0)


NAMES = {"sparse": Sparse, "keeps_distances": KeepsDistances}


def get(regularizer):
    """Returns the list of terms for the argument `regularizer`.

    Args:
        regularizer: None, a name (`"sparse"`, `"keeps_distances"`), a config, a callable from (images, code, output) to
            a scalar, or a list of these.

    Returns:
        A list of callables, empty for None.

    Raises:
        ValueError: if an entry is none of these.

    Example:

    >>> kerasgan.regularizers.get("sparse")[0].rate
    0.05
    """
    if regularizer is None:
        return []
    if isinstance(regularizer, (list, tuple)):
        return [term for item in regularizer for term in get(item)]
    if isinstance(regularizer, dict):
        regularizer = keras.saving.deserialize_keras_object(regularizer)
    if isinstance(regularizer, str) and regularizer in NAMES:
        return [NAMES[regularizer]()]
    if callable(regularizer):
        return [regularizer]
    raise ValueError(
        f"`regularizer` must be None, one of {sorted(NAMES)}, a callable, or a list of these. Received: {regularizer!r}"
    )
