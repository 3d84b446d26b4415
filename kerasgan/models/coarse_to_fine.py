"""A generator that is trained at half the size first, then enhanced, then trained as a whole."""

import tensorflow as tf

from kerasgan import networks

PHASES = ("global", "enhancer", "both")


def halved(images):
    """Returns images of half the size: each pixel is the mean of 2x2."""
    return tf.nn.avg_pool2d(images, 2, 2, "VALID")


class TrainsCoarseToFine:
    """Gives a model phases of training (Wang et al. 2018, section 3.2); mixed into it before its base.

    Its `generator` is one of `networks.enhanced_generator`, its `discriminator` one of `networks.at_scales`. The
    discriminator of the full size does not judge in the phase "global". A constructor calls `begin_phases`; `compile`
    calls `begin_phase` before that of the base.
    """

    @property
    def global_generator(self):
        """The generator of half the size: conditions -> [images, features]."""
        return self.generator.get_layer("global_generator")

    @property
    def half_size(self):
        """Whether images of half the size are painted."""
        return self.phase == "global"

    def begin_phases(self, enhancer, scales):
        """Sets the phases that a model with or without an enhancer, and of so many discriminators, has."""
        self.phase, self.phases = "both", PHASES[2 if not enhancer else 1 if scales < 2 else 0 :]
        # Kept from Keras's tracking: its parts are those of `discriminator`.
        object.__setattr__(self, "_smaller", networks.at_smaller_scales(self.discriminator) if scales > 1 else None)

    def begin_phase(self, phase):
        """Holds what this phase does not train, and lets train again what the one before held."""
        if phase not in self.phases:
            raise ValueError(f"`phase` must be one of {self.phases} for this model. Received: {phase!r}")
        for layer in self._held_in(self.phase):
            layer.trainable = True
        for layer in self._held_in(phase):
            layer.trainable = False
        self.phase = phase

    def _held_in(self, phase):
        if phase == "global":
            parts = [self.generator.get_layer("enhancer"), self.discriminator.get_layer("discriminator_0")]
        elif phase == "enhancer":
            parts = [self.global_generator]
        else:  # of an enhanced generator nobody sees the images of half the size, which its last convolution paints
            parts = self.global_generator.layers[-2:-1] if len(self.phases) > 1 else []
        return [layer for part in parts for layer in part._flatten_layers()]

    def at_phase(self, *images):
        """Returns images in the size in which this phase trains."""
        return [halved(each) if self.half_size else each for each in images]

    def draw(self, generator, conditions, training=False):
        """Returns the images that `generator`, or in the phase "global" its smaller part, makes of conditions."""
        if self.half_size:
            return generator.get_layer("global_generator")(halved(conditions), training=training)[0]
        return generator(conditions, training=training)

    def judges(self):
        """Returns the discriminators that judge in this phase, as one network."""
        return self._smaller if self.half_size else self.discriminator
