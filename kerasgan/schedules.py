"""Schedules of learning rates, weights and updates that are not in Keras."""

import math
import numbers

import keras
from keras import ops

from kerasgan.arguments import KnowsItsArguments, whole


@keras.saving.register_keras_serializable("kerasgan")
class LinearDecay(keras.optimizers.schedules.LearningRateSchedule):
    """A constant rate, followed by a linear decay to 0, as in CycleGAN (Zhu et al. 2017, appendix 7.1).

    Args:
        initial: float. The initial rate.
        constant_steps: int. Steps with the initial rate. The paper uses 100 epochs.
        decay_steps: int. Steps of the decay to 0. The paper uses 100 epochs.

    Example:

    >>> rate = kerasgan.schedules.LinearDecay(2e-4, constant_steps=1000, decay_steps=1000)
    >>> [round(float(rate(step)), 6) for step in (500, 1500, 3000)]
    [0.0002, 0.0001, 0.0]
    """

    def __init__(self, initial, constant_steps, decay_steps):
        for name, value in (("initial", initial), ("decay_steps", decay_steps)):
            if value <= 0:
                raise ValueError(f"`{name}` must be above 0. Received: {value!r}")
        if constant_steps < 0:
            raise ValueError(f"`constant_steps` must be at least 0. Received: {constant_steps!r}")
        self.initial, self.constant_steps, self.decay_steps = float(initial), int(constant_steps), int(decay_steps)

    def __call__(self, step):
        left = (self.constant_steps + self.decay_steps - ops.cast(step, "float32")) / self.decay_steps
        return self.initial * ops.clip(left, 0.0, 1.0)

    def get_config(self):
        names = ("initial", "constant_steps", "decay_steps")
        return {name: getattr(self, name) for name in names}


@keras.saving.register_keras_serializable("kerasgan")
class PowerDecay(keras.optimizers.schedules.LearningRateSchedule):
    """A decay initial / (1 + gamma p)^power with p = min(1, step / total_steps) (Ganin et al. 2016, section 5.2.2).

    Args:
        initial: float. The initial rate. The paper uses 0.01.
        total_steps: int. Number of training steps.
        gamma: float. Defaults to 10, as in the paper.
        power: float. Defaults to 0.75, as in the paper.

    Example:

    >>> rate = kerasgan.schedules.PowerDecay(0.01, total_steps=1000)
    >>> [round(float(rate(step)), 6) for step in (0, 1000)]
    [0.01, 0.001656]
    """

    def __init__(self, initial, total_steps, gamma=10.0, power=0.75):
        for name, value in (("initial", initial), ("total_steps", total_steps), ("gamma", gamma), ("power", power)):
            if value <= 0:
                raise ValueError(f"`{name}` must be above 0. Received: {value!r}")
        self.initial, self.total_steps = float(initial), int(total_steps)
        self.gamma, self.power = float(gamma), float(power)

    def __call__(self, step):
        progress = ops.minimum(ops.cast(step, "float32") / self.total_steps, 1.0)
        return self.initial / (1.0 + self.gamma * progress) ** self.power

    def get_config(self):
        return {name: getattr(self, name) for name in ("initial", "total_steps", "gamma", "power")}


@keras.saving.register_keras_serializable("kerasgan")
class Cosine(keras.optimizers.schedules.LearningRateSchedule):
    """A change from one value to another along half a cosine wave, then a constant.

    In contrast to `keras.optimizers.schedules.CosineDecay`, it can also rise and start at 0.

    Args:
        initial: float. The value at step 0.
        final: float. The value from step `steps` on.
        steps: int. Steps of the change.

    Example:

    >>> beta_2 = kerasgan.schedules.Cosine(0.9, 0.99, steps=1000)
    >>> [round(float(beta_2(step)), 4) for step in (0, 500, 1000, 5000)]
    [0.9, 0.945, 0.99, 0.99]
    """

    def __init__(self, initial, final, steps):
        if whole(steps) is None:
            raise ValueError(f"`steps` must be an int of at least 1. Received: {steps!r}")
        self.initial, self.final, self.steps = float(initial), float(final), int(steps)

    def __call__(self, step):
        done = ops.clip(ops.cast(step, "float32") / self.steps, 0.0, 1.0)
        return self.final + (self.initial - self.final) * 0.5 * (1 + ops.cos(math.pi * done))

    def get_config(self):
        return {name: getattr(self, name) for name in ("initial", "final", "steps")}


@keras.saving.register_keras_serializable("kerasgan")
class FromStep(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule over the steps of a model, for an optimizer that starts later or makes several updates per step.

    Keras evaluates schedules at the number of updates of the optimizer.

    Args:
        schedule: a schedule over the steps of the model.
        begin: int. The step of the model at the first update.
        updates: int. Updates per step. Defaults to 1.

    Example:

    >>> rate = kerasgan.schedules.FromStep(kerasgan.schedules.Cosine(1.0, 0.0, steps=4), begin=2, updates=2)
    >>> [round(float(rate(update)), 4) for update in (0, 1, 2, 4)]
    [0.5, 0.5, 0.1464, 0.0]
    """

    def __init__(self, schedule, begin, updates=1):
        for name, value, least in (("begin", begin, 0), ("updates", updates, 1)):
            if whole(value, least=least) is None:
                raise ValueError(f"`{name}` must be an int of at least {least}. Received: {value!r}")
        self.schedule, self.begin, self.updates = schedule, int(begin), int(updates)

    def __call__(self, step):
        return self.schedule(ops.cast(self.begin, "int64") + ops.cast(step, "int64") // self.updates)

    def get_config(self):
        return {
            "schedule": keras.saving.serialize_keras_object(self.schedule),
            "begin": self.begin,
            "updates": self.updates,
        }

    @classmethod
    def from_config(cls, config):
        return cls(**config | {"schedule": keras.saving.deserialize_keras_object(config["schedule"])})


@keras.saving.register_keras_serializable("kerasgan")
class R3GANSchedule(KnowsItsArguments):
    """The training schedule of R3GAN's authors (Huang et al. 2024, https://arxiv.org/abs/2501.05441).

    Use it as `R3GAN.compile(schedule=...)`. Over the first `burn_in` steps, the following values change along half a
    cosine wave, as in the authors' code. After that they are constant.

    - The learning rate falls from 2e-4 to 5e-5.
    - beta_2 of Adam rises from 0.9 to 0.99. A low beta_2 suits the fast changes of D and G at the beginning.
    - gamma, the weight of R1 and R2, falls from `gamma` to a tenth of it.
    - The half-life of the averaged generator rises from 0 (no averaging) to `half_life`. It replaces the constant
      `ema_decay`.
    - The probability of augmentation rises from 0 to `augment_p`.

    The values depend only on the step, which is saved with the model, so a resumed training continues the schedule.

    The settings of the authors, in images:

    | data | burn-in | gamma | half-life | augmentation |
    |---|---|---|---|---|
    | CIFAR-10 | 20,000,000 | 0.05 | 5,000,000 | 0.55 |
    | FFHQ-64 | 20,000,000 | 2 | 500,000 | 0.3 |
    | FFHQ-256 | 20,000,000 | 150 | 500,000 | 0.3 |
    | ImageNet-32 | 200,000,000 | 0.5 | 50,000,000 | 0.5 |
    | ImageNet-64 | 200,000,000 | 1 | 50,000,000 | 0.4 |

    Args:
        burn_in: int. Number of steps: images divided by the batch size.
        gamma: float. Initial gamma. Defaults to 1.
        half_life: int. Half-life of the averaged generator in steps, after the burn-in. Defaults to a fortieth of
            `burn_in`, the ratio of the authors' faces.
        augment_p: float in [0, 1). Defaults to 0, no augmentation. Above 0, `compile` uses a
            `kerasgan.augment.OccasionalAugment`.
        learning_rate, beta_2: pairs of floats, the initial and the final value. Default to the authors' values.

    Raises:
        ValueError: if an argument is out of range.

    Example:

    >>> model = kerasgan.R3GAN(image_size=28, channels=1, width=32, wide_until=7)
    >>> model.compile(schedule=kerasgan.schedules.R3GANSchedule(burn_in=10_000, gamma=0.5))
    >>> round(float(model.g_optimizer.learning_rate), 6), model.penalty[0].weight
    (0.0002, 0.5)
    """

    def __init__(
        self, burn_in, gamma=1.0, half_life=None, augment_p=0.0, learning_rate=(2e-4, 5e-5), beta_2=(0.9, 0.99)
    ):
        if whole(burn_in) is None:
            raise ValueError(f"`burn_in` must be an int of at least 1. Received: {burn_in!r}")
        for name, value in (("learning_rate", learning_rate), ("beta_2", beta_2)):
            if not isinstance(value, (tuple, list)) or len(value) != 2:
                raise ValueError(f"`{name}` must be a pair, the initial and the final value. Received: {value!r}")
        half_life = burn_in / 40 if half_life is None else half_life
        for name, value in (("gamma", gamma), ("half_life", half_life)):
            if not value > 0:
                raise ValueError(f"`{name}` must be above 0. Received: {value!r}")
        if not 0 <= augment_p < 1:
            raise ValueError(f"`augment_p` must be in [0, 1). Received: {augment_p!r}")
        self.learning_rate, self.beta_2 = Cosine(*learning_rate, burn_in), Cosine(*beta_2, burn_in)
        self.gamma, self.half_life = Cosine(gamma, gamma / 10, burn_in), Cosine(0.0, half_life, burn_in)
        self.augment_p = Cosine(0.0, augment_p, burn_in)

    def from_step(self, begin, updates=1):
        """Returns arguments of an `Adam` that starts at a step of the model and makes `updates` updates per step."""
        return {name: FromStep(getattr(self, name), begin, updates) for name in ("learning_rate", "beta_2")}

    def ema_decay(self, step):
        """Returns the decay of the moving average at `step`: 0.5^(1 / half-life)."""
        return ops.power(0.5, 1 / ops.maximum(self.half_life(step), 1e-8))

    def get_config(self):
        return {
            "burn_in": self.gamma.steps,
            "gamma": self.gamma.initial,
            "half_life": self.half_life.final,
            "augment_p": self.augment_p.final,
            "learning_rate": [self.learning_rate.initial, self.learning_rate.final],
            "beta_2": [self.beta_2.initial, self.beta_2.final],
        }

    @classmethod
    def from_config(cls, config):
        return cls(**config)


@keras.saving.register_keras_serializable("kerasgan")
class HalfLife(KnowsItsArguments):
    """A decay of averaged weights given as a half-life in images, for `compile(ema_decay=...)`.

    The decay of a step is 0.5^(batch_size / half-life), as in Karras et al. (2018, https://arxiv.org/abs/1710.10196,
    section 4.1, and 2020, https://arxiv.org/abs/2006.06676, appendix C). The half-life is `images`. With `ramp`, it is
    at most the share `ramp` of the images seen so far.

    Args:
        images: int. Half-life in images. Defaults to 10,000, as in StyleGAN.
        batch_size: int. Images per step on all devices together. Defaults to 32.
        ramp: float. Defaults to None, no ramp. Karras et al. (2020) use 0.05.

    Example:

    >>> decay = kerasgan.schedules.HalfLife(images=10_000, batch_size=100, ramp=0.05)
    >>> float(decay(20)), round(float(decay(1_000_000)), 6)
    (0.5, 0.993092)
    """

    def __init__(self, images=10_000, batch_size=32, ramp=None):
        for name, value in (("images", images), ("batch_size", batch_size), ("ramp", 1 if ramp is None else ramp)):
            if value <= 0:
                raise ValueError(f"`{name}` must be above 0. Received: {value!r}")
        self.images, self.batch_size, self.ramp = images, batch_size, ramp

    def __call__(self, step):
        half = float(self.images)
        if self.ramp is not None:
            half = ops.minimum(half, self.ramp * self.batch_size * ops.cast(step, "float32"))
        return 0.5 ** (self.batch_size / half)

    def get_config(self):
        return {name: getattr(self, name) for name in ("images", "batch_size", "ramp")}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


@keras.saving.register_keras_serializable("kerasgan")
class LossThreshold(KnowsItsArguments):
    """Trains D and then G until their losses are low enough, for `compile(d_steps=...)`.

    A step of `fit` is then

        while loss_D > d_below: train D
        while loss_G > g_below: train G

    with at most `at_most` iterations of each loop. Each iteration computes the loss on a new batch before it trains on
    this batch, so a step uses `at_most` batches. A network with a low loss at its first iteration is not trained in the
    step. `d_updates` and `g_updates` log the mean numbers of updates per step. `d_loss` and `g_loss` log the last
    computed losses.

    All `2 at_most` updates are computed. Updates after the end of a loop are discarded: weights, optimizer state, batch
    statistics and random states are restored. A step therefore always costs the same. This is necessary for
    `tf.distribute`: all replicas must run the same operations, as sums over replicas are not allowed inside a branch.

    Args:
        d_below: float. The `d_loss` at which D's training ends. For the logarithmic losses, a discriminator that
            guesses has 2 log 2 = 1.386.
        g_below: float. The `g_loss` at which G's training ends.
        at_most: int. Maximum number of updates of each network per step. Defaults to 5.

    Raises:
        ValueError: if a bound is not a number, or `at_most` is not an int of at least 1.

    Example:

    >>> model = kerasgan.GAN(image_size=8)
    >>> model.compile(d_steps=kerasgan.schedules.LossThreshold(d_below=1.2, g_below=0.9, at_most=4))
    >>> model.loss_names
    ('d_loss', 'g_loss', 'd_updates', 'g_updates')
    """

    def __init__(self, d_below, g_below, at_most=5):
        for name, value in (("d_below", d_below), ("g_below", g_below)):
            if not isinstance(value, numbers.Real) or value != value:
                raise ValueError(f"`{name}` must be a number, the loss at which training ends. Received: {value!r}")
        if whole(at_most) is None:
            raise ValueError(f"`at_most` must be an int of at least 1. Received: {at_most!r}")
        self.d_below, self.g_below, self.at_most = float(d_below), float(g_below), int(at_most)

    def get_config(self):
        return {name: getattr(self, name) for name in ("d_below", "g_below", "at_most")}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


@keras.saving.register_keras_serializable("kerasgan")
class Doubling(KnowsItsArguments):
    """A number that doubles every `steps` steps, for the number of frames that `kerasgan.Vid2Vid` draws in a step.

    Args:
        initial: int. The initial number. Defaults to 6, as in vid2vid.
        steps: int. Training steps between two doublings. The paper uses five epochs.

    Raises:
        ValueError: if an argument is not an int of at least 1.

    Example:

    >>> frames = kerasgan.schedules.Doubling(6, steps=500)
    >>> [int(frames(step)) for step in (0, 499, 500, 1000)]
    [6, 6, 12, 24]
    """

    def __init__(self, initial=6, steps=1000):
        for name, value in (("initial", initial), ("steps", steps)):
            if whole(value) is None:
                raise ValueError(f"`{name}` must be an int of at least 1. Received: {value!r}")
        self.initial, self.steps = int(initial), int(steps)

    def __call__(self, step):
        doublings = ops.minimum(ops.cast(step, "int32") // self.steps, 20)  # larger than any film, and within int32
        return self.initial * 2**doublings

    def get_config(self):
        return {"initial": self.initial, "steps": self.steps}

    @classmethod
    def from_config(cls, config):
        return cls(**config)
