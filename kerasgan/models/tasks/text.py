"""The task of drawing images from texts."""

import math

import numpy as np
import tensorflow as tf

from kerasgan import replicas
from kerasgan import text as texts
from kerasgan.data import checks
from kerasgan.models.tasks.noise import FromNoise, random_seed


def mismatched(text, labels=None):
    """Returns a wrong text for each row: the text of the nearest following row that differs.

    Under a strategy, the rows of all replicas are used.

    Args:
        text: (batch, text_dim).
        labels: None, or ints (batch,). With labels, a wrong text must be of another class.

    Returns:
        The wrong texts (batch, text_dim), and a bool tensor (batch,). It is False in rows without a wrong text in the
        batch, for which the row's own text is returned.
    """
    n = tf.shape(text)[0]
    everyone, first = replicas.gather(text), replicas.first_row(n)
    same = tf.reduce_all(text[:, None] == everyone[None], axis=-1)
    if labels is not None:
        same |= labels[:, None] == replicas.gather(labels)[None]
    total = tf.shape(everyone)[0]
    following = (first + tf.range(n)[:, None] + tf.range(total)[None]) % total  # row i: i, i + 1, ..., i - 1
    differs = ~tf.gather(same, following, batch_dims=1)
    nearest = tf.argmax(tf.cast(differs, tf.int32), axis=1, output_type=tf.int32)  # 0, the row itself, if none differs
    wrong = tf.gather(everyone, tf.gather(following, nearest, batch_dims=1))
    return wrong, tf.reduce_any(differs, axis=1)


def choose_rows(chosen, outputs, others):
    """Returns the outputs of D: the rows of `outputs` where `chosen` (batch,) is True, else the rows of `others`."""
    return tf.nest.map_structure(
        lambda x, y: tf.where(tf.reshape(chosen, (-1,) + (1,) * (len(x.shape) - 1)), x, y), outputs, others
    )


class FromText(FromNoise):
    """Mixin for models that draw images from noise and text vectors. The constructor also calls `set_text`.

    `fit` takes `(images, text vectors)` or `(images, text vectors, labels)`.
    """

    def set_text(self, text_dim, encoder=None):
        """Sets the length of the text vectors, and their encoder, its identity from a config, or None."""
        self.text_dim = text_dim
        self.encoder_identity = None
        # Keras must not track it, as an encoder is not a part of the model and is not saved with it.
        object.__setattr__(self, "encoder", None)
        if isinstance(encoder, str):
            self._check_identity(encoder)
        elif encoder is not None:
            self.set_encoder(encoder)

    def set_encoder(self, encoder):
        """Sets the encoder from strings to text vectors.

        A model file has the identity (name and hash) of the encoder, but not the encoder itself. Call this method on a
        loaded model.

        Args:
            encoder: callable from a list of strings to an array (n, text_dim), such as `kerasgan.text.BagOfWords`.

        Raises:
            ValueError: if the model's vectors came from another encoder.
        """
        self._check_identity(texts.identity(encoder))
        object.__setattr__(self, "encoder", encoder)

    def _check_identity(self, identity):
        if self.encoder_identity not in (None, identity):
            raise ValueError(
                f"`encoder` must be the encoder that this model was trained with, {self.encoder_identity!r}. Received: "
                f"{identity!r}, whose vectors differ."
            )
        self.encoder_identity = self._init_arguments["encoder"] = identity

    def unpack(self, data):
        """Splits a dataset element into (real images, text vectors, labels or None)."""
        real, text, *labels = data
        return real, tf.cast(text, tf.float32), labels[0] if labels else None

    def check_batch(self, batch, check_range=True):
        if not isinstance(batch, (tuple, list)) or len(batch) not in (2, 3):
            raise ValueError(
                "A dataset element must be `(images, text_embeddings)` or `(images, text_embeddings, labels)`. "
                f"Received: {tf.nest.map_structure(lambda x: np.asarray(x).shape, batch)}"
            )
        images, text, *labels = batch
        checks.check_images(images, image_size=self.image_size, channels=self.channels, check_range=check_range)
        if np.asarray(text).dtype.kind in "SUO":
            raise ValueError(
                f"Texts must be float32 vectors of shape (batch, {self.text_dim}). Received: strings. Remedy: give "
                "the dataset an encoder, `embeddings=encoder`."
            )
        checks.check_vectors(text, dim=self.text_dim, name="text_embeddings")
        for values in labels:
            if np.asarray(values).dtype.kind not in "iu" or np.ndim(values) != 1:
                received = f"shape {np.shape(values)}, dtype {np.asarray(values).dtype}"
                raise ValueError(f"Labels must be integers of shape (batch,). Received: {received}")

    def embed(self, text):
        """Returns text vectors (n, text_dim) for a string, a list of strings, a vector or an array of vectors."""
        if isinstance(text, str) or (isinstance(text, (list, tuple)) and all(isinstance(t, str) for t in text)):
            if self.encoder is None:
                which = f", here that of {self.encoder_identity!r}" if self.encoder_identity else ""
                raise ValueError(
                    f"`text` must be vectors of length {self.text_dim}, or the model needs an encoder{which}: "
                    f"`model.set_encoder(encoder)`. Received: {text!r}"
                )
            text = self.encoder([text] if isinstance(text, str) else list(text))
        text = np.atleast_2d(np.asarray(text, "float32"))
        checks.check_vectors(text, dim=self.text_dim, name="text")
        if not len(text):
            raise ValueError("`text` must hold at least one text. Received: none")
        return text

    @property
    def noise_dims(self):
        """Lengths of the noise vectors that G takes after z and the text."""
        return [noise.shape[-1] for noise in self.sampler().inputs[2:]]

    def generate(self, text, num_images=None, seed=None, batch_size=64):
        """Draws images of texts, from the averaged generator if there is one.

        Args:
            text: a string or a list of strings if the model has an encoder, or text vectors, (text_dim,) or
                (n, text_dim).
            num_images: int. Texts are repeated in turn: image i is of text i modulo n. Defaults to one image per text.
            seed: int. The same seed gives the same latents for all texts. Defaults to a random one.
            batch_size: int. Defaults to 64.

        Returns:
            float32 array (num_images, height, width, channels) in [-1, 1].
        """
        inputs = self.sampling_inputs(text, num_images, seed)
        return self.sampler().predict(inputs, batch_size=batch_size, verbose=0)

    def sampling_inputs(self, text, num_images=None, seed=None):
        """Returns the generator's inputs [latents, text, ...] for `generate` with the same arguments."""
        text = self.embed(text)
        num_images = len(text) if num_images is None else num_images
        seed = random_seed() if seed is None else seed
        latents = self.sample_latents(num_images, seed)
        noise = [np.asarray(x) for x in self._stateless_noise(num_images, seed)]
        return [latents, text[np.arange(num_images) % len(text)], *noise]

    def standing_statistics(self, text, passes=100, batch_size=64, seed=None):
        """Recomputes the statistics of batch normalization for sampling: see `FromNoise`.

        Args:
            text: as in `generate`. Use texts of the training data.
            passes, batch_size, seed: as in `FromNoise.standing_statistics`.
        """
        self._take_statistics(passes, batch_size, lambda count: self.sampling_inputs(text, count, seed))

    def _stateless_noise(self, num_images, seed):
        """Draws Philox numbers for `noise_dims`, independent of the latents."""
        return [
            tf.random.stateless_normal((num_images, dim), seed=tf.stack([seed, i]), alg="philox")
            for i, dim in enumerate(self.noise_dims, 1)
        ]

    def preview(self, batch, num_images=64, seed=0):
        """Returns a row of samples for each of the batch's first texts, with the same latents in every row."""
        text = np.asarray(batch[1], "float32")
        _, first = np.unique(text, axis=0, return_index=True)
        rows = text[np.sort(first)][: max(1, math.isqrt(num_images))]
        columns = max(1, num_images // len(rows))
        return np.stack([self.generate(row, columns, seed=seed) for row in rows])

    def condition_specs(self):
        return [tf.TensorSpec((None, self.text_dim), tf.float32, self.sampler().inputs[1].name)]

    def further_inputs(self, condition, num_images, seed):
        """Repeats text vectors (n, text_dim) in turn, and draws the noise inputs of the network."""
        (text,) = condition
        return [tf.gather(text, tf.range(num_images) % tf.shape(text)[0]), *self._stateless_noise(num_images, seed)]
