"""Checks of user-supplied networks."""

import keras
import numpy as np
from keras import layers

BOUNDED = ("sigmoid", "hard_sigmoid", "hardsigmoid", "tanh", "hard_tanh", "hardtanh", "softmax", "softsign")
PASSES_ON = (layers.Reshape, layers.Flatten, layers.Activation, layers.Dropout, layers.Identity)


def input_shapes(network):
    """Returns the shapes of a network's inputs, including the batch, or [None] for a subclassed model."""
    return [tuple(x.shape) for x in getattr(network, "inputs", None) or ()] or [None]


def bounded_activation(network):
    """Returns the name of the bounded activation at the end of a discriminator, such as "sigmoid", or None.

    If the output is a dict, its entry `"logits"` is examined. Subclassed models cannot be examined.

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
    """Goes back from an output through layers without computation."""
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
        return  # vectors, an unknown shape, or several outputs
    if any(None not in pair and pair[0] != pair[1] for pair in zip(shape[1:], expected)):
        raise ValueError(
            f"`{name}` must {verb} images of (height, width, channels) {expected}, as the model. Received: a network "
            f"that {verb}s {tuple(shape[1:])}. Remedy: pass its `image_size` and `channels` to the model"
        )


def share_kernels(a, b):
    """Returns whether two networks share a kernel, and therefore features."""
    return not _kernels(a).isdisjoint(_kernels(b))


def _kernels(network):
    values = (np.asarray(weight) for weight in network.weights if len(weight.shape) > 1)
    return {
        (value.shape, value.tobytes()) for value in values if np.ptp(value) > 0
    }  # ignores constants, which are neither random nor learned
