"""Adam, as Keras's, in one pass over the weights."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("kerasgan")
class Adam(keras.optimizers.Adam):
    """Adam (Kingma, Ba 2015, https://arxiv.org/abs/1412.6980), algorithm 1 by the formula before section 2.1.

    Arguments, state and arithmetic are those of `keras.optimizers.Adam`, which models take as well, and which the name
    `"adam"` stands for; `epsilon` is the formula's epsilon-hat. Keras writes an update as a dozen operations, each of
    which reads and writes all weights unless XLA joins them. TensorFlow's own kernel reads and writes them once, and is
    the faster one where XLA does not compile the step, as on CPUs.

    The kernel subtracts beta_2 from 1 in float32, which changes the second moment by a hundred-thousandth. Where a
    batch looks up a row of an embedding several times, this class squares the sum of these gradients, as the formula
    does; Keras sums their squares.

    Example:

    >>> model = kerasgan.DCGAN(image_size=28, channels=1, width=16)
    >>> model.compile(g_optimizer=kerasgan.optimizers.Adam(1e-4, beta_1=0.5))
    """

    def update_step(self, gradient, variable, learning_rate):
        if self.amsgrad:
            return super().update_step(gradient, variable, learning_rate)
        i = self._get_variable_index(variable)
        step = tf.cast(self.iterations + 1, variable.dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=_handle(variable),
            m=_handle(self._momentums[i]),
            v=_handle(self._velocities[i]),
            beta1_power=self.beta_1**step,
            beta2_power=self.beta_2**step,
            lr=tf.cast(learning_rate, variable.dtype),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=tf.cast(tf.convert_to_tensor(gradient), variable.dtype),
        )


def _handle(variable):
    # Keras's variables hold TensorFlow's, of which a strategy gives each replica its own.
    return (variable.value if isinstance(variable, keras.Variable) else variable).handle
