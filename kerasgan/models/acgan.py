"""Auxiliary classifier GANs: the discriminator also predicts the class."""

import math

import keras
import tensorflow as tf
from keras import layers

from kerasgan.arguments import whole
from kerasgan.convolutions import Conv2D, Conv2DTranspose
from kerasgan.layers import Dropout, LeakyReLU
from kerasgan.models.gan import GAN
from kerasgan.models.tasks import FromLabels, condition_inputs, name_conditions
from kerasgan.networks import batch_norm, normal, pyramid
from kerasgan.shapes import as_size


def acgan_generator(image_size, channels, latent_dim, num_classes, width):
    """Appendix A: z and the one-hot class side by side, a rectified linear layer, strided transposed convolutions.

    Returns:
        A `keras.Model`, [latents, labels] -> (batch, height, width, channels) in [-1, 1].
    """
    base, filters = pyramid(image_size, width)
    latents = keras.Input((latent_dim,), name="latents")
    labels, classes = condition_inputs({"labels": num_classes}, {})
    x = layers.Concatenate()([latents, classes])
    x = layers.Dense(math.prod(base) * filters[-1], activation="relu", kernel_initializer=normal())(x)
    x = layers.Reshape((*base, filters[-1]))(x)
    for count in reversed(filters[:-1]):
        x = Conv2DTranspose(count, 5, 2, "same", use_bias=False, kernel_initializer=normal())(x)
        x = layers.ReLU()(batch_norm()(x))
    x = Conv2DTranspose(channels, 5, 2, "same", kernel_initializer=normal())(x)
    images = layers.Activation("tanh", dtype="float32")(x)
    return keras.Model([latents, *labels], images, name="generator")


def acgan_discriminator(image_size, channels, num_classes, width):
    """Appendix A: 3x3 convolutions of stride 2 and 1 in turn, each twice as wide, with dropout of a half; two heads.

    Returns:
        A `keras.Model`, images -> [logits (batch, 1), class logits (batch, num_classes)].
    """
    depth = len(pyramid(image_size, width)[1])
    x = images = keras.Input((*as_size(image_size), channels), name="images")
    for level in range(2 * depth):
        count = min(width * 2**level, width * 32)
        stride = 1 if level % 2 else 2
        x = Conv2D(count, 3, stride, "same", use_bias=level == 0, kernel_initializer=normal())(x)
        x = Dropout(0.5)(LeakyReLU(0.2)(batch_norm()(x) if level else x))
    x = layers.Flatten()(x)
    logits = layers.Dense(1, kernel_initializer=normal(), dtype="float32", name="logits")(x)
    classes = layers.Dense(num_classes, kernel_initializer=normal(), dtype="float32", name="classes")(x)
    return keras.Model(images, [logits, classes], name="discriminator")


def _cross_entropy(class_logits, labels):
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, class_logits))


def _accuracy(class_logits, labels):
    best = tf.argmax(class_logits, -1, output_type=tf.int32)
    return tf.reduce_mean(tf.cast(best == tf.cast(labels, tf.int32), tf.float32))


@keras.saving.register_keras_serializable("kerasgan")
class ACGAN(FromLabels, GAN):
    """Auxiliary classifier GAN (Odena et al. 2017, https://arxiv.org/abs/1610.09585).

    G(c, z) gets the class; D does not. D outputs the probability of the source, P(S|X), and of the class, P(C|X). With
    the log-likelihoods of the right source and of the right class, each over real and generated images,

        L_S = E log P(S = real | X_real) + E log P(S = fake | X_fake)    (equation 2)
        L_C = E log P(C = c | X_real) + E log P(C = c | X_fake)          (equation 3)

    D is trained to maximise L_S + L_C and G to maximise L_C - L_S; `loss` chooses another L_S. Classes of generated
    images are those of the real ones beside them. The step is that of `GAN`. `fit` takes `(images, labels)`, int labels
    (batch,).

    Without arguments the networks are those of the paper's CIFAR-10 model (appendix A). `compile()` trains with
    Adam(2e-4, beta_1=0.5), as in the paper, and the `"non_saturating"` form of L_S for G.

    Pretrained: `kerasgan.zoo.load("acgan_fashion_mnist")`. Its recipe trains it:

        python -m kerasgan.zoo.acgan_fashion_mnist.recipe runs

    Args:
        image_size: int or (height, width). Sides of 4 to 7 times a power of two, the same for both. Defaults to 32.
        channels: int. 1 for grey, 3 for colour. Defaults to 3.
        num_classes: int. Defaults to 10.
        latent_dim: int. Length of z. Defaults to 100.
        width: int. Channels of G's layer next to the image, doubled at each halving of the size; D starts with a
            sixth of it. Defaults to 96.
        class_weight: float. Weight of L_C relative to L_S, for both networks. Defaults to 1.
        prior: `"normal"` or `"uniform"` on [-1, 1). Defaults to `"normal"`.
        generator: `keras.Model`, [latents, labels] -> images in [-1, 1]. Defaults to the paper's.
        discriminator: `keras.Model`, images -> [logits, class logits]. Defaults to the paper's.
        seed: int. Seed of the noise.

    Also logs `class_accuracy_real` and `class_accuracy_fake`, the accuracies of D's class predictions.

    Example:

    >>> model = kerasgan.ACGAN(image_size=28, channels=1, width=12)
    >>> model.compile()
    >>> model.generate(labels=[0, 1, 2], seed=0).shape
    (3, 28, 28, 1)
    """

    loss_names = ("d_loss", "g_loss", "class_accuracy_real", "class_accuracy_fake")

    def __init__(
        self,
        image_size=32,
        channels=3,
        num_classes=10,
        latent_dim=100,
        width=96,
        class_weight=1.0,
        prior="normal",
        generator=None,
        discriminator=None,
        **kwargs,
    ):
        if whole(num_classes) is None:
            raise ValueError(
                f"`num_classes` must be an int above 0, as ACGAN has one set of labels. Received: {num_classes!r}"
            )
        sizes = name_conditions(num_classes)
        super().__init__(
            image_size=image_size,
            channels=channels,
            latent_dim=latent_dim,
            prior=prior,
            generator=generator or acgan_generator(image_size, channels, latent_dim, num_classes, width),
            discriminator=discriminator or acgan_discriminator(image_size, channels, num_classes, max(1, width // 6)),
            **kwargs,
        )
        self.num_classes = num_classes
        self.weigh(class_weight=class_weight)
        self.set_conditions(*sizes)

    def judge(self, images, condition, training=True):
        """D's logits and class logits for `images`, with the compiled augmentation. D does not get the class."""
        outputs = super().judge(images, (), training)
        outputs = outputs if isinstance(outputs, dict) else {"logits": outputs}
        logits, classes = outputs["logits"]
        return outputs | {"logits": logits, "classes": classes}

    def discriminator_loss(self, real_logits, fake_logits, condition):
        d_loss = super().discriminator_loss(real_logits, fake_logits, condition)  # -L_S, equation 2
        likelihood = _cross_entropy(real_logits["classes"], *condition)
        likelihood += _cross_entropy(fake_logits["classes"], *condition)
        return d_loss + self.class_weight * likelihood  # -L_C, equation 3

    def generator_loss(self, fake_logits, real_logits, condition):
        g_loss = super().generator_loss(fake_logits, real_logits, condition)  # L_S
        return g_loss + self.class_weight * _cross_entropy(fake_logits["classes"], *condition)  # -L_C

    def measure(self, real_logits, fake_logits, condition):
        return super().measure(real_logits, fake_logits, condition) | {
            "class_accuracy_real": _accuracy(real_logits["classes"], *condition),
            "class_accuracy_fake": _accuracy(fake_logits["classes"], *condition),
        }
