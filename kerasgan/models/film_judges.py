"""Discriminators of films: one of single frames, and two of frames in a row."""

import tensorflow as tf

from kerasgan.models.tasks.films import HISTORY, RATES, triples
from kerasgan.networks import at_scales, matched_discriminator


class JudgesFilms:
    """Mixin for the discriminators of vid2vid (Wang et al. 2018, section 3.1) and their step.

    D_I, `image_discriminator`, judges frames with their label maps. D_V, `video_discriminator` and
    `slow_discriminator`, judge three frames (consecutive ones, or every third one) with the flow between them. Their
    inputs are a part of a film, as returned by `FromLabelFilms.part`, and the frames drawn by G for it.
    """

    d_networks = ("image_discriminator", "video_discriminator", "slow_discriminator")

    @staticmethod
    def judges(image_size, channels, num_classes, with_flow, width, scales, receptive_field):
        """Returns the discriminators by name: PatchGANs of `width` channels at several sizes, with their features."""

        def judge(channels, known):
            options = (channels, known, width, receptive_field, "instance")
            return at_scales(lambda size: matched_discriminator(size, *options), image_size, scales)

        return {
            "image_discriminator": judge(channels, num_classes),
            "video_discriminator": judge(3 * channels, 4 * with_flow),
            "slow_discriminator": judge(3 * channels, 4 * with_flow),
        }

    def _channels_of(self, network):
        return self.channels * (3 if network in ("video_discriminator", "slow_discriminator") else 1)

    def discriminator_losses(self, part, fake, training=True):
        """Returns the sum of the losses of all D, and further logs."""
        of_real, of_fake = self.judge_both(part, fake, training)
        d_loss = sum(len(r) * self.loss.discriminator_loss(r, f) for r, f in zip(of_real, of_fake))
        adapted = self.adapt(part["frames"], of_real[0], of_fake[0]) if training else {}
        return {"d_loss": d_loss} | self.probabilities(of_real[0], of_fake[0]) | adapted

    def update_discriminators(self, part, fake):
        """Makes one step of all D and returns the logs."""
        with tf.GradientTape() as d_tape:
            d_logs = self.discriminator_losses(part, fake)
            d_logs["d_loss"] += self.penalties(lambda x: self.judge_image(part, x), part["frames"], fake["frames"])
        self.descend(d_tape, d_logs["d_loss"], self.d_variables, self.d_optimizer)
        return d_logs

    def judge_both(self, part, fake, training):
        """Returns the outputs of all D for real and drawn frames: D_I of x, D_I of h, and D_V at both rates."""
        real = self.judge_image(part, part["frames"], training)
        image, raw = (self.judge_image(part, fake[name], training) for name in ("frames", "image"))
        frames = tf.reshape(fake["frames"], tf.shape(part["film"][:, HISTORY:]))
        drawn = tf.concat([part["own"][:, :HISTORY], frames], axis=1)
        drawn = tf.ensure_shape(drawn, part["film"].shape)
        films = [self.judge_film(part, film, training) for film in (part["film"], drawn)]
        return [real, real, *films[0]], [image, raw, *films[1]]

    def judge_image(self, part, images, training=True):
        """Returns the outputs of D_I, a list with an entry per scale, for frames with their label maps.

        Augmentations change only the frames.
        """
        outputs = self.image_discriminator([self.augmented(images, training), part["known"]], training=training)
        return as_list(outputs)

    def judge_film(self, part, film, training):
        """Returns the outputs of D_V, lists with an entry per scale, for consecutive and for every third frames."""
        seen = [triples(film, step) for step in RATES]
        seen = list(zip(seen, part["moves"])) if self.with_flow else seen
        networks = self.video_discriminator, self.slow_discriminator
        return [as_list(network(x, training=training)) for network, x in zip(networks, seen)]


def as_list(outputs):
    """Returns the outputs of `at_scales`: with one scale, they are not a list."""
    return outputs if isinstance(outputs, list) else [outputs]
