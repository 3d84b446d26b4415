"""Losses that change a part of another loss: feature matching, flipped labels, top-k training."""

import keras
import tensorflow as tf

from kerasgan import random, replicas
from kerasgan.arguments import whole
from kerasgan.losses.base import AdversarialLoss, entry, over_outputs


class _Around(AdversarialLoss):
    """Base of losses that change a part of another loss, `adversarial`."""

    arguments = ("adversarial",)

    def __init__(self, adversarial):
        from kerasgan.losses import get  # which knows the classes of this module

        self.adversarial = get(adversarial)

    @property
    def needs_real_logits(self):
        return self.adversarial.needs_real_logits

    def discriminator_loss(self, real_logits, fake_logits):
        return self.adversarial.discriminator_loss(real_logits, fake_logits)

    def generator_loss(self, fake_logits, real_logits=None):
        return self.adversarial.generator_loss(fake_logits, real_logits)

    def probabilities(self, real_logits, fake_logits):
        return self.adversarial.probabilities(real_logits, fake_logits)

    def certainty(self, real_logits, fake_logits):
        return self.adversarial.certainty(real_logits, fake_logits)

    def draw_from(self, seed_generator):
        if hasattr(self.adversarial, "draw_from"):
            self.adversarial.draw_from(seed_generator)

    def count_by(self, step):
        if hasattr(self.adversarial, "count_by"):
            self.adversarial.count_by(step)

    def get_config(self):
        return super().get_config() | {"adversarial": keras.saving.serialize_keras_object(self.adversarial)}


@keras.saving.register_keras_serializable("kerasgan")
class FeatureMatching(_Around):
    """Feature matching (Salimans et al. 2016, https://arxiv.org/abs/1606.03498, section 3.1).

    The loss of D is unchanged. G minimises |E f(x) - E f(G(z))|^2, where f are activations inside D and the means are
    over the batch of all devices. The discriminator must also output f: see `kerasgan.networks.with_features`.

    With `per_image=True`, it is the feature matching of translators (Wang et al. 2018,
    https://arxiv.org/abs/1711.11585, equation 4): E |f(x) - f(G)|, the mean absolute difference between the features of
    each generated image and its real one. With several layers or discriminators, it is the mean over these.

    Args:
        adversarial: anything that `losses.get` accepts. It is the loss of D, and of G with `adversarial_weight`.
            Defaults to `"non_saturating"`.
        weight: float. Weight of the feature distance. Defaults to 1.
        adversarial_weight: float. Weight of G's adversarial loss. Defaults to 0, as in the paper.
        per_image: bool. Whether to compare each image with its real one instead of the means. Defaults to False.

    Example:

    >>> judge = kerasgan.networks.with_features(kerasgan.DCGAN(image_size=16, width=4).discriminator)
    >>> model = kerasgan.DCGAN(image_size=16, width=4, discriminator=judge)
    >>> model.compile(loss=kerasgan.losses.FeatureMatching(adversarial_weight=0.1))
    """

    arguments = ("adversarial", "weight", "adversarial_weight", "per_image")
    needs_real_logits = True

    def __init__(self, adversarial="non_saturating", weight=1.0, adversarial_weight=0.0, per_image=False):
        super().__init__(adversarial)
        for name, value in (("weight", weight), ("adversarial_weight", adversarial_weight)):
            if value < 0:
                raise ValueError(f"`{name}` must be at least 0. Received: {value!r}")
        self.weight, self.adversarial_weight, self.per_image = weight, adversarial_weight, per_image

    def distance(self, fake_outputs, real_outputs):
        """Returns the unweighted distance of the features in two outputs of a discriminator, a float32 scalar."""

        def of_means(fake, real):
            difference = replicas.mean(tf.reduce_mean(fake, axis=0) - tf.reduce_mean(real, axis=0))
            return tf.reduce_sum(difference**2)

        def of_images(fake, real):
            return tf.reduce_mean(tf.abs(fake - tf.stop_gradient(real)))

        compare = of_images if self.per_image else of_means
        return over_outputs(compare, fake_outputs, real_outputs, name="features")

    def generator_loss(self, fake_logits, real_logits=None):
        if real_logits is None:
            raise ValueError("FeatureMatching.generator_loss needs `real_logits` too. Received: None")
        loss = self.weight * self.distance(fake_logits, real_logits)
        if self.adversarial_weight:
            loss += self.adversarial_weight * self.adversarial.generator_loss(fake_logits, real_logits)
        return loss


@keras.saving.register_keras_serializable("kerasgan")
class LabelFlipping(_Around):
    """Flips the labels of some images in the loss of D.

    With probability p, the logits of a real image and of its fake neighbour in the batch are swapped, so each label is
    wrong with probability p. The loss of G is unchanged. The `d_loss` of `evaluate` also uses flipped labels. Label
    flipping makes D less confident. An alternative is one-sided smoothing (Salimans et al. 2016,
    https://arxiv.org/abs/1606.03498, section 3.4), the `label_smoothing` of the logarithmic losses.

    Args:
        adversarial: anything that `losses.get` accepts. Defaults to `"non_saturating"`.
        flip_probability: float in [0, 0.5), p. Defaults to 0.05.

    Example:

    >>> model = kerasgan.GAN(image_size=8)
    >>> model.compile(loss=kerasgan.losses.LabelFlipping("hinge", flip_probability=0.1))
    """

    arguments = ("adversarial", "flip_probability")

    def __init__(self, adversarial="non_saturating", flip_probability=0.05):
        super().__init__(adversarial)
        if not 0 <= flip_probability < 0.5:
            raise ValueError(f"`flip_probability` must be in [0, 0.5). Received: {flip_probability!r}")
        self.flip_probability = flip_probability
        self.seed_generator = None

    def draw_from(self, seed_generator):
        super().draw_from(seed_generator)
        self.seed_generator = seed_generator

    def discriminator_loss(self, real_logits, fake_logits):
        if self.seed_generator is None:
            self.seed_generator = keras.random.SeedGenerator()
        real, fake = (tf.nest.flatten(entry(outputs, "logits")) for outputs in (real_logits, fake_logits))
        rows = keras.ops.shape(real[0])[0]
        # All outputs of D share the labels.
        flips = random.uniform((rows,), self.seed_generator) < self.flip_probability
        flips = [tf.reshape(flips, (-1,) + (1,) * (len(x.shape) - 1)) for x in real]
        flipped_real = [tf.where(flip, f, r) for flip, r, f in zip(flips, real, fake)]
        flipped_fake = [tf.where(flip, r, f) for flip, r, f in zip(flips, real, fake)]
        return self.adversarial.discriminator_loss(flipped_real, flipped_fake)


@keras.saving.register_keras_serializable("kerasgan")
class TopK(_Around):
    """Top-k training of G (Sinha et al. 2020, https://arxiv.org/abs/2002.06224, section 3).

    G learns only from the k images of the batch with the highest logits. After n times `steps` training steps, k is the
    share max(decay^n, share) of the batch. If an image has several logits, their mean is used. Each device selects from
    its own part of the batch. The loss of D is unchanged.

    Args:
        adversarial: anything that `losses.get` accepts, except losses that compare logits, such as `"relativistic"`.
            Defaults to `"non_saturating"`.
        share: float in (0, 1], nu. Defaults to 0.5, as in the paper for CIFAR-10.
        decay: float in (0, 1], gamma. Defaults to 0.99, as in the paper.
        steps: int. Training steps between two reductions of k. Defaults to 1000. The paper uses one epoch.

    Example:

    >>> model = kerasgan.DCGAN(image_size=16, width=2)
    >>> model.compile(loss=kerasgan.losses.TopK("hinge", steps=500))
    """

    arguments = ("adversarial", "share", "decay", "steps")

    def __init__(self, adversarial="non_saturating", share=0.5, decay=0.99, steps=1000):
        super().__init__(adversarial)
        for name, value in (("share", share), ("decay", decay)):
            if not 0 < value <= 1:
                raise ValueError(f"`{name}` must be in (0, 1]. Received: {value!r}")
        if whole(steps) is None:
            raise ValueError(f"`steps` must be an int of at least 1. Received: {steps!r}")
        if self.adversarial.needs_real_logits:
            raise ValueError(
                f"`adversarial` must not compare images with each other. Received: {type(self.adversarial).__name__}"
            )
        self.share, self.decay, self.steps, self.step = share, decay, int(steps), None

    def count_by(self, step):
        super().count_by(step)
        self.step = step

    def generator_loss(self, fake_logits, real_logits=None):
        passed = 0 if self.step is None else tf.convert_to_tensor(self.step) // self.steps
        share = tf.maximum(self.decay ** tf.cast(passed, tf.float32), self.share)
        logits = [tf.cast(x, tf.float32) for x in tf.nest.flatten(entry(fake_logits, "logits"))]
        rows = keras.ops.shape(logits[0])[0]
        count = tf.maximum(tf.round(share * tf.cast(rows, tf.float32)), 1.0)
        scores = sum(tf.reduce_mean(tf.reshape(x, (rows, -1)), axis=1) for x in logits)
        order = tf.argsort(tf.stop_gradient(scores), direction="DESCENDING", stable=True)
        rank = tf.cast(tf.argsort(order), tf.float32)  # static shapes: XLA compiles one step for every k

        def chosen(x):
            """Returns the mean over the chosen: that of all with the others set to 0, minus the share of the zeros."""
            keep = tf.reshape(rank < count, (-1,) + (1,) * (len(x.shape) - 1))
            others = tf.cast(rows, tf.float32) - count
            whole_batch = self.adversarial.generator_loss(tf.where(keep, x, 0.0))
            nothing = self.adversarial.generator_loss(tf.zeros((1,)))
            return (tf.cast(rows, tf.float32) * whole_batch - others * nothing) / count

        return sum(map(chosen, logits)) / len(logits)
