"""Checks of the networks that a user passes."""

import keras
import numpy as np
from keras import layers

BOUNDED = ("sigmoid", "hard_sigmoid", "hardsigmoid", "tanh", "hard_tanh", "hardtanh", "softmax", "softsign")
PASSES_ON = (layers.Reshape, layers.Flatten, layers.Activation, layers.Dropout, layers.Identity)


def input_shapes(network):
    """Returns the shapes of a network's inputs, batch included, or [None] of one that is written as a class."""
    return [tuple(x.shape) for x in getattr(network, "inputs", None) or ()] or [None]


def bounded_activation(network):
    """Returns the name of the bounded function that a discriminator ends in, such as "sigmoid", or None.

    Of a dict the entry `"logits"` counts. What a network that is written as a class does, is not seen.

    Example:

    >>> judge = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, activation="sigmoid")])
    >>> kerasgan.models.network_checks.bounded_activation(judge)
    'sigmoid'
    """
    if not getattr(network, "outputs", None):
        return None
    outputs = getattr(network, "_outputs_struct", network.outputs)
    if isinstance(outputs, dict):
        outputs = outputs.get("logits", [])
    return next(filter(None, map(_bounded, keras.tree.flatten(outputs))), None)


def _bounded(tensor):
    """Goes back from an output through layers that do not compute to the one that does."""
    layer, node, place = tensor._keras_history
    if isinstance(layer, keras.Model):
        return _bounded(layer.outputs[place])
    names = (getattr(getattr(layer, "activation", None), "__name__", ""), type(layer).__name__.lower())
    found = next((name for name in names if name in BOUNDED), None)
    if found is None and isinstance(layer, PASSES_ON):
        return _bounded(layer._inbound_nodes[node].input_tensors[0])
    return found


def check_image_shape(name, verb, shape, expected):
    """Raises unless a network's images (batch, height, width, channels) have the expected sides and channels."""
    if not isinstance(shape, (list, tuple)) or len(shape) != 4 or isinstance(shape[0], tuple):
        return  # of vectors, without a shape of its own, or of several outputs
    if any(None not in pair and pair[0] != pair[1] for pair in zip(shape[1:], expected)):
        raise ValueError(
            f"`{name}` must {verb} images of (height, width, channels) {expected}, the model's. Received: a network "
            f"that {verb}s {tuple(shape[1:])}. Remedy: give the model its `image_size` and `channels`"
        )


def share_kernels(a, b):
    """Returns whether one of two networks holds a kernel of the other: whether they see alike."""
    return not _kernels(a).isdisjoint(_kernels(b))


def _kernels(network):
    values = (np.asarray(weight) for weight in network.weights if len(weight.shape) > 1)
    return {(value.shape, value.tobytes()) for value in values if np.ptp(value) > 0}  # all alike: not drawn, not learnt
