"""Domain transfer: a generator on fixed features, and a discriminator with three classes of images."""

import keras
import tensorflow as tf

from kerasgan.augment import AdaptiveAugment
from kerasgan.augment import get as get_augment
from kerasgan.models.base import AdversarialModel
from kerasgan.models.tasks import FromImage
from kerasgan.networks import dtn_discriminator, dtn_features, dtn_generator
from kerasgan.reconstruction import mean_gradient, mean_square
from kerasgan.shapes import as_size, to_channels

MADE_FROM_SOURCE, MADE_FROM_TARGET, REAL = 0, 1, 2  # the classes of D: D_1, D_2 and D_3 of the paper


@keras.saving.register_keras_serializable("kerasgan")
class DomainTransferNetwork(FromImage, AdversarialModel):
    """Unsupervised cross-domain image generation (Taigman et al. 2017, https://arxiv.org/abs/1611.02200).

    G = g o f maps images of a source domain to a target domain. f is given and fixed. The transfer preserves the
    features f(x) of an image. D has three classes: images made from the source, images made from the target, and real
    target images. With x from the source s and from the target t:

    - D minimises L_D = -E_s log D_1(G(x)) - E_t log D_2(G(x)) - E_t log D_3(x) (equation 3);
    - g minimises L_GANG + alpha L_CONST + beta L_TID + gamma L_TV (equation 8), where
      L_GANG = -E_s log D_3(G(x)) - E_t log D_3(G(x)) (equation 4),
      L_CONST = E_s |f(x) - f(G(x))|^2 (equation 5), L_TID = E_t |x - G(x)|^2 (equation 6),
      and L_TV smooths (equation 7).

    `fit` takes (source, target), unpaired batches. f matters: train it on labels of the source,
    which need not be the target's, before the transfer, for instance

        classifier = keras.Sequential([model.features, keras.layers.Dense(10)])
        classifier.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        classifier.fit(source_images, source_labels)

    `compile()` then freezes it, and trains the rest with Adam(2e-4, beta_1=0.5).

    Pretrained: `kerasgan.zoo.load("dtn_glyphs_mnist")`. Its recipe trains it:

        KERASGAN_DATA_DIR=... python -m kerasgan.zoo.dtn_glyphs_mnist.recipe runs

    Args:
        image_size: int or (height, width) of both domains, multiples of 8 from 16 on. Defaults to 32.
        channels: int. Of the target domain. Defaults to 1: the paper's digits are grey.
        source_channels: int. Of the source domain. Target images are converted to grey or RGB for f. Defaults to
            `channels`.
        width: int. Sets the networks' channels. Defaults to 64, as in the paper.
        features: `keras.Model`, images -> vectors; the f of the paper. Defaults to its network for digits, untrained.
        generator: `keras.Model`, vectors -> images in [-1, 1]; the g of the paper. Defaults to its.
        discriminator: `keras.Model`, images -> (batch, 3) logits. Defaults to the paper's.
        seed: int. Seed of what compiled augmentations draw.

    Logs `d_loss`, `g_loss`, `const_loss`, `tid_loss` (unweighted), and D_3 of real and made images: `d_real`, `d_fake`.

    Example:

    >>> model = kerasgan.DomainTransferNetwork(image_size=16, width=4)
    >>> model.compile()
    >>> model.translate(np.zeros((2, 16, 16, 1), "float32")).shape
    (2, 16, 16, 1)
    """

    loss_names = ("d_loss", "g_loss", "const_loss", "tid_loss")
    fixed_networks = ("features",)
    num_columns = 4

    def __init__(
        self,
        image_size=32,
        channels=1,
        source_channels=None,
        width=64,
        features=None,
        generator=None,
        discriminator=None,
        **kwargs,
    ):
        if any(side < 16 or side % 8 for side in as_size(image_size)):
            raise ValueError(f"`image_size` must be a multiple of 8 from 16 on. Received: {image_size!r}")
        source_channels = source_channels or channels
        features = features or dtn_features(image_size, source_channels, width)
        super().__init__(
            features=features,
            generator=generator or dtn_generator(features.output_shape[-1], image_size, channels, width),
            discriminator=discriminator or dtn_discriminator(image_size, channels, width),
            **kwargs,
        )
        self.image_size, self.channels, self.source_channels = image_size, channels, source_channels

    def compile(self, const_weight=15.0, tid_weight=15.0, total_variation_weight=0.0, **kwargs):
        """Configures training: `AdversarialModel.compile`, and the weights of g's terms; freezes `features`.

        Args:
            const_weight: float. Alpha of equation 8. Defaults to 15, as in the paper for digits; 100 for faces.
            tid_weight: float. Beta. Defaults to 15, as in the paper for digits; 1 for faces.
            total_variation_weight: float. Gamma. Defaults to 0, as in the paper for digits; 0.05 for faces.
            **kwargs: arguments of `AdversarialModel.compile`, except `loss` and `penalty`, as D has three classes.
        """
        for name in ("loss", "penalty"):
            if kwargs.get(name) is not None:
                raise ValueError(f"`{name}` is fixed, as D has three classes. Received: {kwargs[name]!r}")
        weights = {"const_weight": const_weight, "tid_weight": tid_weight}
        self.weigh(**weights, total_variation_weight=total_variation_weight)
        if any(isinstance(layer, AdaptiveAugment) for layer in get_augment(kwargs.get("augment"))):
            raise ValueError("`augment` cannot be adaptive, as D has three classes. Received: AdaptiveAugment")
        self.features.trainable = False
        super().compile(**kwargs)

    def get_compile_config(self):
        return {name: v for name, v in super().get_compile_config().items() if name not in ("loss", "penalty")}

    def train_step(self, data):
        """One step of D, then one of g, on the same images."""
        *earlier, (source, target) = self.fresh_batches(data)
        for s, t in earlier:
            self.update_discriminator(t, *self.transfer(s, t, self.generator, training=True)[:2])

        with tf.GradientTape() as g_tape:
            from_source, from_target, described = self.transfer(source, target, self.generator, training=True)
            with g_tape.stop_recording():
                d_logs = self.update_discriminator(target, from_source, from_target)
            g_logs = self.generator_losses(target, from_source, from_target, described, training=True)
        self.descend(g_tape, g_logs["g_loss"], self.g_variables, self.g_optimizer)
        self.update_ema()
        return self.track(**g_logs, **d_logs)

    def transfer(self, source, target, generator, training):
        """Returns G of both batches, and f of the source. One pass of g, so batch statistics are over both."""
        described = self.describe(source)
        both = tf.concat([described, self.describe(target)], axis=0)
        from_source, from_target = tf.split(generator(both, training=training), 2)
        return from_source, from_target, described

    def describe(self, images):
        """f of images of either domain."""
        return self.features(to_channels(images, self.source_channels), training=False)

    def generator_losses(self, target, from_source, from_target, described, training):
        """Equation 8 and two of its terms."""
        gang_loss = cross_entropy(self.judge(from_source, training), REAL)
        gang_loss += cross_entropy(self.judge(from_target, training), REAL)  # equation 4
        const_loss = mean_square(described, self.describe(from_source))  # equation 5
        tid_loss = mean_square(target, from_target)  # equation 6
        g_loss = gang_loss + self.const_weight * const_loss + self.tid_weight * tid_loss
        if self.total_variation_weight:
            made = tf.concat([from_source, from_target], axis=0)
            g_loss += self.total_variation_weight * mean_gradient(made)  # equation 7
        return {"g_loss": g_loss, "const_loss": const_loss, "tid_loss": tid_loss}

    def update_discriminator(self, target, from_source, from_target):
        """Makes one step of D and returns the logs."""
        with tf.GradientTape() as d_tape:
            logs = self.discriminator_losses(target, from_source, from_target, training=True)
        self.descend(d_tape, logs["d_loss"], self.d_variables, self.d_optimizer)
        return logs

    def discriminator_losses(self, target, from_source, from_target, training):
        """Equation 3, and the mean probabilities of being real."""
        source_logits, target_logits = self.judge(from_source, training), self.judge(from_target, training)
        real_logits = self.judge(target, training)
        d_loss = cross_entropy(source_logits, MADE_FROM_SOURCE) + cross_entropy(target_logits, MADE_FROM_TARGET)
        d_loss += cross_entropy(real_logits, REAL)
        made = (probability(source_logits, REAL) + probability(target_logits, REAL)) / 2
        return {"d_loss": d_loss, "d_real": probability(real_logits, REAL), "d_fake": made}

    def judge(self, images, training):
        """D's three logits for `images`, with the compiled augmentation."""
        return self.discriminator(self.augmented(images, training), training=training)

    def test_step(self, data):
        """Computes the losses without training, and the compiled metrics over (target, images made from the source)."""
        source, target = data
        from_source, from_target, described = self.transfer(source, target, self.sampler(), training=False)
        self.compare(target, from_source)
        g_logs = self.generator_losses(target, from_source, from_target, described, training=False)
        return self.track(target, **g_logs, **self.discriminator_losses(target, from_source, from_target, False))

    def call(self, inputs, training=False):
        """Maps images to the target domain, with the averaged weights if there are any."""
        return self.sampler()(self.describe(inputs), training=training)

    def route(self):
        return [self.features, self.sampler()]

    def preview_row(self, source, target, seed):
        """Source | G(source) | target | G(target)."""
        made = [self.translate(to_channels(images, self.source_channels)) for images in (source, target)]
        return [source, made[0], target, made[1]]


def cross_entropy(logits, kind):
    """-E log D_kind."""
    return -tf.reduce_mean(tf.nn.log_softmax(tf.cast(logits, tf.float32))[:, kind])


def probability(logits, kind):
    """E D_kind."""
    return tf.reduce_mean(tf.nn.softmax(tf.cast(logits, tf.float32))[:, kind])
