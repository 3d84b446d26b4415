"""Small convolutional classifiers for scoring generated images, and their training.

A network returns logits. Its layer "features" (128 values, after the ReLU) is used for the Fréchet distances of 28x28
entries. There is no batch normalization, so the logits of an image do not depend on other images.
"""

import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from kerasgan.data import load as load_data
from kerasgan.metrics import Score
from kerasgan.models.exporting import Exports
from kerasgan.shapes import as_size
from kerasgan.zoo._card import card_score, training_record, write_entry
from kerasgan.zoo._weights import save_weights

PICTURE = "Rows: test images by predicted class, in the order of the classes."


@keras.saving.register_keras_serializable("kerasgan")
class Classifier(Exports, keras.Model):
    """A classifier with the `export` of all models: from `images` to `logits`."""

    sampling_networks, fixed_networks = ("classifier",), ()  # the networks of an exported model

    def sampler(self, name):
        """Returns the network to export: the classifier itself."""
        return self

    def serving_functions(self):
        """Returns the endpoint of a SavedModel: `serving_default`, from `images` to `logits`."""
        images = tf.TensorSpec((None, *self.input_shape[1:]), tf.float32, "images")
        return {"serving_default": (lambda images: {"logits": self(images, training=False)}, [images])}


def network(num_classes=10, image_size=28, channels=1, prepare=None):
    """Builds the untrained classifier.

    Args:
        num_classes: int, the number of classes.
        image_size: int or (height, width). Default 28.
        channels: int, default 1.
        prepare: callable of `keras.ops`, applied to images before the convolutions. Default None.

    Returns:
        A `Classifier`: images (n, height, width, channels) float32 in [-1, 1] to logits (n, num_classes). Its layer
        "features" gives (n, 128), non-negative.

    Example:

    >>> from kerasgan.zoo import classifiers
    >>> classifiers.network().output_shape
    (None, 10)
    """
    convolution = {"kernel_size": 3, "padding": "same", "activation": "relu", "kernel_initializer": "he_normal"}
    images = keras.Input((*as_size(image_size), channels), name="images")
    x = keras.layers.Conv2D(32, **convolution)(prepare(images) if prepare else images)
    x = keras.layers.MaxPooling2D()(x)
    x = keras.layers.Conv2D(64, **convolution)(x)
    x = keras.layers.Flatten()(keras.layers.MaxPooling2D()(x))
    x = keras.layers.Dense(128, activation="relu", name="features")(x)
    logits = keras.layers.Dense(num_classes, name="logits")(keras.layers.Dropout(0.3)(x))
    return Classifier(images, logits, name="classifier")


def train(directory, model, dataset, epochs, steps_per_epoch, learning_rate, shift, flip):
    """Trains a classifier with Adam and a cosine schedule on randomly shifted (and mirrored) images.

    Args:
        directory: the folder for `network.weights.h5`.
        model: the network of `network()`.
        dataset: tf.data.Dataset of (images (n, height, width, channels) in [-1, 1], labels (n,)).
        epochs: int.
        steps_per_epoch: int or None. None is one pass over the data.
        learning_rate: float, the initial rate of the cosine schedule, which ends at 0.
        shift: int, the maximum shift in pixels in each direction. New pixels are black, so use 0 for other backgrounds.
        flip: bool, whether to mirror half of the images left to right.

    Returns:
        The trained and compiled model.
    """
    steps = epochs * (steps_per_epoch or int(dataset.cardinality()))
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(learning_rate, steps))
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])

    def augment(images, labels):
        size, count = images.shape[1], tf.shape(images)[0]
        images = tf.pad(images, [[0, 0], [shift, shift], [shift, shift], [0, 0]], constant_values=-1.0)
        for axis in (1, 2):
            offsets = tf.random.uniform([count, 1], maxval=2 * shift + 1, dtype=tf.int32)
            images = tf.gather(images, offsets + tf.range(size), axis=axis, batch_dims=1)
        if flip:
            mirrored = tf.random.uniform([count, 1, 1, 1]) < 0.5
            images = tf.where(mirrored, tf.reverse(images, [2]), images)
        return images, labels

    dataset = dataset.map(augment, num_parallel_calls=2).repeat().prefetch(2)
    model.fit(dataset, epochs=epochs, steps_per_epoch=steps // epochs, shuffle=False, verbose=2)
    save_weights(model, Path(directory) / "network.weights.h5")
    return model


def score(model, data):
    """Returns [accuracy on the test images of `data`] in the format of a card."""
    hits = [
        np.argmax(model.predict_on_batch(images), axis=-1) == labels
        for images, labels in load_data(data, "test", labels=True, batch_size=1000, shuffle=False).as_numpy_iterator()
    ]
    hits = np.concatenate(hits)
    return [card_score(Score(float(hits.mean()), "accuracy", num_real=len(hits), dataset=data, split="test"))]


def by_prediction(images, predicted, num_classes, columns=10):
    """Returns a grid with a row of images for each predicted class. Missing images are white.

    Args:
        images: float array (n, height, width, channels).
        predicted: int array (n,).
        num_classes: int, the number of rows.
        columns: int. Default 10.

    Returns:
        float32 array (num_classes, columns, height, width, channels).
    """
    grid = np.ones((num_classes, columns, *images.shape[1:]), "float32")
    for number, row in enumerate(grid):
        found = images[predicted == number][:columns]
        row[: len(found)] = found
    return grid


def pictures(model, data):
    """Returns test images of `data` by the classes that the network predicts."""
    images = next(iter(load_data(data, "test", batch_size=2000, shuffle=False))).numpy()
    logits = model.predict(images, verbose=0)
    return by_prediction(images, logits.argmax(axis=-1), logits.shape[-1])


def reproduce(recipe, directory):
    """Runs the recipe of a classifier and writes its entry into `directory/<name>`."""
    folder = Path(directory) / Path(recipe.__file__).parent.name
    start = time.monotonic()
    model = recipe.train(folder)
    hours = (time.monotonic() - start) / 3600
    images = next(iter(load_data(recipe.DATA, "test", batch_size=4, shuffle=False))).numpy()
    write_entry(
        folder,
        model,
        description=f"A small convolutional classifier of {recipe.DATA}, for scoring generated images.",
        paper={
            "title": "Gradient-Based Learning Applied to Document Recognition",
            "authors": "LeCun, Bottou, Bengio, Haffner",
            "year": 1998,
            "url": "https://doi.org/10.1109/5.726791",
        },
        data=recipe.DATA,
        training=training_record(model.optimizer.iterations, recipe.BATCH_SIZE, recipe.SEED, hours),
        scores=recipe.score,
        headline="accuracy",
        pictures=lambda model: pictures(model, recipe.DATA),
        picture=PICTURE,
        sample={"method": "predict", "arguments": {"x": images, "verbose": 0}},
    )
