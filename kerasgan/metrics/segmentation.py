"""Segmentation scores of images painted from label maps: the FCN score of the pix2pix paper."""

from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from kerasgan.data import from_arrays
from kerasgan.metrics.checks import check_images


class SegmentationScores(NamedTuple):
    """The result of `segmentation_scores`: floats in [0, 1]. `ious` has one value per class, NaN for absent classes."""

    mean_iou: float
    pixel_accuracy: float
    class_accuracy: float
    ious: np.ndarray


def segmentation_scores(labels, predicted, num_classes, void=None):
    """Compares predicted with true label maps (Long et al. 2015, https://arxiv.org/abs/1411.4038, section 5).

    Let n_ij be the number of pixels of class i that are predicted as class j, over all maps. `pixel_accuracy` is the
    share of correct pixels, `class_accuracy` the mean over classes of n_ii / sum_j n_ij, and `mean_iou` the mean over
    classes of n_ii / (sum_j n_ij + sum_j n_ji - n_ii). The means leave out classes without a true pixel, and for the
    IoU classes without a true or predicted pixel.

    These are the FCN scores of Isola et al. (2017, https://arxiv.org/abs/1611.07004, section 4.1) if `labels` are the
    maps given to a generator, and `predicted` comes from a segmentation network that was trained on real photos and
    applied to the generated ones. Compare them with the scores of the real photos.

    Args:
        labels: int array (n, height, width), classes in [0, num_classes).
        predicted: int array of the same shape.
        num_classes: int.
        void: int, the class of pixels that are ignored. Default None.

    Returns:
        A `SegmentationScores`.

    Raises:
        ValueError: for wrong shapes, or classes out of range.

    Example:

    >>> from kerasgan.metrics import segmentation_scores
    >>> found = segmentation_scores(np.array([[[0, 0, 1, 1]]]), np.array([[[0, 1, 1, 1]]]), num_classes=2)
    >>> found.pixel_accuracy, found.class_accuracy, round(found.mean_iou, 4)
    (0.75, 0.75, 0.5833)
    """
    labels, predicted = np.asarray(labels), np.asarray(predicted)
    if labels.shape != predicted.shape or labels.ndim != 3:
        raise ValueError(
            "`labels` and `predicted` must have the same shape (n, height, width). Received: "
            f"{labels.shape} and {predicted.shape}"
        )
    for name, maps in (("labels", labels), ("predicted", predicted)):
        if maps.dtype.kind not in "iu" or maps.min() < 0 or maps.max() >= num_classes:
            raise ValueError(
                f"`{name}` must be integers in [0, {num_classes}). Received: {maps.dtype}, {maps.min()} to {maps.max()}"
            )
    counted = np.full(labels.shape, True) if void is None else labels != void
    pairs = labels[counted].astype("int64") * num_classes + predicted[counted]
    table = np.bincount(pairs, minlength=num_classes**2).reshape(num_classes, num_classes)
    right, of_class, taken_for = np.diag(table), table.sum(axis=1), table.sum(axis=0)
    with np.errstate(invalid="ignore"):  # absent classes give 0 / 0
        ious, accuracies = right / (of_class + taken_for - right), right / of_class
    if void is not None:
        ious[void] = np.nan
    return SegmentationScores(
        float(np.nanmean(ious)), float(right.sum() / of_class.sum()), float(np.nanmean(accuracies)), ious
    )


def train_segmenter(
    images, labels, num_classes, void=None, width=32, epochs=60, batch_size=4, learning_rate=1e-3, seed=0, verbose=0
):
    """Trains a small segmentation network on real photos, for `segmentation_scores` of generated photos.

    The network is a U-Net (Ronneberger et al. 2015, https://arxiv.org/abs/1505.04597) with four halvings, each after
    two 3x3 convolutions with batch normalization. Adam's learning rate has a cosine decay to 0. Half of the batches are
    mirrored. Scores can be compared only if the data, the arguments and the seed are the same.

    Args:
        images: float array (n, height, width, channels) in [-1, 1]. Height and width are multiples of 16.
        labels: int array (n, height, width).
        num_classes: int.
        void: int, the class of pixels that are ignored. Default None.
        width: int, channels of the first convolution. Default 32.
        epochs, batch_size: int, default 60 and 4.
        learning_rate: float, the initial rate. Default 1e-3.
        seed: int, the seed of the weights, the order of the photos and the mirroring.
        verbose: as in `keras.Model.fit`. Default 0.

    Returns:
        A `keras.Model`, images -> logits (n, height, width, num_classes).

    Raises:
        ValueError: if the shapes of images and labels do not match.
    """
    images, labels = np.asarray(check_images(images, "images"), "float32"), np.asarray(labels)
    if labels.shape != images.shape[:3] or labels.dtype.kind not in "iu" or any(side % 16 for side in labels.shape[1:]):
        raise ValueError(
            "`labels` must be integers (n, height, width) as the images, and sides multiples of 16. Received: "
            f"{labels.dtype} {labels.shape} for images {images.shape}"
        )
    network = _segmenter(images.shape[-1], num_classes, width, seed)
    data = from_arrays((images, labels), min(batch_size, len(images)), seed=seed)
    steps = int(data.cardinality())
    network.compile(
        optimizer=keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(learning_rate, epochs * steps)),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=void),
    )
    turned = tf.data.Dataset.zip(data.repeat(), tf.data.Dataset.random(seed=seed)).map(_turn)
    network.fit(turned, epochs=epochs, steps_per_epoch=steps, shuffle=False, verbose=verbose)
    return network


def _turn(batch, draw):
    """Mirrors a batch if the drawn number is even."""
    return tuple(tf.where(draw % 2 == 0, part[:, :, ::-1], part) for part in batch)


def _segmenter(channels, num_classes, width, seed):
    draws = iter(range(seed * 1000, seed * 1000 + 1000))

    def start():
        return {"kernel_initializer": keras.initializers.HeNormal(seed=next(draws))}

    def convolve(x, filters):
        for _ in range(2):
            x = keras.layers.Conv2D(filters, 3, padding="same", use_bias=False, **start())(x)
            x = keras.layers.ReLU()(keras.layers.BatchNormalization(momentum=0.9)(x))
        return x

    x = inputs = keras.Input((None, None, channels), name="images")
    skips = []
    for level in range(4):
        x = convolve(x, width * 2**level)
        skips.append(x)
        x = keras.layers.MaxPooling2D(2)(x)
    x = convolve(x, width * 8)
    for level in reversed(range(4)):
        x = keras.layers.UpSampling2D(2)(x)
        x = convolve(keras.layers.Concatenate()([x, skips.pop()]), width * 2**level)
    logits = keras.layers.Conv2D(num_classes, 1, dtype="float32", **start())(x)
    return keras.Model(inputs, logits, name="segmenter")
