"""Pixel-level domain adaptation: source images are translated to the target domain and train a classifier."""

import keras
import tensorflow as tf
from keras import layers

from kerasgan.convolutions import Conv2D
from kerasgan.corruptions import GaussianCorruption
from kerasgan.layers import Dropout, LeakyReLU
from kerasgan.models.base import AdversarialModel
from kerasgan.models.tasks import AdaptsPixels, class_loss
from kerasgan.networks import batch_norm, normal
from kerasgan.networks.digits import digit_classifier, digit_stem
from kerasgan.optimizers import Adam
from kerasgan.schedules import FromStep
from kerasgan.shapes import as_size


def pixelda_generator(image_size, channels, latent_dim, blocks=6):
    """Figure 2: the noise becomes a further channel of the image; residual blocks with 64 channels.

    Returns:
        A `keras.Model`, [images, noise (batch, latent_dim)] -> images in [-1, 1].
    """
    height, width = as_size(image_size)
    images, noise = keras.Input((height, width, channels), name="images"), keras.Input((latent_dim,), name="noise")
    drawn = layers.Dense(height * width, use_bias=False, kernel_initializer=normal())(noise)
    drawn = layers.Reshape((height, width, 1))(layers.ReLU()(batch_norm()(drawn)))
    x = layers.Concatenate()([images, drawn])
    x = Conv2D(64, 3, padding="same", activation="relu", kernel_initializer=normal())(x)
    for _ in range(blocks):
        y = Conv2D(64, 3, padding="same", use_bias=False, kernel_initializer=normal())(x)
        y = Conv2D(64, 3, padding="same", use_bias=False, kernel_initializer=normal())(layers.ReLU()(batch_norm()(y)))
        x = layers.Add()([x, batch_norm()(y)])
    x = Conv2D(channels, 1, kernel_initializer=normal())(x)
    return keras.Model([images, noise], layers.Activation("tanh", dtype="float32")(x), name="generator")


def pixelda_discriminator(image_size, channels, width=64):
    """Figure 2: convolutions that halve the image down to about 4 pixels, each followed by dropout and noise.

    Returns:
        A `keras.Model`, images -> (batch, 1) logits.
    """
    x = images = keras.Input((*as_size(image_size), channels), name="images")
    count = width
    while x is images or min(x.shape[1:3]) > 4:
        first = x is images
        x = Conv2D(count, 3, 1 if first else 2, "same", use_bias=first, kernel_initializer=normal())(x)
        x = LeakyReLU(0.2)(x if first else batch_norm()(x))
        x = GaussianCorruption(0.2)(Dropout(0.1)(x))
        count *= 2
    logits = layers.Dense(1, kernel_initializer=normal(), dtype="float32")(layers.Flatten()(x))
    return keras.Model(images, logits, name="discriminator")


@keras.saving.register_keras_serializable("kerasgan")
class PixelDA(AdaptsPixels, AdversarialModel):
    """Unsupervised pixel-level domain adaptation (Bousmalis et al. 2017, https://arxiv.org/abs/1612.05424).

    G translates a source image and noise to an image of the target domain. A classifier T learns the labels from source
    images and their translations, so that it works on the target domain. With the adversarial loss L_d
    (equation 2) and

        L_t = E -log T(G(x_s, z))_y - log T(x_s)_y    (equation 3)

    a step first trains D and T with domain_weight L_d + L_t, then G with style_weight L_d + task_weight L_t.

    `fit` takes `((source_images, source_labels), target_images)`, all with the same number of rows. `predict(images)`
    returns class probabilities. `evaluate((images, labels))` returns the accuracy on labelled target images.
    `translate` translates source images to the target domain.

    Networks and weights are those of the authors' code for MNIST, its grey digits in three equal channels, to
    MNIST-M, without weight decay. `compile()` trains with Adam(1e-3, beta_1=0.5), falling by 5 % every 20,000 steps.

    Args:
        image_size: int or (height, width). Of both domains, a multiple of 4. Defaults to 28.
        channels: int. Of both domains. Defaults to 3.
        num_classes: int. Defaults to 10.
        latent_dim: int. Length of the noise. Defaults to 10.
        generator: `keras.Model`, [images, noise] -> images in [-1, 1]. Defaults to the paper's.
        discriminator: `keras.Model`, images -> logits of "target". Defaults to the paper's.
        source_stem, target_stem: `keras.Model`s, images -> features: T's first layers. Default to a convolution each.
        classifier: `keras.Model`, features -> (batch, num_classes) logits. Defaults to the rest of DANN's.
        seed: int. Seed of the noise.

    Logs `d_loss`, `g_loss`, `task_loss` (L_t), `source_accuracy`, `translated_accuracy`, and `d_real` and `d_fake`.
    `evaluate` logs `target_accuracy`.

    Example:

    >>> model = kerasgan.PixelDA(image_size=16)
    >>> model.translate(np.zeros((2, 16, 16, 3), "float32"), seed=0).shape
    (2, 16, 16, 3)
    """

    loss_names = ("d_loss", "g_loss", "task_loss", "source_accuracy", "translated_accuracy")
    evaluation_names = ("target_accuracy",)
    compares_images = False
    sampling_networks = ("generator", "target_stem", "classifier")
    prior = "uniform"

    def __init__(
        self,
        image_size=28,
        channels=3,
        num_classes=10,
        latent_dim=10,
        generator=None,
        discriminator=None,
        source_stem=None,
        target_stem=None,
        classifier=None,
        **kwargs,
    ):
        source_stem = source_stem or digit_stem(image_size, channels, "source_stem")
        super().__init__(
            generator=generator or pixelda_generator(image_size, channels, latent_dim),
            discriminator=discriminator or pixelda_discriminator(image_size, channels),
            source_stem=source_stem,
            target_stem=target_stem or digit_stem(image_size, channels, "target_stem"),
            classifier=classifier or digit_classifier(source_stem.output_shape[1:], num_classes),
            **kwargs,
        )
        self.image_size, self.channels = image_size, channels
        self.num_classes, self.latent_dim = num_classes, latent_dim

    def defaults(self):
        falling = keras.optimizers.schedules.ExponentialDecay(1e-3, 20_000, 0.95, staircase=True)
        rates = (FromStep(falling, int(self.step)) for _ in range(2))
        return {name: Adam(rate, beta_1=0.5) for name, rate in zip(("g_optimizer", "d_optimizer"), rates)}

    def compile(
        self, domain_weight=0.135603587834, style_weight=0.0113173311334, task_weight=0.0100959947002, **kwargs
    ):
        """Configures training: `AdversarialModel.compile`, and the weights of the terms.

        Args:
            domain_weight: float. Of L_d in the step of D and T. Defaults to the authors' for MNIST to MNIST-M.
            style_weight, task_weight: float. Of L_d and L_t in the step of G. Default to theirs.
            **kwargs: arguments of `AdversarialModel.compile`.
        """
        self.weigh(domain_weight=domain_weight, style_weight=style_weight, task_weight=task_weight)
        super().compile(**kwargs)

    @property
    def d_variables(self):
        """The trainable variables of D and T."""
        networks = (self.discriminator, self.source_stem, self.target_stem, self.classifier)
        return [variable for network in networks for variable in network.trainable_variables]

    def train_step(self, data):
        """Section 3.1: a step of D and T with G fixed, then one of G with D and T fixed, on the same images."""
        *earlier, last = self.fresh_batches(data)
        for batch in earlier:
            self.update_discriminator(batch, self.draw(batch[0][0]))
        (source, labels), target = last
        with tf.GradientTape() as g_tape:
            fake = self.draw(source)
            with g_tape.stop_recording():
                logs = self.update_discriminator(last, fake)
            fake_logits = self.judge(fake)
            real_logits = self.judge(target) if self.loss.needs_real_logits else None
            g_loss = self.style_weight * self.loss.generator_loss(fake_logits, real_logits)
            task, _ = class_loss(labels, self.target_logits(fake, training=True))
            g_loss += self.task_weight * task + self.generator_penalties()
        self.descend(g_tape, g_loss, self.g_variables, self.g_optimizer)
        self.update_ema()
        return self.track(g_loss=g_loss, **logs)

    def update_discriminator(self, batch, fake):
        """Makes one step of D and T, and returns the logs."""
        (source, labels), target = batch
        with tf.GradientTape() as d_tape:
            real_logits, fake_logits = self.judge(target), self.judge(fake)
            on_source, source_accuracy = class_loss(labels, self.source_logits(source))
            on_fake, translated_accuracy = class_loss(labels, self.target_logits(fake, training=True))
            task_loss = on_source + on_fake
            d_loss = self.domain_weight * self.loss.discriminator_loss(real_logits, fake_logits) + task_loss
            d_loss += self.penalties(self.judge, target, fake)
        self.descend(d_tape, d_loss, self.d_variables, self.d_optimizer)
        logs = self.probabilities(real_logits, fake_logits) | self.adapt(target, real_logits, fake_logits)
        accuracies = {"source_accuracy": source_accuracy, "translated_accuracy": translated_accuracy}
        return {"d_loss": d_loss, "task_loss": task_loss, **accuracies, **logs}

    def draw(self, source):
        return self.generator([source, self.latents(tf.shape(source)[0])], training=True)

    def judge(self, images):
        return self.discriminator(self.augmented(images), training=True)

    def source_logits(self, images):
        return self.classifier(self.source_stem(images, training=True), training=True)

    def target_logits(self, images, training=False):
        """Class logits of target images; outside of training by averaged weights if there are any."""
        if training:
            return self.classifier(self.target_stem(images, training=True), training=True)
        return self.sampler("classifier")(self.sampler("target_stem")(images, training=False), training=False)
