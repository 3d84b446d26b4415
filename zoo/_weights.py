"""Weight files: half-precision storage, and reading that trusts nothing in the file before it is checked."""

import hashlib
import io
import os
from pathlib import Path

import keras
import numpy as np

from kerasgan.callbacks.checkpoint import weights_in_memory
from kerasgan.files import reading, replacing

# Group and attribute headers of a file Keras wrote measure below this for every network here.
HDF5_OVERHEAD = 1 << 20


class WeightFileError(ValueError):
    """A weight file is not what it has to be; nothing of it was used."""


def save_weights(network, path, half=True):
    """Writes the weights of `network`, without any optimizer, in Keras's own layout.

    Kernels (two axes and more) are stored in float16, which keeps 11 significant bits; vectors (biases, gains,
    BatchNormalization statistics), integers, and kernels whose values leave float16's normal range keep their type.

    Args:
        network: keras.Model, built.
        path: where to write, a name that ends in `.weights.h5`; an existing file is replaced only when the new one
            is complete.
        half: bool, default True; False stores every weight as it is.

    Returns:
        pathlib.Path, the file. `load_weights` and `keras.Model.load_weights` both read it.

    Raises:
        ValueError: the name has another ending, or a weight is not finite.

    Example:

    >>> import keras
    >>> from kerasgan import zoo
    >>> network = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    >>> zoo.save_weights(network, "dense.weights.h5").name
    'dense.weights.h5'
    """
    import h5py

    path = Path(path)
    if not path.name.endswith(".weights.h5"):
        raise ValueError(f"`path` must end in '.weights.h5'. Received: {str(path)!r}")
    with h5py.File(_template(network), "r") as source:
        arrays = {name: source[name][()] for name in _shapes(source)}
    for name, array in arrays.items():
        if not np.all(np.isfinite(array)):
            raise ValueError(f"`network` must have finite weights. Received: {name} of {network.name!r} is not finite")

    memory = io.BytesIO()
    with h5py.File(memory, "w") as target:
        for name, array in arrays.items():
            target.create_dataset(name, data=array.astype("float16") if half and _fits_half(array) else array)
    with replacing(path) as temporary:
        temporary.write_bytes(memory.getbuffer())
    return path


def load_weights(network, path, size=None, sha256=None):
    """Reads a weight file into `network` after checking all of it; a refused file changes nothing.

    The order of the checks: size, SHA-256, then a walk through the HDF5 tree that follows no link, reads no external
    or virtual storage and compares every name and shape with the network's before a byte of it is allocated, and
    last that all values are finite. Keras then reads a private copy, never the file itself.

    Args:
        network: keras.Model, built; a compiled one keeps its optimizer's state.
        path: the file, as `save_weights` or `keras.Model.save_weights` writes it. Half precision becomes the
            network's own type.
        size: int or None, the bytes the file must have; None only bounds it by what the network can need.
        sha256: str or None, the 64 hexadecimal digits it must hash to.

    Returns:
        The network.

    Raises:
        WeightFileError: (a ValueError) the file is not what it has to be; the message names the file and the reason.

    Example:

    >>> import keras
    >>> from kerasgan import zoo
    >>> network = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    >>> path = zoo.save_weights(network, "dense.weights.h5")
    >>> zoo.load_weights(network, path).name == network.name
    True
    """
    path = Path(path)
    return load_content(network, path, lambda limit: read_checked(path, size, sha256, limit))


def load_content(network, path, read, optimizer=False):
    """Loads what `read(limit)` returns, at most `limit` bytes of a file that is checked as `load_weights` says.

    With `optimizer` the file holds, and the network gets, the state of its optimizer too.
    """
    import h5py

    template = _template(network)
    with h5py.File(template, "r+") as target:
        shapes = _shapes(target, optimizer)
        types = {name: target[name].dtype for name in shapes}
        limit = sum(8 * int(np.prod(shape)) for shape in shapes.values()) + HDF5_OVERHEAD
        for name, array in _read_arrays(path, read(limit), shapes, types, _groups(target)).items():
            target[name][...] = array
    network.load_weights(template)
    return network


def read_checked(path, size=None, sha256=None, limit=None):
    """Returns the bytes of a file whose size and hash are what they must be; at most `limit` bytes are read."""
    found = os.path.getsize(path)
    if size is not None and found != size:
        raise WeightFileError(f"{path} must have {size} bytes. Received: {found} bytes; the file is cut or altered")
    if limit is not None and found > limit:
        raise WeightFileError(f"{path} must have at most {limit} bytes for this network. Received: {found} bytes")
    with open(path, "rb") as file:
        content = file.read(found)
    digest = hashlib.sha256(content).hexdigest()
    if sha256 is not None and digest != sha256:
        raise WeightFileError(f"{path} must have the SHA-256 {sha256}. Received: {digest}; the file is altered")
    return content


def _template(network):
    """Saves `network` by Keras, whose file says which names and shapes a weight file of it has."""
    if not isinstance(network, keras.Model) or not network.built:
        raise ValueError(f"`network` must be a built keras.Model. Received: {network!r}")
    return weights_in_memory(network)


def _shapes(file, optimizer=False):
    """Names and shapes of the weights in a file of our own making, and with `optimizer` those of its state."""
    import h5py

    shapes = {}

    def visit(name, item):
        if isinstance(item, h5py.Dataset) and (optimizer or not name.startswith("optimizer/")):
            shapes[name] = item.shape

    file.visititems(visit)
    return shapes


def _groups(file):
    """Names of the groups in a file of our own making: layers without weights have some too."""
    import h5py

    groups = set()

    def visit(name, item):
        if isinstance(item, h5py.Group):
            groups.add(name)

    file.visititems(visit)
    return groups


def _fits_half(array):
    if array.dtype != "float32" or array.ndim < 2:
        return False
    largest = np.max(np.abs(array), initial=0.0)
    return np.finfo("float16").tiny <= largest <= np.finfo("float16").max


def _read_arrays(path, content, shapes, types, folders):
    """Walks an untrusted HDF5 tree; returns {name: array} for exactly the names in `shapes`."""
    import h5py

    arrays = {}

    def walk(group, prefix):
        for key in group:
            name = f"{prefix}{key}"
            link = group.get(key, getlink=True)
            if not isinstance(link, h5py.HardLink):
                raise WeightFileError(f"{path} must hold its own data. Received: {name} is a {type(link).__name__}")
            # Names outside the network's own tree end the walk, so that a cycle of hard links does too.
            if name not in shapes and name not in folders and not _is_empty(group[key]):
                raise WeightFileError(f"{path} must hold the weights of this network only. Received: {name} besides")
            item = group[key]
            if isinstance(item, h5py.Group):
                if name in shapes:
                    raise WeightFileError(f"{path} must hold an array at {name}. Received: a group")
                if name in folders:
                    walk(item, f"{name}/")
            elif name in shapes:
                arrays[name] = _read_array(path, name, item, shapes[name], types[name])
            else:
                raise WeightFileError(f"{path} must hold a group at {name}. Received: {type(item).__name__}")

    with reading(path, "a whole HDF5 file", WeightFileError), h5py.File(io.BytesIO(content), "r") as file:
        walk(file, "")
    missing = sorted(set(shapes) - set(arrays))
    if missing:
        raise WeightFileError(f"{path} must hold all weights of this network. Received: none for {missing[0]}")
    return arrays


def _is_empty(item):
    import h5py

    return isinstance(item, h5py.Group) and len(item) == 0


def _read_array(path, name, item, shape, dtype):
    import h5py

    if not isinstance(item, h5py.Dataset):
        raise WeightFileError(f"{path} must hold an array at {name}. Received: {type(item).__name__}")
    if item.is_virtual or item.external:
        raise WeightFileError(f"{path} must hold its own data. Received: {name} lies in other files")
    # A chunked array may be compressed, so that a small file unpacks to anything; Keras and `save_weights` write plain.
    if item.chunks is not None:
        raise WeightFileError(f"{path} must store its arrays in one piece. Received: {name} in chunks")
    if item.shape != shape:
        raise WeightFileError(f"{path} must hold {name} of shape {shape}. Received: shape {item.shape}")
    if item.dtype != dtype and not (item.dtype == np.float16 and dtype == np.float32):
        raise WeightFileError(f"{path} must hold {name} of type {dtype}. Received: {item.dtype}")
    array = item[()]
    if not np.all(np.isfinite(array)):
        raise WeightFileError(f"{path} must hold finite numbers. Received: {name} is not finite")
    return array
