"""Checks of the images, features and probabilities that metrics receive."""

import numpy as np
import tensorflow as tf

# tolerance for rounding errors at the limits of [-1, 1]
TOLERANCE = 1e-3


def check_images(images, name, clip=False):
    """Returns a float32 tensor (n, height, width, channels) in [-1, 1]. With `clip`, values outside are clipped."""
    if not tf.is_tensor(images):
        images = np.asarray(images)
    dtype = tf.as_dtype(images.dtype)
    if not dtype.is_floating:
        raise ValueError(
            f"`{name}` must be float images in [-1, 1]. Received: {dtype.name}; use images / 127.5 - 1 for uint8"
        )
    if len(images.shape) != 4:
        raise ValueError(f"`{name}` must have shape (n, height, width, channels). Received: {tuple(images.shape)}")
    images = tf.cast(images, tf.float32)
    # values can be checked only outside a graph; streaming metrics count invalid ones instead
    if tf.executing_eagerly() and tf.size(images) > 0:
        low, high = float(tf.reduce_min(images)), float(tf.reduce_max(images))
        if not (np.isfinite(low) and np.isfinite(high)):
            raise ValueError(f"`{name}` must be finite. Received NaN or infinity in images of shape {images.shape}")
        if not clip and (low < -1.0 - TOLERANCE or high > 1.0 + TOLERANCE):
            raise ValueError(
                f"`{name}` must be in [-1, 1]. Received values from {low:.4g} to {high:.4g}; "
                "use images / 127.5 - 1 for [0, 255]"
            )
    return tf.clip_by_value(images, -1.0, 1.0) if clip else images


def check_features(features, name, minimum=2):
    """Returns a finite float64 array (n, d) with n >= minimum."""
    features = np.asarray(features)
    if features.ndim != 2 or features.dtype.kind not in "fiu":
        raise ValueError(
            f"`{name}` must be numbers of shape (n, features). Received: {features.dtype} of shape {features.shape}; "
            "use extract_features for images"
        )
    if len(features) < minimum or features.shape[1] < 1:
        raise ValueError(f"`{name}` must hold at least {minimum} rows of features. Received: shape {features.shape}")
    features = features.astype(np.float64)
    bad = len(features) - int(np.isfinite(features).all(axis=1).sum())
    if bad:
        raise ValueError(f"`{name}` must be finite. Received NaN or infinity in {bad} of {len(features)} rows")
    return features


def check_same_width(real, fake):
    if real.shape[1] != fake.shape[1]:
        raise ValueError(
            f"`real` and `fake` must have the same number of features: use one extractor for both. "
            f"Received: {real.shape[1]} and {fake.shape[1]}"
        )
    return real, fake


def check_probabilities(probabilities, name, minimum=2, ranks=(2,)):
    """Returns a float64 array (n, classes) with rows that sum to 1."""
    probabilities = np.asarray(probabilities)
    if probabilities.ndim not in ranks or probabilities.dtype.kind not in "fiu" or len(probabilities) < minimum:
        raise ValueError(
            f"`{name}` must be probabilities of shape (n, classes) with n >= {minimum}. "
            f"Received: {probabilities.dtype} of shape {probabilities.shape}"
        )
    probabilities = probabilities.astype(np.float64)
    sums = probabilities.sum(axis=-1)
    if not (probabilities.min() >= 0.0 and np.abs(sums - 1.0).max() < 1e-3):
        raise ValueError(
            f"`{name}` must be >= 0 and sum to 1 in each row: apply a softmax to logits. Received: minimum "
            f"{probabilities.min():.4g}, sums from {sums.min():.4g} to {sums.max():.4g}"
        )
    return probabilities
