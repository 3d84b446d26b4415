"""Both stages of StackGAN in one object."""

import math

import keras
import numpy as np

from kerasgan.models.exporting import Exports
from kerasgan.models.stackgan import StackGANStage1, StackGANStage2
from kerasgan.models.tasks import FromText


@keras.saving.register_keras_serializable("kerasgan")
class StackGAN(FromText, Exports, keras.Model):
    """Both trained stages of StackGAN (Zhang et al. 2017, https://arxiv.org/abs/1612.03242) in one object.

    The stages are trained one after the other by their own `fit`; this class samples and saves them together.

    Pretrained: `kerasgan.zoo.load("stackgan_flowers")`. Its recipe trains it:

        KERASGAN_DATA_DIR=... python -m kerasgan.zoo.stackgan_flowers.recipe runs

    Args:
        stage1: a `StackGANStage1`.
        stage2: the `StackGANStage2` made from it.

    Example:

    >>> stage1 = kerasgan.StackGANStage1(image_size=16, text_dim=8, width=4)
    >>> stage2 = kerasgan.StackGANStage2(stage1, image_size=32, width=4, blocks=1)
    >>> small, large = kerasgan.StackGAN(stage1, stage2).generate(np.ones((3, 8), "float32"), seed=0)
    >>> small.shape, large.shape
    ((3, 16, 16, 3), (3, 32, 32, 3))
    """

    stages = ("stage1", "stage2")
    sampling_networks, fixed_networks = ("generator",), ()  # the networks of an exported model

    def __init__(self, stage1, stage2, name=None):
        super().__init__(name=name)
        for argument, value, expected in (("stage1", stage1, StackGANStage1), ("stage2", stage2, StackGANStage2)):
            if not isinstance(value, expected):
                raise ValueError(f"`{argument}` must be a `{expected.__name__}`. Received: {value!r}")
        self.stage1, self.stage2 = stage1, stage2
        self.image_size, self.channels = stage2.image_size, stage2.channels
        self.latent_dim, self.text_dim, self.prior = stage2.latent_dim, stage2.text_dim, stage2.prior
        self.built = True

    @property
    def encoder(self):
        """The text encoder, or None."""
        return self.stage2.encoder

    @property
    def encoder_identity(self):
        """The identity of the encoder that the stages were trained with, or None."""
        return self.stage2.encoder_identity

    def set_encoder(self, encoder):
        """Sets the text encoder of both stages; see `GANCLS.set_encoder`."""
        self.stage1.set_encoder(encoder)
        self.stage2.set_encoder(encoder)

    def sampler(self, name="generator"):
        """Returns the network of both stages that draws the large images."""
        return self.stage2.sampler(name)

    def call(self, inputs, training=False):
        """Maps [latents, text, noise, noise of Stage-II] to the images of both stages."""
        latents, text, noise, refiner_noise = inputs
        generator = self.sampler()
        small = generator.get_layer("sketcher")([latents, text, noise], training=False)
        return small, generator.get_layer("refiner")([small, text, refiner_noise], training=training)

    def generate(self, text, num_images=None, seed=None, batch_size=64):
        """Draws images of texts with both stages. The arguments are those of `GANCLS.generate`.

        Returns:
            Two float32 arrays (num_images, size, size, channels) in [-1, 1]: the images of Stage-I and of Stage-II.
        """
        inputs = self.sampling_inputs(text, num_images, seed)
        return self.predict(inputs, batch_size=batch_size, verbose=0)

    @property
    def step(self):
        """The train steps of both stages together."""
        return int(self.stage1.step) + int(self.stage2.step)

    def preview(self, batch, num_images=64, seed=0):
        """Returns Stage-I, enlarged, and Stage-II of the batch's first texts side by side, `num_images` in all."""
        text = np.asarray(batch[1], "float32")[: max(1, num_images // 2)]
        pairs = min(len(text), max(1, math.isqrt(num_images) // 2))  # of a row
        small, large = self.generate(text[: len(text) // pairs * pairs], seed=seed)
        factor = large.shape[1] // small.shape[1]
        small = small.repeat(factor, axis=1).repeat(factor, axis=2)
        return np.stack([small, large], axis=1).reshape(-1, 2 * pairs, *large.shape[1:])

    def get_config(self):
        stages = {"stage1": self.stage1, "stage2": self.stage2}
        return {"name": self.name} | {k: keras.saving.serialize_keras_object(v) for k, v in stages.items()}

    @classmethod
    def from_config(cls, config):
        return cls(**{name: keras.saving.deserialize_keras_object(value) for name, value in config.items()})
