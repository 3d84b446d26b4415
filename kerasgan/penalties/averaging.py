"""Historical averaging."""

import keras
import tensorflow as tf

from kerasgan.arguments import KnowsItsArguments
from kerasgan.penalties.gradients import check_weight


@keras.saving.register_keras_serializable("kerasgan")
class HistoricalAveraging(KnowsItsArguments, keras.layers.Layer):
    """Historical averaging (Salimans et al. 2016, https://arxiv.org/abs/1606.03498, section 3.3).

    Adds weight |theta - 1/t sum_i theta_i|^2 to the loss of each network, where theta_i are the network's parameters
    after its updates i = 1 .. t. The term damps parameters that oscillate.

    The means are weights of this object, as many as both networks have, and are saved with the model. Do not share the
    object between models.

    Args:
        weight: float. Defaults to 1. The paper gives no value.
    """

    def __init__(self, weight=1.0, **kwargs):
        super().__init__(**kwargs)
        check_weight(weight)
        self.weight = weight
        object.__setattr__(self, "means", {})  # their weights are already tracked

    def remember(self, **players):
        """Creates the means of the variables of each network. `compile` calls it.

        Args:
            **players: a list of variables for each name of a network.
        """
        fixed = {"trainable": False, "autocast": False, "initializer": "zeros"}
        for player, variables in players.items():
            if player in self.means:  # compiled again
                if [tuple(m.shape) for m in self.means[player][1]] != [tuple(v.shape) for v in variables]:
                    raise ValueError(
                        "A `HistoricalAveraging` must belong to one model and its trained variables. Received: other "
                        "variables. Remedy: a new `HistoricalAveraging`, also after `freeze` or `unfreeze`"
                    )
                continue
            count = self.add_weight(shape=(), dtype="float32", name=f"{player}_updates", **fixed)
            dtypes = [keras.backend.standardize_dtype(v.dtype) for v in variables]
            shapes = [v.shape for v in variables]
            means = [self.add_weight(shape=s, dtype=d, name=f"{player}_mean", **fixed) for s, d in zip(shapes, dtypes)]
            self.means[player] = count, means
        self.built = True

    def penalize(self, player, variables):
        """Returns the penalty of one network, a float32 scalar, and updates its means."""
        count, means = self.means[player]
        count.assign_add(1.0)
        total = tf.zeros(())
        for mean, variable in zip(means, variables, strict=True):
            value = tf.convert_to_tensor(variable)
            mean.assign_add((tf.stop_gradient(value) - mean) / tf.cast(count, value.dtype))
            total += tf.cast(tf.reduce_sum((value - tf.convert_to_tensor(mean)) ** 2), tf.float32)
        return self.weight * total

    def get_config(self):
        return {**super().get_config(), "weight": self.weight}
