"""A generator that is trained at half the size first, then enhanced, then trained as a whole."""

import tensorflow as tf

from kerasgan import networks

PHASES = ("global", "enhancer", "both")


def halved(images):
    """Returns images of half the size: each pixel is the mean of 2x2."""
    return tf.nn.avg_pool2d(images, 2, 2, "VALID")


class TrainsCoarseToFine:
    """Mixin for models with phases of training (Wang et al. 2018, section 3.2).

    The `generator` is made by `networks.enhanced_generator`, the `discriminator` by `networks.at_scales`. The
    discriminator of the full size is not used in the phase "global". The constructor calls `begin_phases`, and
    `compile` calls `begin_phase` before the `compile` of the base class.
    """

    @property
    def global_generator(self):
        """The generator of half the size: conditions -> [images, features]."""
        return self.generator.get_layer("global_generator")

    @property
    def half_size(self):
        """Whether images of half the size are drawn."""
        return self.phase == "global"

    def begin_phases(self, enhancer, scales):
        """Sets the phases, which depend on the enhancer and the number of discriminators."""
        self.phase, self.phases = "both", PHASES[2 if not enhancer else 1 if scales < 2 else 0 :]
        # Hidden from Keras's tracking, as its parts belong to `discriminator`.
        object.__setattr__(self, "_smaller", networks.at_smaller_scales(self.discriminator) if scales > 1 else None)

    def begin_phase(self, phase):
        """Freezes the networks that this phase does not train, and unfreezes the others."""
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
        else:  # an enhanced generator does not use the last convolution of its smaller part
            parts = self.global_generator.layers[-2:-1] if len(self.phases) > 1 else []
        return [layer for part in parts for layer in part._flatten_layers()]

    def at_phase(self, *images):
        """Returns images at the training size of this phase."""
        return [halved(each) if self.half_size else each for each in images]

    def draw(self, generator, conditions, training=False):
        """Draws images from conditions with `generator`, or with its smaller part in the phase "global"."""
        if self.half_size:
            return generator.get_layer("global_generator")(halved(conditions), training=training)[0]
        return generator(conditions, training=training)

    def judges(self):
        """Returns the discriminators of this phase as one network."""
        return self._smaller if self.half_size else self.discriminator
