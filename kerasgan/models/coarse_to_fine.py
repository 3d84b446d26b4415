"""Generators that are trained at half the size first, then enhanced."""

import keras
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

    def changes(self):
        return super().changes() | {"phase": self.phase}

    def repeat_changes(self, changes):
        super().repeat_changes(changes)
        self.phase = changes.get("phase", self.phase)

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


class BeginsFromHalfTheSize:
    """Mixin for `Vid2Vid`, whose finer generator is trained on top of a trained model of half the size.

    `enhancers` is the number of finer generators. Each discriminator is made by `networks.at_scales`.
    """

    def begin_from(self, coarse):
        """Copies the networks of a trained model of half the size, with one enhancer less. Call it before `compile`.

        The generator of `coarse` (the averaged one, if there is one) becomes the coarse part of this model's generator.
        If there are several scales, the D of `coarse` become the D of half the size.

        Args:
            coarse: a model of the same class, with the same other arguments as this one.

        Raises:
            ValueError: if this model has no enhancers or is compiled, or the networks do not fit.
        """
        if type(coarse) is not type(self):
            raise ValueError(f"`coarse` must be a {type(self).__name__}. Received: {type(coarse).__name__}")
        if not self.enhancers or self.compiled:
            received = "a compiled model" if self.compiled else "a model without enhancers"
            raise ValueError(f"`begin_from` needs a model with `enhancers`, before `compile`. Received: {received}")
        pairs = [(self.generator.get_layer("coarse"), networks.video_features(coarse.sampler()))]
        for name in self.d_networks:
            finer, scales = (
                [layer for layer in getattr(model, name).layers if isinstance(layer, keras.Model)]
                for model in (self, coarse)
            )
            pairs += zip(finer[1:], scales)
        for mine, theirs in pairs:
            if [tuple(x.shape) for x in mine.weights] != [tuple(x.shape) for x in theirs.weights]:
                raise ValueError(
                    f"`coarse` must have the arguments of this model, and one enhancer less. Received: {mine.name} of "
                    "other shapes. Remedy: the same `channels`, `num_classes`, `width`, `blocks`, `downsamplings`, "
                    "`foreground`, `scales` and `receptive_field`"
                )
        for mine, theirs in pairs:
            mine.set_weights(theirs.get_weights())
