"""A pool of earlier generated images."""

import keras
import tensorflow as tf

from kerasgan import random, replicas


@keras.saving.register_keras_serializable("kerasgan")
class ImagePool(keras.layers.Layer):
    """A pool of earlier generated images, on which D is also trained (Shrivastava et al. 2017, section 2.3).

    The pool processes the images of a batch one by one, as in the code of CycleGAN. Until the pool is full, an image is
    stored and returned. After that, with probability 1/2, the image replaces a random image of the pool, and the old
    one is returned instead.

    The pool is part of the graph and is saved with the model. All replicas hold the same pool, and each sees the images
    of all, so two devices with half a batch each give the same result as one.

    `CycleGAN` has two pools. Models that draw images from noise alone accept one in `compile(augment="pool")`.

    Args:
        image_shape: tuple (height, width, channels). Defaults to the image shape of the model.
        size: int. Number of images in the pool. 0 disables it. Defaults to 50, as in CycleGAN.
    """

    needs_no_condition = True  # an earlier image has an earlier label

    def __init__(self, image_shape=None, size=50, **kwargs):
        super().__init__(**kwargs)
        self.image_shape, self.size = image_shape and tuple(image_shape), size
        if self.image_shape:
            self.build((None, *self.image_shape))

    def build(self, input_shape):
        self.image_shape = tuple(input_shape[1:])
        size = self.size
        fixed = {"initializer": "zeros", "trainable": False, "autocast": False}
        self.images = self.add_weight(shape=(size, *self.image_shape), dtype="float32", name="images", **fixed)
        # Not int32, as TensorFlow keeps int32 variables in host memory, which a step compiled for a GPU cannot access.
        self.count = self.add_weight(shape=(), dtype="int64", name="count", **fixed)
        self.built = True

    def call(self, images):
        return images

    def compute_output_shape(self, input_shape):
        return input_shape

    def show(self, real, fake, seed):
        """Returns the real images, and the images of the pool instead of the fakes: see `AdversarialModel.shown`."""
        return real, tf.stop_gradient(self.exchange(fake, seed))

    def exchange(self, fakes, seed):
        """Returns one image for each of `fakes`. `seed` is a `keras.random.SeedGenerator`."""
        if not self.size:
            return fakes
        rows = tf.shape(fakes)[0]
        everyone, first, total = replicas.gather(fakes), replicas.first_row(rows), replicas.count() * rows
        # The same numbers on every replica, as all seed states are equal.
        draws = random.unit((total, 2), seed)
        swap, place = draws[:, 0] < 0.5, tf.cast(draws[:, 1] * self.size, tf.int32)

        # `held` and `given` are indices into [pool, batch]. The images are moved once, at the end, by `gather`, as XLA
        # treats the bounds of a slice as constants and would recompile the step for every draw.
        def one(i, count, held, given):
            filling, new = count < self.size, self.size + i
            slot = tf.where(filling, count, tf.gather(place, i))
            gives_old, old = tf.gather(swap, i) & ~filling, tf.gather(held, slot)
            given = tf.tensor_scatter_nd_update(given, [[i]], [tf.where(gives_old, old, new)])
            held = tf.tensor_scatter_nd_update(held, [[slot]], [tf.where(gives_old | filling, new, old)])
            return i + 1, count + tf.cast(filling, tf.int32), held, given

        start = (tf.constant(0), tf.cast(self.count, tf.int32), tf.range(self.size), tf.zeros((total,), tf.int32))
        _, count, held, given = tf.while_loop(lambda i, *_: i < total, one, start)
        choice = tf.concat([self.images, tf.cast(everyone, tf.float32)], axis=0)
        passed_on = tf.gather(choice, given[first : first + rows])
        self.images.assign(tf.gather(choice, held))
        self.count.assign(tf.cast(count, tf.int64))
        return passed_on

    def get_config(self):
        return {**super().get_config(), "image_shape": self.image_shape, "size": self.size}
