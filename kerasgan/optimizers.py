"""A fused Adam, and RMSprop as used by the authors of WGAN."""

import keras
import numpy as np
import tensorflow as tf


@keras.saving.register_keras_serializable("kerasgan")
class Adam(keras.optimizers.Adam):
    """Adam (Kingma, Ba 2015, https://arxiv.org/abs/1412.6980, algorithm 1) with TensorFlow's fused kernel.

    Arguments, state and arithmetic are those of `keras.optimizers.Adam`, which models accept as well (also by the name
    `"adam"`). The formula is the one before section 2.1, and `epsilon` is its epsilon-hat. Keras computes an update
    with a dozen operations, each of which reads and writes all weights, unless XLA fuses them. The fused kernel reads
    and writes them once. It is faster if XLA does not compile the step, as on CPUs.

    Three details differ from Keras. The kernel computes 1 - beta_2 in float32, which changes the second moment by a
    hundred-thousandth. If a batch looks up a row of an embedding several times, this class squares the sum of the
    gradients, as in the formula, while Keras sums their squares. `beta_2` may be a schedule over the steps, such as
    `kerasgan.schedules.Cosine`; the bias correction of the second moment uses its current value.

    Example:

    >>> model = kerasgan.DCGAN(image_size=28, channels=1, width=16)
    >>> model.compile(g_optimizer=kerasgan.optimizers.Adam(1e-4, beta_1=0.5))
    """

    def update_step(self, gradient, variable, learning_rate):
        scheduled = callable(self.beta_2)
        if self.amsgrad and scheduled:
            raise ValueError("`beta_2` must be a float with `amsgrad`. Received: a schedule")
        if self.amsgrad:
            return super().update_step(gradient, variable, learning_rate)
        i = self._get_variable_index(variable)
        step = tf.cast(self.iterations + 1, variable.dtype)
        beta_2 = tf.cast(self.beta_2(self.iterations), variable.dtype) if scheduled else self.beta_2
        tf.raw_ops.ResourceApplyAdam(
            var=_handle(variable),
            m=_handle(self._momentums[i]),
            v=_handle(self._velocities[i]),
            beta1_power=self.beta_1**step,
            beta2_power=beta_2**step,
            lr=tf.cast(learning_rate, variable.dtype),
            beta1=self.beta_1,
            beta2=beta_2,
            epsilon=self.epsilon,
            grad=tf.cast(tf.convert_to_tensor(gradient), variable.dtype),
        )

    def get_config(self):
        return {**super().get_config(), "beta_2": keras.saving.serialize_keras_object(self.beta_2)}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        if "beta_2" in config:
            config = config | {"beta_2": keras.saving.deserialize_keras_object(config["beta_2"])}
        return super().from_config(config)


def lazy_adam(learning_rate, every, beta_1=0.0, beta_2=0.99, epsilon=1e-8):
    """Returns an Adam for lazy regularization (Karras et al. 2020, https://arxiv.org/abs/1912.04958, appendix B).

    With c = k / (k + 1), the learning rate is multiplied by c, and the betas are raised to the power c. The authors
    make one step of Adam for the penalty after each k steps for the loss. Here the gradient of the penalty is added to
    that of the loss.

    Args:
        learning_rate: float. The rate before the correction.
        every: int, k, the interval of the penalty.
        beta_1, beta_2, epsilon: as in `Adam`, before the correction. Default to 0, 0.99 and 1e-8, as in StyleGAN.

    Returns:
        An `Adam`.

    Example:

    >>> optimizer = kerasgan.optimizers.lazy_adam(0.002, every=4)
    >>> round(float(optimizer.learning_rate), 6), round(optimizer.beta_2, 6)
    (0.0016, 0.991992)
    """
    c = every / (every + 1)
    return Adam(c * learning_rate, beta_1=beta_1**c, beta_2=beta_2**c, epsilon=epsilon)


def _handle(variable):
    # Keras's variables wrap TensorFlow's. Under a strategy, each replica has its own.
    return (variable.value if isinstance(variable, keras.Variable) else variable).handle


@keras.saving.register_keras_serializable("kerasgan")
class RMSprop(keras.optimizers.RMSprop):
    """RMSprop (Tieleman, Hinton 2012) with epsilon outside the square root, as used by the authors of WGAN.

    v <- rho v + (1 - rho) g^2, then w <- w - rate g / (sqrt(v) + epsilon). Keras computes g / sqrt(v + epsilon). Its
    epsilon of 1e-7 dominates v if gradients are below 1e-3, as those of a clipped critic. At a gradient of 1e-5, the
    first step of Keras's RMSprop is 0.3 % of this one.

    The defaults are those of the authors' code (the rate is in algorithm 1 of https://arxiv.org/abs/1701.07875, the
    others are defaults of their framework). With `centered`, the squared running mean of g is subtracted from v. The
    state is that of `keras.optimizers.RMSprop`.

    Args:
        learning_rate: float or a schedule. Defaults to 5e-5.
        rho: float. Decay rate of the mean square. Defaults to 0.99.
        momentum: float. Defaults to 0.
        epsilon: float. Defaults to 1e-8.
        **kwargs: other arguments of `keras.optimizers.RMSprop`.

    Example:

    >>> weight = keras.Variable([1.0])
    >>> kerasgan.optimizers.RMSprop(learning_rate=0.01).apply([tf.constant([1e-6])], [weight])
    >>> round(float(weight[0]), 3)  # 0.01 * 1e-6 / (0.1 * 1e-6 + 1e-8) = 0.091
    0.909
    """

    def __init__(self, learning_rate=5e-5, rho=0.99, momentum=0.0, epsilon=1e-8, **kwargs):
        super().__init__(learning_rate, rho=rho, momentum=momentum, epsilon=epsilon, **kwargs)

    def update_step(self, gradient, variable, learning_rate):
        i = self._get_variable_index(variable)
        gradient = tf.cast(tf.convert_to_tensor(gradient), variable.dtype)
        square = tf.convert_to_tensor(self._velocities[i])
        square = self.rho * square + (1 - self.rho) * tf.square(gradient)
        self.assign(self._velocities[i], square)
        if self.centered:
            mean = self.rho * tf.convert_to_tensor(self._average_gradients[i]) + (1 - self.rho) * gradient
            self.assign(self._average_gradients[i], mean)
            # Rounding can make the variance of a constant gradient negative.
            square = tf.maximum(square - tf.square(mean), np.finfo("float32").eps * square)
        step = tf.cast(learning_rate, variable.dtype) * gradient / (tf.sqrt(square) + self.epsilon)
        if self.momentum > 0:
            step += self.momentum * tf.convert_to_tensor(self._momentums[i])
            self.assign(self._momentums[i], step)
        self.assign_sub(variable, step)
