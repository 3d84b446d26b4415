"""How close images are to their originals (super-resolution, translation), and how smooth a latent space is.

Images are floats in [-1, 1]. Every pairwise function returns one value per image, so
`keras.metrics.MeanMetricWrapper(psnr, name="psnr")` is its streaming form for `compile(metrics=[...])`.
"""

import keras
import numpy as np
import tensorflow as tf

from kerasgan.metrics.features import check_images


def l1(real, fake):
    """Mean absolute error per image, in units of the range [-1, 1].

    Args:
        real: float array (n, height, width, channels) in [-1, 1].
        fake: the same shape, the images compared to `real`.

    Returns:
        float32 tensor (n,), from 0 to 2.

    Raises:
        ValueError: for shapes that differ, integer images, or values outside [-1, 1].

    Example:

    >>> import numpy as np
    >>> from kerasgan.metrics import l1
    >>> float(l1(np.zeros((1, 2, 2, 1)), np.full((1, 2, 2, 1), 0.5))[0])
    0.5
    """
    real, fake = _pair(real, fake)
    return tf.reduce_mean(tf.abs(real - fake), axis=[1, 2, 3])


def psnr(real, fake, channel="rgb", border=0):
    """Peak signal-to-noise ratio in decibels.

    Args:
        real: float array (n, height, width, channels) in [-1, 1].
        fake: the same shape; values outside [-1, 1] are clipped, as a viewer does.
        channel: "rgb" (all channels) or "y" (the BT.601 luma of RGB images, 16 to 235 of 255, as the
            super-resolution papers score).
        border: int, pixels cut from each side first (super-resolution: the scale factor). Default 0.

    Returns:
        float32 tensor (n,); infinite for equal images.

    Raises:
        ValueError: for shapes that differ, integer images, values outside [-1, 1], or a bad `channel` or `border`.

    Example:

    >>> import numpy as np
    >>> from kerasgan.metrics import psnr
    >>> round(float(psnr(np.zeros((1, 4, 4, 1)), np.full((1, 4, 4, 1), 0.2))[0]), 3)
    20.0
    """
    return tf.image.psnr(*_unit_pair(real, fake, channel, border), max_val=1.0)


def ssim(real, fake, channel="rgb", border=0):
    """Structural similarity, eq. 13 of Wang et al. 2004: 11x11 Gaussian window, sigma 1.5, K1 0.01, K2 0.03.

    Args:
        real: float array (n, height, width, channels) in [-1, 1], at least 11 pixels a side after cropping.
        fake: the same shape; values outside [-1, 1] are clipped.
        channel: "rgb" or "y", as in `psnr`.
        border: int, pixels cut from each side first. Default 0.

    Returns:
        float32 tensor (n,), at most 1; 1 for equal images.

    Raises:
        ValueError: as `psnr`, and for images smaller than the window.

    Example:

    >>> import numpy as np
    >>> from kerasgan.metrics import ssim
    >>> x = np.random.default_rng(0).uniform(-1, 1, (1, 16, 16, 3))
    >>> round(float(ssim(x, x)[0]), 5)
    1.0
    """
    pair = _unit_pair(real, fake, channel, border)
    _check_side(pair[0], 11, "ssim")
    return tf.image.ssim(*pair, max_val=1.0)


def ms_ssim(real, fake):
    """Multi-scale structural similarity, eq. 7 of Wang et al. 2003, five scales.

    Between random pairs of generated images it measures how little they differ (Odena et al. 2017, section 4.3).

    Args:
        real: float array (n, height, width, channels) in [-1, 1], at least 176 pixels a side.
        fake: the same shape; values outside [-1, 1] are clipped.

    Returns:
        float32 tensor (n,), in [0, 1]; 1 for equal images.

    Raises:
        ValueError: as `psnr`, and for images smaller than 176 pixels a side.

    Example:

    >>> import numpy as np
    >>> from kerasgan.metrics import ms_ssim
    >>> x = np.random.default_rng(0).uniform(-1, 1, (1, 176, 176, 1))
    >>> round(float(ms_ssim(x, x)[0]), 5)
    1.0
    """
    pair = _unit_pair(real, fake, "rgb", 0)
    # the window of 11 must fit after four halvings
    _check_side(pair[0], 176, "ms_ssim")
    return tf.image.ssim_multiscale(*pair, max_val=1.0)


def luma(images):
    """BT.601 luma of RGB images: 16 + 65.481 R + 128.553 G + 24.966 B for R, G, B in [0, 1].

    Args:
        images: float tensor (..., 3) in [0, 1].

    Returns:
        float32 tensor (..., 1), from 16/255 to 235/255.

    Example:

    >>> import numpy as np
    >>> from kerasgan.metrics import luma
    >>> round(float(luma(np.ones((1, 1, 1, 3)))[0, 0, 0, 0]) * 255, 3)
    235.0
    """
    images = tf.cast(images, tf.float32)
    return (16.0 + tf.reduce_sum(images * [65.481, 128.553, 24.966], axis=-1, keepdims=True)) / 255.0


def perceptual_path_length(
    generate, latent_dim, distance, num_samples=1000, epsilon=1e-4, batch_size=50, trim=0.01, seed=0
):
    """Perceptual path length in z, section 4.1 of Karras et al. 2019: how much the image changes per latent step.

    Both ends of a path are directions on the sphere of radius sqrt(latent_dim), where Gaussian latents lie; a step of
    `epsilon` along the great circle gives the distance divided by epsilon squared.

    Args:
        generate: callable, latents (n, latent_dim) -> images (n, height, width, channels) in [-1, 1].
        latent_dim: int.
        distance: callable, (images, images) -> (n,) squared perceptual distances (the paper: LPIPS).
        num_samples: int, paths. Default 1000 (the paper: 100,000).
        epsilon: float, step. Default 1e-4, as in the paper.
        batch_size: int, default 50.
        trim: float in [0, 0.5), the share of the lowest and of the highest values that is dropped. Default 0.01, as in
            the authors' code.
        seed: int, of the paths.

    Returns:
        A float >= 0.

    Raises:
        ValueError: when a distance is not finite or has a wrong shape.

    Example:

    >>> import keras
    >>> from kerasgan.metrics import perceptual_path_length
    >>> squares = lambda a, b: keras.ops.sum((a - b) ** 2, axis=-1)
    >>> perceptual_path_length(lambda z: z, 8, squares, num_samples=10) > 0
    True
    """
    random = np.random.default_rng(seed)
    values = []
    for start in range(0, num_samples, batch_size):
        count = min(batch_size, num_samples - start)
        ends = random.normal(size=(2, count, latent_dim))
        ends /= np.linalg.norm(ends, axis=-1, keepdims=True)
        place = random.uniform(size=(count, 1))
        angle = np.arccos(np.clip(np.sum(ends[0] * ends[1], axis=-1, keepdims=True), -1.0, 1.0))
        images = []
        for share in (place, place + epsilon):
            # section 4.1: slerp
            latents = (np.sin((1.0 - share) * angle) * ends[0] + np.sin(share * angle) * ends[1]) / np.sin(angle)
            images.append(generate((latents * np.sqrt(latent_dim)).astype("float32")))
        value = keras.ops.convert_to_numpy(distance(*images)).astype(np.float64)
        if value.shape != (count,) or not np.isfinite(value).all():
            raise ValueError(
                f"`distance` must return one finite number per image. Received: shape {value.shape} for {count} images"
            )
        values.append(value / epsilon**2)
    values = np.sort(np.concatenate(values))
    drop = int(trim * len(values))
    return float(values[drop : len(values) - drop].mean())


def classification_accuracy_score(
    fake_images, fake_labels, real_images, real_labels, num_classes, classifier=None, epochs=5, batch_size=64, seed=0
):
    """Accuracy on real images of a classifier trained on generated ones, Ravuri and Vinyals 2019.

    Args:
        fake_images: float array (n, height, width, channels) in [-1, 1], generated.
        fake_labels: int array (n,), the labels they were generated for.
        real_images: float array (m, height, width, channels) in [-1, 1], real test images.
        real_labels: int array (m,).
        num_classes: int.
        classifier: an untrained keras.Model, images -> logits (n, num_classes). Default None: a small convolutional
            network, built here (the paper: ResNet-50).
        epochs: int, default 5.
        batch_size: int, default 64.
        seed: int, of the default network's weights and of the order of the images.

    Returns:
        A float in [0, 1].

    Raises:
        ValueError: for images that are not floats in [-1, 1], or labels outside [0, num_classes).

    Example:

    >>> import numpy as np
    >>> from kerasgan.metrics import classification_accuracy_score
    >>> labels = np.arange(64) % 2
    >>> images = np.where(labels == 1, 1.0, -1.0)[:, None, None, None] * np.ones((64, 8, 8, 1))
    >>> classification_accuracy_score(images, labels, images, labels, 2, batch_size=8)
    1.0
    """
    sets = []
    for name, images, labels in (("fake", fake_images, fake_labels), ("real", real_images, real_labels)):
        images = check_images(images, f"{name}_images")
        labels = np.asarray(labels)
        if labels.shape != images.shape[:1] or labels.dtype.kind not in "iu":
            raise ValueError(
                f"`{name}_labels` must be one integer per image. Received: shape {labels.shape}, {labels.dtype}"
            )
        if labels.min() < 0 or labels.max() >= num_classes:
            raise ValueError(
                f"`{name}_labels` must be in [0, {num_classes}). Received: {labels.min()} to {labels.max()}"
            )
        sets.append((np.asarray(images, "float32"), labels))
    if classifier is None:
        classifier = _small_classifier(sets[0][0].shape[1:], num_classes, seed)
    classifier.compile(
        optimizer=keras.optimizers.Adam(1e-3),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    # a seeded order: fit's own shuffling would depend on the global seed
    order = np.random.default_rng(seed)
    images, labels = sets[0]
    for _ in range(epochs):
        index = order.permutation(len(images))
        classifier.fit(images[index], labels[index], batch_size=batch_size, shuffle=False, verbose=0)
    predicted = classifier.predict(sets[1][0], batch_size=256, verbose=0).argmax(axis=-1)
    return float((predicted == sets[1][1]).mean())


def _small_classifier(shape, num_classes, seed):
    def start(offset):
        return keras.initializers.GlorotUniform(seed=seed * 10 + offset)

    inputs = keras.Input(shape)
    x = keras.layers.Conv2D(32, 3, 2, "same", activation="relu", kernel_initializer=start(0))(inputs)
    x = keras.layers.Conv2D(64, 3, 2, "same", activation="relu", kernel_initializer=start(1))(x)
    x = keras.layers.Flatten()(x)
    x = keras.layers.Dense(128, activation="relu", kernel_initializer=start(2))(x)
    return keras.Model(inputs, keras.layers.Dense(num_classes, kernel_initializer=start(3))(x))


def _pair(real, fake):
    real, fake = check_images(real, "real"), check_images(fake, "fake", clip=True)
    if not real.shape.is_compatible_with(fake.shape):
        raise ValueError(f"`real` and `fake` must have the same shape. Received: {real.shape} and {fake.shape}")
    return real, fake


def _unit_pair(real, fake, channel, border):
    if channel not in ("rgb", "y"):
        raise ValueError(f"`channel` must be one of ('rgb', 'y'). Received: {channel!r}")
    real, fake = _pair(real, fake)
    if border < 0 or (real.shape[1] and 2 * border >= min(real.shape[1:3])):
        raise ValueError(f"`border` must leave pixels of {real.shape[1:3]}. Received: {border!r}")
    if channel == "y" and real.shape[-1] != 3:
        raise ValueError(f"`channel='y'` needs RGB images. Received: {real.shape[-1]} channels")
    pair = []
    for images in (real, fake):
        images = (images + 1.0) / 2.0
        if border:
            images = images[:, border:-border, border:-border]
        pair.append(luma(images) if channel == "y" else images)
    return pair


def _check_side(images, least, name):
    if images.shape[1] is not None and min(images.shape[1:3]) < least:
        raise ValueError(f"`{name}` needs images of at least {least} pixels a side. Received: {images.shape[1:3]}")
