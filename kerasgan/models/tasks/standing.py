"""Standing statistics of batch normalization, averaged over many batches."""

import keras
import numpy as np
import tensorflow as tf


def trainable_norms(sampler, network):
    """Returns the batch normalizations of `sampler` (`network` or a copy of it) that are not frozen in `network`."""
    pairs = zip(sampler._flatten_layers(), network._flatten_layers(), strict=True)
    return [copy for copy, own in pairs if isinstance(own, keras.layers.BatchNormalization) and own.trainable]


def take_statistics(network, norms, inputs, batch_size):
    """Replaces moving means and variances by the averages, over batches, of the batch means and variances.

    The layers `norms` use the statistics of the batch, as in training. Nothing else of `network` changes.

    Args:
        network: `keras.Model`.
        norms: list of its `keras.layers.BatchNormalization`s. A pass calls each of them once.
        inputs: list of arrays, the network's inputs, with one row per image.
        batch_size: int, a divisor of the number of rows.
    """
    statistics = [variable for norm in norms for variable in (norm.moving_mean, norm.moving_variance)]

    @tf.function
    def of_a_batch(*batch):
        with keras.StatelessScope() as scope:
            network(batch[0] if len(batch) == 1 else list(batch), training=True)
        return [scope.get_current_value(variable) for variable in statistics]

    kept = [(norm, norm.momentum, norm.trainable, [w.trainable for w in norm.weights]) for norm in norms]
    try:
        for norm in norms:
            norm.momentum, norm.trainable = 0.0, True  # a pass stores the batch statistics
        batches = tf.data.Dataset.from_tensor_slices(tuple(inputs)).batch(batch_size)
        found = [[np.asarray(value, "float64") for value in of_a_batch(*batch)] for batch in batches]
    finally:
        for norm, momentum, trainable, weights in kept:
            norm.momentum, norm.trainable = momentum, trainable
            for weight, flag in zip(norm.weights, weights):
                weight.trainable = flag
    for variable, values in zip(statistics, zip(*found)):
        variable.assign(np.mean(values, axis=0))
