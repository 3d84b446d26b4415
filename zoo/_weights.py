"""Weight files in half precision, and safe reading of untrusted weight files."""

import hashlib
import io
import os
from pathlib import Path

import keras
import numpy as np

from kerasgan.callbacks.checkpoint import weights_in_memory
from kerasgan.files import reading, replacing

# Limit of the headers of groups and attributes in a file of Keras, for every network here.
HDF5_OVERHEAD = 1 << 20


class WeightFileError(ValueError):
    """A weight file is invalid. Nothing of it was used."""


def save_weights(network, path, half=True):
    """Writes the weights of `network` in Keras's format, without optimizer state.

    Kernels (two axes and more) are stored in float16, which keeps 11 significant bits. Vectors (biases, gains,
    statistics of batch normalization), integers, and kernels with values outside the normal range of float16 keep their
    dtype.

    Args:
        network: keras.Model, built.
        path: the path of the file. It must end in `.weights.h5`. An existing file is replaced atomically.
        half: bool, default True. False keeps the dtype of all weights.

    Returns:
        pathlib.Path, the file. Both `load_weights` and `keras.Model.load_weights` read it.

    Raises:
        ValueError: if the path has another ending, or a weight is not finite.

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
    """Loads a weight file into `network` after checking all of it. A refused file changes nothing.

    The checks are, in this order: the size, the SHA-256, the HDF5 tree, and finite values. The tree must not contain
    links, or external or virtual storage. Every name and shape is compared with the network before memory is allocated.
    Keras then reads a private copy instead of the file.

    Args:
        network: keras.Model, built. If it is compiled, it keeps its optimizer state.
        path: the file, as written by `save_weights` or `keras.Model.save_weights`. Half precision is converted to the
            dtype of the network.
        size: int or None, the expected number of bytes. With None, the size is limited by the weights of the network.
        sha256: str or None, the expected SHA-256, 64 hexadecimal digits.

    Returns:
        The network.

    Raises:
        WeightFileError: (a ValueError) if the file is invalid. The message gives the file and the reason.

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
    """Loads the result of `read(limit)`, at most `limit` bytes of a file, with the checks of `load_weights`.

    With `optimizer`, the file also contains the state of the optimizer, which is loaded, too.
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
    """Returns the bytes of a file after checking its size and hash. At most `limit` bytes are read."""
    found = os.path.getsize(path)
    if size is not None and found != size:
        raise WeightFileError(
            f"{path} must have {size} bytes. Received: {found} bytes; the file is incomplete or altered"
        )
    if limit is not None and found > limit:
        raise WeightFileError(f"{path} must have at most {limit} bytes for this network. Received: {found} bytes")
    with open(path, "rb") as file:
        content = file.read(found)
    digest = hashlib.sha256(content).hexdigest()
    if sha256 is not None and digest != sha256:
        raise WeightFileError(f"{path} must have the SHA-256 {sha256}. Received: {digest}; the file is altered")
    return content


def _template(network):
    """Saves `network` with Keras, to get the names and shapes of its weight files."""
    if not isinstance(network, keras.Model) or not network.built:
        raise ValueError(f"`network` must be a built keras.Model. Received: {network!r}")
    return weights_in_memory(network)


def _shapes(file, optimizer=False):
    """Returns names and shapes of the weights in a trusted file, and with `optimizer` those of its state."""
    import h5py

    shapes = {}

    def visit(name, item):
        if isinstance(item, h5py.Dataset) and (optimizer or not name.startswith("optimizer/")):
            shapes[name] = item.shape

    file.visititems(visit)
    return shapes


def _groups(file):
    """Returns the names of the groups in a trusted file. Layers without weights have groups, too."""
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
    """Walks an untrusted HDF5 tree, and returns {name: array} for exactly the names in `shapes`."""
    import h5py

    arrays = {}

    def walk(group, prefix):
        for key in group:
            name = f"{prefix}{key}"
            link = group.get(key, getlink=True)
            if not isinstance(link, h5py.HardLink):
                raise WeightFileError(f"{path} must hold its own data. Received: {name} is a {type(link).__name__}")
            # Names outside the network's tree end the walk, which also ends a cycle of hard links.
            if name not in shapes and name not in folders and not _is_empty(group[key]):
                raise WeightFileError(f"{path} must hold only the weights of this network. Received: also {name}")
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
        raise WeightFileError(f"{path} must hold its own data. Received: {name} is in other files")
    # Chunked arrays may be compressed, and a small file could unpack to any size. Keras writes contiguous arrays.
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
