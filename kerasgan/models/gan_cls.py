"""Text to image: the matching-aware discriminator of GAN-CLS, and interpolated texts of GAN-INT."""

import math

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from kerasgan import random
from kerasgan import text as texts
from kerasgan.convolutions import Conv2D, Conv2DTranspose
from kerasgan.data import checks
from kerasgan.layers import LeakyReLU
from kerasgan.models.base import AdversarialModel
from kerasgan.models.dcgan import pyramid
from kerasgan.networks import batch_norm, normal


def even_text(text):
    """Brings each text vector to a root mean square of 1: encoders differ in scale from 0.05 an entry to tens."""
    text = layers.UnitNormalization(dtype="float32")(text)
    return layers.Rescaling(math.sqrt(text.shape[-1]), dtype="float32")(text)


def project_text(text, units):
    """Section 4.1: a fully connected layer to a small dimension, then leaky ReLU."""
    return LeakyReLU(0.2)(layers.Dense(units)(even_text(text)))


def gan_cls_generator(image_size, channels, latent_dim, text_dim, width, projection_dim):
    """Joins the projected text to z and doubles the size by strided transposed convolutions (figure 2 of the paper).

    Returns:
        A `keras.Model`, [latents, text] -> (batch, image_size, image_size, channels) in [-1, 1].
    """
    base, filters = pyramid(image_size, width)
    latents, text = keras.Input((latent_dim,), name="latents"), keras.Input((text_dim,), name="text")
    x = layers.Concatenate()([latents, project_text(text, projection_dim)])
    x = layers.Dense(base * base * filters[-1], use_bias=False, kernel_initializer=normal())(x)
    x = layers.Reshape((base, base, filters[-1]))(x)
    x = layers.ReLU()(batch_norm()(x))
    for count in reversed(filters[:-1]):
        x = Conv2DTranspose(count, 4, 2, "same", use_bias=False, kernel_initializer=normal())(x)
        x = layers.ReLU()(batch_norm()(x))
    x = Conv2DTranspose(channels, 4, 2, "same", kernel_initializer=normal())(x)
    images = layers.Activation("tanh", dtype="float32")(x)
    return keras.Model([latents, text], images, name="generator")


def _feature_map(images, filters):
    """Halves the size by strided convolutions, the discriminator's way from the image to 4x4 places."""
    x = images
    for level, count in enumerate(filters):
        x = Conv2D(count, 4, 2, "same", use_bias=level == 0, kernel_initializer=normal())(x)
        x = LeakyReLU(0.2)(batch_norm()(x) if level else x)
    return x


def matching_discriminator(image_size, channels, text_dim, width, projection_dim):
    """Halves the size to 4x4, replicates the projected text there, and judges both (figure 2 of the paper).

    Returns:
        A `keras.Model`, [images, text] -> (batch, 1) logits: are the images real, and of this text?
    """
    base, filters = pyramid(image_size, width)
    images = keras.Input((image_size, image_size, channels), name="images")
    text = keras.Input((text_dim,), name="text")
    x = _feature_map(images, filters)
    replicated = layers.RepeatVector(base * base)(project_text(text, projection_dim))
    x = layers.Concatenate()([x, layers.Reshape((base, base, projection_dim))(replicated)])
    x = Conv2D(filters[-1], 1, use_bias=False, kernel_initializer=normal())(x)
    x = LeakyReLU(0.2)(batch_norm()(x))
    # A convolution over the whole map is a dense layer.
    logits = layers.Dense(1, kernel_initializer=normal(), dtype="float32")(layers.Flatten()(x))
    return keras.Model([images, text], logits, name="discriminator")


def projection_discriminator(image_size, channels, text_dim, width, projection_dim):
    """Judges by psi(phi) + <V text, phi> (Miyato & Koyama 2018, equation 4); phi is made of the whole 4x4 map.

    No normalisation follows where the text comes in: the other texts of a batch do not change how a pair is judged. Its
    other images do, as in the paper.

    Returns:
        A `keras.Model`, [images, text] -> (batch, 1) logits: are the images real, and of this text?
    """
    _, filters = pyramid(image_size, width)
    images = keras.Input((image_size, image_size, channels), name="images")
    text = keras.Input((text_dim,), name="text")
    features = layers.Flatten()(_feature_map(images, filters))
    features = LeakyReLU(0.2)(layers.Dense(projection_dim, kernel_initializer=normal())(features))
    projected = layers.Dense(projection_dim, use_bias=False)(even_text(text))
    matches = layers.Dot(axes=1, dtype="float32")([projected, features])
    real = layers.Dense(1, dtype="float32")(features)
    return keras.Model([images, text], layers.Add(dtype="float32")([real, matches]), name="discriminator")


MATCHING = {"concatenation": matching_discriminator, "projection": projection_discriminator}


def mismatched(text, labels=None):
    """Draws a wrong text for each row from the batch: that of the nearest following row which differs.

    Under a strategy of several replicas the texts of all of them are drawn from.

    Args:
        text: (batch, text_dim).
        labels: None, or ints (batch,): texts of the same class are then no wrong texts either.

    Returns:
        The wrong texts (batch, text_dim), and a bool tensor (batch,): False in rows for which the batch holds no
        wrong text, which get their own back.
    """
    n = tf.shape(text)[0]
    everyone, classes, first = text, labels, 0
    context = tf.distribute.get_replica_context()
    if context and context.num_replicas_in_sync > 1:
        everyone = context.all_gather(text, axis=0)
        classes = None if labels is None else context.all_gather(labels, axis=0)
        first = n * tf.cast(context.replica_id_in_sync_group, tf.int32)
    same = tf.reduce_all(text[:, None] == everyone[None], axis=-1)
    if labels is not None:
        same |= labels[:, None] == classes[None]
    total = tf.shape(everyone)[0]
    following = (first + tf.range(n)[:, None] + tf.range(total)[None]) % total  # row i: i, i + 1, ..., i - 1
    differs = ~tf.gather(same, following, batch_dims=1)
    nearest = tf.argmax(tf.cast(differs, tf.int32), axis=1, output_type=tf.int32)  # 0, itself, where none differs
    wrong = tf.gather(everyone, tf.gather(following, nearest, batch_dims=1))
    return wrong, tf.reduce_any(differs, axis=1)


@keras.saving.register_keras_serializable("kerasgan")
class GANCLS(AdversarialModel):
    """GAN-CLS and GAN-INT-CLS (Reed et al. 2016, https://arxiv.org/abs/1605.05396).

    D is shown three kinds of pairs (Algorithm 1): a real image with its text, score s_r; a real image with the text of
    another one, s_w; a generated image with the text it was made for, s_f. It ascends
    log s_r + (log(1 - s_w) + log(1 - s_f)) / 2, and so learns whether image and text match besides whether the image is
    real; G ascends log s_f. With `interpolation`, G also has to satisfy D for texts between two of the batch,
    beta t_1 + (1 - beta) t_2 (equation 5), for which no image exists.

    `fit` takes `(images, text vectors)`. Wrong texts come from the same batch and never equal the right one; with
    `(images, text vectors, labels)` they come from another class, too. A row for which its batch holds no wrong text
    (all are equal) gets s_f in the place of s_w.

    `compile()` trains with Adam(2e-4, beta_1=0.5), batches of 64 in the paper. As in `GAN`, G's step follows D's and is
    judged by the improved D. Text vectors are first brought to a root mean square of 1.

    The paper's D normalises over the batch behind the place where image and text are joined, so that it can tell right
    from wrong pairs, which come in batches of their own, without reading. Trained alone on glyphs it prefers the
    caption with the right letter to one with a wrong letter for 58 % of the images, by `matching="projection"` for 98 %
    (guessing: half; `zoo/gan_cls_glyphs/matching.py`).

    A trained one is `kerasgan.zoo.load("gan_cls_glyphs")`; its recipe trains it anew:

        python -m kerasgan.zoo.gan_cls_glyphs.recipe runs

    Args:
        image_size: int. Side of the square images: 4 to 7 times a power of two. Defaults to 64.
        channels: int. 1 for grey, 3 for colour. Defaults to 3.
        latent_dim: int. Length of z. Defaults to 100.
        text_dim: int. Length of the text vectors. Defaults to 1024, that of the paper's encoder.
        width: int. Channels of the layer next to the image, doubled at each halving of the size, up to 8 times.
            Defaults to 64.
        projection_dim: int. Length of the text inside G and D. Defaults to 128.
        matching: str, how D learns whether image and text match: `"concatenation"`, the paper's, which joins the text
            to the 4x4 feature map; or `"projection"`, the inner product of Miyato & Koyama (2018,
            https://arxiv.org/abs/1802.05637). Defaults to `"concatenation"`.
        interpolation: float in (0, 1), beta in the paper, which takes 0.5 for GAN-INT; or None for GAN-CLS. Defaults to
            None.
        encoder: what turns strings into text vectors: a callable from a list of strings to (n, text_dim). Defaults to
            none; see `set_encoder`.
        generator: `keras.Model`, [latents, text] -> images in [-1, 1]. Further inputs of it get normal noise. Defaults
            to the paper's.
        discriminator: `keras.Model`, [images, text] -> logits. Defaults to that of `matching`, which is of no effect
            beside a given one.
        seed: int. Seed of the noise.

    Logs `d_loss`, `g_loss`, and the mean probabilities `d_real`, `d_wrong`, `d_fake`: s_r, s_w, s_f.

    Example:

    >>> model = kerasgan.GANCLS(image_size=32, text_dim=8, width=8)
    >>> model.compile()
    >>> model.generate(np.ones(8, "float32"), num_images=2, seed=0).shape
    (2, 32, 32, 3)
    """

    loss_names = ("d_loss", "g_loss", "d_wrong")

    def __init__(
        self,
        image_size=64,
        channels=3,
        latent_dim=100,
        text_dim=1024,
        width=64,
        projection_dim=128,
        matching="concatenation",
        interpolation=None,
        encoder=None,
        generator=None,
        discriminator=None,
        **kwargs,
    ):
        if interpolation is not None and not 0 < interpolation < 1:
            raise ValueError(f"`interpolation` must be in (0, 1), or None for none. Received: {interpolation!r}")
        if matching not in MATCHING:
            raise ValueError(f"`matching` must be one of {tuple(MATCHING)}. Received: {matching!r}")
        super().__init__(
            generator=generator or gan_cls_generator(image_size, channels, latent_dim, text_dim, width, projection_dim),
            discriminator=discriminator or MATCHING[matching](image_size, channels, text_dim, width, projection_dim),
            **kwargs,
        )
        self.image_size, self.channels, self.latent_dim, self.text_dim = image_size, channels, latent_dim, text_dim
        self.interpolation = interpolation
        self.encoder_identity = None
        # Past Keras's tracking, like the arguments: an encoder is not a part of the model and is not saved with it.
        object.__setattr__(self, "encoder", None)
        if isinstance(encoder, str):  # the identity, from a config
            self._check_identity(encoder)
        elif encoder is not None:
            self.set_encoder(encoder)

    def set_encoder(self, encoder):
        """Gives the model what turns strings into text vectors.

        A model remembers the identity (name and hash) of its encoder, in files too, but not the encoder itself: a
        loaded model gets it by this method.

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
                f"`encoder` must be the one this model was made with, {self.encoder_identity!r}. Received: "
                f"{identity!r}, whose vectors mean something else."
            )
        self.encoder_identity = self._init_arguments["encoder"] = identity

    def train_step(self, data):
        """Algorithm 1: k updates of D, each on fresh data, then one of G."""
        *earlier, last = self.fresh_batches(data)
        for batch in earlier:
            real, text, labels = self.unpack(batch)
            self.update_discriminator(real, self.draw(text), text, *mismatched(text, labels))

        real, text, labels = self.unpack(last)
        wrong, found = mismatched(text, labels)
        with tf.GradientTape() as g_tape:
            fake = self.draw(text)  # line 6: x^ <- G(z, h)
            with g_tape.stop_recording():
                d_logs = self.update_discriminator(real, fake, text, wrong, found)
            g_loss = self.generator_loss(real, fake, text)
            if self.interpolation is not None:
                beta = self.interpolation
                between = beta * text + (1 - beta) * wrong
                g_loss += self.generator_loss(real, self.draw(between), between)  # eq. 5
            terms = self.generator_terms(text)
            total = g_loss + sum(terms.values(), start=tf.zeros(()))
        self.descend(g_tape, total, self.g_variables, self.g_optimizer)
        self.update_ema()
        return self.track(g_loss=g_loss, **terms, **d_logs)

    def update_discriminator(self, real, fake, text, wrong, found):
        """Ascends log s_r + (log(1 - s_w) + log(1 - s_f)) / 2 once and returns what is to be logged."""
        with tf.GradientTape() as d_tape:
            d_loss, logs = self.matching_loss(real, fake, text, wrong, found)
            d_loss += self.penalties(lambda images: self.judge(images, text), real, fake)
        self.descend(d_tape, d_loss, self.d_variables, self.d_optimizer)
        return {"d_loss": d_loss} | logs

    def matching_loss(self, real, fake, text, wrong, found, training=True):
        """Line 10 of Algorithm 1, for any adversarial loss: the mean of right against fake and right against wrong."""
        right_logits = self.judge(real, text, training)
        wrong_logits = self.judge(real, wrong, training)
        fake_logits = self.judge(fake, text, training)
        wrong_logits = tf.where(found[:, None], wrong_logits, fake_logits)
        against_fake = self.loss.discriminator_loss(right_logits, fake_logits)
        against_wrong = self.loss.discriminator_loss(right_logits, wrong_logits)
        if training:
            self.adapt(real, right_logits, fake_logits)
        d_real, d_fake = self.loss.probabilities(right_logits, fake_logits)
        _, d_wrong = self.loss.probabilities(right_logits, wrong_logits)
        return (against_fake + against_wrong) / 2, {"d_real": d_real, "d_wrong": d_wrong, "d_fake": d_fake}

    def generator_loss(self, real, fake, text, training=True):
        """What G descends for images made for `text`: -log s_f with the paper's loss."""
        real_logits = self.judge(real, text, training) if self.loss.needs_real_logits else None
        return self.loss.generator_loss(self.judge(fake, text, training), real_logits)

    def generator_terms(self, text):
        """Further terms of G's loss by the name under which they are logged; GAN-CLS has none."""
        return {}

    def test_step(self, data):
        """Losses and probabilities without training, and the compiled metrics."""
        real, text, labels = self.unpack(data)
        fake = self.draw(text, self.sampler(), training=False)
        d_loss, logs = self.matching_loss(real, fake, text, *mismatched(text, labels), training=False)
        g_loss = self.generator_loss(real, fake, text, training=False)
        self.compare(real, fake)
        return self.track(d_loss=d_loss, g_loss=g_loss, **self.generator_terms(text), **logs)

    def unpack(self, data):
        """Splits a dataset element into (real images, text vectors, labels or None)."""
        real, text, *labels = data
        return real, tf.cast(text, tf.float32), labels[0] if labels else None

    @property
    def noise_dims(self):
        """Lengths of the noise vectors that G takes after z and the text."""
        return [noise.shape[-1] for noise in self.generator.inputs[2:]]

    def draw(self, text, generator=None, training=True):
        """Samples an image for each text."""
        n = keras.ops.shape(text)[0]
        noise = [random.normal((n, dim), self.seed_generator) for dim in self.noise_dims]
        return (generator or self.generator)([self.latents(n), text, *noise], training=training)

    def judge(self, images, text, training=True):
        """D's logits for pairs of images, augmented as compiled, and texts."""
        return self.discriminator([self.augmented(images, training), text], training=training)

    # Data and pictures -----------------------------------------------------------------------------------------------

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

    def real_images(self, batch):
        """Returns the real images of a dataset element."""
        return np.asarray(batch[0])

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

    def generate(self, text, num_images=None, seed=None, batch_size=64):
        """Draws images of texts, from the averaged generator where there is one.

        Args:
            text: a string or a list of strings, where the model has an encoder; or text vectors, (text_dim,) or
                (n, text_dim).
            num_images: int. Several texts take turns: image i is of text i modulo n. Defaults to one image a text.
            seed: int. The same seed gives the same latents, whatever the texts. Defaults to a random one.
            batch_size: int. Defaults to 64.

        Returns:
            float32 array (num_images, image_size, image_size, channels) in [-1, 1].
        """
        inputs = self.sampling_inputs(text, num_images, seed)
        return self.sampler().predict(inputs, batch_size=batch_size, verbose=0)

    def sampling_inputs(self, text, num_images=None, seed=None):
        """Returns the generator's inputs [latents, text, ...] for `generate` with the same arguments."""
        text = self.embed(text)
        num_images = len(text) if num_images is None else num_images
        seed = int(np.random.default_rng().integers(2**31)) if seed is None else seed
        latents = self.sample_latents(num_images, seed)
        noise = [np.asarray(x) for x in self._stateless_noise(num_images, seed)]
        return [latents, text[np.arange(num_images) % len(text)], *noise]

    def _stateless_noise(self, num_images, seed):
        """Philox numbers for `noise_dims`, apart from those of the latents."""
        return [
            tf.random.stateless_normal((num_images, dim), seed=tf.stack([seed, i]), alg="philox")
            for i, dim in enumerate(self.noise_dims, 1)
        ]

    def preview(self, batch, num_images=64, seed=0):
        """Returns a row of samples for each of the batch's first texts, the same latents in every row."""
        text = np.asarray(batch[1], "float32")
        _, first = np.unique(text, axis=0, return_index=True)
        rows = text[np.sort(first)][: max(1, math.isqrt(num_images))]
        columns = max(1, num_images // len(rows))
        return np.stack([self.generate(row, columns, seed=seed) for row in rows])

    def serving_functions(self):
        """As in the base; `generate` also takes text vectors (n, text_dim), whose rows take turns."""
        network, inputs = self.sampler(), self.generator.inputs

        def serve(*inputs):
            return {"images": network(list(inputs), training=False)}

        def generate(num_images, seed, text):
            latents = tf.random.stateless_normal((num_images, self.latent_dim), seed=tf.stack([seed, 0]), alg="philox")
            text = tf.gather(text, tf.range(num_images) % tf.shape(text)[0])
            return {"images": network([latents, text, *self._stateless_noise(num_images, seed)], training=False)}

        specs = [tf.TensorSpec((None, x.shape[-1]), tf.float32, x.name) for x in inputs]
        count, seed = tf.TensorSpec((), tf.int32, "num_images"), tf.TensorSpec((), tf.int32, "seed")
        return {"serving_default": (serve, specs), "generate": (generate, [count, seed, specs[1]])}
