"""Wasserstein GANs: a Lipschitz critic by weight clipping or by a gradient penalty."""

import keras
import tensorflow as tf

from kerasgan.layers import GroupNormalization
from kerasgan.losses import Wasserstein
from kerasgan.models.dcgan import dcgan_discriminator, dcgan_generator
from kerasgan.models.gan import GAN
from kerasgan.optimizers import Adam, RMSprop


def _layer_norm():
    """Layer normalization over a whole image with a scale and an offset per channel, as one group."""
    return GroupNormalization(groups=1, epsilon=1e-5)


def critic(image_size, channels, width, **options):
    """DCGAN's discriminator without a bias in the last layer, as a constant does not change the loss.

    Returns:
        A `keras.Model`, (batch, height, width, channels) -> (batch, 1) scores.
    """
    return dcgan_discriminator(image_size, channels, width, use_bias=False, **options)


def _wasserstein(real_logits, fake_logits):
    """E f(x) - E f(G(z)): the critic's estimate of the distance, up to its Lipschitz constant."""
    return -Wasserstein().discriminator_loss(real_logits, fake_logits)


@keras.saving.register_keras_serializable("kerasgan")
class WGAN(GAN):
    """Wasserstein GAN (Arjovsky et al. 2017, https://arxiv.org/abs/1701.07875).

    The critic f maximises E f(x) - E f(G(z)) (equation 2) over Lipschitz functions, which is enforced by clipped
    weights. The maximum is the earth mover's distance between data and samples, up to a factor, and G minimises it.
    Algorithm 1 makes five updates of f, each on new data and followed by w <- clip(w, -c, c), then one update of G.

    Networks are DCGAN's. `compile()` trains with RMSprop(5e-5) and `d_steps=5`, each on its own batch. The paper uses
    batches of 64. `fit` takes images.

    A run of some minutes, after which the first digits become visible (the learning rate is small):

        kerasgan train wgan --data mnist --epochs 9 --width 16 --batch-size 32

    Args:
        image_size: int or (height, width). Sides of 4 to 7 times a power of two, the same for both. Defaults to 64.
        channels: int. 1 for grey, 3 for colour. Defaults to 3.
        latent_dim: int. Length of z. Defaults to 100.
        width: int. Channels of the layer next to the image, doubled at each halving of the size, up to 8 times.
            Defaults to 64.
        clip: float. The bound c on the critic's weights. Defaults to 0.01.
        prior: `"normal"` or `"uniform"` on [-1, 1). Defaults to `"normal"`.
        generator: `keras.Model`, (batch, latent_dim) -> images in [-1, 1]. Defaults to DCGAN's.
        discriminator: `keras.Model`, images -> scores: the critic f. Defaults to DCGAN's.
        seed: int. Seed of the noise.

    Also logs `wasserstein`, the estimate E f(x) - E f(G(z)). A critic has no probabilities, so `d_real` and `d_fake`
    are the shares of pairs in which the real, or the generated, image scores higher.

    Example:

    >>> model = kerasgan.WGAN(image_size=16, channels=1, width=4)
    >>> model.compile()
    >>> history = model.fit(np.random.uniform(-1, 1, (20, 16, 16, 1)).astype("float32"), batch_size=20, verbose=0)
    >>> bool(max(abs(w.numpy()).max() for w in model.discriminator.trainable_variables) <= 0.01)
    True
    """

    loss_names = ("d_loss", "g_loss", "wasserstein")

    def __init__(
        self,
        image_size=64,
        channels=3,
        latent_dim=100,
        width=64,
        clip=0.01,
        prior="normal",
        generator=None,
        discriminator=None,
        **kwargs,
    ):
        if not clip > 0:
            raise ValueError(f"`clip`, the bound on the critic's weights, must be above 0. Received: {clip!r}")
        super().__init__(
            image_size=image_size,
            channels=channels,
            latent_dim=latent_dim,
            prior=prior,
            generator=generator or dcgan_generator(image_size, channels, latent_dim, width),
            discriminator=discriminator or critic(image_size, channels, width),
            **kwargs,
        )
        self.clip = clip

    def defaults(self):
        return {
            "g_optimizer": RMSprop(5e-5),
            "d_optimizer": RMSprop(5e-5),
            "loss": "wasserstein",
            "d_steps": 5,
        }

    def update_discriminator(self, real, fake, condition):
        """Ascends the gradient of equation 3 once, then clips every weight of the critic."""
        logs = super().update_discriminator(real, fake, condition)
        for weight in self.d_variables:  # algorithm 1, line 7
            weight.assign(tf.clip_by_value(weight.value, -self.clip, self.clip))
        return logs

    def measure(self, real_logits, fake_logits, condition):
        estimate = {"wasserstein": _wasserstein(real_logits, fake_logits)}
        return estimate | super().measure(real_logits, fake_logits, condition)


@keras.saving.register_keras_serializable("kerasgan")
class WGANGP(GAN):
    """Wasserstein GAN with gradient penalty (Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028).

    Instead of clipping weights, the critic's loss keeps the norm of its gradient near 1 between data and samples:

        E f(G(z)) - E f(x) + lambda E (|grad f(x^)| - 1)^2,  x^ = e x + (1 - e) G(z),  e uniform in [0, 1)  (equation 3)

    The penalty is per image, so the critic has layer norm instead of DCGAN's batch norm (section 4). The step is that
    of `GAN`. Networks are otherwise DCGAN's, the baseline of section 5.1. `compile()` trains as in algorithm 1:
    lambda = 10, Adam(1e-4, beta_1=0, beta_2=0.9), `d_steps=5`, each on its own batch. The paper uses batches of 64.
    `fit` takes images.

    Pretrained: `kerasgan.zoo.load("wgan_gp_fashion_mnist")`. Its recipe trains it:

        python -m kerasgan.zoo.wgan_gp_fashion_mnist.recipe runs

    Args:
        image_size: int or (height, width). Sides of 4 to 7 times a power of two, the same for both. Defaults to 64.
        channels: int. 1 for grey, 3 for colour. Defaults to 3.
        latent_dim: int. Length of z. Defaults to 128.
        width: int. Channels of the layer next to the image, doubled at each halving of the size, up to 8 times.
            Defaults to 64.
        prior: `"normal"` or `"uniform"` on [-1, 1). Defaults to `"normal"`.
        generator: `keras.Model`, (batch, latent_dim) -> images in [-1, 1]. Defaults to DCGAN's.
        discriminator: `keras.Model`, images -> scores: the critic f. Defaults to DCGAN's with layer norm.
        seed: int. Seed of the noise.

    Logs `wasserstein`, `d_real` and `d_fake` as `WGAN` does.

    Example:

    >>> model = kerasgan.WGANGP(image_size=16, channels=1, width=4)
    >>> model.compile(penalty=kerasgan.penalties.GradientPenalty(weight=1.0), d_steps=2)
    >>> model.generate(2, seed=0).shape
    (2, 16, 16, 1)
    """

    loss_names = ("d_loss", "g_loss", "wasserstein")

    def __init__(
        self,
        image_size=64,
        channels=3,
        latent_dim=128,
        width=64,
        prior="normal",
        generator=None,
        discriminator=None,
        **kwargs,
    ):
        super().__init__(
            image_size=image_size,
            channels=channels,
            latent_dim=latent_dim,
            prior=prior,
            generator=generator or dcgan_generator(image_size, channels, latent_dim, width),
            discriminator=discriminator or critic(image_size, channels, width, norm=_layer_norm),
            **kwargs,
        )

    def defaults(self):
        return {
            "g_optimizer": Adam(1e-4, beta_1=0.0, beta_2=0.9),
            "d_optimizer": Adam(1e-4, beta_1=0.0, beta_2=0.9),
            "loss": "wasserstein",
            "penalty": "gradient_penalty",
            "d_steps": 5,
        }

    def measure(self, real_logits, fake_logits, condition):
        estimate = {"wasserstein": _wasserstein(real_logits, fake_logits)}
        return estimate | super().measure(real_logits, fake_logits, condition)
