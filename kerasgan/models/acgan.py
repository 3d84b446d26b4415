"""Auxiliary classifier GANs: the discriminator also tells the class."""

import keras
import tensorflow as tf
from keras import layers

from kerasgan.layers import Dropout
from kerasgan.models.conditional import Conditioned, condition_inputs, name_conditions
from kerasgan.models.dcgan import _norm, _normal, pyramid
from kerasgan.models.gan import GAN


def acgan_generator(image_size, channels, latent_dim, num_classes, width):
    """Appendix A: z and the one-hot class side by side, a rectified linear layer, strided transposed convolutions.

    Returns:
        A `keras.Model`, [latents, labels] -> (batch, image_size, image_size, channels) in [-1, 1].
    """
    base, filters = pyramid(image_size, width)
    latents = keras.Input((latent_dim,), name="latents")
    labels, classes = condition_inputs({"labels": num_classes}, {})
    x = layers.Concatenate()([latents, classes])
    x = layers.Dense(base * base * filters[-1], activation="relu", kernel_initializer=_normal())(x)
    x = layers.Reshape((base, base, filters[-1]))(x)
    for count in reversed(filters[:-1]):
        x = layers.Conv2DTranspose(count, 5, 2, "same", use_bias=False, kernel_initializer=_normal())(x)
        x = layers.ReLU()(_norm()(x))
    x = layers.Conv2DTranspose(channels, 5, 2, "same", kernel_initializer=_normal())(x)
    images = layers.Activation("tanh", dtype="float32")(x)
    return keras.Model([latents, *labels], images, name="generator")


def acgan_discriminator(image_size, channels, num_classes, width):
    """Appendix A: 3x3 convolutions of stride 2 and 1 in turn, each twice as wide, with dropout of a half; two heads.

    Returns:
        A `keras.Model`, images -> [logits (batch, 1), class logits (batch, num_classes)].
    """
    depth = len(pyramid(image_size, width)[1])
    x = images = keras.Input((image_size, image_size, channels), name="images")
    for level in range(2 * depth):
        count = min(width * 2**level, width * 32)
        stride = 1 if level % 2 else 2
        x = layers.Conv2D(count, 3, stride, "same", use_bias=level == 0, kernel_initializer=_normal())(x)
        x = Dropout(0.5)(layers.LeakyReLU(0.2)(_norm()(x) if level else x))
    x = layers.Flatten()(x)
    logits = layers.Dense(1, kernel_initializer=_normal(), dtype="float32", name="logits")(x)
    classes = layers.Dense(num_classes, kernel_initializer=_normal(), dtype="float32", name="classes")(x)
    return keras.Model(images, [logits, classes], name="discriminator")


def _cross_entropy(class_logits, labels):
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, class_logits))


def _accuracy(class_logits, labels):
    best = tf.argmax(class_logits, -1, output_type=tf.int32)
    return tf.reduce_mean(tf.cast(best == tf.cast(labels, tf.int32), tf.float32))


@keras.saving.register_keras_serializable("kerasgan")
class ACGAN(Conditioned, GAN):
    """Auxiliary classifier GAN (Odena et al. 2017, https://arxiv.org/abs/1610.09585).

    G(c, z) is told the class; D is not, and gives both the probability of the source, P(S|X), and of the class,
    P(C|X). With the log-likelihoods of the right source and of the right class, each over real and generated images,

        L_S = E log P(S = real | X_real) + E log P(S = fake | X_fake)    (equation 2)
        L_C = E log P(C = c | X_real) + E log P(C = c | X_fake)          (equation 3)

    D is trained to maximise L_S + L_C and G to maximise L_C - L_S; `loss` chooses another L_S. Classes of generated
    images are those of the real ones beside them. `fit` takes `(images, labels)`, int labels (batch,).

    Without arguments the networks are those of the paper's CIFAR-10 model (appendix A). `compile()` trains with
    Adam(2e-4, beta_1=0.5), the paper's, and the `"non_saturating"` form of L_S for G.

    Args:
        image_size: int. Side of the square images: 4 to 7 times a power of two. Defaults to 32.
        channels: int. 1 for grey, 3 for colour. Defaults to 3.
        num_classes: int. Defaults to 10.
        latent_dim: int. Length of z. Defaults to 100.
        width: int. Channels of G's layer next to the image, doubled at each halving of the size; D starts with a
            sixth of it. Defaults to 96.
        class_weight: float. Weight of L_C beside L_S, for both players. Defaults to 1.
        prior: `"normal"` or `"uniform"` on [-1, 1). Defaults to `"normal"`.
        generator: `keras.Model`, [latents, labels] -> images in [-1, 1]. Defaults to the paper's.
        discriminator: `keras.Model`, images -> [logits, class logits]. Defaults to the paper's.
        seed: int. Seed of the noise.

    Logs `class_accuracy_real` and `class_accuracy_fake` besides: how often D names the right class.

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
        if not isinstance(num_classes, int):
            raise ValueError(f"`num_classes` must be an int: ACGAN knows one set of labels. Received: {num_classes!r}")
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
        self.num_classes, self.class_weight = num_classes, class_weight
        self.set_conditions(*sizes)

    def train_step(self, data):
        """`d_steps` updates of D, each on fresh data, then one of G (section 3)."""
        *earlier, last = self.fresh_batches(data)
        for batch in earlier:
            real, condition = self.unpack(batch)
            self.update_discriminator(real, self.draw(real, condition), condition)

        real, condition = self.unpack(last)
        with tf.GradientTape() as g_tape:
            fake = self.draw(real, condition)
            with g_tape.stop_recording():
                d_logs = self.update_discriminator(real, fake, condition)
            fake_logits, fake_classes = self.judge(fake)  # by the improved D
            real_logits = self.judge(real)[0] if self.loss.needs_real_logits else None
            g_loss = self.loss.generator_loss(fake_logits, real_logits)  # L_S
            g_loss += self.class_weight * _cross_entropy(fake_classes, *condition)  # -L_C
        self.descend(g_tape, g_loss, self.g_variables, self.g_optimizer)
        self.update_ema()
        return self.track(g_loss=g_loss, **d_logs)

    def update_discriminator(self, real, fake, condition):
        """Ascends the gradient of L_S + L_C in D once and returns what is to be logged."""
        with tf.GradientTape() as d_tape:
            real_logits, real_classes = self.judge(real)
            fake_logits, fake_classes = self.judge(fake)
            d_loss = self.loss.discriminator_loss(real_logits, fake_logits)  # -L_S, equation 2
            likelihood = _cross_entropy(real_classes, *condition) + _cross_entropy(fake_classes, *condition)
            d_loss += self.class_weight * likelihood  # -L_C, equation 3
            d_loss += self.penalties(lambda images: self.judge(images)[0], real, fake)
        self.descend(d_tape, d_loss, self.d_variables, self.d_optimizer)
        accuracies = self._accuracies(real_classes, fake_classes, condition)
        return {"d_loss": d_loss, **self.measure(real_logits, fake_logits), **accuracies}

    def test_step(self, data):
        real, condition = self.unpack(data)
        fake = self.draw(real, condition, self.sampler(), training=False)
        real_logits, real_classes = self.judge(real, training=False)
        fake_logits, fake_classes = self.judge(fake, training=False)
        real_term, fake_term = (self.class_weight * _cross_entropy(c, *condition) for c in (real_classes, fake_classes))
        self.compare(real, fake)
        return self.track(
            d_loss=self.loss.discriminator_loss(real_logits, fake_logits) + real_term + fake_term,
            g_loss=self.loss.generator_loss(fake_logits, real_logits) + fake_term,
            **self.measure(real_logits, fake_logits),
            **self._accuracies(real_classes, fake_classes, condition),
        )

    def judge(self, images, condition=(), training=True):
        """D's logits and class logits for `images`, augmented as compiled; D is not told the class."""
        return self.discriminator(self.augmented(images, training), training=training)

    @staticmethod
    def _accuracies(real_classes, fake_classes, condition):
        return {
            "class_accuracy_real": _accuracy(real_classes, *condition),
            "class_accuracy_fake": _accuracy(fake_classes, *condition),
        }
