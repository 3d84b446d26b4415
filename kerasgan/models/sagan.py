"""Self-attention GANs: each position of an image can depend on all others."""

import math

import keras
from keras import layers

from kerasgan.arguments import whole
from kerasgan.convolutions import Conv2D
from kerasgan.layers import ConditionalBatchNormalization, SelfAttention, SpectralNormalization
from kerasgan.models.gan import GAN
from kerasgan.models.tasks import FromLabels, name_conditions
from kerasgan.networks import batch_norm, class_projection, pyramid
from kerasgan.optimizers import Adam
from kerasgan.shapes import as_size


def _glorot():
    """Returns a new initializer for each layer, as a shared one repeats its draw."""
    return keras.initializers.GlorotUniform()


def _convolution(filters, kernel_size=3):
    return SpectralNormalization(Conv2D(filters, kernel_size, padding="same", kernel_initializer=_glorot()))


def _stages(image_size, width, attention_size):
    """Returns the smallest size, the channels from the image inwards, and the size of the attention map."""
    base, levels = pyramid(image_size, 1)
    sizes = [max(base) * 2**level for level in range(1, len(levels))]
    if attention_size is None:
        attention_size = max([size for size in sizes if size <= 32], default=sizes[0])
    if attention_size not in sizes:
        raise ValueError(f"`attention_size` must be one of {sizes}. Received: {attention_size!r}")
    return base, [width * min(2**level, 16) for level in range(len(levels))], attention_size


def sagan_generator(image_size, channels, latent_dim, num_classes, width, attention_size):
    """Residual blocks with conditional batch norm, each doubling the size, and self-attention at one size.

    Returns:
        A `keras.Model`, [latents, labels] -> (batch, height, width, channels) in [-1, 1].
    """
    base, filters, attention_size = _stages(image_size, width, attention_size)
    latents = keras.Input((latent_dim,), name="latents")
    labels = keras.Input((), dtype="int32", name="labels")

    def norm_relu(x):
        return layers.ReLU()(ConditionalBatchNormalization(num_classes)([x, labels]))

    x = SpectralNormalization(layers.Dense(math.prod(base) * filters[-1], kernel_initializer=_glorot()))(latents)
    x = layers.Reshape((*base, filters[-1]))(x)
    for count in reversed(filters):
        y = _convolution(count)(layers.UpSampling2D()(norm_relu(x)))
        y = _convolution(count)(norm_relu(y))
        x = layers.Add()([_convolution(count, 1)(layers.UpSampling2D()(x)), y])
        if max(x.shape[1:3]) == attention_size:
            x = SelfAttention()(x)
    x = layers.ReLU()(batch_norm()(x))
    images = layers.Activation("tanh", dtype="float32")(_convolution(channels)(x))
    return keras.Model([latents, labels], images, name="generator")


def sagan_discriminator(image_size, channels, num_classes, width, attention_size):
    """Residual blocks that halve the size, attention, and a projection of the class.

    Returns:
        A `keras.Model`, [images, labels] -> (batch, 1) logits.
    """
    _, filters, attention_size = _stages(image_size, width, attention_size)
    images = keras.Input((*as_size(image_size), channels), name="images")
    labels = keras.Input((), dtype="int32", name="labels")
    x = images
    for level, count in enumerate(filters):
        y = _convolution(count)(layers.ReLU()(x) if level else x)  # no ReLU on the image itself
        y = layers.AveragePooling2D(2)(_convolution(count)(layers.ReLU()(y)))
        x = layers.Add()([layers.AveragePooling2D(2)(_convolution(count, 1)(x)), y])
        if max(x.shape[1:3]) == attention_size:
            x = SelfAttention()(x)
    y = _convolution(filters[-1])(layers.ReLU()(x))
    x = layers.ReLU()(layers.Add()([x, _convolution(filters[-1])(layers.ReLU()(y))]))
    logits = class_projection(x, labels, num_classes, _glorot)
    return keras.Model([images, labels], logits, name="discriminator")


@keras.saving.register_keras_serializable("kerasgan")
class SAGAN(FromLabels, GAN):
    """Self-attention GAN (Zhang et al. 2019, https://arxiv.org/abs/1805.08318).

    Both networks have self-attention on one feature map (`kerasgan.layers.SelfAttention`, equations 1 to 3), and both
    are spectrally normalized (section 4.1). G gets the class by conditional batch norm, D by projection. With the
    hinge losses of equation 4,

        L_D = -E min(0, -1 + D(x, y)) - E min(0, -1 - D(G(z), y)),  L_G = -E D(G(z), y)

    the step is that of `GAN`. `compile()` trains with imbalanced rates (section 4.2): Adam with 1e-4 for G and 4e-4
    for D, beta_1=0, beta_2=0.9, one update of each. `fit` takes `(images, labels)`, int labels (batch,).

    Pretrained: `kerasgan.zoo.load("sagan_flowers")`. Its recipe trains it:

        KERASGAN_DATA_DIR=... python -m kerasgan.zoo.sagan_flowers.recipe runs

    Args:
        image_size: int or (height, width). Sides of 4 to 7 times a power of two, the same for both. Defaults to 128,
            the paper's.
        channels: int. 1 for grey, 3 for colour. Defaults to 3.
        num_classes: int. Defaults to 1000, as in ImageNet.
        latent_dim: int. Length of z. Defaults to 128.
        width: int. Channels of the layer next to the image, doubled at each halving of the size, up to 16 times.
            Defaults to 64, that of the authors' code.
        attention_size: int. Longer side of the feature map with self-attention. Defaults to 32, the best of the
            paper's table 1, or for small images to the largest map up to that and smaller than the image.
        prior: `"normal"` or `"uniform"` on [-1, 1). Defaults to `"normal"`.
        generator: `keras.Model`, [latents, labels] -> images in [-1, 1]. Defaults to the paper's.
        discriminator: `keras.Model`, [images, labels] -> logits. Defaults to the paper's.
        seed: int. Seed of the noise.

    Example:

    >>> model = kerasgan.SAGAN(image_size=16, channels=1, num_classes=10, width=4)
    >>> model.compile()
    >>> model.generate(labels=[3, 7], seed=0).shape
    (2, 16, 16, 1)
    """

    def __init__(
        self,
        image_size=128,
        channels=3,
        num_classes=1000,
        latent_dim=128,
        width=64,
        attention_size=None,
        prior="normal",
        generator=None,
        discriminator=None,
        **kwargs,
    ):
        if whole(num_classes) is None:
            raise ValueError(
                f"`num_classes` must be an int above 0, as SAGAN has one set of labels. Received: {num_classes!r}"
            )
        sizes = name_conditions(num_classes)
        shape = (num_classes, width, attention_size)
        super().__init__(
            image_size=image_size,
            channels=channels,
            latent_dim=latent_dim,
            prior=prior,
            generator=generator or sagan_generator(image_size, channels, latent_dim, *shape),
            discriminator=discriminator or sagan_discriminator(image_size, channels, *shape),
            **kwargs,
        )
        self.num_classes = num_classes
        self.set_conditions(*sizes)

    def defaults(self):
        return {
            "g_optimizer": Adam(1e-4, beta_1=0.0, beta_2=0.9),
            "d_optimizer": Adam(4e-4, beta_1=0.0, beta_2=0.9),
            "loss": "hinge",
        }
