"""The task of coding images and making them again."""

import numpy as np
import tensorflow as tf

from kerasgan.data import checks
from kerasgan.shapes import as_size


class ThroughACode:
    """Codes images and makes them again; mixed into a model before its base. `fit` takes images.

    A constructor sets `image_size` and `channels`, and the networks `encoder` and `decoder`.
    """

    def unpack(self, data):
        """Returns the images of a dataset element; labels beside them are dropped."""
        return data[0] if isinstance(data, (tuple, list)) else data

    def check_batch(self, batch, check_range=True):
        images = self.unpack(batch)
        checks.check_images(images, image_size=self.image_size, channels=self.channels, check_range=check_range)

    def real_images(self, batch):
        """Returns the images of a dataset element."""
        return np.asarray(self.unpack(batch))

    def encode(self, images, batch_size=64):
        """Returns the codes of images, from the averaged encoder where there is one.

        Args:
            images: float32 (n, height, width, channels) in [-1, 1].
            batch_size: int. Defaults to 64.

        Returns:
            float32 array (n, code).
        """
        checks.check_images(images, image_size=self.image_size, channels=self.channels, check_range=False)
        return self.sampler("encoder").predict(np.asarray(images, "float32"), batch_size=batch_size, verbose=0)

    def decode(self, codes, batch_size=64):
        """Makes images of codes, by the averaged decoder where there is one.

        Args:
            codes: float32 (n, code).
            batch_size: int. Defaults to 64.

        Returns:
            float32 array (n, height, width, channels) in [-1, 1].
        """
        codes = np.asarray(codes, "float32")
        parts = [codes[i : i + batch_size] for i in range(0, len(codes), batch_size)]
        return np.concatenate([self.decoded(part).numpy() for part in parts])

    def reconstruct(self, images, batch_size=64):
        """Returns what the decoder makes of the codes of images: an array of their shape."""
        return self.decode(self.encode(images, batch_size), batch_size)

    def preview(self, batch, num_images=64, seed=0):
        """Returns rows of image | image as corrupted in training, where it is | reconstruction of that."""
        images = self.real_images(batch)[: max(1, num_images // 3)].astype("float32")
        spoiled = images
        if self.compiled and self.corruption:
            states = [variable for layer in self.corruption for variable in layer.variables]
            before = [tf.identity(tf.convert_to_tensor(state)) for state in states]
            spoiled = self.spoil(images).numpy()
            for state, value in zip(states, before):  # a picture must not change the training
                state.assign(value)
        return np.stack([images, np.clip(spoiled, -1, 1), np.clip(self.reconstruct(spoiled), -1, 1)], axis=1)

    def serving_functions(self):
        """Returns the endpoints of a SavedModel: `serving_default`, images to images; `encode`; `decode`."""
        images = tf.TensorSpec((None, *as_size(self.image_size), self.channels), tf.float32, "images")
        code = tf.TensorSpec((None, *self.encoder.output_shape[1:]), tf.float32, "code")
        return {
            "serving_default": (lambda images: {"images": self(images)}, [images]),
            "encode": (lambda images: {"code": self.sampler("encoder")(images, training=False)}, [images]),
            "decode": (lambda code: {"images": self.decoded(code)}, [code]),
        }
