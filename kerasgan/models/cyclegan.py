"""CycleGAN: unpaired translation between two domains, with a cycle-consistency loss."""

import keras
import tensorflow as tf

from kerasgan.arguments import whole
from kerasgan.augment import ImagePool
from kerasgan.models.base import AdversarialModel
from kerasgan.models.tasks import BetweenDomains, class_loss
from kerasgan.networks import patch_discriminator, residual_generator
from kerasgan.reconstruction import mean_absolute
from kerasgan.shapes import as_size


@keras.saving.register_keras_serializable("kerasgan")
class CycleGAN(BetweenDomains, AdversarialModel):
    """Cycle-consistent adversarial networks (Zhu et al. 2017, https://arxiv.org/abs/1703.10593).

    Translators G: A -> B and F: B -> A, discriminators D_B and D_A, and no pairs. The loss (equation 3) is the sum of
    the adversarial losses of both directions, lambda (E |F(G(a)) - a| + E |G(F(b)) - b|), and (section 5.2) the
    identity loss E |G(b) - b| + E |F(a) - a|. `fit` takes (domain_a, domain_b), unpaired batches.

    Residual translators with instance normalization, 9 blocks from 256 pixels on and 6 below (appendix 7.2), and 70x70
    PatchGANs: 11,378,179 and 2,764,737 parameters at 256 pixels, as the authors' code prints.

    `compile()` trains with the least-squares loss, where D minimises ((D(real) - 1)^2 + D(fake)^2) / 2 and G
    (D(G(a)) - 1)^2 (section 3.4), a pool of 50 earlier fakes for D (section 4), and Adam(2e-4, beta_1=0.5). In the
    paper the rate of both optimizers falls to 0 over the second half of the steps: `kerasgan.schedules.LinearDecay`.

    Pretrained: `kerasgan.zoo.load("cyclegan_glyphs")`. Its recipe trains it:

        python -m kerasgan.zoo.cyclegan_glyphs.recipe runs

    Args:
        image_size: int or (height, width) of the images in training, multiples of 4. `translate` takes any size.
            Defaults to 256.
        channels: int. Of domain B. Defaults to 3.
        source_channels: int. Of domain A. Defaults to `channels`.
        width: int. Channels of the layers next to the images. Defaults to 64, as in the paper.
        blocks: int. Residual blocks of a translator. Defaults to 9 from 256 pixels on and 6 below.
        receptive_field: int. See `Pix2Pix`. Defaults to 70.
        pool_size: int. Earlier fakes kept for each D; 0 for none. Defaults to 50.
        generator_ab, generator_ba: `keras.Model`s, images -> images in [-1, 1]. Default to the paper's.
        discriminator_a, discriminator_b: `keras.Model`s, images -> logits. Default to the paper's.
        seed: int. Seed of the pools.

    Logs `d_loss` and `g_loss` (the sums over both directions), `cycle_loss`, `identity_loss` (without their weights),
    `d_real` and `d_fake` (means over both D), and with a classifier `semantic_loss` (without its weight).

    Example:

    >>> model = kerasgan.CycleGAN(image_size=32, width=4, blocks=1, receptive_field=16)
    >>> model.translate(np.zeros((2, 32, 32, 3), "float32"), to="A").shape
    (2, 32, 32, 3)
    """

    loss_names = ("d_loss", "g_loss", "cycle_loss", "identity_loss", "semantic_loss")
    sampling_networks = ("generator_ab", "generator_ba")
    g_networks = ("generator_ab", "generator_ba")
    d_networks = ("discriminator_a", "discriminator_b")

    def __init__(
        self,
        image_size=256,
        channels=3,
        source_channels=None,
        width=64,
        blocks=None,
        receptive_field=70,
        pool_size=50,
        generator_ab=None,
        generator_ba=None,
        discriminator_a=None,
        discriminator_b=None,
        **kwargs,
    ):
        source_channels = source_channels or channels

        def judge(channels):
            return patch_discriminator(image_size, channels, 0, width, receptive_field, normalization="instance")

        super().__init__(
            generator_ab=generator_ab or residual_generator(image_size, channels, source_channels, width, blocks),
            generator_ba=generator_ba or residual_generator(image_size, source_channels, channels, width, blocks),
            discriminator_a=discriminator_a or judge(source_channels),
            discriminator_b=discriminator_b or judge(channels),
            **kwargs,
        )
        if whole(pool_size, least=0) is None:
            raise ValueError(f"`pool_size` must be an int of at least 0. Received: {pool_size!r}")
        self.image_size, self.channels, self.source_channels = image_size, channels, source_channels
        self.pool_a = ImagePool((*as_size(image_size), source_channels), int(pool_size))
        self.pool_b = ImagePool((*as_size(image_size), channels), int(pool_size))

    def defaults(self):
        return super().defaults() | {"loss": "least_squares"}

    def compile(
        self, cycle_weight=10, identity_weight=None, adversarial_weight=2, classifier=None, semantic_weight=1, **kwargs
    ):
        """Configures training: `AdversarialModel.compile`, and the weights of the generators' terms.

        Args:
            cycle_weight: float. Lambda of equation 3. Defaults to 10, the paper's (section 4).
            identity_weight: float. Weight of the identity loss as a share of `cycle_weight`. 0 disables it. Defaults to
                0.5, as in the paper (section 5.2), or to 0 if the domains have different channels.
            adversarial_weight: float. Defaults to 2, because `losses.LeastSquares` halves the generator's square, as in
                its paper, but CycleGAN does not. Use 1 with other losses.
            classifier: `keras.Model` f, images of both domains -> (batch, num_classes) logits. It adds the semantic
                loss of CyCADA (Hoffman et al. 2018, https://arxiv.org/abs/1711.03213, equation 5), which keeps the
                class of an image: CE(f(G(a)), argmax f(a)) + CE(f(F(b)), argmax f(b)). f stays fixed and is saved with
                this model. Defaults to None.
            semantic_weight: float. Weight of the semantic loss. Defaults to 1.
            **kwargs: arguments of `AdversarialModel.compile`.
        """
        alike = self.channels == self.source_channels
        if identity_weight and not alike:
            raise ValueError(f"`identity_weight` must be 0 if the channels differ. Received: {identity_weight!r}")
        if classifier is not None and not alike:
            raise ValueError(f"`classifier` must be None if the channels differ. Received: {classifier}")
        identity_weight = 0.5 * alike if identity_weight is None else identity_weight
        self.weigh(cycle_weight=cycle_weight, identity_weight=identity_weight, adversarial_weight=adversarial_weight)
        self.weigh(semantic_weight=semantic_weight)
        object.__setattr__(self, "classifier", classifier)  # Keras must not track it, as in `SRGAN`
        super().compile(**kwargs)
        if classifier is None:
            self.loss_names = tuple(name for name in self.loss_names if name != "semantic_loss")

    def train_step(self, data):
        """One step of G and F, then one of both D on the fakes returned by the pools."""
        *earlier, (a, b) = self.fresh_batches(data)
        for a_, b_ in earlier:
            self.update_discriminators(
                a_, b_, self.generator_ba(b_, training=True), self.generator_ab(a_, training=True)
            )

        with tf.GradientTape() as g_tape:
            fake_a, fake_b, g_logs = self.translation_losses(a, b, self.generator_ab, self.generator_ba, training=True)
            g_logs["g_loss"] += self.generator_penalties()
        self.descend(g_tape, g_logs["g_loss"], self.g_variables, self.g_optimizer)
        d_logs = self.update_discriminators(a, b, fake_a, fake_b)
        self.update_ema()
        return self.track(**g_logs, **d_logs)

    def translation_losses(self, a, b, g, f, training):
        """Translates both batches there and back. Returns the fakes and the generators' losses (equation 3)."""
        fake_b, fake_a = g(a, training=training), f(b, training=training)
        again_a, again_b = f(fake_b, training=training), g(fake_a, training=training)
        cycle_loss = mean_absolute(again_a, a) + mean_absolute(again_b, b)  # equation 2
        identity_loss = tf.zeros(())
        if self.identity_weight:  # section 5.2
            same_a, same_b = f(a, training=training), g(b, training=training)
            identity_loss = mean_absolute(same_b, b) + mean_absolute(same_a, a)
        g_loss = self.cycle_weight * (cycle_loss + self.identity_weight * identity_loss)
        for discriminator, real, fake in ((self.discriminator_a, a, fake_a), (self.discriminator_b, b, fake_b)):
            g_loss += self.adversarial_weight * self.generator_loss(discriminator, real, fake, training)
        logs = {"cycle_loss": cycle_loss, "identity_loss": identity_loss}
        if self.classifier is not None:
            seen = [[self.classifier(x, training=False) for x in pair] for pair in ((a, fake_b), (b, fake_a))]
            logs["semantic_loss"] = sum(class_loss(tf.argmax(own, axis=-1), new)[0] for own, new in seen)
            g_loss += self.semantic_weight * logs["semantic_loss"]
        return fake_a, fake_b, {"g_loss": g_loss} | logs

    def generator_loss(self, discriminator, real, fake, training):
        fake_logits = self.judge(discriminator, fake, training)
        real_logits = self.judge(discriminator, real, training) if self.loss.needs_real_logits else None
        return self.loss.generator_loss(fake_logits, real_logits)

    def update_discriminators(self, a, b, fake_a, fake_b):
        """Makes one step of both D and returns the logs."""
        fake_a = self.pool_a.exchange(fake_a, self.seed_generator)
        fake_b = self.pool_b.exchange(fake_b, self.seed_generator)
        with tf.GradientTape() as d_tape:
            d_loss, logs = self.judgement_losses(a, b, fake_a, fake_b, training=True)
            for discriminator, real, fake in ((self.discriminator_a, a, fake_a), (self.discriminator_b, b, fake_b)):
                d_loss += self.penalties(lambda x, d=discriminator: self.judge(d, x), real, fake)
        self.descend(d_tape, d_loss, self.d_variables, self.d_optimizer)
        return {"d_loss": d_loss, **logs}

    def judgement_losses(self, a, b, fake_a, fake_b, training):
        judges = self.discriminator_a, self.discriminator_b
        real_logits = [self.judge(judge, images, training) for judge, images in zip(judges, (a, b))]
        fake_logits = [self.judge(judge, images, training) for judge, images in zip(judges, (fake_a, fake_b))]
        d_loss = sum(self.loss.discriminator_loss(real, fake) for real, fake in zip(real_logits, fake_logits))
        adapted = self.adapt(a, real_logits, fake_logits) if training else {}
        return d_loss, self.probabilities(real_logits, fake_logits) | adapted

    def judge(self, discriminator, images, training=True):
        """A discriminator's logits for `images`, with the compiled augmentation."""
        return discriminator(self.augmented(images, training), training=training)

    def test_step(self, data):
        """Computes the losses without training, and the compiled metrics over (domain B, translations to B)."""
        a, b = data
        networks = self.sampler("generator_ab"), self.sampler("generator_ba")
        fake_a, fake_b, g_logs = self.translation_losses(a, b, *networks, training=False)
        d_loss, d_logs = self.judgement_losses(a, b, fake_a, fake_b, training=False)
        self.compare(b, fake_b)
        return self.track(b, d_loss=d_loss, **g_logs, **d_logs)
