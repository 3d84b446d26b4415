"""Differentiable augmentation, its adaptive variant, and noise on images."""

import keras
import tensorflow as tf

from kerasgan import random, replicas
from kerasgan.arguments import KnowsItsArguments, positive_int, whole


def flipped(images, seed):
    """Mirrors half of the images left to right, chosen by a `keras.random.SeedGenerator`."""
    draw = random.uniform((keras.ops.shape(images)[0], 1, 1, 1), seed)
    return tf.where(draw < 0.5, images[:, :, ::-1], images)


def translated(images, seed):
    """Shifts each image by up to 1/8 of its size, drawn by a `keras.random.SeedGenerator`. New pixels are 0."""
    height, width = images.shape[1:3]
    shape = (keras.ops.shape(images)[0], 1)

    def offset(size):
        limit = int(size / 8 + 0.5)
        return random.integers(shape, seed, -limit, limit + 1)

    # Products with 0-1 matrices are exact and differentiable.
    rows = tf.one_hot(tf.range(height)[None] - offset(height), height, dtype=images.dtype)
    columns = tf.one_hot(tf.range(width)[None] - offset(width), width, dtype=images.dtype)
    return tf.einsum("bij,bjkc,blk->bilc", rows, images, columns)


@keras.saving.register_keras_serializable("kerasgan")
class DiffAugment(KnowsItsArguments, keras.layers.Layer):
    """Differentiable augmentation (Zhao et al. 2020, https://arxiv.org/abs/2006.10738, section 4).

    It changes colours (brightness, saturation, contrast), translates by up to 1/8 of the size, and cuts out a square of
    half the size, with random amounts for each image. Gradients pass through to the generator.

    Args:
        policy: str, comma-separated choice of `color`, `translation`, `cutout`. Defaults to all three, as in the paper
            for small data sets.

    Raises:
        ValueError: if `policy` names anything else.
    """

    def __init__(self, policy="color,translation,cutout", seed=None, **kwargs):
        super().__init__(**kwargs)
        self.policy = policy
        self.seed_generator = keras.random.SeedGenerator(seed)
        known = self._known()
        names = [name.strip() for name in policy.split(",")]
        if not set(names) <= set(known):
            raise ValueError(f"`policy` must be a comma-separated choice of {sorted(known)}. Received: {policy!r}")
        self._steps = [known[name] for name in names]

    def _known(self):
        return {"color": self._color, "translation": self._translation, "cutout": self._cutout}

    def _uniform(self, images, low=0.0, high=1.0):
        shape = (keras.ops.shape(images)[0], 1, 1, 1)
        return tf.cast(random.uniform(shape, self.seed_generator, low, high), images.dtype)

    def _color(self, images):
        images = images + self._uniform(images, -0.5, 0.5)
        grey = tf.reduce_mean(images, axis=3, keepdims=True)
        images = grey + (images - grey) * self._uniform(images, 0.0, 2.0)
        mean = tf.reduce_mean(images, axis=[1, 2, 3], keepdims=True)
        return mean + (images - mean) * self._uniform(images, 0.5, 1.5)

    def _translation(self, images):
        return translated(images, self.seed_generator)

    def _cutout(self, images):
        height, width = images.shape[1:3]
        inside = self._cut(images, height)[:, :, None] & self._cut(images, width)[:, None, :]
        return images * tf.cast(~inside, images.dtype)[..., None]

    def _cut(self, images, size):
        """Returns which of the coordinates 0 .. size-1 are cut out: half of them around a random position."""
        cut = int(size / 2 + 0.5)
        first = -(cut // 2)
        shape = (keras.ops.shape(images)[0], 1)
        # As in the authors' code: an even cut-out has its centre between pixels, and one more position than an odd one.
        start = random.integers(shape, self.seed_generator, first, first + size + 1 - cut % 2)
        places = tf.range(size)[None] - start
        return (places >= 0) & (places < cut)

    def call(self, images, training=True):
        if training:
            for step in self._steps:
                images = step(images)
        return images

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "policy": self.policy}


@keras.saving.register_keras_serializable("kerasgan")
class OccasionalAugment(DiffAugment):
    """`DiffAugment` that applies each transformation to each image with probability p.

    p is a weight of this layer, the same on all devices, and saved with the model. `kerasgan.schedules.R3GANSchedule`
    changes it.

    Args:
        policy: str, as in `DiffAugment`.
        p: float in [0, 1]. Defaults to 0.

    Raises:
        ValueError: if an argument is out of range.
    """

    def __init__(self, policy="color,translation,cutout", p=0.0, seed=None, **kwargs):
        super().__init__(policy, seed, **kwargs)
        if not 0 <= p <= 1:
            raise ValueError(f"`p` must be in [0, 1]. Received: {p!r}")
        self.initial_p = p
        start = keras.initializers.Constant(p)
        self.p = self.add_weight(
            shape=(), name="p", initializer=start, trainable=False, autocast=False, dtype="float32"
        )

    def call(self, images, training=True):
        if training:
            for step in self._steps:
                draw = random.uniform((keras.ops.shape(images)[0], 1, 1, 1), self.seed_generator)
                images = tf.where(draw < self.p, step(images), images)
        return images

    def get_config(self):
        return {**super().get_config(), "p": self.initial_p}


@keras.saving.register_keras_serializable("kerasgan")
class AdaptiveAugment(OccasionalAugment):
    """Adaptive discriminator augmentation, ADA (Karras et al. 2020, https://arxiv.org/abs/2006.06676, section 3).

    Each transformation of `DiffAugment` is applied to each image with probability p. p starts at 0 and is controlled by
    the overfitting of D, measured as r_t = E sign(D(x)) over the real images of the training batches (equation 1).
    Every `interval` updates of D, p rises by a fixed amount if the mean r_t exceeds the target, and falls otherwise. It
    takes `ramp` images from 0 to 1.

    If p is high, an augmentation can leak into the samples, as D cannot detect that G draws augmented images
    (section 2.2). The limit depends on the transformation: cut-outs never leak below p = 1, brightness leaks from
    p = 0.82 on. The paper gives 0.8 as a safe limit in practice.

    p is a weight of this layer, the same on all devices, and saved with the model. The log `augment_p` is its mean. For
    losses with a decision boundary other than 0, D(x) is replaced by P(x) - 1/2, where P is the probability that
    `d_real` averages.

    Args:
        policy: str, as in `DiffAugment`.
        target: float in (-1, 1). The target of r_t. Defaults to 0.6, as in the paper.
        ramp: int. Number of real images over which p can rise from 0 to 1. Defaults to 500,000, as in the paper.
        interval: int. Number of updates of D for each update of p. Defaults to 4, as in the paper.

    Raises:
        ValueError: if an argument is out of range.

    Example:

    >>> model = kerasgan.GAN(image_size=8)
    >>> model.compile(augment=kerasgan.augment.AdaptiveAugment("translation,cutout", ramp=100_000))
    >>> float(model.augment[0].p)
    0.0
    """

    def __init__(self, policy="color,translation,cutout", target=0.6, ramp=500_000, interval=4, seed=None, **kwargs):
        super().__init__(policy, seed=seed, **kwargs)
        if not -1 < target < 1:
            raise ValueError(f"`target` must be in (-1, 1). Received: {target!r}")
        for name, value in (("ramp", ramp), ("interval", interval)):
            if whole(value) is None:
                raise ValueError(f"`{name}` must be an int of at least 1. Received: {value!r}")
        self.target, self.ramp, self.interval = target, int(ramp), int(interval)
        self.parts = 1  # batches of an update of D, set by `compile(accumulate=)`
        fixed = {"shape": (), "initializer": "zeros", "trainable": False, "autocast": False, "dtype": "float32"}
        self.certainty = self.add_weight(name="certainty", **fixed)
        self.seen = self.add_weight(name="seen", **fixed)

    def observe(self, certainty, rows):
        """Records r_t and the number of images of this replica, of one of the `parts` batches of an update of D.

        Changes p after every `interval` updates.
        """
        self.certainty.assign_add(replicas.mean(certainty))
        self.seen.assign_add(1.0)
        calls = self.interval * self.parts
        due = self.seen >= calls
        amount = tf.cast(calls * replicas.count() * rows, tf.float32) / self.ramp
        moved = self.p + amount * tf.sign(self.certainty / calls - self.target)
        self.p.assign(tf.where(due, tf.clip_by_value(moved, 0.0, 1.0), self.p))
        for total in (self.certainty, self.seen):
            total.assign(tf.where(due, 0.0, total))

    def get_config(self):
        config = super().get_config() | {"target": self.target, "ramp": self.ramp, "interval": self.interval}
        del config["p"]  # a weight that starts at 0
        return config


@keras.saving.register_keras_serializable("kerasgan")
class PseudoAugment(AdaptiveAugment):
    """Adaptive pseudo augmentation, APA, for few images (Jiang et al. 2021, https://arxiv.org/abs/2111.06849).

    If D overfits, some real images of its training batches are replaced by generated ones (section 3.2), each with
    probability p. p is controlled as in `AdaptiveAugment`. The images are not changed otherwise, and APA can be
    combined with other augmentations. The model must draw images from latents.

    Args:
        target, ramp, interval: as in `AdaptiveAugment`. The paper uses the values of ADA.

    Example:

    >>> model = kerasgan.DCGAN(image_size=16, width=2)
    >>> model.compile(augment=["diffaugment", kerasgan.augment.PseudoAugment(ramp=100_000)])
    """

    def __init__(self, target=0.6, ramp=500_000, interval=4, seed=None, **kwargs):
        super().__init__("pseudo", target, ramp, interval, seed, **kwargs)

    def _known(self):
        return {"pseudo": lambda images: images}

    def call(self, images, training=True):
        return images

    def show(self, real, fake, seed):
        """Returns the real images, some of them replaced by fakes, and the fakes: see `AdversarialModel.shown`."""
        draw = random.uniform((keras.ops.shape(real)[0], 1, 1, 1), self.seed_generator)
        return tf.where(draw < self.p, tf.cast(tf.stop_gradient(fake), real.dtype), real), fake

    def get_config(self):
        config = super().get_config()
        del config["policy"]
        return config


@keras.saving.register_keras_serializable("kerasgan")
class InstanceNoise(KnowsItsArguments, keras.layers.Layer):
    """Gaussian noise on real and fake images (Sonderby et al. 2017, https://arxiv.org/abs/1610.04490, section 3).

    Args:
        stddev: float. Initial standard deviation. Defaults to 0.1.
        decay_steps: int. Number of passes of the discriminator in training over which the noise falls linearly to 0.
            Each step of a `GAN` makes three passes. Defaults to None, constant noise.

    Raises:
        ValueError: if `decay_steps` is below 1.
    """

    def __init__(self, stddev=0.1, decay_steps=None, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.stddev = stddev
        self.decay_steps = None if decay_steps is None else positive_int("decay_steps", decay_steps)
        self.seed_generator = keras.random.SeedGenerator(seed)
        # No autocast, as a count in half precision would stop at 256.
        fixed = {"initializer": "zeros", "trainable": False, "autocast": False, "dtype": "float32"}
        self.passes = self.add_weight(shape=(), name="passes", **fixed)

    def call(self, images, training=True):
        if not training:
            return images
        stddev = tf.convert_to_tensor(self.stddev, tf.float32)
        if self.decay_steps:
            stddev *= tf.maximum(0.0, 1.0 - self.passes / self.decay_steps)
            self.passes.assign_add(1.0)
        noise = random.normal(keras.ops.shape(images), self.seed_generator)
        return images + tf.cast(stddev * noise, images.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "stddev": self.stddev, "decay_steps": self.decay_steps}
