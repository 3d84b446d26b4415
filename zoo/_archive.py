"""Reads untrusted `.keras` files."""

import stat
import types
import zipfile
from pathlib import Path

import keras

from kerasgan.downloads import no_downloads
from kerasgan.files import parse_json, reading
from kerasgan.models import ResumableModel
from kerasgan.zoo._weights import WeightFileError, load_content

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
# The configuration of the largest model here has a fiftieth of this size.
CONFIG_BYTES = 4 << 20
# Where Keras looks for a class by the name in a file, and which of those classes neither run the file's code nor read
# other files: no Lambda, no preprocessing (vocabularies), no wrapped SavedModels or modules of other frameworks.
LAYERS = tuple(
    f"keras.src.layers.{room}."
    for room in ("activations", "attention", "convolutional", "merging", "normalization", "pooling", "regularization")
) + (
    "keras.src.layers.reshaping.",
    "keras.src.layers.core.dense",
    "keras.src.layers.core.embedding",
    "keras.src.layers.core.identity",
    "keras.src.layers.core.input_layer",
)
ROOMS = {
    "keras": (("keras.src.dtype_policies.",), keras),
    "keras.constraints": (("keras.src.constraints.",), keras.constraints),
    "keras.initializers": (("keras.src.initializers.",), keras.initializers),
    "keras.layers": (LAYERS, keras.layers),
    "keras.losses": (("keras.src.losses.",), keras.losses),
    "keras.metrics": (("keras.src.metrics.",), keras.metrics),
    "keras.optimizers": (("keras.src.optimizers.",), keras.optimizers),
    "keras.optimizers.schedules": (("keras.src.optimizers.schedules.",), keras.optimizers.schedules),
    "keras.regularizers": (("keras.src.regularizers.",), keras.regularizers),
}
NETWORKS = {("keras.src.models.functional", "Functional"), ("keras", "Sequential"), ("keras.models", "Sequential")}
# All that `keras.activations` has but the functions that look others up.
ACTIVATIONS = {name for name, value in vars(keras.activations).items() if isinstance(value, types.FunctionType)} - {
    "deserialize",
    "get",
    "serialize",
}


def load_archive(path):
    """Loads a model that was saved by `model.save("name.keras")`, after checking all of it.

    Use it instead of `keras.models.load_model` for untrusted files. The archive must contain exactly the three files of
    Keras, uncompressed. Nothing is unpacked to disk. Each class in the configuration must be a class of this library,
    or a plain layer, optimizer, loss, metric, initializer, regularizer or constraint of Keras. None may need a
    download, so metrics and losses with downloaded networks are refused. Weights are read as in `load_weights`. The
    size of the network is not checked: a file can still describe a network that needs more memory than there is.

    Args:
        path: the file.

    Returns:
        A `ResumableModel`, compiled as it was saved.

    Raises:
        WeightFileError: (a ValueError) if the file is invalid. The message gives the file and the reason.

    Example:

    >>> model = kerasgan.DCGAN(image_size=28, channels=1, width=4)
    >>> model.compile()
    >>> model.save("digits.keras")
    >>> kerasgan.zoo.load_archive("digits.keras").image_size
    28
    """
    path = Path(path)
    with reading(path, "a whole .keras file", WeightFileError), zipfile.ZipFile(path) as archive:
        _check_members(path, archive)
        config = parse_json(archive.read(CONFIG), f"{path}: {CONFIG}")
        model = build_checked(path, config)
        return load_content(model, path, lambda limit: _weights(path, archive, limit), optimizer=True)


def _check_members(path, archive):
    members = archive.infolist()
    names = sorted(member.filename for member in members)
    if names != [CONFIG, METADATA, WEIGHTS]:
        raise WeightFileError(f"{path} must hold {CONFIG}, {METADATA} and {WEIGHTS}. Received: {names}")
    for member in members:
        if stat.S_ISLNK(member.external_attr >> 16):
            raise WeightFileError(f"{path} must hold plain files. Received: {member.filename} is a symbolic link")
        if member.compress_type != zipfile.ZIP_STORED or member.file_size != member.compress_size:
            raise WeightFileError(f"{path} must not be compressed. Received: {member.filename} is")
    size = archive.getinfo(CONFIG).file_size
    if size > CONFIG_BYTES:
        raise WeightFileError(f"{path} must have a {CONFIG} of at most {CONFIG_BYTES} bytes. Received: {size}")


def _check_classes(path, item):
    """Walks the configuration, and checks that every class and function in it is allowed."""
    if isinstance(item, list):
        for each in item:
            _check_classes(path, each)
    if not isinstance(item, dict):
        return
    if {"class_name", "registered_name", "module", "spec_name"} & item.keys() and not _is_allowed(item):
        named = {key: item.get(key) for key in ("module", "class_name", "registered_name")}
        raise WeightFileError(f"{path} must name only classes of kerasgan and plain ones of Keras. Received: {named}")
    for each in item.values():
        _check_classes(path, each)


def _is_allowed(item):
    """Returns whether all ways in which Keras may resolve an item lead to the same allowed class.

    Keras uses `registered_name` first, then `module` and `class_name`. Without `module`, or when it expects one kind of
    class, it uses only `class_name`. Therefore all three must be present and agree.
    """
    name, module, registered = (item.get(key) for key in ("class_name", "module", "registered_name"))
    if not isinstance(name, str) or "config" not in item:
        return False
    if name == "__keras_tensor__":
        return module is None and registered is None
    if not isinstance(module, str):
        return False
    if isinstance(registered, str) and registered.startswith("kerasgan>"):
        found = keras.saving.get_registered_object(registered)
        return _is_class_of(found, "kerasgan.") and found.__name__ == name and module.split(".")[0] == "kerasgan"
    if name == "function":  # an activation's name
        function = item["config"]
        known = isinstance(function, str) and function in ACTIVATIONS
        return known and module == "builtins" and registered in (None, name, function)
    if registered not in (None, name) or keras.saving.get_registered_object(name) is not None:
        return False
    if (module, name) in NETWORKS:
        return True
    prefixes, room = ROOMS.get(module, ((), None))
    return _is_class_of(getattr(room, name, None), prefixes)


def _is_class_of(found, prefixes):
    return isinstance(found, type) and found.__module__.startswith(prefixes)


def build_checked(path, config):
    """Builds the model of a configuration from a file, after checking all classes in it."""
    _check_classes(path, config)
    with reading(path, "the description of a model", WeightFileError), no_downloads(path):
        model = keras.saving.deserialize_keras_object(config, safe_mode=True)
    if not isinstance(model, ResumableModel) or not model.compiled:
        raise WeightFileError(f"{path} must hold a compiled model of kerasgan. Received: {type(model).__name__}")
    return model


def _weights(path, archive, limit):
    size = archive.getinfo(WEIGHTS).file_size
    if size > limit:
        raise WeightFileError(f"{path} must have at most {limit} bytes of weights for this network. Received: {size}")
    return archive.read(WEIGHTS)
