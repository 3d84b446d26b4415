"""The task of encoding and decoding images."""

import keras
import numpy as np
import tensorflow as tf

from kerasgan.data import checks
from kerasgan.shapes import as_size


class ThroughACode:
    """Mixin for models that encode and decode images. `fit` takes images.

    A constructor sets `image_size` and `channels`, and the networks `encoder` and `decoder`.
    """

    def unpack(self, data):
        """Returns the images of a dataset element without labels."""
        return data[0] if isinstance(data, (tuple, list)) else data

    def check_batch(self, batch, check_range=True):
        images = self.unpack(batch)
        checks.check_images(images, image_size=self.image_size, channels=self.channels, check_range=check_range)

    def real_images(self, batch):
        """Returns the images of a dataset element."""
        return np.asarray(self.unpack(batch))

    def encode(self, images, batch_size=64):
        """Returns the codes of images, from the averaged encoder if there is one.

        Args:
            images: float32 (n, height, width, channels) in [-1, 1].
            batch_size: int. Defaults to 64.

        Returns:
            float32 array (n, code), or a dict of arrays (n, ...) if the encoder returns a dict, for example with the
            positions of maxima.
        """
        checks.check_images(images, image_size=self.image_size, channels=self.channels, check_range=False)
        return self.sampler("encoder").predict(np.asarray(images, "float32"), batch_size=batch_size, verbose=0)

    def decode(self, codes, batch_size=64):
        """Decodes codes to images, with the averaged decoder if there is one.

        Args:
            codes: float32 (n, code), or such a dict as `encode` returns.
            batch_size: int. Defaults to 64.

        Returns:
            float32 array (n, height, width, channels) in [-1, 1].

        Raises:
            ValueError: if the decoder needs a dict of other entries.
        """
        wanted = self.encoder.output
        names = sorted(wanted) if isinstance(wanted, dict) else None
        if names != (sorted(codes) if isinstance(codes, dict) else None):
            expected = f"a dict of {names}, as `encode` returns it" if names else "an array (n, code)"
            received = sorted(codes) if isinstance(codes, dict) else f"an array of shape {np.shape(codes)}"
            raise ValueError(f"`codes` must be {expected}. Received: {received}")
        codes = keras.tree.map_structure(lambda code, like: np.asarray(code, like.dtype), codes, wanted)
        rows = len(keras.tree.flatten(codes)[0])
        parts = [
            keras.tree.map_structure(lambda code: code[i : i + batch_size], codes)  # noqa: B023
            for i in range(0, rows, batch_size)
        ]
        return np.concatenate([self.decoded(part).numpy() for part in parts])

    def reconstruct(self, images, batch_size=64):
        """Encodes and decodes images. Returns an array of the same shape."""
        return self.decode(self.encode(images, batch_size), batch_size)

    def preview(self, batch, num_images=64, seed=0):
        """Returns rows of image | corrupted image, if training corrupts images | its reconstruction."""
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
        several = isinstance(self.encoder.output, dict)
        outputs = self.encoder.output if several else {"code": self.encoder.output}
        specs = [tf.TensorSpec((None, *x.shape[1:]), x.dtype, name) for name, x in outputs.items()]

        def encode(images):
            code = self.sampler("encoder")(images, training=False)
            return code if several else {"code": code}

        def decode(*codes):
            return {"images": self.decoded(dict(zip(outputs, codes, strict=True)) if several else codes[0])}

        return {
            "serving_default": (lambda images: {"images": self(images)}, [images]),
            "encode": (encode, [images]),
            "decode": (decode, specs),
        }
