"""The identity of a training: the model, its compile arguments and the first batch, which a continuation must share."""

import hashlib
import json
import re

import keras
import numpy as np

# Classes of kerasgan that replace equivalent ones of Keras with the same name, and the modules of these.
KERAS_S = {
    "kerasgan>Adam": "keras.optimizers",
    "kerasgan>Conv2D": "keras.layers",
    "kerasgan>Conv2DTranspose": "keras.layers",
    "kerasgan>LeakyReLU": "keras.layers",
}
# Options of the execution. They may differ between a run and its continuation.
EXECUTION = ("jit_compile", "run_eagerly", "steps_per_execution")
# Arguments of `compile` that checkpoints of earlier versions lack, and the values that train as these versions did.
ADDED = {"accumulate": 1, "semantic_weight": 1.0}


def _first_batch(model):
    """Returns the arrays of the first batch of `fit`, or an empty list before `fit`."""
    return [array for array in keras.tree.flatten(getattr(model, "first_batch", None)) if array is not None]


def first_batch_hash(model):
    arrays = _first_batch(model)
    digest = hashlib.sha256(b"".join(np.ascontiguousarray(array).tobytes() for array in arrays))
    return digest.hexdigest() if arrays else None


def identity_of(model):
    """Returns the identity of a training as plain JSON values."""
    serialized = keras.saving.serialize_keras_object(model)
    compile_config = dict(serialized.get("compile_config") or {})
    for name in EXECUTION:
        compile_config.pop(name, None)
    for name, value in ADDED.items():
        if compile_config.get(name) == value:
            del compile_config[name]
    config = dict(serialized["config"])
    changes = {key: value for key, value in config.pop("after_init", {}).items() if key != "ema_decay"}
    identity = {
        "model": serialized["class_name"],
        "config": config | ({"after_init": changes} if changes else {}),
        "compile_config": compile_config,
        "first_batch": [[list(array.shape), str(array.dtype)] for array in _first_batch(model)],
    }
    return json.loads(json.dumps(_without_names(identity), default=_plain))


def _without_names(value):
    """Drops automatic names and their numbers in references to layers, which depend on the history of the process.

    Classes that replace Keras's are named as Keras's, so that either can continue the other's checkpoint.
    """
    if isinstance(value, dict):
        if value.get("registered_name") in KERAS_S:
            value = value | {"module": KERAS_S[value["registered_name"]], "registered_name": None}
        dropped = {"name"} if value.get("training") else {"name", "training"}  # Keras's have no such argument
        return {key: _without_names(item) for key, item in value.items() if key not in dropped}
    if isinstance(value, (list, tuple)):
        return [re.sub(r"_\d+$", "", item) if isinstance(item, str) else _without_names(item) for item in value]
    return value


def _plain(value):
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    return f"{type(value).__module__}.{type(value).__qualname__}"


def differences(found, ours):
    """Yields (name, found, ours) for every field that differs between the identities of a file and of a model."""
    yield from _fields_that_differ(_without_modules(found), _without_modules(ours))


def _without_modules(value):
    """Drops the modules of kerasgan's classes, which are identified by their registered names."""
    if isinstance(value, dict):
        registered = str(value.get("registered_name")).startswith("kerasgan>")
        return {key: _without_modules(item) for key, item in value.items() if not (registered and key == "module")}
    return [_without_modules(item) for item in value] if isinstance(value, list) else value


def _fields_that_differ(found, ours, name=""):
    if isinstance(found, dict) and isinstance(ours, dict):
        for key in sorted(found.keys() | ours.keys()):
            yield from _fields_that_differ(found.get(key), ours.get(key), f"{name}.{key}" if name else key)
    elif found != ours:
        yield name, found, ours
