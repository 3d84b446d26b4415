"""Digits of three domains for domain adaptation: MNIST, USPS and MNIST-M."""

import functools

import numpy as np
import tensorflow as tf
from PIL import Image

from kerasgan.data import from_arrays, load
from kerasgan.zoo import recipes

NAMES = ("mnist", "usps", "mnistm")
SIZE = 28


@functools.cache
def digits(name, split="train"):
    """Returns the digits of a domain and their labels.

    - "mnist": 60,000 and 10,000 images, white on black.
    - "usps": 7,291 and 2,007 images, white on black, enlarged from 16 to 28 pixels by bicubic interpolation. They are
      read from the file usps.npz of `KERASGAN_DATA_DIR`, with uint8 `x_train` (7291, 16, 16), `y_train`, `x_test`,
      `y_test`.
    - "mnistm": MNIST digits on photos (Ganin et al. 2016, section 5.2.4): |digit - part of a photo| in each channel.
      The parts are random crops of the photos in the folder superres/BSD68 of `KERASGAN_DATA_DIR`, 68 of the 500 photos
      of BSDS500 in the paper. As in the paper, training and test images use the same photos.

    Args:
        name: one of `NAMES`.
        split: "train" or "test".

    Returns:
        uint8 (n, 28, 28, 1), or (n, 28, 28, 3) for "mnistm", and int32 (n,).

    Raises:
        ValueError: for an unknown name.
    """
    if name not in NAMES:
        raise ValueError(f"`name` must be one of {NAMES}. Received: {name!r}")
    if name == "usps":
        with np.load(recipes.data_folder("usps.npz")) as usps:
            images, labels = usps[f"x_{split}"], usps[f"y_{split}"].astype("int32")
        images = tf.image.resize(images[..., None], (SIZE, SIZE), "bicubic").numpy()
        return np.clip(np.rint(images), 0, 255).astype("uint8"), labels
    batches = load("mnist", split, labels=True, batch_size=1000, shuffle=False).as_numpy_iterator()
    images, labels = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    images = np.rint((images + 1) * 127.5).astype("uint8")
    return (images if name == "mnist" else on_photos(images, seed=len(images))), labels


def on_photos(images, seed):
    """Returns |image - part of a photo|, uint8 (n, height, width, 3), for grey images (n, height, width, 1)."""
    folder = recipes.data_folder("superres/BSD68")
    photos = [np.asarray(Image.open(path).convert("RGB")) for path in sorted(folder.iterdir())]
    generator, (height, width) = np.random.default_rng(seed), images.shape[1:3]
    blended = np.empty((*images.shape[:3], 3), "uint8")
    for image, out in zip(images.astype("int16"), blended, strict=True):
        photo = photos[generator.integers(len(photos))]
        top, left = (generator.integers(side - part) for side, part in zip(photo.shape, (height, width)))
        out[:] = np.abs(image - photo[top : top + height, left : left + width])
    return blended


def as_input(images, channels):
    """Converts uint8 images to network inputs: float32 in [-1, 1], with grey repeated in all channels."""
    images = tf.cast(images, tf.float32) / 127.5 - 1
    return tf.repeat(images, channels // images.shape[-1], axis=-1)


def batches(name, batch_size, channels, labels=False, seed=0):
    """Returns the training images of a domain as batches of network inputs, with or without labels."""
    images, classes = digits(name)
    data = from_arrays((images, classes) if labels else images, batch_size, seed=seed)
    if labels:
        return data.map(lambda x, y: (as_input(x, channels), y), num_parallel_calls=1)
    return data.map(lambda x: as_input(x, channels), num_parallel_calls=1)


def accuracy(model, name, channels):
    """Returns the accuracy of `model.predict` on the test images of a domain."""
    images, labels = digits(name, "test")
    found = model.predict(as_input(images, channels).numpy(), batch_size=500, verbose=0)
    return float(np.mean(found.argmax(axis=-1) == labels))
