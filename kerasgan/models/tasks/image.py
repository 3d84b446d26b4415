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
    """Joins arrays of images as the columns of a grid, of the channels that a picture shows, as many in each."""
    columns = [visible(column) for column in columns]
    deepest = max(column.shape[-1] for column in columns)
    return np.stack([np.broadcast_to(c, (*c.shape[:-1], deepest)) for c in columns], axis=1)


class FromImage:
    """Changes images; mixed into a model before its base. `fit` takes pairs of batches, (source, target).

    A constructor sets `image_size` and `channels`, those of the targets, and `source_channels`. Class attributes:

    - `pair_names`: what the two batches are called in messages.
    - `scale`: by how much a target is larger than its source.
    - `latent_dim`: length of the noise that the first network takes beside the image; 0 for none.
    - `num_columns`: how many images a row of `preview` has.
    """

    pair_names = ("source", "target")
    scale = 1
    latent_dim = 0
    num_columns = 3

    def route(self):
        """Returns the networks that an image passes through, in order."""
        return [self.sampler()]

    def call(self, inputs, training=False):
        """Changes images, with the averaged weights if there are any."""
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
        """Changes images of any size, with the averaged networks if there are any.

        Sizes that the networks cannot halve as often as they do are padded by reflection, and the answer is cropped.
        Networks of a fixed input, which were given to the constructor, take that size only.

        Args:
            images: float32 (n, height, width, source_channels) in [-1, 1].
            seed: int, of the noise where the model has any. The same seed gives the same images, whatever the batch
                size. Defaults to a random one.
            batch_size: int. Defaults to 16.
            tile: int or (height, width). Changes the images in overlapping parts of this size, which takes less
                memory, and blends them. What a network computes of a whole image, such as the statistics of instance
                normalization, it computes of each part. Defaults to None, the whole image at once.
            overlap: int or (height, width), pixels that neighbouring tiles share: less than a tile. Where a pixel
                depends on no others farther away than a quarter of it, tiling changes nothing. Defaults to a quarter
                of the tile.

        Returns:
            float32 array (n, scale height, scale width, channels) in [-1, 1].
        """
        return self.predict_along(self.route(), images, self.source_channels, seed, batch_size, tile, overlap)

    def predict_along(self, route, images, channels, seed, batch_size, tile, overlap):
        """Sends images of `channels` channels through the networks of `route`, batch by batch and tile by tile."""
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
        """Returns the height and width that `route` takes; None for any."""
        return tuple(route[0].inputs[0].shape[1:3])

    def fitted(self, route, images, seed):
        """Returns images as `route` can take them, with their noise where it takes any, and where they begin in them.

        The numbers are the same for a seed in this process and in an exported model.
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
        """Cuts what was made of images of `shape`, which began at `corner`, out of what was made of them padded."""
        top, left, height, width = (self.scale * x for x in (*corner, shape[1], shape[2]))
        return images[:, top : top + height, left : left + width]

    def preview(self, batch, num_images=64, seed=0):
        """Returns rows of what `preview_row` shows, as many as make `num_images` images."""
        rows = max(1, num_images // self.num_columns)
        return side_by_side(self.preview_row(*(np.asarray(images)[:rows] for images in batch), seed))

    def preview_row(self, source, target, seed):
        """Input (enlarged by bicubic interpolation where it is smaller) | output | truth."""
        shown = source
        if self.scale > 1:
            shown = np.clip(tf.image.resize(source, target.shape[1:3], "bicubic"), -1.0, 1.0)
        return [shown, self.translate(source, seed=seed), target]

    # Serving ---------------------------------------------------------------------------------------------------------

    def serving_functions(self):
        """Returns the endpoints of a SavedModel.

        `serving_default` takes `images` and answers as `translate(images, seed=0)` does. Where the model has noise,
        `translate` takes `seed` too.
        """
        images, seed = self.served_images(self.route(), self.source_channels), tf.TensorSpec((), tf.int32, "seed")
        if not self.latent_dim:
            return {"serving_default": (lambda images: self.serve_along(self.route(), images), [images])}
        return {
            "serving_default": (lambda images: self.serve_along(self.route(), images, 0), [images]),
            "translate": (lambda images, seed: self.serve_along(self.route(), images, seed), [images, seed]),
        }

    def served_images(self, route, channels):
        """Returns the `tf.TensorSpec` of the images that `route` takes."""
        return tf.TensorSpec((None, *self.input_size(route), channels), tf.float32, "images")

    def serve_along(self, route, images, seed=None):
        """Sends images through the networks of `route`, in a graph."""
        inputs, corner = self.fitted(route, images, seed)
        x = join_inputs(inputs[0], inputs[1:])
        for network in route:
            x = network(x, training=False)
        return {"images": tf.clip_by_value(self.cropped(x, corner, tf.shape(images)), -1.0, 1.0)}
