"""The task of drawing known objects from known views."""

import numpy as np
import tensorflow as tf

from kerasgan.data import checks


class FromViews:
    """Mixin for models that draw images and masks from (class, view, transformation).

    `fit` takes `((classes, views, transforms), (images, masks))`. The constructor sets `image_size`, `channels`,
    `num_classes`, `view_dim` and `transform_dim`, and the network `generator`.
    """

    def known_inputs(self, classes, views, transforms):
        """Returns the generator's inputs: one-hot classes, or given class shares, and the vectors."""
        if len(classes.shape) == 1:
            classes = tf.one_hot(classes, self.num_classes)
        return [tf.cast(x, tf.float32) for x in (classes, views, transforms)]

    def check_batch(self, batch, check_range=True):
        pairs = isinstance(batch, (tuple, list)) and [len(part) for part in batch if isinstance(part, (tuple, list))]
        if pairs != [3, 2]:
            raise ValueError(
                f"{type(self).__name__} expected batches of `((classes, views, transforms), (images, masks))`. "
                f"Received: {tf.nest.map_structure(lambda x: np.asarray(x).shape, batch)}"
            )
        (classes, views, transforms), (images, masks) = batch
        checks.check_images(images, image_size=self.image_size, channels=self.channels, check_range=check_range)
        checks.check_images(masks, image_size=self.image_size, channels=1, name="masks", check_range=False)
        low, high = float(np.min(masks)), float(np.max(masks))
        if check_range and not 0 <= low <= high <= 1:
            raise ValueError(
                f"`masks` must lie in [0, 1], 1 where the object is. Received: from {low:.6g} to {high:.6g}"
            )
        around = np.max((np.asarray(images) + 1) * (np.asarray(masks) == 0))
        if check_range and around > 0.02:
            raise ValueError(
                "`images` must be black, -1, where `masks` are 0. "
                f"Received: values up to {around - 1:.3g} there. Remedy: `(images + 1) * masks - 1`"
            )
        checks.check_labels(classes, num_classes=self.num_classes, name="classes")
        checks.check_vectors(views, dim=self.view_dim, name="views")
        checks.check_vectors(transforms, dim=self.transform_dim, name="transforms")
        if len({len(x) for x in (classes, views, transforms, images, masks)}) > 1:
            counts = [len(x) for x in (classes, views, transforms, images, masks)]
            raise ValueError(f"All parts of a batch must have the same length. Received: {counts}")

    def real_images(self, batch):
        """Returns the images of a dataset element."""
        return np.asarray(batch[1][0])

    def generate(self, classes, views, transforms=None):
        """Draws images, by the averaged network if there is one.

        Args:
            classes: int (n,), or float (n, num_classes) with shares of the classes. A mixture gives a morph.
            views: float (n, view_dim), such as from `kerasgan.data.view_vectors`.
            transforms: float (n, transform_dim). Defaults to zeros.

        Returns:
            float32 array (n, height, width, channels) in [-1, 1]. The background is near -1.

        Raises:
            ValueError: if an argument has another shape, or a class is unknown.
        """
        return np.clip(self._draw(classes, views, transforms)["image"], -1, 1)

    def masks(self, classes, views, transforms=None):
        """Draws masks, float32 (n, height, width, 1) in [0, 1]. The arguments are as in `generate`."""
        return np.clip(self._draw(classes, views, transforms)["mask"], 0, 1)

    def _draw(self, classes, views, transforms, batch_size=64):
        classes, views = np.asarray(classes), np.asarray(views, "float32")
        if classes.ndim == 2:
            checks.check_vectors(classes.astype("float32"), dim=self.num_classes, name="classes")
        else:
            checks.check_labels(classes, num_classes=self.num_classes, name="classes")
        transforms = np.zeros((len(classes), self.transform_dim)) if transforms is None else transforms
        transforms = np.asarray(transforms, "float32")
        checks.check_vectors(views, dim=self.view_dim, name="views")
        checks.check_vectors(transforms, dim=self.transform_dim, name="transforms")
        if not len(classes) == len(views) == len(transforms):
            counts = f"{len(classes)}, {len(views)} and {len(transforms)}"
            raise ValueError(f"There must be as many classes as views and transforms. Received: {counts}")
        inputs = [np.asarray(x) for x in self.known_inputs(classes, views, transforms)]
        return self.sampler("generator").predict(inputs, batch_size=batch_size, verbose=0)

    def call(self, inputs, training=False):
        """Maps (classes, views, transforms) to a dict of `"image"` and `"mask"`."""
        return self.sampler("generator")(self.known_inputs(*inputs), training=training)

    def preview(self, batch, num_images=64, seed=0):
        """Returns rows of image | generated image | mask | generated mask."""
        (classes, views, transforms), (images, masks) = (
            [np.asarray(x)[: max(1, num_images // 4)] for x in part] for part in batch
        )
        drawn = self._draw(classes, views, transforms)
        flat = [np.broadcast_to(np.clip(mask, 0, 1) * 2 - 1, images.shape) for mask in (masks, drawn["mask"])]
        return np.stack([images, np.clip(drawn["image"], -1, 1), *flat], axis=1).astype("float32")

    def serving_functions(self):
        """Returns the endpoint of a SavedModel: from `classes`, `views` and `transforms` to `images` and `masks`."""

        def draw(classes, views, transforms):
            drawn = self((classes, views, transforms))
            return {"images": drawn["image"], "masks": drawn["mask"]}

        specs = [
            tf.TensorSpec((None,), tf.int32, "classes"),
            tf.TensorSpec((None, self.view_dim), tf.float32, "views"),
            tf.TensorSpec((None, self.transform_dim), tf.float32, "transforms"),
        ]
        return {"serving_default": (draw, specs)}
