"""The task of translating label maps to images."""

import keras
import numpy as np
import tensorflow as tf

from kerasgan import plots
from kerasgan.clusters import k_means
from kerasgan.data import checks, inputs
from kerasgan.layers import InstanceMean, instance_boundaries
from kerasgan.models.tasks.image import side_by_side
from kerasgan.models.tasks.noise import random_seed
from kerasgan.networks import residual_generator
from kerasgan.shapes import padded, reflect_to


class FromLabelMaps:
    """Mixin for models that translate label maps. `fit` takes (labels, images), or ((labels, instances), images) for
    models with instances.

    The constructor sets `image_size`, `channels`, `num_classes`; `instances`, True for data with instance maps;
    `style_dim`, the channels of the styles of instances, 0 for none; `num_styles`, the number of styles per class; and
    `multiple`: the input sides of the networks are multiples of it. A model with styles has the networks of
    `style_networks`. A paper defines `draw(generator, conditions)` and `half_size`, True if `draw` halves the size.
    """

    @staticmethod
    def style_networks(image_size, channels, num_classes, instances, style_dim, num_styles, width, downsamplings):
        """Returns a dict of the networks for styles, {} without styles.

        `encoder` maps images to features (Wang et al. 2018, section 3.4). `styles` maps the number class * num_styles +
        style to the features of that style, which are 0 before `find_styles`.
        """
        if not style_dim:
            return {}
        if not instances:
            raise ValueError("`style_dim` needs `instances=True`. Received: instances=False")
        encoder = residual_generator(image_size, style_dim, channels, width, 0, downsamplings)
        encoder.name = "encoder"
        numbers = keras.Input((None, None), dtype="int32", name="numbers")
        table = keras.layers.Embedding(num_classes * num_styles, style_dim, "zeros", dtype="float32", trainable=False)
        return {"encoder": encoder, "styles": keras.Model(numbers, table(numbers), name="styles")}

    def _channels_of(self, network):
        return self.style_dim if network == "encoder" else self.channels

    def conditions(self, labels, instances=None):
        """Returns the network inputs for label maps: one channel per class, and the boundaries of instances.

        Args:
            labels: int tensor (batch, height, width).
            instances: int tensor (batch, height, width), if the model has instances.

        Returns:
            float32 tensor (batch, height, width, num_classes), with one more channel for the boundaries.
        """
        classes = tf.one_hot(labels, self.num_classes, dtype=tf.float32)
        return tf.concat([classes, instance_boundaries(instances)], axis=-1) if self.instances else classes

    def maps(self, source):
        """Splits the first part of a dataset element: labels, and instances or None."""
        return source if self.instances else (source, None)

    def known(self, source):
        """Returns the conditions of the first part of a dataset element."""
        return self.conditions(*self.maps(source))

    def inputs_of(self, source, images, training=False):
        """Returns the generator's inputs: the conditions, and the styles of the instances in `images`."""
        if not self.style_dim:
            return self.known(source)
        style = self.encode(images, source[1], training)
        return tf.concat([self.known(source), tf.cast(style, tf.float32)], axis=-1)

    # Data ------------------------------------------------------------------------------------------------------------

    def check_batch(self, batch, check_range=True):
        source_name = "(labels, instances)" if self.instances else "labels"
        if not isinstance(batch, (tuple, list)) or len(batch) != 2:
            got = f"{len(batch)} parts" if isinstance(batch, (tuple, list)) else type(batch).__name__
            raise ValueError(f"A dataset element must be a pair ({source_name}, images). Received: {got}")
        source, images = batch
        pair = isinstance(source, (tuple, list)) and len(source) == 2
        if pair != self.instances:
            raise ValueError(
                f"The first part of a dataset element must be {source_name}, as the model has "
                f"`instances={self.instances}`. Received: {'two maps' if pair else 'one map'}. Remedy: "
                f"`instances={not self.instances}`, or other data"
            )
        size = self.image_size
        checks.check_images(images, image_size=size, channels=self.channels, check_range=check_range)
        self.check_maps(*self.maps(source), size)
        if len(images) != len(tf.nest.flatten(source)[0]):
            raise ValueError(
                "`labels` and `images` must have the same number of rows. Received: "
                f"{len(tf.nest.flatten(source)[0])} and {len(images)}"
            )

    def check_maps(self, labels, instances, size=None):
        """Raises an error unless maps are integers of one size and labels are valid classes."""
        if self.instances != (instances is not None):
            wanted = "needs" if self.instances else "takes no"
            raise ValueError(f"A {type(self).__name__} with `instances={self.instances}` {wanted} maps of instances.")
        checks.check_label_maps(labels, num_classes=self.num_classes, image_size=size)
        if self.instances:
            checks.check_label_maps(instances, image_size=np.shape(labels)[1:], name="instances")

    def real_images(self, batch):
        """Returns the images of a dataset element."""
        return np.asarray(batch[1])

    # Painting --------------------------------------------------------------------------------------------------------

    def translate(self, labels, instances=None, style=None, seed=None, batch_size=16):
        """Translates label maps of any size to images, with the averaged networks if there are any.

        Maps whose sides the networks cannot halve are padded by reflection, and the output is cropped.

        Args:
            labels: int (n, height, width), classes in [0, num_classes).
            instances: int (n, height, width), the number of the object of each pixel, for a model with instances.
            style: the style of instances, for a model with styles. An int in [0, num_styles) selects a style of each
                class, where 0 is the most frequent one. Images (n, height, width, channels) in [-1, 1] give the styles
                of their instances. Defaults to a random style for each instance.
            seed: int, of the random styles. Defaults to a random one.
            batch_size: int. Defaults to 16.

        Returns:
            float32 array (n, height, width, channels) in [-1, 1].

        Raises:
            ValueError: if an argument is invalid, or styles are used before `find_styles`.
        """
        labels, instances = (None if x is None else np.asarray(x) for x in (labels, instances))
        self.check_maps(labels, instances)
        looks = self._looks(labels, instances, style, seed)
        painted = []
        for i in range(0, len(labels), batch_size):
            rows = [None if x is None else tf.convert_to_tensor(x[i : i + batch_size]) for x in (labels, instances)]
            features = None if looks is None else looks(slice(i, i + batch_size))
            painted.append(self.paint(*rows, features).numpy())
        return np.concatenate(painted)

    def paint(self, labels, instances=None, features=None):
        """Draws images for label maps of any size, also in a graph. `features` is a map of style features."""
        shape = labels.shape if None not in labels.shape[1:] else tf.shape(labels)
        least = [max(side, 2 * self.multiple) if isinstance(side, int) else tf.maximum(side, 2 * self.multiple)
                 for side in (shape[1], shape[2])]  # fmt: skip
        size = padded(least, self.multiple)
        grown = [None if x is None else reflect_to(x[..., None], size)[0][..., 0] for x in (labels, instances)]
        conditions = self.conditions(*grown)
        if features is not None:
            conditions = tf.concat([conditions, tf.cast(reflect_to(features, size)[0], tf.float32)], axis=-1)
        images = tf.cast(self.draw(self.sampler(), conditions), tf.float32)
        if self.half_size:
            images = tf.image.resize(images, size, "bilinear")
        top, left = ((total - side) // 2 for total, side in zip(size, (shape[1], shape[2])))
        return tf.clip_by_value(images[:, top : top + shape[1], left : left + shape[2]], -1.0, 1.0)

    # Styles ----------------------------------------------------------------------------------------------------------

    def encode(self, images, instances, training=False):
        """Returns the style of each pixel's instance in `images`: float32 (batch, height, width, style_dim)."""
        return InstanceMean()([self.encoder(images, training=training), instances])

    def style_of(self, labels, numbers):
        """Returns the style features for the style numbers and the classes in `labels`, both int tensors."""
        return self.styles(tf.cast(labels, tf.int32) * self.num_styles + numbers)

    def _looks(self, labels, instances, style, seed):
        """Returns the function from rows to the features of their styles, or None."""
        if not self.style_dim:
            if style is not None:
                raise ValueError(f"`style` is for a model with `style_dim`. Received: {type(style).__name__}")
            return None
        if style is not None and np.ndim(style):
            checks.check_images(style, image_size=labels.shape[1:], channels=self.channels, name="style")
            return lambda rows: self.encode(tf.convert_to_tensor(style[rows]), tf.convert_to_tensor(instances[rows]))
        if style is not None and not 0 <= style < self.num_styles:
            raise ValueError(f"`style` must be in [0, {self.num_styles}), or images. Received: {style!r}")
        if not np.any(self.styles.get_weights()[0]):
            raise ValueError(
                "No styles have been found in images yet. Remedy: `model.find_styles(dataset)` after training, or "
                "`style=images`"
            )
        seed = random_seed() if seed is None else seed

        def drawn(row):
            if style is not None:
                return np.full(labels.shape[1:], style, "int32")
            found, places = np.unique(instances[row], return_inverse=True)
            drawn = np.random.default_rng([seed, row]).integers(0, self.num_styles, len(found), dtype="int32")
            return drawn[places].reshape(labels.shape[1:])

        return lambda rows: self.style_of(labels[rows], np.stack([drawn(row) for row in range(len(labels))[rows]]))

    def find_styles(self, dataset, seed=0):
        """Finds the styles of each class by k-means of the encoded features of its instances (section 3.4).

        Call it after training. A class that is in no image has no style: all its features are 0.

        Args:
            dataset: as for `fit`.
            seed: int, of the first centres. Defaults to 0.
        """
        found = [[] for _ in range(self.num_classes)]
        for (labels, instances), images in inputs.as_dataset(dataset):
            features, labels, instances = self.encode(images, instances).numpy(), labels.numpy(), instances.numpy()
            for row in range(len(labels)):
                pairs = np.stack([labels[row].ravel(), instances[row].ravel()], axis=1)
                different, first = np.unique(pairs, axis=0, return_index=True)
                for (label, _), place in zip(different, first):
                    found[label].append(features[row].reshape(-1, self.style_dim)[place])
        none = np.zeros((self.num_styles, self.style_dim), "float32")
        centres = [k_means(points, self.num_styles, seed) if points else none for points in found]
        self.styles.set_weights([np.concatenate(centres)])

    # Looking and serving ---------------------------------------------------------------------------------------------

    def preview(self, batch, num_images=64, seed=0):
        """Returns rows of label map in colors | output with the styles of the real image | real image."""
        rows = max(1, num_images // 3)
        labels, instances = (x if x is None else np.asarray(x)[:rows] for x in self.maps(batch[0]))
        images = np.asarray(batch[1])[:rows]
        style = images if self.style_dim else None
        return side_by_side([plots.color_labels(labels), self.translate(labels, instances, style), images])

    def serving_functions(self):
        """Returns the endpoints of a SavedModel.

        `serving_default` takes int32 `labels`, and `instances` if the model has them, and returns `images`. A model
        with styles draws each instance in the most frequent style of its class. Its endpoint `translate` also takes the
        number of a style, `style`.
        """
        names = ["labels", "instances"] if self.instances else ["labels"]
        specs = [tf.TensorSpec((None, None, None), tf.int32, name) for name in names]
        if not self.style_dim:
            return {"serving_default": (lambda *maps: {"images": self.paint(*maps)}, specs)}

        def serve(labels, instances, style=0):
            return {"images": self.paint(labels, instances, self.style_of(labels, style))}

        style = tf.TensorSpec((), tf.int32, "style")
        return {
            "serving_default": (lambda labels, instances: serve(labels, instances), specs),
            "translate": (serve, [*specs, style]),
        }
