"""The task of classifying with few labels: few labelled images and many unlabelled ones."""

import keras
import numpy as np
import tensorflow as tf

from kerasgan.data import checks
from kerasgan.models.tasks.adaptation import EvaluatesLabels, class_loss
from kerasgan.models.tasks.noise import FromNoise
from kerasgan.shapes import as_size


class FromFewLabels(EvaluatesLabels, FromNoise):
    """Mixin for models that classify images with few labels and draw images from noise.

    `fit` takes `((labelled_images, labels), images)`. `predict(images)` gives class probabilities, and
    `evaluate((images, labels))` the accuracy, as does `validation_data`. `generate` draws images.

    A model defines `class_logits(images, discriminator, training)`.
    """

    def unpack(self, data):
        """Splits a dataset element into (images without labels, (labelled images, labels))."""
        labelled, images = data
        return images, tuple(labelled)

    def call(self, inputs, training=False):
        """Maps images to class probabilities, float32 (batch, num_classes)."""
        return tf.nn.softmax(self.class_logits(inputs, self.sampler("discriminator"), training=training))

    def test_step(self, data):
        """Computes the accuracy on labelled images."""
        images, labels = data
        _, accuracy = class_loss(labels, self.class_logits(images, self.sampler("discriminator"), training=False))
        self.means["accuracy"].update_state(accuracy, sample_weight=keras.ops.shape(images)[0])
        return self._logs({"accuracy": self.means["accuracy"].result()})

    def check_batch(self, batch, check_range=True):
        if not (isinstance(batch, (tuple, list)) and len(batch) == 2 and isinstance(batch[0], (tuple, list))):
            raise ValueError(
                f"{type(self).__name__} expected batches of `((labelled_images, labels), images)`; "
                "`kerasgan.data.zip_unpaired(labelled, unlabelled)` makes them. "
                f"Received: {tf.nest.map_structure(lambda x: np.asarray(x).shape, batch)}"
            )
        (labelled, labels), images = batch
        check = {"image_size": self.image_size, "channels": self.channels, "check_range": check_range}
        checks.check_images(labelled, name="labelled_images", **check)
        checks.check_images(images, name="images", **check)
        checks.check_labels(labels, num_classes=self.num_classes)
        if len(labelled) != len(labels):
            raise ValueError(f"A batch must hold a label for each image. Received: {len(labels)} for {len(labelled)}")

    def real_images(self, batch):
        """Returns the images without labels of a dataset element."""
        return np.asarray(batch[1])

    def serving_functions(self):
        """Returns the endpoints of a SavedModel: the endpoints of `FromNoise`, and `classify`."""
        images = tf.TensorSpec((None, *as_size(self.image_size), self.channels), tf.float32, "images")
        return super().serving_functions() | {"classify": (lambda images: {"probabilities": self(images)}, [images])}
