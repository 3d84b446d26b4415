"""Reading the tensors of a `.pth` file without running anything that the file says."""

import math
import pickletools
import zipfile
from typing import NamedTuple

import numpy as np

DTYPES = {
    "torch DoubleStorage": "<f8",
    "torch FloatStorage": "<f4",
    "torch HalfStorage": "<f2",
    "torch LongStorage": "<i8",
    "torch IntStorage": "<i4",
    "torch ShortStorage": "<i2",
    "torch CharStorage": "<i1",
    "torch ByteStorage": "<u1",
    "torch BoolStorage": "?",
}
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C


class _Global(NamedTuple):
    name: str


class _Storage(NamedTuple):
    key: str
    dtype: str
    count: int


class _Tensor(NamedTuple):
    storage: _Storage
    offset: int
    shape: tuple
    strides: tuple


def read_torch_weights(path):
    """Read the named tensors of a state dict that `torch.save` wrote, in its zip form or the older one.

    A `.pth` is a program for Python's unpickler, which may call any function. Here its instructions are listed by
    `pickletools`, which calls nothing, and only those that build dicts, tuples and tensors are understood; a file that
    names any other function is refused.

    Args:
        path: the file's path.

    Returns:
        dict of str -> array, C-contiguous, in the file's order; entries that are not tensors are left out.

    Raises:
        ValueError: when the file is damaged, holds no named tensors, or asks for anything else.
    """
    try:
        if zipfile.is_zipfile(path):
            entries, storages = _read_zip(path)
        else:
            entries, storages = _read_legacy(path)
        if not isinstance(entries, dict):
            raise ValueError(f"Expected a dict of tensors. Received: {type(entries).__name__}")
        tensors = {name: _gather(value, storages) for name, value in entries.items() if isinstance(value, _Tensor)}
        if not tensors:
            raise ValueError(f"Expected named tensors. Received: {list(entries)[:5]}")
    except (KeyError, IndexError, TypeError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} is damaged or no state dict: {error!r}") from error
    return tensors


def _read_zip(path):
    with zipfile.ZipFile(path) as archive:
        if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
            raise ValueError(f"{path} is compressed, which torch.save does not do: it could unpack to any size")
        (program,) = [name for name in archive.namelist() if name.endswith("/data.pkl")] or [None]
        if program is None:
            raise ValueError(f"{path} is a zip file without data.pkl")
        folder = program.removesuffix("data.pkl")
        if f"{folder}byteorder" in archive.namelist() and archive.read(f"{folder}byteorder") != b"little":
            raise ValueError(f"{path} was written on a big-endian machine, which is not supported")
        wanted = {}
        entries = _run(archive.read(program), wanted)
        storages = {}
        for key, storage in wanted.items():
            name = f"{folder}data/{key}"
            size = storage.count * np.dtype(storage.dtype).itemsize
            if archive.getinfo(name).file_size != size:
                raise ValueError(f"{path} holds {archive.getinfo(name).file_size} bytes for {key!r}, not {size}")
            storages[key] = np.frombuffer(archive.read(name), storage.dtype)
    return entries, storages


def _read_legacy(path):
    wanted = {}
    with open(path, "rb") as file:
        if _run(file, wanted) != LEGACY_MAGIC:
            raise ValueError(f"{path} is not a file that torch.save wrote")
        _run(file, wanted)  # the protocol's version
        if not _run(file, wanted).get("little_endian"):
            raise ValueError(f"{path} was written on a big-endian machine, which is not supported")
        entries = _run(file, wanted)
        storages = {}
        for key in _run(file, wanted):
            storage = wanted[key]
            size = storage.count * np.dtype(storage.dtype).itemsize
            header, data = file.read(8), file.read(size)
            if int.from_bytes(header, "little") != storage.count or len(data) != size:
                raise ValueError(f"{path} ends within the tensor storage {key!r}")
            storages[key] = np.frombuffer(data, storage.dtype)
    return entries, storages


def _gather(tensor, storages):
    """A copy of the elements that offset, shape and strides choose, after a check that all lie in the storage."""
    data = storages[tensor.storage.key]
    numbers = (tensor.offset, *tensor.shape, *tensor.strides)
    if any(type(n) is not int or n < 0 for n in numbers) or len(tensor.shape) != len(tensor.strides):
        raise ValueError(f"A tensor has a bad layout: {tensor}")
    if 0 in tensor.shape:
        return np.zeros(tensor.shape, data.dtype)
    last = tensor.offset + sum((n - 1) * stride for n, stride in zip(tensor.shape, tensor.strides))
    if last >= len(data) or math.prod(tensor.shape) > len(data):
        raise ValueError(f"A tensor reaches beyond its storage of {len(data)}: {tensor}")
    strides = [stride * data.itemsize for stride in tensor.strides]
    view = np.lib.stride_tricks.as_strided(data[tensor.offset :], tensor.shape, strides, writeable=False)
    return np.ascontiguousarray(view).reshape(tensor.shape)


def _ordered_dict():
    return {}


def _rebuild_tensor(storage, offset, shape, strides, *_):
    return _Tensor(storage, offset, tuple(shape), tuple(strides))


def _rebuild_parameter(data, *_):
    return data


CALLS = {
    "collections OrderedDict": _ordered_dict,
    "torch._utils _rebuild_tensor_v2": _rebuild_tensor,
    "torch._utils _rebuild_parameter": _rebuild_parameter,
}
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
LITERALS = ("BININT", "BININT1", "BININT2", "LONG1", "BINUNICODE", "SHORT_BINUNICODE", "BINFLOAT")


def _run(program, wanted):
    """What the next pickled object describes; the storages it mentions are noted in `wanted`."""
    stack, marks, memo = [], [], {}

    def pop_to_mark():
        start = marks.pop()
        items = stack[start:]
        del stack[start:]
        return items

    for instruction, argument, _ in pickletools.genops(program):
        name = instruction.name
        if name in ("PROTO", "FRAME"):
            continue
        elif name == "STOP":
            return stack.pop()
        elif name in LITERALS:
            stack.append(argument)
        elif name in CONSTANTS:
            stack.append(CONSTANTS[name])
        elif name == "MARK":
            marks.append(len(stack))
        elif name in ("BINPUT", "LONG_BINPUT"):
            memo[argument] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(memo[argument])
        elif name == "EMPTY_TUPLE":
            stack.append(())
        elif name == "EMPTY_DICT":
            stack.append({})
        elif name == "EMPTY_LIST":
            stack.append([])
        elif name == "TUPLE":
            stack.append(tuple(pop_to_mark()))
        elif name in ("TUPLE1", "TUPLE2", "TUPLE3"):
            length = int(name[-1])
            stack[-length:] = [tuple(stack[-length:])]
        elif name == "APPEND":
            item = stack.pop()
            list.append(stack[-1], item)
        elif name == "APPENDS":
            items = pop_to_mark()
            list.extend(stack[-1], items)
        elif name == "SETITEM":
            value, key = stack.pop(), stack.pop()
            dict.__setitem__(stack[-1], key, value)
        elif name == "SETITEMS":
            items = pop_to_mark()
            dict.update(stack[-1], zip(items[::2], items[1::2]))
        elif name == "GLOBAL":
            if argument not in CALLS and argument not in DTYPES:
                raise ValueError(f"A weight file may name only tensors. Received: {argument!r}, which was not called")
            stack.append(_Global(argument))
        elif name == "BINPERSID":
            kind, dtype, key, _, count, *view = stack.pop()
            if kind != "storage" or any(part is not None for part in view):
                raise ValueError(f"A weight file may refer only to whole storages. Received: {kind!r} {view!r}")
            stack.append(_Storage(key, DTYPES[dtype.name], count))
            wanted[key] = stack[-1]
        elif name == "REDUCE":
            arguments, function = stack.pop(), stack.pop()
            stack.append(CALLS[function.name](*arguments))
        elif name == "BUILD":
            # the attributes of an OrderedDict (module versions): not needed
            stack.pop()
        else:
            raise ValueError(f"A weight file may hold only tensors. Received the pickle instruction {name}")
    raise ValueError("The weight file ends early")
