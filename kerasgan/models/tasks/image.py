"""The task of translating or enlarging images."""

import numpy as np
import tensorflow as tf

from kerasgan import tiles
from kerasgan.data import checks
from kerasgan.models.tasks.noise import join_inputs, random_seed, stateless_latents
from kerasgan.networks.parts import halvings
from kerasgan.networks.unet import noise_length
from kerasgan.plots import visible
from kerasgan.shapes import as_size, padded, reflect_to


def side_by_side(columns):
    """Joins arrays of images as the columns of a grid, with the same channels and number of images in each."""
    columns = [visible(column) for column in columns]
    deepest = max(column.shape[-1] for column in columns)
    return np.stack([np.broadcast_to(c, (*c.shape[:-1], deepest)) for c in columns], axis=1)


class FromImage:
    """Mixin for image-to-image models. `fit` takes pairs of batches, (source, target).

    The constructor sets `image_size` and `channels` of the targets, and `source_channels`. Class attributes:

    - `pair_names`: names of the two batches in messages.
    - `scale`: size of a target divided by the size of its source.
    - `latent_dim`: length of the noise input of the first network, 0 for none.
    - `num_columns`: number of images in a row of `preview`.
    """

    pair_names = ("source", "target")
    scale = 1
    latent_dim = 0
    num_columns = 3

    def route(self):
        """Returns the networks that are applied to an image, in order."""
        return [self.sampler()]

    def call(self, inputs, training=False):
        """Translates images, with the averaged weights if there are any."""
        for network in self.route():
            inputs = network(inputs, training=training)
        return inputs

    # Data ------------------------------------------------------------------------------------------------------------

    def check_batch(self, batch, check_range=True):
        source, target = checks.check_pair(batch, *self.pair_names)
        large = as_size(self.image_size)
        sizes = tuple(side // self.scale for side in large), large
        for name, images, size, count in zip(
            self.pair_names, (source, target), sizes, (self.source_channels, self.channels)
        ):
            checks.check_images(images, image_size=size, channels=count, name=name, check_range=check_range)

    def real_images(self, batch):
        """Returns the targets of a dataset element."""
        return np.asarray(batch[1])

    # Translating -----------------------------------------------------------------------------------------------------

    def translate(self, images, seed=None, batch_size=16, tile=None, overlap=None):
        """Translates images of any size, with the averaged networks if there are any.

        Images whose sides the networks cannot halve are padded by reflection, and the output is cropped. Custom
        networks with a fixed input size take only that size.

        Args:
            images: float32 (n, height, width, source_channels) in [-1, 1].
            seed: int, of the noise if the model has any. The same seed gives the same images for all batch sizes.
                Defaults to a random one.
            batch_size: int. Defaults to 16.
            tile: int or (height, width). Processes overlapping tiles of this size and blends them, which saves memory.
                The statistics of instance normalization are then those of each tile. Defaults to None, the whole image
                at once.
            overlap: int or (height, width), pixels that neighbouring tiles share, less than a tile. If output pixels
                depend only on input pixels within a quarter of the overlap, tiling does not change the result. Defaults
                to a quarter of the tile.

        Returns:
            float32 array (n, scale height, scale width, channels) in [-1, 1].
        """
        return self.predict_along(self.route(), images, self.source_channels, seed, batch_size, tile, overlap)

    def predict_along(self, route, images, channels, seed, batch_size, tile, overlap):
        """Applies the networks of `route` to images of `channels` channels, batch by batch and tile by tile."""
        fixed = None if None in self.input_size(route) else self.input_size(route)
        checks.check_images(images, image_size=fixed, channels=channels, check_range=False)
        seed = random_seed() if seed is None else seed

        def change(part):
            inputs, corner = self.fitted(route, part, seed)
            inputs = [x.numpy() for x in inputs]
            inputs = join_inputs(inputs[0], inputs[1:])
            for network in route:
                inputs = network.predict(inputs, batch_size=batch_size, verbose=0)
            return np.clip(self.cropped(inputs, corner, part.shape), -1.0, 1.0)

        return tiles.by_tiles(change, np.asarray(images, "float32"), tile, overlap, self.scale)

    def input_size(self, route):
        """Returns the input height and width of `route`. None means any."""
        return tuple(route[0].inputs[0].shape[1:3])

    def fitted(self, route, images, seed):
        """Returns the padded inputs of `route` (with noise if it takes any), and the corner of the images in them.

        The noise for a seed is the same in this process and in an exported model.
        """
        corner, shape = (0, 0), images.shape if None not in images.shape[1:3] else tf.shape(images)
        size = shape[1], shape[2]
        if None in self.input_size(route) and halvings(route[0]):
            size = padded(size, 2 ** halvings(route[0]))
            images, corner = reflect_to(images, size)
        images = tf.convert_to_tensor(images)
        if not self.latent_dim:
            return [images], corner
        length = self.latent_dim
        if route[0].inputs[1].shape[-1] is None:  # noise for each part of the bottleneck
            places = [side // 2 ** halvings(route[0]) for side in size]
            length = noise_length(route[0], 2 ** halvings(route[0])) * places[0] * places[1]
        return [images, stateless_latents(self.prior, tf.shape(images)[0], length, seed)], corner

    def cropped(self, images, corner, shape):
        """Crops the output for padded images to the output for images of `shape` that start at `corner`."""
        top, left, height, width = (self.scale * x for x in (*corner, shape[1], shape[2]))
        return images[:, top : top + height, left : left + width]

    def preview(self, batch, num_images=64, seed=0):
        """Returns rows of `preview_row` with `num_images` images in all."""
        rows = max(1, num_images // self.num_columns)
        return side_by_side(self.preview_row(*(np.asarray(images)[:rows] for images in batch), seed))

    def preview_row(self, source, target, seed):
        """Returns input (enlarged by bicubic interpolation if it is smaller) | output | ground truth."""
        shown = source
        if self.scale > 1:
            shown = np.clip(tf.image.resize(source, target.shape[1:3], "bicubic"), -1.0, 1.0)
        return [shown, self.translate(source, seed=seed), target]

    # Serving ---------------------------------------------------------------------------------------------------------

    def serving_functions(self):
        """Returns the endpoints of a SavedModel.

        `serving_default` takes `images` and returns the result of `translate(images, seed=0)`. If the model has noise,
        there is also `translate`, which takes `images` and `seed`.
        """
        images, seed = self.served_images(self.route(), self.source_channels), tf.TensorSpec((), tf.int32, "seed")
        if not self.latent_dim:
            return {"serving_default": (lambda images: self.serve_along(self.route(), images), [images])}
        return {
            "serving_default": (lambda images: self.serve_along(self.route(), images, 0), [images]),
            "translate": (lambda images, seed: self.serve_along(self.route(), images, seed), [images, seed]),
        }

    def served_images(self, route, channels):
        """Returns the `tf.TensorSpec` of the input images of `route`."""
        return tf.TensorSpec((None, *self.input_size(route), channels), tf.float32, "images")

    def serve_along(self, route, images, seed=None):
        """Applies the networks of `route` to images, in a graph."""
        inputs, corner = self.fitted(route, images, seed)
        x = join_inputs(inputs[0], inputs[1:])
        for network in route:
            x = network(x, training=False)
        return {"images": tf.clip_by_value(self.cropped(x, corner, tf.shape(images)), -1.0, 1.0)}
