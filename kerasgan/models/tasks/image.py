"""The task of changing images: translating and enlarging them."""

import numpy as np
import tensorflow as tf

from kerasgan.data import checks
from kerasgan.models.tasks.noise import join_inputs, random_seed, stateless_latents
from kerasgan.plots import visible


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
        """Changes images, with the averaged weights where there are any."""
        for network in self.route():
            inputs = network(inputs, training=training)
        return inputs

    # Data ------------------------------------------------------------------------------------------------------------

    def check_batch(self, batch, check_range=True):
        source, target = checks.check_pair(batch, *self.pair_names)
        sizes, channels = (self.image_size // self.scale, self.image_size), (self.source_channels, self.channels)
        for name, images, size, count in zip(self.pair_names, (source, target), sizes, channels):
            checks.check_images(images, image_size=size, channels=count, name=name, check_range=check_range)

    def real_images(self, batch):
        """Returns the targets of a dataset element."""
        return np.asarray(batch[1])

    # Translating -----------------------------------------------------------------------------------------------------

    def translate(self, images, seed=None, batch_size=16):
        """Changes images, with the averaged networks where there are any.

        Args:
            images: float32 (n, height, width, source_channels) in [-1, 1].
            seed: int, of the noise where the model has any. The same seed gives the same images, whatever the batch
                size. Defaults to a random one.
            batch_size: int. Defaults to 16.

        Returns:
            float32 array (n, scale height, scale width, channels) in [-1, 1].
        """
        return self.predict_along(self.route(), images, self.source_channels, seed, batch_size)

    def predict_along(self, route, images, channels, seed, batch_size):
        """Sends images of `channels` channels through the networks of `route`, batch by batch."""
        checks.check_images(images, image_size=self.fixed_size(route), channels=channels, check_range=False)
        noise = ()
        if self.latent_dim:
            seed = random_seed() if seed is None else seed
            noise = (stateless_latents(self.prior, len(images), self.latent_dim, seed).numpy(),)
        inputs = join_inputs(np.asarray(images, "float32"), noise)
        for network in route:
            inputs = network.predict(inputs, batch_size=batch_size, verbose=0)
        return np.clip(inputs, -1.0, 1.0)

    def fixed_size(self, route):
        """Returns the size of the images that `route` takes; None for any."""
        return route[0].inputs[0].shape[1]

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
            "serving_default": (lambda images: self.serve_along(self.route(), images, tf.constant(0)), [images]),
            "translate": (lambda images, seed: self.serve_along(self.route(), images, seed), [images, seed]),
        }

    def served_images(self, route, channels):
        """Returns the `tf.TensorSpec` of the images that `route` takes."""
        return tf.TensorSpec((*route[0].inputs[0].shape[:3], channels), tf.float32, "images")

    def serve_along(self, route, images, seed=None):
        """Sends images through the networks of `route`, in a graph."""
        noise = ()
        if self.latent_dim:
            noise = (stateless_latents(self.prior, tf.shape(images)[0], self.latent_dim, seed),)
        x = join_inputs(images, noise)
        for network in route:
            x = network(x, training=False)
        return {"images": tf.clip_by_value(x, -1.0, 1.0)}
