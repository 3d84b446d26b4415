"""Reading a `.keras` file that comes from somebody else."""

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
# That of the largest model here measures a fiftieth of it.
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

    Use it instead of `keras.models.load_model` for files that you did not write yourself. The archive must hold the
    three files that Keras writes, uncompressed and nothing else; nothing is unpacked to the disk. Each class in its
    configuration must be one of this library's or a plain layer, optimizer, loss, metric, initializer, regularizer or
    constraint of Keras, and none may need a download: a metric or a loss whose network is fetched is refused. The
    weights are read as `load_weights` reads them. What is not checked is how large a network the file describes: one
    can still ask for more memory than there is.

    Args:
        path: the file.

    Returns:
        An `ResumableModel`, compiled as it was saved.

    Raises:
        WeightFileError: (a ValueError) the file is not what it has to be; the message names the file and the reason.

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
    """Walks the configuration; every class and function that it names must be known to be harmless."""
    if isinstance(item, list):
        for each in item:
            _check_classes(path, each)
    if not isinstance(item, dict):
        return
    if {"class_name", "registered_name", "module", "spec_name"} & item.keys() and not _is_allowed(item):
        named = {key: item.get(key) for key in ("module", "class_name", "registered_name")}
        raise WeightFileError(f"{path} must name classes of kerasgan, and plain ones of Keras, only. Received: {named}")
    for each in item.values():
        _check_classes(path, each)


def _is_allowed(item):
    """Tells whether each way in which Keras may read an item leads to the same class, a known one.

    Keras goes by `registered_name` first, then by `module` and `class_name`; but where an item has no `module`, and
    where it looks among classes of one kind, by `class_name` alone. So all three must be there and say the same.
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
    """Builds the model that a configuration from a file describes, once all classes in it are known to be harmless."""
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
