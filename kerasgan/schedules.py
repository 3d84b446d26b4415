"""Learning rates over time that papers use and Keras lacks."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("kerasgan")
class LinearDecay(keras.optimizers.schedules.LearningRateSchedule):
    """Constant, then linearly down to 0, as CycleGAN trains (Zhu et al. 2017, appendix 7.1).

    Args:
        initial: float. The rate at the start.
        constant_steps: int. Steps at that rate; the paper's 100 epochs.
        decay_steps: int. Steps over which it then falls to 0; the paper's 100 epochs.

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
class LossThreshold:
    """Trains each player until its loss is low enough: given as `compile(d_steps=...)`.

    A step of `fit` is then

        while loss_D > d_below: train D
        while loss_G > g_below: train G

    with at most `at_most` turns of each loop. Each turn judges by the loss on data of its own, before it trains on
    them: the batch is split into `at_most` parts as `d_steps=k` splits it into k, so its size must be a multiple of
    `at_most`. A player whose loss is low at the first look is not trained in that step. `d_updates` and `g_updates`,
    the mean numbers of updates a step, join the logs; `d_loss` and `g_loss` are those that were looked at last.

    Every one of the `2 at_most` updates is computed, and where its loop has ended, taken back: weights, moments of the
    optimizer, batch statistics and random states are as if it had not been tried. So a step costs the same whatever
    the losses are. In exchange, all replicas of a `tf.distribute` strategy, which decide by the loss of the whole
    batch, run the same operations: sums over replicas, of gradients and of batch statistics, may not stand inside a
    branch that is taken or not.

    Args:
        d_below: float. The `d_loss` at which D's training ends; A in "while loss_D > A". 2 log 2 = 1.386 is that of a
            discriminator that knows nothing, for the logarithmic losses.
        g_below: float. The `g_loss` at which G's training ends.
        at_most: int. Bound on the updates of each player in a step. Defaults to 5.

    Raises:
        ValueError: if a bound is no number, or `at_most` is not an int of at least 1.

    Example:

    >>> model = kerasgan.GAN(image_size=8)
    >>> model.compile(d_steps=kerasgan.schedules.LossThreshold(d_below=1.2, g_below=0.9, at_most=4))
    >>> model.loss_names
    ('d_loss', 'g_loss', 'd_updates', 'g_updates')
    """

    def __init__(self, d_below, g_below, at_most=5):
        for name, value in (("d_below", d_below), ("g_below", g_below)):
            if not isinstance(value, (int, float)) or value != value:
                raise ValueError(f"`{name}` must be a number, the loss at which training ends. Received: {value!r}")
        if at_most != int(at_most) or at_most < 1:
            raise ValueError(f"`at_most` must be an int of at least 1. Received: {at_most!r}")
        self.d_below, self.g_below, self.at_most = float(d_below), float(g_below), int(at_most)

    def get_config(self):
        return {name: getattr(self, name) for name in ("d_below", "g_below", "at_most")}

    @classmethod
    def from_config(cls, config):
        return cls(**config)
