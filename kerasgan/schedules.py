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
