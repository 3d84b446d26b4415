"""Averaged networks and frozen layers, which are saved with the model."""

import io
import warnings
import zipfile

import keras
import numpy as np
import tensorflow as tf

from kerasgan.models.saving import policy


class AveragesAndFreezes:
    """Mixin for moving averages of the `sampling_networks`, and `freeze`."""

    def freeze(self, network, layers=None):
        """Freezes the first layers of a network. Call `compile` afterwards.

        Freezing the first layers of the discriminator is FreezeD (Mo et al. 2020, https://arxiv.org/abs/2002.10964),
        which fine-tunes a trained model on few images. Frozen layers are saved with the model, and
        `kerasgan.callbacks.Checkpoint` continues a training only with the same ones. The method sets Keras's
        `trainable`, which you can also set yourself.

        Args:
            network: str, the name of the attribute, such as `"discriminator"`.
            layers: int, the number of layers with weights (including normalizations), counted from the input. A frozen
                batch normalization uses its moving statistics in training. Defaults to all layers.

        Raises:
            ValueError: if there is no such network, or it has fewer layers with weights.

        Example:

        >>> model = kerasgan.DCGAN(image_size=16, width=4)
        >>> model.freeze("discriminator", layers=1)
        >>> model.compile()
        """
        found = list(_layers_with_weights(self._network(network)))
        count = len(found) if layers is None else layers
        if not isinstance(count, (int, np.integer)) or not 1 <= count <= len(found):
            raise ValueError(f"`layers` must be an int from 1 to {len(found)}, or None for all. Received: {layers!r}")
        for layer in found[:count]:
            layer.trainable = False

    def unfreeze(self, network):
        """Makes all layers of a network trainable again. Call `compile` afterwards.

        Args:
            network: str, the name of the attribute, such as `"discriminator"`.
        """
        # Layer by layer, as TensorFlow ignores `network.trainable = True` if the network as a whole was not frozen.
        for layer in self._network(network)._flatten_layers():
            layer.trainable = True

    def _network(self, name):
        if name not in self.network_names:
            raise ValueError(f"`network` must be one of {list(self.network_names)}. Received: {name!r}")
        return getattr(self, name)

    def changes(self):
        frozen = {name: frozen_layers(getattr(self, name)) for name in self.network_names}
        frozen = {name: numbers for name, numbers in frozen.items() if numbers}
        changes = {"frozen": frozen} if frozen or self._made_frozen else {}
        decay = keras.saving.serialize_keras_object(self.ema_decay)
        return changes | ({"ema_decay": decay} if decay else {})

    def repeat_changes(self, changes):
        for name in self.network_names if "frozen" in changes else ():
            numbers = changes["frozen"].get(name, [])
            for i, layer in enumerate(getattr(self, name)._flatten_layers()):  # each before its own parts
                layer.trainable = i not in numbers
        self._keep_average(keras.saving.deserialize_keras_object(changes.get("ema_decay", 0.0)))

    def _trained_variables(self):
        return {id(v) for name in self.network_names for v in getattr(self, name).trainable_variables}

    def _assert_compile_called(self, method_name=None):
        super()._assert_compile_called(method_name)
        if method_name in ("fit", "train_on_batch") and self._trained_variables() != self._compiled_for:
            raise ValueError(
                "The trainable layers have changed since `compile()`. Call `compile()` again to update the optimizers."
            )

    def get_compile_config(self):
        if self.compiled and self._trained_variables() != self._compiled_for:
            warnings.warn(
                "The trainable layers have changed since `compile()`, so the model is saved without its `compile()`.",
                stacklevel=2,
            )
            return {}
        return super().get_compile_config()

    def _keep_average(self, decay):
        """Creates missing averages from the current networks. `decay=0` removes existing averages."""
        for name in self.sampling_networks:
            average = getattr(self, f"ema_{name}", None)
            if decay and average is None:
                average = self._average_of(getattr(self, name))
            # After all other parts, as `get_weights` and files depend on the order.
            self._replace(f"ema_{name}", average if decay else None)
        self.ema_decay = decay if callable(decay) else float(decay)

    def _replace(self, attribute, value):
        """Sets an attribute that may hold layers. Otherwise Keras would keep the old ones as parts of the model."""
        for former in keras.tree.flatten(getattr(self, attribute, None)):
            self._tracker.untrack(former)
        setattr(self, attribute, value)

    @staticmethod
    def _average_of(network):
        with policy(network.dtype_policy):  # Keras clones the policies of layers, but not that of the model
            average = keras.models.clone_model(network)
        if not average.built:
            average.build(network.input_shape)
        average.set_weights(network.get_weights())
        average.trainable = False
        # In clones of frozen layers, Keras 3.15 leaves the weights trainable.
        for weight in average.weights:
            weight.trainable = False
        return average

    def sampler(self, name="generator"):
        """Returns the network to sample from: the averaged copy if there is one, else the network `name`."""
        average = getattr(self, f"ema_{name}", None)
        return average if average is not None else getattr(self, name)

    def update_ema(self):
        """Increments the step and updates the averaged networks: average <- decay average + (1 - decay) weight.

        Integers, such as the count of `keras.layers.Normalization`, are copied.
        """
        self.step.assign_add(1)
        if not self.ema_decay:
            return
        decay = self.ema_decay_now()
        for name in self.sampling_networks:
            for average, weight in zip(getattr(self, f"ema_{name}").weights, getattr(self, name).weights, strict=True):
                is_float = keras.backend.is_float_dtype(average.dtype)
                average.assign(weight + decay * (average - weight) if is_float else weight)

    def ema_decay_now(self):
        """Returns the decay of a `HalfLife`, or `ema_decay`, but at step t at most (1 + t) / (10 + t).

        The ramp removes the influence of the random initial weights. An average that starts later starts from trained
        weights and has no ramp. Compiling again does not restart it.
        """
        step = tf.cast(self.step, tf.float32)
        if callable(self.ema_decay):
            return self.ema_decay(step)
        return tf.minimum(self.ema_decay, (1.0 + step) / (10.0 + step))

    def load_weights(self, filepath, skip_mismatch=False, **kwargs):
        """Loads a file of `save_weights`, including `step`, random states, and the optimizers of a compiled model.

        Averages that are not in the file start from the loaded weights.

        Args:
            filepath, skip_mismatch: as in `keras.Model.load_weights`.

        Raises:
            ValueError: if the file has averages but the model does not, as they would be lost.
        """
        held = _attributes_in(filepath)
        averages = {name: getattr(self, f"ema_{name}", None) for name in self.sampling_networks}
        begun = {}
        if held is not None:
            lost = [f"ema_{name}" for name, average in averages.items() if average is None and f"ema_{name}" in held]
            if lost and not skip_mismatch:
                raise ValueError(
                    f"{str(filepath)!r} holds {lost}, which this model does not have, so they would be lost. Compile "
                    "with the `ema_decay` of the run that wrote the file. `compile(ema_decay=0)` can drop them later."
                )
            begun = {n: a for n, a in averages.items() if a is not None and f"ema_{n}" not in held}
        for name in begun:
            self._replace(f"ema_{name}", None)
        try:
            super().load_weights(filepath, skip_mismatch=skip_mismatch, **kwargs)
        finally:
            for name, average in begun.items():
                setattr(self, f"ema_{name}", average)
        for name, average in begun.items():
            average.set_weights(getattr(self, name).get_weights())


def _layers_with_weights(network):
    """Yields the layers with weights, starting at the input, including those of nested models."""
    for layer in network.layers:
        if isinstance(layer, keras.Model):
            yield from _layers_with_weights(layer)
        elif layer.weights:
            yield layer


def frozen_layers(network):
    """Returns the indices of frozen layers, in the order of all layers of the network."""
    return [i for i, layer in enumerate(network._flatten_layers()) if not layer.trainable]


def settle_trainable(network):
    """Freezes the weights of frozen layers, as Keras 3.15 leaves them trainable in layers that are created frozen."""
    for layer in network._flatten_layers():
        if not layer.trainable:
            for weight in layer.weights:  # including those of sublayers
                weight.trainable = False


def _attributes_in(filepath):
    """Returns the names of the attributes with weights in a file, or None if they are unknown."""
    import h5py

    name = str(filepath)
    if name.endswith(".keras"):
        with zipfile.ZipFile(filepath) as archive:
            filepath = io.BytesIO(archive.read("model.weights.h5"))
    elif not name.endswith("weights.h5") or "://" in name:
        return None
    with h5py.File(filepath, "r") as file:
        return set(file)
