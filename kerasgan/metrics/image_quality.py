"""Image quality against reference images, for super-resolution and translation: one value per image."""

import inspect

import keras
import tensorflow as tf

from kerasgan.arguments import refuse_unknown
from kerasgan.metrics.checks import check_images
from kerasgan.metrics.streaming import ImageMetric


def l1(real, fake):
    """Returns the mean absolute error of each image.

    Args:
        real: float array (n, height, width, channels) in [-1, 1], the reference images.
        fake: float array of the same shape.

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
    """Returns the peak signal-to-noise ratio of each image in decibels.

    Args:
        real: float array (n, height, width, channels) in [-1, 1], the reference images.
        fake: float array of the same shape. Values outside [-1, 1] are clipped.
        channel: "rgb" (all channels) or "y" (the BT.601 luma of RGB images, 16 to 235 of 255, as in papers on
            super-resolution).
        border: int, the number of pixels that are first cut from each side (super-resolution: the scale factor).
            Default 0.

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
    """Returns the structural similarity of each image, eq. 13 of Wang et al. 2004.

    The window is an 11x11 Gaussian of sigma 1.5, with K1 = 0.01 and K2 = 0.03.

    Args:
        real: float array (n, height, width, channels) in [-1, 1]. Each side must have at least 11 pixels after
            cropping.
        fake: float array of the same shape. Values outside [-1, 1] are clipped.
        channel: "rgb" or "y", as in `psnr`.
        border: int, as in `psnr`. Default 0.

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
    """Returns the multi-scale structural similarity of each image, eq. 7 of Wang et al. 2003, with five scales.

    Its mean over random pairs of generated images measures their diversity: lower is more diverse (Odena et al. 2017,
    section 4.3).

    Args:
        real: float array (n, height, width, channels) in [-1, 1]. Each side must have at least 176 pixels.
        fake: float array of the same shape. Values outside [-1, 1] are clipped.

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
    # the window of 11 pixels must fit after four halvings
    _check_side(pair[0], 176, "ms_ssim")
    return tf.image.ssim_multiscale(*pair, max_val=1.0)


def perceptual_distance(real, fake, features):
    """Returns the distance of each pair of images in the features of a network.

    This is equation 1 of Zhang et al. 2018 for one layer with all weights 1: the mean over positions of |f - g|^2,
    where f and g are the feature vectors of the two images, scaled to length 1. LPIPS sums several layers with weights
    fitted to human judgements, so its values cannot be compared with these.

    Args:
        real: float array (n, height, width, channels) in [-1, 1].
        fake: float array of the same shape. Values outside [-1, 1] are clipped.
        features: callable, images -> features (n, rows, columns, channels), such as `SRGAN.features` of a compiled
            model or `kerasgan.networks.vgg_features("vgg16_33")`.

    Returns:
        float32 tensor (n,), from 0 to 4; at most 2 for non-negative features.

    Raises:
        ValueError: for shapes that differ, integer images, values outside [-1, 1], or features of another rank.

    Example:

    >>> import numpy as np
    >>> from kerasgan.metrics import perceptual_distance
    >>> x = np.full((1, 2, 2, 3), 0.5)
    >>> round(float(perceptual_distance(x, -x, lambda images: images)[0]), 3)
    4.0
    """
    vectors = []
    for images in _pair(real, fake):
        found = tf.cast(features(images), tf.float32)
        if found.shape.rank != 4:
            raise ValueError(f"`features` must give (n, rows, columns, channels). Received: {found.shape}")
        vectors.append(tf.math.l2_normalize(found, axis=-1, epsilon=1e-10))
    return tf.reduce_mean(tf.reduce_sum(tf.square(vectors[0] - vectors[1]), axis=-1), axis=[1, 2])


def luma(images):
    """Returns the BT.601 luma of RGB images: 16 + 65.481 R + 128.553 G + 24.966 B for R, G, B in [0, 1], over 255.

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


MEASURES = {"l1": l1, "psnr": psnr, "ssim": ssim, "ms_ssim": ms_ssim}


@keras.saving.register_keras_serializable("kerasgan")
class ImageQuality(ImageMetric):
    """Streaming mean of `l1`, `psnr`, `ssim` or `ms_ssim` over pairs of images, in float64.

    It is meant for models with a target for each generated image, such as translation and super-resolution.

    Args:
        measure: "l1", "psnr", "ssim" or "ms_ssim".
        name: str. Default: the name of the measure.
        **settings: further arguments of the measure, such as `channel="y"` and `border=4`.

    Raises:
        ValueError: for an unknown measure; from `result()`, if there are no images, or images are not finite or not in
            [-1, 1].

    Example:

    >>> import numpy as np
    >>> from kerasgan.metrics import ImageQuality
    >>> metric = ImageQuality("psnr")
    >>> images = np.linspace(-1, 0.5, 16, dtype="float32").reshape(1, 4, 4, 1)
    >>> metric.update_state(images, images + 0.2)
    >>> round(float(metric.result()), 3)
    20.0
    """

    def __init__(self, measure, name=None, **settings):
        if measure not in MEASURES:
            raise ValueError(f"`measure` must be one of {tuple(MEASURES)}. Received: {measure!r}")
        refuse_unknown(settings, list(inspect.signature(MEASURES[measure]).parameters)[2:], f"{measure!r}")
        super().__init__(name or measure)
        self.measure = measure
        self._settings = settings
        self.count = self.add_variable((), "zeros", dtype="float64", name="count")
        self.total = self.add_variable((), "zeros", dtype="float64", name="total")

    @property
    def settings(self):
        return dict(self._settings)

    def update_state(self, real_images, generated_images, sample_weight=None):
        """Adds a batch.

        Args:
            real_images: float tensor (n, height, width, channels) in [-1, 1], the reference images.
            generated_images: float tensor of the same shape and order. Values outside [-1, 1] are clipped.
            sample_weight: not supported.
        """
        real, fake = self._checked(real_images, generated_images, sample_weight)
        # values that are not finite are counted above and reported by `result`
        real, fake = (tf.where(tf.math.is_finite(images), images, 0.0) for images in (real, fake))
        values = MEASURES[self.measure](real, fake, **self._settings)
        self.count.assign_add(tf.cast(tf.shape(values)[0], tf.float64))
        self.total.assign_add(tf.reduce_sum(tf.cast(values, tf.float64)))

    def _result(self):
        count, total = (float(keras.ops.convert_to_numpy(v)) for v in (self.count, self.total))
        if not count:
            raise ValueError(f"`{self.name}` needs images: call update_state(real_images, generated_images) first.")
        return total / count

    def get_config(self):
        config = super().get_config()
        config.pop("dtype", None)
        return {**config, "measure": self.measure, **self._settings}
