"""StackGAN: text to image in two stages, a small image and a refined larger image."""

import keras

from kerasgan.models.gan_cls import GANCLS
from kerasgan.networks.stages import divergence, stage1_generator, stage2_generator, stage2_refiner


class _OfAStage:
    """Mixin for the term that both stages add to the loss of `GANCLS`."""

    loss_names = ("d_loss", "g_loss", "kl_loss", "d_wrong")

    def generator_terms(self, text):
        return {"kl_loss": self.kl_weight * divergence(self.generator, text)}  # equations 4 and 6


@keras.saving.register_keras_serializable("kerasgan")
class StackGANStage1(_OfAStage, GANCLS):
    """Stage-I of StackGAN (Zhang et al. 2017, https://arxiv.org/abs/1612.03242): a small image from a text.

    The step is that of `GANCLS`: D judges real images with right and wrong texts, and generated images. G takes z and a
    condition drawn by `ConditioningAugmentation` from the text. It minimises the adversarial loss plus
    lambda D_KL(N(mu, sigma) || N(0, 1)) (equation 4).

    `fit` takes `(images, text vectors)` or `(images, text vectors, labels)`, as that of `GANCLS`. `compile()` trains
    with Adam(2e-4, beta_1=0.5); the paper halves the rate every 100 of 600 epochs, in batches of 64.

    Args:
        image_size: int or (height, width). Sides of 4 to 7 times a power of two, the same for both. Defaults to 64.
        channels: int. Defaults to 3.
        latent_dim: int. Length of z. Defaults to 100.
        text_dim: int. Length of the text vectors. Defaults to 1024.
        width: int. Channels of the layer next to the image, doubled at each halving of the size, up to 8 times.
            Defaults to 64.
        condition_dim: int. Length of the condition in G and of the projected text in D. Defaults to 128.
        kl_weight: float, lambda of equation 4. Defaults to 1, as in the paper. The authors' program has a weight of 2
            on the mean over the dimensions, which is 2 / condition_dim here. With this lower weight, the images depend
            more on the text.
        encoder: the text encoder; see `GANCLS.set_encoder`. Defaults to none.
        generator, discriminator: `keras.Model`s, [latents, text, noise] -> images in [-1, 1] with a
            `ConditioningAugmentation` among its layers, and [images, text] -> logits. Default to the paper's and that
            of `matching`.
        matching: str, `"concatenation"`, as in the paper, or `"projection"`; see `GANCLS`.
        seed: int. Seed of the noise.

    Logs `d_loss`, `g_loss`, `kl_loss` (the weighted divergence, not in `g_loss`), `d_real`, `d_wrong`, `d_fake`.

    Example:

    >>> stage1 = kerasgan.StackGANStage1(image_size=16, text_dim=8, width=4)
    >>> stage1.compile()
    >>> stage1.generate(np.ones(8, "float32"), num_images=2, seed=0).shape
    (2, 16, 16, 3)
    """

    def __init__(
        self,
        image_size=64,
        channels=3,
        latent_dim=100,
        text_dim=1024,
        width=64,
        condition_dim=128,
        kl_weight=1.0,
        encoder=None,
        generator=None,
        discriminator=None,
        **kwargs,
    ):
        super().__init__(
            image_size=image_size,
            channels=channels,
            latent_dim=latent_dim,
            text_dim=text_dim,
            encoder=encoder,
            generator=generator or stage1_generator(image_size, channels, latent_dim, text_dim, width, condition_dim),
            width=width,
            projection_dim=condition_dim,
            discriminator=discriminator,
            **kwargs,
        )
        self.weigh(kl_weight=kl_weight)


@keras.saving.register_keras_serializable("kerasgan")
class StackGANStage2(_OfAStage, GANCLS):
    """Stage-II of StackGAN (Zhang et al. 2017, https://arxiv.org/abs/1612.03242): a larger image from Stage-I's.

    Stage-I is trained first and is fixed here. G refines its images with a new condition from the text, without further
    noise, and minimises the adversarial loss plus lambda D_KL (equation 6). D's step is that of `GANCLS` on large
    images (equation 5). `fit` and `compile()` are as those of `StackGANStage1`, with images of `image_size`.

    Args:
        stage1: a trained `StackGANStage1`, whose sampling network is copied, or such a network. Defaults to an
            untrained one of the paper's size.
        image_size: int. 2, 4, 8 ... times Stage-I's. Defaults to 256.
        width: int. Channels of the refiner's first layer (the paper's 128 are 2 `width`) and of D's. Defaults to 64.
        condition_dim: int. Length of the condition in the refiner and of the projected text in D. Defaults to 128.
        blocks: int. Residual blocks: 4 for 256 pixels, the default, 2 for 128 (section 3.5).
        kl_weight: float, lambda. Defaults to 1; see `StackGANStage1`.
        encoder: the text encoder. Defaults to that of `stage1`.
        generator: `keras.Model`, [latents, text, noise, noise] -> images in [-1, 1]. Defaults to Stage-I and the
            paper's refiner.
        discriminator: `keras.Model`, [images, text] -> logits. Defaults to that of `matching`.
        matching: str, `"concatenation"`, as in the paper, or `"projection"`; see `GANCLS`.
        seed: int. Seed of the noise.

    Logs as `StackGANStage1`.

    Example:

    >>> stage1 = kerasgan.StackGANStage1(image_size=16, text_dim=8, width=4)
    >>> stage2 = kerasgan.StackGANStage2(stage1, image_size=32, width=4, blocks=1)
    >>> stage2.compile()
    >>> stage2.generate(np.ones(8, "float32"), num_images=2, seed=0).shape
    (2, 32, 32, 3)
    """

    def __init__(
        self,
        stage1=None,
        image_size=256,
        width=64,
        condition_dim=128,
        blocks=4,
        kl_weight=1.0,
        encoder=None,
        generator=None,
        discriminator=None,
        **kwargs,
    ):
        known = None
        if isinstance(stage1, StackGANStage1):
            known, stage1 = stage1.encoder or stage1.encoder_identity, stage1.sampler()
        if stage1 is None:
            stage1 = stage1_generator(64, 3, 100, 1024, 64, 128)
        sketcher = self._average_of(stage1)  # a copy, and fixed
        sketcher.name = "sketcher"
        (latent_dim, text_dim), channels = [x.shape[-1] for x in sketcher.inputs[:2]], sketcher.output_shape[-1]
        size = sketcher.output_shape[1:3]
        if generator is None:
            refiner = stage2_refiner(size, image_size, channels, text_dim, 2 * width, condition_dim, blocks)
            generator = stage2_generator(sketcher, refiner, latent_dim, condition_dim)
        super().__init__(
            image_size=image_size,
            channels=channels,
            latent_dim=latent_dim,
            text_dim=text_dim,
            encoder=known or encoder,
            generator=generator,
            width=width,
            projection_dim=condition_dim,
            discriminator=discriminator,
            **kwargs,
        )
        if known and callable(encoder):
            self.set_encoder(encoder)
        self._init_arguments["stage1"] = sketcher
        self.weigh(kl_weight=kl_weight)
