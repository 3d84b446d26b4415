"""The augmentation pipeline of ADA: pixel blitting, geometric transformations, and colour."""

import math

import keras
import numpy as np
import tensorflow as tf

from kerasgan import random
from kerasgan.augment.diffaugment import AdaptiveAugment

# The low-pass filter of the sym6 wavelet (Daubechies 1992, table 6.4), orthogonal to its shifts by 2.
SYM6 = (
    *(0.015404109327027373, 0.0034907120842174702, -0.11799011114819057, -0.048311742585633),
    *(0.4910559419267466, 0.787641141030194, 0.3379294217276218, -0.07263752278646252),
    *(-0.021060292512300564, 0.04472490177066578, 0.0017677118642428036, -0.007800708325034148),
)
GREY = np.full((3, 3), 1 / 3)  # the projection on the grey axis


def blit(images, flip, turns, down, right):
    """Flips, turns and shifts images by whole pixels, without changing pixel values.

    Args:
        images: (batch, size, size, channels).
        flip: bool (batch,). Swaps left and right.
        turns: int (batch,) from 0 to 3. Quarter turns counter-clockwise.
        down, right: int (batch,). Shift in pixels, with reflection padding.

    Returns:
        A tensor of the shape of `images`.
    """

    def chosen(condition, new, old):
        return tf.where(condition[:, None, None, None], new, old)

    x = chosen(flip, images[:, :, ::-1], images)
    quarter, half = tf.transpose(x, (0, 2, 1, 3))[:, ::-1], x[:, ::-1, ::-1]
    x = chosen(turns == 1, quarter, chosen(turns == 2, half, chosen(turns == 3, quarter[:, ::-1, ::-1], x)))
    size = images.shape[1]
    places = tf.range(size)[None]
    rows, columns = (
        tf.one_hot(_mirrored(places - shift[:, None], size), size, dtype=x.dtype) for shift in (down, right)
    )
    return tf.einsum("bij,bjkc,blk->bilc", rows, x, columns)


def _mirrored(places, size):
    places = tf.abs(places)
    return tf.where(places < size, places, 2 * (size - 1) - places)


def warp(images, matrix):
    """Applies an affine transformation, by bilinear interpolation at twice the resolution.

    The resolution is doubled and halved with the filter sym6, as in appendix B of the paper. The image is padded by
    reflection, and beyond that by zeros.

    Args:
        images: (batch, size, size, channels).
        matrix: float32 (batch, 2, 3). Maps a pixel (x, y, 1) of the result to its position in `images`. Coordinates are
            to the right and down from the centre of the image.

    Returns:
        A tensor of the shape of `images`.
    """
    size = images.shape[1]
    enlarge, reduce = _wavelet_matrices(size)
    x = tf.cast(images, tf.float32)
    x = tf.einsum("ij,bjkc,lk->bilc", enlarge, x, enlarge)
    # Pixel i is at 2i in the doubled image: at twice its distance from the centre, minus one half.
    span = np.arange(2 * size + 12) - (2 * size + 11) / 2
    grid = np.stack([*(axis.ravel() for axis in np.meshgrid(span, span)), np.ones(len(span) ** 2)])
    grid[:2] = (grid[:2] + 0.5) / 2
    where = 2 * tf.matmul(matrix, tf.constant(grid, tf.float32)) - 0.5 + (x.shape[1] - 1) / 2
    x = tf.reshape(_bilinear(x, where[:, 0], where[:, 1]), (-1, len(span), len(span), x.shape[-1]))
    return tf.cast(tf.einsum("ij,bjkc,lk->bilc", reduce, x, reduce), images.dtype)


def _wavelet_matrices(size):
    """Returns the matrices that double the resolution of a row with its padding, and halve that of its middle."""
    padded, taps = 3 * size - 2, np.array(SYM6)
    enlarge = np.zeros((2 * padded, padded))
    for i in range(padded):
        for k, tap in enumerate(taps):
            if 0 <= 2 * i + k - 5 < 2 * padded:
                enlarge[2 * i + k - 5, i] = tap
    mirror = np.pad(np.eye(size), ((size - 1, size - 1), (0, 0)), mode="reflect")
    reduce = np.zeros((size, 2 * size + 12))
    for i in range(size):
        reduce[i, 2 * i + 1 : 2 * i + 13] = taps
    # The taps sum to sqrt(2), so doubling and halving keep the brightness.
    scale = math.sqrt(2)
    return tf.constant(scale * enlarge @ mirror, tf.float32), tf.constant(reduce / scale, tf.float32)


def _bilinear(images, x, y):
    """Interpolates images at positions (batch, n), in pixels from the first one. Outside the image, the result is 0."""
    height, width, channels = images.shape[1:]
    flat = tf.reshape(images, (-1, height * width, channels))
    left, top = tf.floor(x), tf.floor(y)
    total = 0.0
    for dy, dx in ((0, 0), (0, 1), (1, 0), (1, 1)):
        column, row = left + dx, top + dy
        weight = (1 - tf.abs(x - column)) * (1 - tf.abs(y - row))
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        index = tf.clip_by_value(row, 0, height - 1) * width + tf.clip_by_value(column, 0, width - 1)
        found = tf.gather(flat, tf.cast(index, tf.int32), batch_dims=1)
        total += found * tf.where(inside, weight, 0.0)[..., None]
    return total


def _matrix(rows):
    """Stacks nested lists of floats and tensors (batch,) into matrices (batch, rows, columns)."""
    entries = [entry for row in rows for entry in row]
    batch = next(entry for entry in entries if tf.is_tensor(entry))
    columns = [entry if tf.is_tensor(entry) else tf.fill(tf.shape(batch), float(entry)) for entry in entries]
    return tf.reshape(tf.stack(columns, axis=1), (-1, len(rows), len(rows[0])))


def _scaling(x, y):
    return _matrix([[x, 0, 0], [0, y, 0], [0, 0, 1]])


def _rotation(angle):
    return _matrix([[tf.cos(angle), -tf.sin(angle), 0], [tf.sin(angle), tf.cos(angle), 0], [0, 0, 1]])


def geometric_matrix(scale, before, stretch, after, right, down):
    """Returns the matrix for `warp` of scaling, rotation, stretching, a further rotation, and a shift, in this order.

    Args:
        scale: float (batch,). Factor of the size.
        before, after: float (batch,). Angles in radians, clockwise.
        stretch: float (batch,). Factor of the width. The height is divided by it.
        right, down: float (batch,). Pixels.

    Returns:
        float32 (batch, 2, 3).
    """
    shift = _matrix([[1, 0, -right], [0, 1, -down], [0, 0, 1]])
    steps = [_rotation(-before), _scaling(1 / stretch, stretch), _rotation(-after), shift]
    matrix = _scaling(1 / scale, 1 / scale)
    for step in steps:
        matrix = tf.matmul(matrix, step)
    return matrix[:, :2]


def color_matrix(brightness, contrast, flip, hue, saturation):
    """Returns the affine colour transformation of brightness, contrast, luma flip, hue and saturation, in this order.

    Args:
        brightness: float (batch,). Added to all channels.
        contrast: float (batch,). Factor of all channels.
        flip: bool (batch,). Mirrors the luma and keeps hue and saturation.
        hue: float (batch,). Rotation about the grey axis, in radians.
        saturation: float (batch,). Factor of the distance from grey.

    Returns:
        float32 (batch, 3, 4): factors of (r, g, b), and an offset.
    """
    grey, rest = (tf.constant(matrix, tf.float32)[None] for matrix in (GREY, np.eye(3) - GREY))
    third = 1 / math.sqrt(3)
    cross = tf.constant([[0, -third, third], [third, 0, -third], [-third, third, 0]], tf.float32)[None]
    wide = lambda x: x[:, None, None]  # noqa: E731
    turn = grey + rest * wide(tf.cos(hue)) + cross * wide(tf.sin(hue))  # Rodrigues
    matrix = wide(contrast) * (tf.eye(3)[None] - 2 * grey * wide(tf.cast(flip, tf.float32)))
    matrix = tf.matmul(grey + rest * wide(saturation), tf.matmul(turn, matrix))
    return tf.concat([matrix, tf.reduce_sum(matrix, axis=2, keepdims=True) * wide(brightness)], axis=2)


def recolor(images, matrix):
    """Applies a `color_matrix`. A grey image is treated as three equal channels, and the results are averaged.

    Args:
        images: (batch, height, width, 3) or (batch, height, width, 1).
        matrix: float32 (batch, 3, 4).

    Returns:
        A tensor of the shape of `images`.
    """
    if images.shape[-1] == 1:
        matrix = tf.reduce_mean(matrix, axis=1, keepdims=True)
        matrix = tf.concat([tf.reduce_sum(matrix[..., :3], axis=2, keepdims=True), matrix[..., 3:]], axis=2)
    matrix = tf.cast(matrix, images.dtype)
    return tf.einsum("bhwc,bdc->bhwd", images, matrix[..., :-1]) + matrix[:, None, None, :, -1]


@keras.saving.register_keras_serializable("kerasgan")
class AugmentPipe(AdaptiveAugment):
    """The augmentations of ADA, with adaptive probability (Karras et al. 2020, https://arxiv.org/abs/2006.06676).

    This is the pipeline `bgc` of the authors' experiments (section 3 and appendix B). Each transformation is applied to
    each image with probability p:

    - `blit`: flip, quarter turns, shifts by whole pixels of up to 1/8 of the size;
    - `geometric`: scaling by 2^N(0, 0.2), rotation by any angle, stretching by 2^N(0, 0.2), shifts by N(0, 1/8) of the
      size, where N(0, s) has the standard deviation s;
    - `color`: brightness by N(0, 0.2), contrast by 2^N(0, 0.5), luma flip, rotation of the hue, saturation by
      2^N(0, 1).

    All are differentiable. p is controlled by the overfitting of D, as in `AdaptiveAugment`. Images without a
    transformation are returned exactly.

    Args:
        policy: str, comma-separated choice of `blit`, `geometric`, `color`. Defaults to all three, as in the paper.
        target, ramp, interval: as in `AdaptiveAugment`.

    Raises:
        ValueError: if an argument is out of range, or the images are not square.

    Example:

    >>> model = kerasgan.StyleGAN2(image_size=16, latent_dim=8, style_dim=8, channel_base=128)
    >>> model.compile(augment=kerasgan.augment.AugmentPipe("blit,color", ramp=100_000))
    """

    def __init__(self, policy="blit,geometric,color", target=0.6, ramp=500_000, interval=4, seed=None, **kwargs):
        super().__init__(policy, target, ramp, interval, seed, **kwargs)

    def _known(self):
        return {"blit": self._blit, "geometric": self._geometric, "color": self._color}

    def build(self, input_shape):
        _, height, width, channels = input_shape
        if height != width or channels not in (1, 3):
            raise ValueError(f"AugmentPipe needs square images with 1 or 3 channels. Received: shape {input_shape}")
        self.built = True

    def call(self, images, training=True):
        if training:
            for step in self._steps:
                images = step(images)
        return images

    def _draw(self, images, count):
        """Returns two lists of `count` uniform draws for each image: whether to transform, and by how much."""
        draws = random.uniform((keras.ops.shape(images)[0], 2 * count), self.seed_generator)
        draws = tf.unstack(draws, axis=1)
        return draws[:count], draws[count:]

    def _blit(self, images):
        gates, (flip, turns, down, right) = self._draw(images, 4)
        flip = (gates[0] < self.p) & (flip < 0.5)
        turns = tf.where(gates[1] < self.p, tf.cast(4 * turns, tf.int32), 0)
        reach = images.shape[1] / 8
        down, right = (
            tf.where(gates[2] < self.p, tf.cast(tf.round((2 * draw - 1) * reach), tf.int32), 0)
            for draw in (down, right)
        )
        return blit(images, flip, turns, down, right)

    def _geometric(self, images):
        gates, draws = self._draw(images, 6)
        # At least one of the two rotations has the probability p.
        rotates = 1 - tf.sqrt(tf.clip_by_value(1 - self.p, 0.0, 1.0))
        on = [gates[0] < self.p, gates[1] < rotates, gates[2] < self.p, gates[3] < rotates, gates[4] < self.p]
        scale, stretch = (2.0 ** (0.2 * tf.math.ndtri(draws[i])) for i in (0, 2))
        before, after = ((2 * draws[i] - 1) * math.pi for i in (1, 3))
        right, down = (tf.math.ndtri(draws[i]) * images.shape[1] / 8 for i in (4, 5))
        matrix = geometric_matrix(
            tf.where(on[0], scale, 1.0),
            tf.where(on[1], before, 0.0),
            tf.where(on[2], stretch, 1.0),
            tf.where(on[3], after, 0.0),
            tf.where(on[4], right, 0.0),
            tf.where(on[4], down, 0.0),
        )
        changed = tf.reduce_any(tf.stack(on), axis=0)
        return tf.where(changed[:, None, None, None], warp(images, matrix), images)

    def _color(self, images):
        gates, (brightness, contrast, flip, hue, saturation) = self._draw(images, 5)
        on = [gate < self.p for gate in gates]
        matrix = color_matrix(
            tf.where(on[0], 0.2 * tf.math.ndtri(brightness), 0.0),
            tf.where(on[1], 2.0 ** (0.5 * tf.math.ndtri(contrast)), 1.0),
            on[2] & (flip < 0.5),
            tf.where(on[3], (2 * hue - 1) * math.pi, 0.0),
            tf.where(on[4], 2.0 ** tf.math.ndtri(saturation), 1.0),
        )
        changed = tf.reduce_any(tf.stack(on), axis=0)
        return tf.where(changed[:, None, None, None], recolor(images, matrix), images)
