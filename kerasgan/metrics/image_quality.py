"""Image quality against references (super-resolution, translation): images in [-1, 1], one value per image."""

import inspect

import keras
import tensorflow as tf

from kerasgan.arguments import refuse_unknown
from kerasgan.metrics.checks import check_images
from kerasgan.metrics.streaming import ImageMetric


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


def perceptual_distance(real, fake, features):
    """How far images are apart in the features of a network: equation 1 of Zhang et al. 2018, all weights 1, one layer.

    The mean over places of |f - g|^2, where f and g are the two feature vectors at a place, scaled to length 1. LPIPS
    itself sums several layers with weights fitted to people's judgement: the values of the two do not compare.

    Args:
        real: float array (n, height, width, channels) in [-1, 1].
        fake: the same shape; values outside [-1, 1] are clipped.
        features: callable, images to (n, rows, columns, channels), such as `SRGAN.features` of a compiled model or
            `kerasgan.networks.vgg_features("vgg16_33")`.

    Returns:
        float32 tensor (n,), from 0 to 4; at most 2 for features that are never negative.

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

    For models whose generated images have a truth each: translation and super-resolution.

    Args:
        measure: "l1", "psnr", "ssim" or "ms_ssim".
        name: str. Default: that of the measure.
        **settings: further arguments of the measure, such as `channel="y"` and `border=4`.

    Raises:
        ValueError: for an unknown measure; from `result()`, for no images, or images that are not finite or not in
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
        """Add a batch.

        Args:
            real_images: float tensor (n, height, width, channels) in [-1, 1], the truths.
            generated_images: the same shape, in the same order; values outside [-1, 1] are clipped.
            sample_weight: not supported.
        """
        real, fake = self._checked(real_images, generated_images, sample_weight)
        # what is not finite is counted above and told by `result`
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
