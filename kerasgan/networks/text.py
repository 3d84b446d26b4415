"""Networks for texts: normalization of text vectors, conditioning augmentation, and matching discriminators."""

import math

import keras
from keras import layers, ops

from kerasgan.convolutions import Conv2D
from kerasgan.layers import LeakyReLU
from kerasgan.networks.parts import batch_norm, normal, pyramid
from kerasgan.shapes import as_size


def even_text(text):
    """Scales each text vector to a root mean square of 1, as encoders have scales from 0.05 per entry to tens."""
    text = layers.UnitNormalization(dtype="float32")(text)
    return layers.Rescaling(math.sqrt(text.shape[-1]), dtype="float32")(text)


def project_text(text, units):
    """Applies a fully connected layer to a small dimension and leaky ReLU (section 4.1)."""
    return LeakyReLU(0.2)(layers.Dense(units)(even_text(text)))


def _feature_map(images, filters):
    """Halves the size by strided convolutions, from the image down to 4x4."""
    x = images
    for level, count in enumerate(filters):
        x = Conv2D(count, 4, 2, "same", use_bias=level == 0, kernel_initializer=normal())(x)
        x = LeakyReLU(0.2)(batch_norm()(x) if level else x)
    return x


def matching_discriminator(image_size, channels, text_dim, width, projection_dim):
    """Halves the size to 4x4, concatenates the replicated projected text, and classifies both (figure 2).

    Returns:
        A `keras.Model`, [images, text] -> (batch, 1) logits: are the images real, and of this text?
    """
    base, filters = pyramid(image_size, width)
    images = keras.Input((*as_size(image_size), channels), name="images")
    text = keras.Input((text_dim,), name="text")
    x = _feature_map(images, filters)
    replicated = layers.RepeatVector(math.prod(base))(project_text(text, projection_dim))
    x = layers.Concatenate()([x, layers.Reshape((*base, projection_dim))(replicated)])
    x = Conv2D(filters[-1], 1, use_bias=False, kernel_initializer=normal())(x)
    x = LeakyReLU(0.2)(batch_norm()(x))
    # A convolution over the whole map is a dense layer.
    logits = layers.Dense(1, kernel_initializer=normal(), dtype="float32")(layers.Flatten()(x))
    return keras.Model([images, text], logits, name="discriminator")


def projection_discriminator(image_size, channels, text_dim, width, projection_dim):
    """The projection discriminator psi(phi) + <V text, phi> (Miyato & Koyama 2018, equation 4) on the whole 4x4 map.

    There is no normalization after the text input, so the logits of a pair do not depend on the other texts of a batch.
    They do depend on the other images, as in the paper.

    Returns:
        A `keras.Model`, [images, text] -> (batch, 1) logits: are the images real, and of this text?
    """
    _, filters = pyramid(image_size, width)
    images = keras.Input((*as_size(image_size), channels), name="images")
    text = keras.Input((text_dim,), name="text")
    features = layers.Flatten()(_feature_map(images, filters))
    features = LeakyReLU(0.2)(layers.Dense(projection_dim, kernel_initializer=normal())(features))
    projected = layers.Dense(projection_dim, use_bias=False)(even_text(text))
    matches = layers.Dot(axes=1, dtype="float32")([projected, features])
    real = layers.Dense(1, dtype="float32")(features)
    return keras.Model([images, text], layers.Add(dtype="float32")([real, matches]), name="discriminator")


MATCHING = {"concatenation": matching_discriminator, "projection": projection_discriminator}


@keras.saving.register_keras_serializable("kerasgan")
class ConditioningAugmentation(layers.Layer):
    """Draws the condition of a text from a Gaussian (Zhang et al. 2017, section 3.2).

    c = mu(text) + sigma(text) * noise, where a fully connected layer computes mu and log sigma. Sampling augments the
    captions and smooths the text space. `divergence` keeps sigma from vanishing.

    Args:
        units: int. Length of c. Defaults to 128, as in the paper.

    The input is [text (batch, n), noise (batch, units)] with standard normal noise, and the output is (batch, units).
    Texts are first scaled to a root mean square of 1. Computes in float32.
    """

    def __init__(self, units=128, **kwargs):
        super().__init__(**{"dtype": "float32"} | kwargs)
        self.units = units
        self.linear = layers.Dense(2 * units, dtype=self.dtype_policy)

    def build(self, input_shape):
        self.linear.build(input_shape[0])
        self.built = True

    def statistics(self, text):
        """Returns mu and log sigma, (batch, units) each."""
        even = ops.normalize(ops.cast(text, "float32"), axis=-1) * math.sqrt(text.shape[-1])
        return ops.split(self.linear(even), 2, axis=-1)

    def call(self, inputs):
        text, noise = inputs
        mean, log_sigma = self.statistics(text)
        return mean + ops.exp(log_sigma) * noise

    def divergence(self, text):
        """Returns D_KL(N(mu, sigma^2) || N(0, 1)) of each text, summed over the dimensions (equation 2): (batch,)."""
        mean, log_sigma = self.statistics(text)
        return 0.5 * ops.sum(mean**2 + ops.exp(2 * log_sigma) - 1 - 2 * log_sigma, axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[0][:-1], self.units)

    def get_config(self):
        return {**super().get_config(), "units": self.units}
