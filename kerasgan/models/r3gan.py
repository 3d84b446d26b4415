"""R3GAN: a regularized relativistic loss and plain residual networks, without other tricks."""

import math

import keras
from keras import layers

from kerasgan import penalties
from kerasgan.arguments import whole
from kerasgan.augment import OccasionalAugment
from kerasgan.layers import ClippedSamples, LearnedBasis, SmoothDownSampling2D, SmoothUpSampling2D
from kerasgan.models.gan import GAN
from kerasgan.models.tasks import FromLabels, name_conditions
from kerasgan.networks.bottlenecks import (
    embedded_classes,
    inverted_bottleneck,
    linear_change,
    r3gan_stages,
    scaled_normal,
)
from kerasgan.optimizers import Adam
from kerasgan.schedules import R3GANSchedule
from kerasgan.shapes import as_size


def r3gan_generator(image_size, channels, latent_dim, num_classes, width, blocks, wide_until, group_width):
    """A linear layer and a learned basis turn z and an embedding of the class into the smallest image.

    Residual blocks and smooth upsampling follow.

    Returns:
        A `keras.Model`, latents or [latents, labels] -> (batch, height, width, channels), in [-1, 1] when sampling.
    """
    sizes, filters = r3gan_stages(image_size, width, wide_until, group_width)
    x = inputs = keras.Input((latent_dim,), name="latents")
    if num_classes:
        labels, classes = embedded_classes(num_classes, latent_dim)
        x, inputs = layers.Concatenate()([x, classes]), [inputs, labels]
    x = LearnedBasis(sizes[0])(layers.Dense(filters[0], use_bias=False, kernel_initializer=scaled_normal())(x))
    for level, count in enumerate(filters):
        if level:
            x = SmoothUpSampling2D()(linear_change(x, count))
        for _ in range(blocks):
            x = inverted_bottleneck(x, group_width, blocks * len(filters))
    x = layers.Conv2D(channels, 1, use_bias=False, kernel_initializer=scaled_normal(), dtype="float32")(x)
    return keras.Model(inputs, ClippedSamples(dtype="float32")(x), name="generator")


def r3gan_discriminator(image_size, channels, num_classes, width, blocks, wide_until, group_width):
    """The mirror image of the generator: residual blocks and smooth downsampling, then a learned basis and one number.

    With classes, the output is the inner product of the features and an embedding of the class.

    Returns:
        A `keras.Model`, images or [images, labels] -> (batch, 1) logits.
    """
    sizes, filters = r3gan_stages(image_size, width, wide_until, group_width)
    x = inputs = keras.Input((*as_size(image_size), channels), name="images")
    x = layers.Conv2D(filters[-1], 1, use_bias=False, kernel_initializer=scaled_normal())(x)
    for level in reversed(range(len(filters))):
        for _ in range(blocks):
            x = inverted_bottleneck(x, group_width, blocks * len(filters))
        if level:
            x = linear_change(SmoothDownSampling2D()(x), filters[level - 1])
    spread = keras.initializers.RandomNormal(stddev=1 / math.sqrt(math.prod(sizes[0])))
    x = layers.DepthwiseConv2D(sizes[0], use_bias=False, depthwise_initializer=spread)(x)
    # No bias, as the relativistic loss uses only differences of logits.
    count = filters[0] if num_classes else 1
    x = layers.Dense(count, use_bias=False, kernel_initializer=scaled_normal(), dtype="float32")(layers.Flatten()(x))
    if num_classes:
        labels, classes = embedded_classes(num_classes, count, 1 / math.sqrt(count))
        x, inputs = layers.Dot(axes=1, dtype="float32")([x, classes]), [inputs, labels]
    return keras.Model(inputs, x, name="discriminator")


@keras.saving.register_keras_serializable("kerasgan")
class R3GAN(FromLabels, GAN):
    """R3GAN, "The GAN is dead; long live the GAN!" (Huang et al. 2024, https://arxiv.org/abs/2501.05441).

    D compares each real image with a generated one. With f(t) = -log(1 + e^-t),

        D maximises  E f(D(x) - D(G(z))) - gamma / 2 E |grad D(x)|^2 - gamma / 2 E |grad D(G(z))|^2
        G maximises  E f(D(G(z)) - D(x))

    (equation 2 with R1 and R2, equation 3). The pairing prevents dropped modes, and the two penalties give local
    convergence (section 2), so no other tricks are needed, such as normalization or attention. The networks mirror each
    other (section 3, config E): residual inverted bottlenecks with grouped convolutions, resampling by [1, 3, 3, 1],
    LeakyReLU(0.2), Fixup-like initialisation. The step is that of `GAN`. `fit` takes images or `(images, int labels)`.

    `compile()` trains with Adam(2e-4, beta_1=0, beta_2=0.99), gamma = 1 and an averaged generator. The paper tunes
    gamma to the data (appendix D: 0.05 for CIFAR-10, 2 for FFHQ-64, 150 for FFHQ-256), and moves it, the rate, beta_2,
    the averaging and the augmentation: `compile(schedule=kerasgan.schedules.R3GANSchedule(burn_in))`.

    Pretrained: `kerasgan.zoo.load("r3gan_mnist")`, with small networks of its own. Its recipe trains it:

        python -m kerasgan.zoo.r3gan_mnist.recipe runs

    Args:
        image_size: int or (height, width). Sides of 4 to 7 times a power of two, the same for both, such as
            28, 32, 64, 128, (96, 64). Defaults to 32.
        channels: int. 1 for grey, 3 for colour. Defaults to 3.
        latent_dim: int. Length of z. Defaults to 64, as in the paper.
        width: int. Channels of the stages up to `wide_until` pixels, halved at each doubling of the size beyond.
            Defaults to 768, as in the paper; 64 to 128 train on small machines.
        blocks: int. Residual blocks a stage. Defaults to 2, as in the paper.
        wide_until: int. See `width`. Defaults to 32, as in the paper; less is cheaper.
        group_width: int. Channels a group of the 3x3 convolutions. Defaults to 16, the paper's (cardinality 96 of
            2 * 768 channels).
        prior: `"normal"` or `"uniform"` on [-1, 1). Defaults to `"normal"`.
        num_classes: int, for labels as in the authors' class-conditional runs, or None (default).
        generator: `keras.Model`, latents or [latents, labels] -> images in [-1, 1]. Defaults to the paper's.
        discriminator: `keras.Model`, images or [images, labels] -> logits. Defaults to the paper's.
        seed: int. Seed of the noise.

    `d_real` is the mean probability that the real image of a pair is the more realistic one, `d_fake` that of the
    other.

    On CPUs, do not use `jit_compile`: XLA's grouped convolutions were measured 50 times slower. Use `mixed_bfloat16`
    instead of `mixed_float16`, which has no gradients of grouped convolutions on CPUs. On MNIST,
    `image_size=28, channels=1, width=64, blocks=1, wide_until=7`, a step of 64 images took 0.6 s of CPU time.

    Example:

    >>> model = kerasgan.R3GAN(image_size=28, channels=1, width=32, wide_until=7)
    >>> model.compile()
    >>> model.generate(2, seed=0).shape
    (2, 28, 28, 1)
    """

    schedule, _updates = None, 1

    def __init__(
        self,
        image_size=32,
        channels=3,
        latent_dim=64,
        width=768,
        blocks=2,
        wide_until=32,
        group_width=16,
        prior="normal",
        num_classes=None,
        generator=None,
        discriminator=None,
        **kwargs,
    ):
        sizes = name_conditions(num_classes) if num_classes is not None else ({}, {})
        shape = (num_classes, width, blocks, wide_until, group_width)
        super().__init__(
            image_size=image_size,
            channels=channels,
            latent_dim=latent_dim,
            prior=prior,
            generator=generator or r3gan_generator(image_size, channels, latent_dim, *shape),
            discriminator=discriminator or r3gan_discriminator(image_size, channels, *shape),
            **kwargs,
        )
        self.num_classes = num_classes
        self.set_conditions(*sizes)

    def compile(self, schedule=None, **kwargs):
        """Configures training: `AdversarialModel.compile`, and the authors' schedule.

        Args:
            schedule: `kerasgan.schedules.R3GANSchedule`. It sets the optimizers, the penalties and, with `augment_p`,
                the augmentation, unless they are given. Given penalties and the p of a given `OccasionalAugment` follow
                it. Defaults to none.
            **kwargs: arguments of `AdversarialModel.compile`.
        """
        if schedule is not None and not isinstance(schedule, R3GANSchedule):
            raise ValueError(f"`schedule` must be a `kerasgan.schedules.R3GANSchedule`. Received: {schedule!r}")
        self.schedule, self._updates = schedule, whole(kwargs.get("d_steps")) or 1
        super().compile(**kwargs)
        self._schedule_augmentation()

    def defaults(self):
        schedule, options = self.schedule, {"loss": "relativistic", "ema_decay": 0.999}
        gamma, adam = 1.0, {"learning_rate": 2e-4, "beta_1": 0.0, "beta_2": 0.99}
        if schedule is not None:
            gamma, adam["epsilon"] = schedule.gamma.initial, 1e-8
            options |= {"augment": OccasionalAugment()} if schedule.augment_p.final else {}
        for name, updates in (("g_optimizer", 1), ("d_optimizer", self._updates)):
            options[name] = Adam(**adam | (schedule.from_step(int(self.step), updates) if schedule else {}))
        return options | {"penalty": [penalties.R1(gamma), penalties.R2(gamma)]}

    def penalties(self, judge, real, fake):
        total = super().penalties(judge, real, fake)
        return total if self.schedule is None else total * self.schedule.gamma(self.step) / self.schedule.gamma.initial

    def ema_decay_now(self):
        return super().ema_decay_now() if self.schedule is None else self.schedule.ema_decay(self.step - 1)

    def update_ema(self):
        super().update_ema()
        self._schedule_augmentation()

    def _schedule_augmentation(self):
        moving = self.schedule is not None and self.schedule.augment_p.final
        for layer in (layer for layer in self.augment if moving and type(layer) is OccasionalAugment):
            layer.p.assign(self.schedule.augment_p(self.step))
