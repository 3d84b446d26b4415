"""BigGAN: large conditional GANs whose latents and classes condition every block of G."""

import math

import keras
from keras import layers

from kerasgan.arguments import whole
from kerasgan.layers import SelfAttention, SpectralNormalization
from kerasgan.models.gan import GAN
from kerasgan.models.tasks import FromLabels, name_conditions
from kerasgan.networks import batch_norm, class_projection, normal, pyramid
from kerasgan.networks.blocks import biggan_stages, doubling_block, halving_block, spectral_convolution
from kerasgan.optimizers import Adam
from kerasgan.shapes import as_size

INITIALIZERS = {"orthogonal": keras.initializers.Orthogonal, "normal": normal}


def biggan_generator(
    image_size, channels, latent_dim, num_classes, width, shared_dim, hierarchical, attention_size, initializer
):
    """Figure 15a and b: residual blocks that double the size, each normalized by the class and a piece of z of its own.

    Returns:
        A `keras.Model`, [latents, labels] -> (batch, height, width, channels) in [-1, 1].
    """
    base, (first, *filters), _, attention_size = biggan_stages(image_size, width, attention_size)
    start = INITIALIZERS[initializer]
    latents = keras.Input((latent_dim,), name="latents")
    labels = keras.Input((), dtype="int32", name="labels")
    if shared_dim:
        classes = layers.Embedding(num_classes, shared_dim, embeddings_initializer=start())(labels)
    else:
        classes = keras.ops.one_hot(labels, num_classes)
    blocks = len(filters)
    pieces = keras.ops.split(latents, blocks + 1, axis=-1) if hierarchical else [latents] + blocks * [None]

    x = SpectralNormalization(layers.Dense(math.prod(base) * first, kernel_initializer=start()))(pieces[0])
    x = layers.Reshape((*base, first))(x)
    for number, (count, piece) in enumerate(zip(filters, pieces[1:]), 1):
        name = f"block_{number}"
        condition = classes if piece is None else layers.Concatenate(name=f"{name}_condition")([classes, piece])
        x = doubling_block(x, condition, count, start, spectral=bool(shared_dim), name=name)
        if max(x.shape[1:3]) == attention_size:
            x = SelfAttention(value_reduction=2, pool=2, kernel_initializer=start())(x)
    x = spectral_convolution(channels, 3, start)(layers.ReLU()(batch_norm()(x)))
    return keras.Model([latents, labels], layers.Activation("tanh", dtype="float32")(x), name="generator")


def biggan_discriminator(image_size, channels, num_classes, width, attention_size, initializer):
    """Figure 15c: residual blocks that halve the size, the last one does not; then a projection of the class.

    Returns:
        A `keras.Model`, [images, labels] -> (batch, 1) logits.
    """
    _, _, filters, attention_size = biggan_stages(image_size, width, attention_size)
    start = INITIALIZERS[initializer]
    images = keras.Input((*as_size(image_size), channels), name="images")
    labels = keras.Input((), dtype="int32", name="labels")
    x = images
    for level, (count, halves) in enumerate(filters):
        x = halving_block(x, count, start, first=not level, halves=halves)
        if halves and max(x.shape[1:3]) == attention_size:
            x = SelfAttention(value_reduction=2, pool=2, kernel_initializer=start())(x)
    logits = class_projection(layers.ReLU()(x), labels, num_classes, start)
    return keras.Model([images, labels], logits, name="discriminator")


@keras.saving.register_keras_serializable("kerasgan")
class BigGAN(FromLabels, GAN):
    """BigGAN (Brock et al. 2019, https://arxiv.org/abs/1809.11096).

    SAGAN, made large (section 3). Classes share one embedding, and z is split: its first piece enters the first layer,
    and each other piece, joined to the embedding, makes the gains and shifts of one block's batch norms. Both networks
    are spectrally normalized and start orthogonal; D gets the class by projection. With the hinge losses the step is
    that of `GAN`, D's updates on fresh data. `fit` takes `(images, labels)`, int labels (batch,).

    `compile()` trains with Adam(5e-5) for G and Adam(2e-4) for D, beta_1=0, beta_2=0.999, two updates of D a step and
    an average of G by 0.9999 (appendix C). The paper's batches have 2,048 images. `penalty="orthogonal"` adds the
    orthogonal regularization of equation 3, with which more models take truncation. `generate(truncation=0.5)`
    truncates z (section 3.1), and `standing_statistics()`, once after training, makes samples independent of the last
    batches (appendix B). BigGAN-deep is another network and is not here.

    The authors' CIFAR-10 script is `BigGAN(image_size=32, num_classes=10, width=64, latent_dim=128, shared_dim=0,
    hierarchical=False, attention_size=0, initializer="normal")`, with `compile(d_steps=4)` and both rates at 2e-4.

    A recipe of the zoo trains it:

        KERASGAN_DATA_DIR=... python -m kerasgan.zoo.biggan_tinyimagenet.recipe runs

    Args:
        image_size: int or (height, width). Sides of 4 to 7 times a power of two, the same for both. Defaults to 128.
        channels: int. 1 for grey, 3 for colour. Defaults to 3.
        num_classes: int. Defaults to 1000, as in ImageNet.
        latent_dim: int. Length of z, which the pieces share evenly: one for the first layer and one for each doubling
            of the size. Defaults to 120, as in the paper at 128 pixels; it has 140 at 256 and 128 at 512.
        width: int. Channels of the layer next to the image. Defaults to 96, as in the paper; 16 to 32 train on small
            machines.
        shared_dim: int. Length of the classes' embedding. 0 gives each batch norm gains and shifts of each class.
            Defaults to 128, as in the paper.
        hierarchical: bool. Whether z is split; else all of it enters the first layer. Defaults to True.
        attention_size: int. Longer side of the feature map that attends to itself, 0 for none. Defaults to 64, the
            paper's, or for small images to the largest map that is smaller than the image.
        initializer: `"orthogonal"`, as in the paper, or `"normal"`, N(0, 0.02). Defaults to `"orthogonal"`.
        generator: `keras.Model`, [latents, labels] -> images in [-1, 1]. Defaults to the paper's.
        discriminator: `keras.Model`, [images, labels] -> logits. Defaults to the paper's.
        seed: int. Seed of the noise.

    Raises:
        ValueError: if an argument is out of range.

    Example:

    >>> model = kerasgan.BigGAN(image_size=16, channels=1, num_classes=10, latent_dim=6, width=4, shared_dim=4)
    >>> model.compile()
    >>> model.generate(labels=[3, 7], truncation=0.5, seed=0).shape
    (2, 16, 16, 1)
    """

    def __init__(
        self,
        image_size=128,
        channels=3,
        num_classes=1000,
        latent_dim=120,
        width=96,
        shared_dim=128,
        hierarchical=True,
        attention_size=None,
        initializer="orthogonal",
        generator=None,
        discriminator=None,
        **kwargs,
    ):
        if whole(num_classes) is None:
            raise ValueError(
                f"`num_classes` must be an int above 0, as BigGAN has one set of labels. Received: {num_classes!r}"
            )
        if initializer not in INITIALIZERS:
            raise ValueError(f"`initializer` must be one of {sorted(INITIALIZERS)}. Received: {initializer!r}")
        pieces = len(pyramid(image_size, 1)[1]) + 1
        if hierarchical and latent_dim % pieces:
            raise ValueError(
                f"`latent_dim` must be a multiple of {pieces} at {image_size!r} pixels, for one piece of z per block. "
                f"Received: {latent_dim!r}. Remedy: `latent_dim={latent_dim // pieces * pieces or pieces}`, or "
                "`hierarchical=False`"
            )
        sizes, shape = name_conditions(num_classes), (attention_size, initializer)
        super().__init__(
            image_size=image_size,
            channels=channels,
            latent_dim=latent_dim,
            prior="normal",
            generator=generator
            or biggan_generator(image_size, channels, latent_dim, num_classes, width, shared_dim, hierarchical, *shape),
            discriminator=discriminator or biggan_discriminator(image_size, channels, num_classes, width, *shape),
            **kwargs,
        )
        self.num_classes = num_classes
        self.set_conditions(*sizes)

    def defaults(self):
        betas = {"beta_1": 0.0, "beta_2": 0.999, "epsilon": 1e-6}
        options = {"g_optimizer": Adam(5e-5, **betas), "d_optimizer": Adam(2e-4, **betas)}
        return options | {"loss": "hinge", "d_steps": 2, "ema_decay": 0.9999}
