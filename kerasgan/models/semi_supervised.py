"""Semi-supervised GANs: a discriminator that also classifies, trained with few labels."""

import math

import keras
import tensorflow as tf
from keras import layers

from kerasgan.corruptions import GaussianCorruption
from kerasgan.layers import BatchNormalization, WeightNormalization, initialize_by_data
from kerasgan.losses import FeatureMatching
from kerasgan.models.gan import GAN
from kerasgan.models.tasks import FromFewLabels, class_loss
from kerasgan.optimizers import Adam
from kerasgan.penalties import Recorded
from kerasgan.shapes import as_size


def semi_supervised_generator(image_size, channels, latent_dim):
    """Two batch-normalized layers of 500 softplus units, and a weight-normalized last layer.

    Returns:
        A `keras.Model`, (batch, latent_dim) -> (batch, height, width, channels) in [-1, 1].
    """
    x = latents = keras.Input((latent_dim,), name="latents")
    for _ in range(2):
        x = layers.Dense(500, use_bias=False)(x)
        x = BatchNormalization(momentum=0.9, epsilon=1e-6, scale=False, synchronized=True)(x)
        x = layers.Activation("softplus")(x)
    shape = (*as_size(image_size), channels)
    x = layers.Reshape(shape)(WeightNormalization(layers.Dense(math.prod(shape)))(x))
    images = layers.Rescaling(2.0, -1.0, dtype="float32")(layers.Activation("sigmoid", dtype="float32")(x))
    return keras.Model(latents, images, name="generator")


def semi_supervised_discriminator(image_size, channels, num_classes):
    """Weight-normalized ReLU layers of 1,000, 500, 250, 250 and 250 units, each after Gaussian noise.

    The noise has standard deviation 0.3 on pixels in [0, 1] and 0.5 on features.

    Returns:
        A `keras.Model`, images -> {"logits": (batch, num_classes), "features": (batch, 250)}, the features before the
        last layer.
    """
    images = keras.Input((*as_size(image_size), channels), name="images")
    x = layers.Flatten()(layers.Rescaling(0.5, 0.5)(images))
    for i, units in enumerate((1000, 500, 250, 250, 250)):
        x = GaussianCorruption(0.5 if i else 0.3)(x)
        x = layers.ReLU()(WeightNormalization(_dense(units), trainable_lengths=False)(x))
    noisy = GaussianCorruption(0.5)(x)
    logits = layers.Activation("linear", dtype="float32")(WeightNormalization(_dense(num_classes))(noisy))
    features = layers.Activation("linear", dtype="float32")(x)
    return keras.Model(images, {"logits": logits, "features": features}, name="discriminator")


def _dense(units):
    """A layer with the initial kernel norm of the authors' code. Longer kernels change direction more slowly."""
    return layers.Dense(units, kernel_initializer=keras.initializers.RandomNormal(stddev=0.1))


@keras.saving.register_keras_serializable("kerasgan")
class SemiSupervisedGAN(FromFewLabels, GAN):
    """Semi-supervised GAN (Salimans et al. 2016, https://arxiv.org/abs/1606.03498, section 5).

    D outputs a logit l_k for each of K classes. The class "generated" has the logit 0, so the probability of a real
    image is Z / (Z + 1), Z = sum_k exp l_k. With few labelled images (x, y), many unlabelled images x_u and as many
    generated images G(z), D minimises L_supervised + unlabelled_weight L_unsupervised:

        L_supervised = -E log p(y | x, x is real)
        L_unsupervised = -1/2 (E log D(x_u) + E log(1 - D(G(z)))),    D(x) = Z(x) / (Z(x) + 1)

    and G matches the mean features of real images: mean_j (E f_j(x_u) - E f_j(G(z)))^2 (section 3.1). G is trained on
    the same batch as D, while the authors' code uses another one.

    `fit` takes `((labelled_images, labels), images)` with int labels. `kerasgan.data.zip_unpaired(labelled,
    unlabelled)` makes such a dataset and repeats the labelled images. `predict(images)` returns class probabilities,
    and `evaluate((images, labels))` returns `accuracy`. Both use averaged weights of D. Call `initialize(images)` once
    before `fit` to scale D's layers, as the authors do. `generate` draws images.

    Networks and noise are those of the paper's MNIST model. `compile()` trains with Adam(3e-3, beta_1=0.5,
    epsilon=1e-4) and averages the weights of D with decay 0.9999, as the authors' code for MNIST. Here the weights of G
    are averaged, too.

    Args:
        image_size: int or (height, width), in pixels. Defaults to 28.
        channels: int. 1 for grey, 3 for colour. Defaults to 1.
        num_classes: int. K. Defaults to 10.
        latent_dim: int. Length of z. Defaults to 100.
        unlabelled_weight: float. Defaults to 1.
        prior: `"uniform"` on [-1, 1) or `"normal"`. Defaults to `"uniform"`.
        generator: `keras.Model`, (batch, latent_dim) -> images in [-1, 1]. Defaults to the paper's.
        discriminator: `keras.Model`, images -> {"logits": (batch, num_classes), "features": (batch, n)}, see
            `kerasgan.networks.with_features`. Defaults to the paper's.
        seed: int. Seed of the noise.

    Logs `d_loss`, `g_loss`, `supervised_loss` and `labelled_accuracy`, of the labelled images in training, and `d_real`
    and `d_fake`: the mean probabilities D(x_u) and D(G(z)).

    Example:

    >>> model = kerasgan.SemiSupervisedGAN()
    >>> model.compile()
    >>> model.predict(np.zeros((2, 28, 28, 1), "float32"), verbose=0).shape
    (2, 10)
    """

    loss_names = ("d_loss", "g_loss", "supervised_loss", "labelled_accuracy")
    evaluation_names = ("accuracy",)
    compares_images = False
    sampling_networks = ("generator", "discriminator")

    def __init__(
        self,
        image_size=28,
        channels=1,
        num_classes=10,
        latent_dim=100,
        unlabelled_weight=1.0,
        prior="uniform",
        generator=None,
        discriminator=None,
        **kwargs,
    ):
        super().__init__(
            image_size=image_size,
            channels=channels,
            latent_dim=latent_dim,
            prior=prior,
            generator=generator or semi_supervised_generator(image_size, channels, latent_dim),
            discriminator=discriminator or semi_supervised_discriminator(image_size, channels, num_classes),
            **kwargs,
        )
        if unlabelled_weight < 0:
            raise ValueError(f"`unlabelled_weight` must be at least 0. Received: {unlabelled_weight!r}")
        outputs = getattr(self.discriminator, "output", None)
        if not isinstance(outputs, dict) or not {"logits", "features"} <= set(outputs):
            raise ValueError(
                '`discriminator` must output a dict of "logits", of the classes, and "features". Received: a network '
                "with other outputs. Remedy: `networks.with_features(discriminator)`"
            )
        self.num_classes, self.unlabelled_weight = num_classes, unlabelled_weight

    def defaults(self):
        features = self.discriminator.output["features"].shape[-1]
        return {
            # the authors divide by sqrt(v + 1e-8), which of small v is 1e-4
            "g_optimizer": Adam(3e-3, beta_1=0.5, epsilon=1e-4),
            "d_optimizer": Adam(3e-3, beta_1=0.5, epsilon=1e-4),
            "loss": FeatureMatching(weight=1 / features),  # of the sum: the mean
            "ema_decay": 0.9999,
        }

    def initialize(self, images):
        """Scales the layers of D so that the outputs of each have mean 0 and variance 1 over about 500 `images`.

        Args:
            images: float32 (n, height, width, channels) in [-1, 1].

        Raises:
            ValueError: if D has no `WeightNormalization` layer.
        """
        initialize_by_data(self.discriminator, tf.convert_to_tensor(images, "float32"))
        if getattr(self, "ema_discriminator", None) is not None:
            self.ema_discriminator.set_weights(self.discriminator.get_weights())

    def class_logits(self, images, discriminator, training):
        """Returns l_k, float32 (batch, num_classes)."""
        return tf.cast(discriminator(images, training=training)["logits"], tf.float32)

    def draw(self, real, condition, generator=None, training=True):
        return super().draw(real, (), generator, training)

    def paths(self, rows, condition):
        return super().paths(rows, ())

    def judge(self, images, condition, training=True):
        """Returns D's outputs: "logits" is the logit of "real", log Z, and "classes" are the l_k."""
        outputs = super().judge(images, (), training)
        classes = tf.cast(outputs["logits"], tf.float32)
        return outputs | {"logits": tf.reduce_logsumexp(classes, axis=-1, keepdims=True), "classes": classes}

    def update_discriminator(self, real, fake, condition):
        """Descends L_supervised + unlabelled_weight L_unsupervised in D once and returns the logs."""
        labelled, labels = condition
        judge = Recorded(lambda images: self.judge(images, ()))
        real, fake = self.shown(real, fake, ())
        with tf.GradientTape() as d_tape:
            supervised, accuracy = class_loss(labels, self.judge(labelled, ())["classes"])
            real_logits, fake_logits = judge(real), judge(fake)
            unsupervised = self.loss.discriminator_loss(real_logits, fake_logits) / 2
            d_loss = supervised + self.unlabelled_weight * unsupervised + self.penalties(judge, real, fake)
            d_loss += self.latent_consistency(real, (), judge)
        self.descend(d_tape, d_loss, self.d_variables, self.d_optimizer)
        logs = self.probabilities(real_logits, fake_logits) | self.adapt(real, real_logits, fake_logits)
        return {"d_loss": d_loss, "supervised_loss": supervised, "labelled_accuracy": accuracy, **logs}
