"""Reads tensors from a `.pth` file without unpickling."""

import io
import math
import os
import pickletools
import zipfile
from typing import NamedTuple

import numpy as np

from kerasgan.files import reading

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
# The program of a state dict of a thousand tensors has a fifth of this size.
PROGRAM_BYTES = 1 << 20
MOST_AXES = 32


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
    """Reads the named tensors of a state dict that `torch.save` wrote, in the zip format or the older one.

    A `.pth` is a program for Python's unpickler, which can call any function. This reader only lists its instructions
    with `pickletools`, which calls nothing, and supports the instructions that build dicts, tuples and tensors. It
    refuses files that name any other function, and files whose tensors are together larger than the file.

    Args:
        path: the file's path.

    Returns:
        dict of str -> array, C-contiguous, in the file's order. Entries that are not tensors are skipped.

    Raises:
        ValueError: if the file is damaged, has no named tensors, or names anything else. The message names the file.
        OSError: if the file cannot be read.
    """
    with reading(path, "a state dict of tensors as torch.save writes it"):
        entries, storages = _read_zip(path) if zipfile.is_zipfile(path) else _read_legacy(path)
        if not isinstance(entries, dict):
            raise ValueError(f"{path} must hold a dict of tensors. Received: {type(entries).__name__}")
        tensors = {name: value for name, value in entries.items() if isinstance(value, _Tensor)}
        if not tensors:
            raise ValueError(f"{path} must hold named tensors. Received: none in {len(entries)} entries")
        for name, tensor in tensors.items():
            _check_layout(path, name, tensor, storages)
        declared = sum(math.prod(t.shape) * np.dtype(t.storage.dtype).itemsize for t in tensors.values())
        size = os.path.getsize(path)
        if declared > size:
            raise ValueError(f"{path} has {size} bytes. Received: tensors of {declared} bytes")
        return {name: _gather(tensor, storages) for name, tensor in tensors.items()}


def _read_zip(path):
    with zipfile.ZipFile(path) as archive:
        if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
            raise ValueError(f"{path} is compressed, which torch.save does not do: it could unpack to any size")
        if sum(member.file_size for member in archive.infolist()) > os.path.getsize(path):
            raise ValueError(f"{path} declares more bytes than it has")
        programs = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        if len(programs) != 1:
            raise ValueError(f"{path} is a zip file with {len(programs)} files data.pkl instead of one")
        folder = programs[0].removesuffix("data.pkl")
        if f"{folder}byteorder" in archive.namelist() and archive.read(f"{folder}byteorder") != b"little":
            raise ValueError(f"{path} was written on a big-endian machine, which is not supported")
        if archive.getinfo(programs[0]).file_size > PROGRAM_BYTES:
            raise ValueError(f"{path} must describe its tensors in at most {PROGRAM_BYTES} bytes. Received: more")
        wanted = {}
        entries = _run(archive.read(programs[0]), wanted)
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
        # Read from memory: from a file, a wrong declared length would be allocated first.
        programs = io.BytesIO(file.read(PROGRAM_BYTES))
        if _run(programs, wanted) != LEGACY_MAGIC:
            raise ValueError(f"{path} is not a file that torch.save wrote")
        _run(programs, wanted)  # the protocol's version
        if not _run(programs, wanted).get("little_endian"):
            raise ValueError(f"{path} was written on a big-endian machine, which is not supported")
        entries, keys = _run(programs, wanted), _run(programs, wanted)
        left = file.seek(0, os.SEEK_END) - file.seek(programs.tell())
        storages = {}
        for key in keys:
            storage = wanted[_checked_key(key)]
            size = storage.count * np.dtype(storage.dtype).itemsize
            left -= 8 + size
            if left < 0 or int.from_bytes(file.read(8), "little") != storage.count:
                raise ValueError(f"{path} ends within the tensor storage {key!r}")
            storages[key] = np.frombuffer(file.read(size), storage.dtype)
    return entries, storages


def _check_layout(path, name, tensor, storages):
    """Raises an error if offset, shape and strides select elements outside the storage."""
    count, axes = len(storages[tensor.storage.key]), len(tensor.shape)
    numbers = (tensor.offset, *tensor.shape, *tensor.strides)
    if axes > MOST_AXES or len(tensor.strides) != axes or any(type(n) is not int or n < 0 for n in numbers):
        raise ValueError(f"{path}: the tensor {name!r} has a bad layout")
    if 0 in tensor.shape:
        return
    last = tensor.offset + sum((n - 1) * stride for n, stride in zip(tensor.shape, tensor.strides))
    if last >= count or math.prod(tensor.shape) > count:
        raise ValueError(f"{path}: the tensor {name!r} reaches beyond its storage of {count}")


def _gather(tensor, storages):
    """Returns a copy of the elements that offset, shape and strides select."""
    data = storages[tensor.storage.key]
    if 0 in tensor.shape:
        return np.zeros(tensor.shape, data.dtype)
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


def _checked_key(key):
    """Checks that a key is a name or a number. Hashing a deeply nested tuple could take forever."""
    if type(key) not in (str, int):
        raise ValueError(f"Keys must be names. Received: {type(key).__name__}")
    return key


def _run(program, wanted):
    """Returns the next pickled object, and adds its storages to `wanted`."""
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
            dict.__setitem__(stack[-1], _checked_key(key), value)
        elif name == "SETITEMS":
            items = pop_to_mark()
            dict.update(stack[-1], zip(map(_checked_key, items[::2]), items[1::2]))
        elif name == "GLOBAL":
            if argument not in CALLS and argument not in DTYPES:
                raise ValueError(f"A weight file may name only tensors. Received: {argument!r}, which was not called")
            stack.append(_Global(argument))
        elif name == "BINPERSID":
            kind, dtype, key, _, count, *view = stack.pop()
            if kind != "storage" or any(part is not None for part in view) or type(count) is not int or count < 0:
                raise ValueError("A weight file may refer only to whole storages. Received: another reference")
            stack.append(_Storage(_checked_key(key), DTYPES[dtype.name], count))
            if wanted.setdefault(key, stack[-1]) != stack[-1]:
                raise ValueError(f"A storage must have one type and size. Received: two for {key!r}")
        elif name == "REDUCE":
            arguments, function = stack.pop(), stack.pop()
            stack.append(CALLS[function.name](*arguments))
        elif name == "BUILD":
            # the attributes of an OrderedDict (module versions): not needed
            stack.pop()
        else:
            raise ValueError(f"A weight file may hold only tensors. Received the pickle instruction {name}")
    raise ValueError("The weight file ends early")
