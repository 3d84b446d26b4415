"""The task of unsupervised domain adaptation: labelled source images and unlabelled target images."""

import keras
import numpy as np
import tensorflow as tf

from kerasgan.data import checks
from kerasgan.models.tasks.noise import random_seed, stateless_latents
from kerasgan.shapes import as_size


def class_loss(labels, logits):
    """Returns the mean cross-entropy of `logits` for int labels, and the share of rows with the right class."""
    logits, labels = tf.cast(logits, tf.float32), tf.cast(labels, tf.int32)
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))
    right = tf.argmax(logits, -1, output_type=tf.int32) == labels
    return loss, tf.reduce_mean(tf.cast(right, tf.float32))


class EvaluatesLabels:
    """Mixin for models that train on other batches than those of `evaluate`, which are `(images, labels)`."""

    def check_evaluation_batch(self, batch, check_range=True):
        pair = isinstance(batch, (tuple, list)) and len(batch) == 2
        if not pair or any(isinstance(part, (tuple, list)) for part in batch):
            raise ValueError(
                f"{type(self).__name__} expected batches of `(images, labels)` for `evaluate` and `validation_data`. "
                f"Received: {tf.nest.map_structure(lambda x: np.asarray(x).shape, batch)}"
            )
        images, labels = checks.check_pair(batch, "images", "labels")
        checks.check_images(images, image_size=self.image_size, channels=self.channels, check_range=check_range)
        checks.check_labels(labels, num_classes=self.num_classes)

    def _split(self, x, y, share, validation_data):
        raise ValueError(
            f"A {type(self).__name__} trains on other batches than it evaluates, so `validation_split` must be 0. "
            f"Received: {share!r}. Remedy: `validation_data=(images, labels)`"
        )


class AdaptsDomains(EvaluatesLabels):
    """Mixin for models of domain adaptation.

    `fit` takes `((source_images, source_labels), target_images)`. `predict(images)` gives class probabilities of target
    images. `evaluate((images, labels))` gives the accuracy on the target: only there, and in `validation_data`, are
    labels of the target used.

    A model defines `target_logits(images, training)`.
    """

    def call(self, inputs, training=False):
        """Maps images of the target to class probabilities, float32 (batch, num_classes)."""
        return tf.nn.softmax(tf.cast(self.target_logits(inputs, training=training), tf.float32))

    def test_step(self, data):
        """Computes the accuracy on labelled images of the target."""
        images, labels = data
        _, accuracy = class_loss(labels, self.target_logits(images, training=False))
        self.means["target_accuracy"].update_state(accuracy, sample_weight=keras.ops.shape(images)[0])
        return self._logs({"target_accuracy": self.means["target_accuracy"].result()})

    def check_batch(self, batch, check_range=True):
        if not (isinstance(batch, (tuple, list)) and len(batch) == 2 and isinstance(batch[0], (tuple, list))):
            raise ValueError(
                f"{type(self).__name__} expected batches of `((source_images, source_labels), target_images)`. "
                f"Received: {tf.nest.map_structure(lambda x: np.asarray(x).shape, batch)}"
            )
        (source, labels), target = batch
        check = {"image_size": self.image_size, "channels": self.channels, "check_range": check_range}
        checks.check_images(source, name="source_images", **check)
        checks.check_images(target, name="target_images", **check)
        checks.check_labels(labels, num_classes=self.num_classes, name="source_labels")
        if len({len(source), len(labels), len(target)}) > 1:
            raise ValueError(
                "A batch must hold as many source images as source labels and target images. Received: "
                f"{len(source)}, {len(labels)} and {len(target)}"
            )

    def real_images(self, batch):
        """Returns the images of the target of a dataset element."""
        return np.asarray(batch[1])

    def preview(self, batch, num_images=64, seed=0):
        """Returns a grid of target images, sorted by predicted class.

        Returns:
            float32 array (rows, columns, height, width, channels).
        """
        images = self.real_images(batch)[:num_images]
        images = images[np.argsort(self.predict(images, verbose=0).argmax(1), kind="stable")]
        columns = max(1, int(len(images) ** 0.5))
        rows = len(images) // columns
        return images[: rows * columns].reshape((rows, columns, *images.shape[1:]))

    def serving_functions(self):
        """Returns the endpoint of a SavedModel: from `images` of the target to class `probabilities`."""
        images = tf.TensorSpec((None, *as_size(self.image_size), self.channels), tf.float32, "images")
        return {"serving_default": (lambda images: {"probabilities": self(images)}, [images])}


class AdaptsPixels(AdaptsDomains):
    """Domain adaptation by a generator from [source images, noise] to images of the target."""

    def translate(self, images, seed=None, batch_size=64):
        """Translates source images to the target domain, with the averaged generator if there is one.

        Args:
            images: float32 (n, height, width, channels) in [-1, 1].
            seed: int. The same seed gives the same images. Defaults to a random one.
            batch_size: int. Defaults to 64.

        Returns:
            float32 array (n, height, width, channels) in [-1, 1].
        """
        checks.check_images(images, image_size=self.image_size, channels=self.channels, check_range=False)
        seed = random_seed() if seed is None else seed
        noise = stateless_latents(self.prior, len(images), self.latent_dim, seed).numpy()
        return self.sampler().predict([np.asarray(images), noise], batch_size=batch_size, verbose=0)

    def preview(self, batch, num_images=64, seed=0):
        """Returns rows of source image | output of G | target image, (rows, 3, height, width, channels)."""
        (source, _), target = batch
        count = max(1, min(len(source), num_images // 3))
        columns = [source[:count], self.translate(source[:count], seed), target[:count]]
        return np.stack([np.asarray(column) for column in columns], axis=1)

    def serving_functions(self):
        """Returns the endpoints of a SavedModel: class `probabilities`, and `translate` from `images` and `seed`."""
        classify = super().serving_functions()
        images, seed = classify["serving_default"][1][0], tf.TensorSpec((), tf.int32, "seed")

        def translate(images, seed):
            noise = stateless_latents(self.prior, tf.shape(images)[0], self.latent_dim, seed)
            return {"images": self.sampler()([images, noise], training=False)}

        return classify | {"translate": (translate, [images, seed])}
