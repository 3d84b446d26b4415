"""Conditional GANs: generator and discriminator both receive labels and attributes."""

import math

import keras
from keras import layers

from kerasgan.convolutions import Conv2D, Conv2DTranspose
from kerasgan.layers import Dropout, LeakyReLU, Maxout
from kerasgan.models.gan import GAN
from kerasgan.models.tasks import FromLabels, condition_inputs, name_conditions
from kerasgan.networks import batch_norm, normal, pyramid
from kerasgan.shapes import as_size


def mlp_generator(image_size, channels, latent_dim, num_classes, attributes, width=None):
    """Section 4.1: 200 units for z and 1,000 for the condition, joined, then 1,200; tanh instead of a sigmoid.

    Returns:
        A `keras.Model`, [latents, *conditions] -> (batch, height, width, channels) in [-1, 1].
    """
    latents = keras.Input((latent_dim,), name="latents")
    conditions, condition = condition_inputs(num_classes, attributes)
    x = layers.Dense(200, activation="relu")(latents)
    y = layers.Dense(1000, activation="relu")(condition)
    x = Dropout(0.5)(layers.Concatenate()([x, y]))
    x = Dropout(0.5)(layers.Dense(1200, activation="relu")(x))
    shape = (*as_size(image_size), channels)
    x = layers.Reshape(shape)(layers.Dense(math.prod(shape))(x))
    images = layers.Activation("tanh", dtype="float32")(x)
    return keras.Model([latents, *conditions], images, name="generator")


def mlp_discriminator(image_size, channels, num_classes, attributes, width=None):
    """Section 4.1: maxout of 240 units for x and of 50 for the condition, then a joint one of 240 with four pieces.

    Returns:
        A `keras.Model`, [images, *conditions] -> (batch, 1) logits.
    """
    images = keras.Input((*as_size(image_size), channels), name="images")
    conditions, condition = condition_inputs(num_classes, attributes)
    x = Maxout(240, pieces=5)(layers.Flatten()(images))
    y = Maxout(50, pieces=5)(condition)
    x = Dropout(0.5)(layers.Concatenate()([x, y]))
    x = Dropout(0.5)(Maxout(240, pieces=4)(x))
    logits = layers.Dense(1, dtype="float32")(x)
    return keras.Model([images, *conditions], logits, name="discriminator")


def conv_generator(image_size, channels, latent_dim, num_classes, attributes, width):
    """DCGAN's generator; z and the condition each become a small image, which are joined.

    Returns:
        A `keras.Model`, [latents, *conditions] -> (batch, height, width, channels) in [-1, 1].
    """
    base, filters = pyramid(image_size, width)
    latents = keras.Input((latent_dim,), name="latents")
    conditions, condition = condition_inputs(num_classes, attributes)

    def project(vector):
        x = layers.Dense(math.prod(base) * filters[-1], use_bias=False, kernel_initializer=normal())(vector)
        return layers.ReLU()(batch_norm()(layers.Reshape((*base, filters[-1]))(x)))

    x = layers.Concatenate()([project(latents), project(condition)])
    for count in reversed(filters[:-1]):
        x = Conv2DTranspose(count, 5, 2, "same", use_bias=False, kernel_initializer=normal())(x)
        x = layers.ReLU()(batch_norm()(x))
    x = Conv2DTranspose(channels, 5, 2, "same", kernel_initializer=normal())(x)
    images = layers.Activation("tanh", dtype="float32")(x)
    return keras.Model([latents, *conditions], images, name="generator")


def conv_discriminator(image_size, channels, num_classes, attributes, width):
    """DCGAN's discriminator; the condition joins the image after the first convolution, at every position.

    Returns:
        A `keras.Model`, [images, *conditions] -> (batch, 1) logits.
    """
    _, filters = pyramid(image_size, width)
    images = keras.Input((*as_size(image_size), channels), name="images")
    conditions, condition = condition_inputs(num_classes, attributes)
    x = LeakyReLU(0.2)(Conv2D(width, 5, 2, "same", kernel_initializer=normal())(images))
    y = LeakyReLU(0.2)(layers.Dense(width)(condition))
    y = layers.UpSampling2D([side // 2 for side in as_size(image_size)])(layers.Reshape((1, 1, width))(y))
    x = layers.Concatenate()([x, y])
    for count in filters[1:]:
        x = Conv2D(count, 5, 2, "same", use_bias=False, kernel_initializer=normal())(x)
        x = LeakyReLU(0.2)(batch_norm()(x))
    logits = layers.Dense(1, kernel_initializer=normal(), dtype="float32")(layers.Flatten()(x))
    return keras.Model([images, *conditions], logits, name="discriminator")


NETWORKS = {"mlp": (mlp_generator, mlp_discriminator), "conv": (conv_generator, conv_discriminator)}


@keras.saving.register_keras_serializable("kerasgan")
class ConditionalGAN(FromLabels, GAN):
    """Conditional GAN (Mirza & Osindero 2014, https://arxiv.org/abs/1411.1784).

    Both networks get y: min_G max_D E log D(x|y) + E log(1 - D(G(z|y)|y)) (equation 2). y is one set of classes,
    or several sets and real-valued attributes at once. In both networks y passes a layer of its own before it is
    joined to what another layer makes of z or x (section 4.1, figure 1). The step is that of `GAN`; a generated image
    carries the condition of the real one beside it. `fit` takes `(images, labels)`: int labels (batch,), or a dict of
    them by name, attributes as float32 (batch,) or (batch, dim).

    `compile()` trains with Adam(2e-4, beta_1=0.5) and the `"non_saturating"` loss, as `GAN` does; the paper used SGD
    with momentum.

    Pretrained: `kerasgan.zoo.load("cgan_mnist")`. Its recipe trains it:

        python -m kerasgan.zoo.cgan_mnist.recipe runs

    Args:
        image_size: int or (height, width). With `networks="conv"` sides of 4 to 7 times a power of two, the same for
            both. Defaults to 28.
        channels: int. 1 for grey, 3 for colour. Defaults to 1.
        num_classes: int, the number of classes; or a dict of them by name, such as `{"letter": 36, "color": 8}`.
            Defaults to 10.
        attributes: dict of dimensions of real-valued attributes by name, such as `{"slant": 1}`. Scale them to about
            [-1, 1]. Defaults to none.
        networks: `"mlp"`, the paper's MNIST model, or `"conv"`, DCGAN's networks. Defaults to `"mlp"`.
        width: int. For `"conv"`: channels of the layer next to the image, doubled at each halving of the size.
            Defaults to 64.
        latent_dim: int. Length of z. Defaults to 100.
        prior: `"uniform"` on [-1, 1) or `"normal"`. Defaults to `"uniform"`, as in the paper.
        generator: `keras.Model`, [latents, *conditions] -> images in [-1, 1], conditions in the order of the dicts,
            label sets first. Defaults to the chosen networks'.
        discriminator: `keras.Model`, [images, *conditions] -> logits. Defaults to the chosen networks'.
        seed: int. Seed of the noise.

    Raises:
        ValueError: if an argument is out of range.

    Example:

    >>> model = kerasgan.ConditionalGAN(num_classes={"letter": 36}, attributes={"slant": 1}, networks="conv", width=8)
    >>> model.compile()
    >>> model.generate(labels={"letter": [3, 7], "slant": [-1.0, 1.0]}, seed=0).shape
    (2, 28, 28, 1)
    """

    def __init__(
        self,
        image_size=28,
        channels=1,
        num_classes=10,
        attributes=None,
        networks="mlp",
        width=64,
        latent_dim=100,
        prior="uniform",
        generator=None,
        discriminator=None,
        **kwargs,
    ):
        if networks not in NETWORKS:
            raise ValueError(f"`networks` must be one of {sorted(NETWORKS)}. Received: {networks!r}")
        sizes = name_conditions(num_classes, attributes)
        make_generator, make_discriminator = NETWORKS[networks]
        super().__init__(
            image_size=image_size,
            channels=channels,
            latent_dim=latent_dim,
            prior=prior,
            generator=generator or make_generator(image_size, channels, latent_dim, *sizes, width),
            discriminator=discriminator or make_discriminator(image_size, channels, *sizes, width),
            **kwargs,
        )
        self.num_classes = num_classes
        self.set_conditions(*sizes)
