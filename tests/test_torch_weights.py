import struct
import zipfile

import numpy as np
import pytest

from kerasgan.networks.torch_weights import read_torch_weights

# The files are assembled by hand: nothing here may pickle, and torch is not needed.


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def number(value):
    return b"J" + struct.pack("<i", value)


def numbers(values):
    return b"(" + b"".join(number(value) for value in values) + b"t"


def tensor(key, count, shape, strides, offset=0, storage="FloatStorage"):
    reference = (
        b"(" + text("storage") + f"ctorch\n{storage}\n".encode() + text(key) + text("cpu") + number(count) + b"tQ"
    )
    arguments = (
        reference + number(offset) + numbers(shape) + numbers(strides) + b"\x89" + b"ccollections\nOrderedDict\n)R"
    )
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + arguments + b"tR"


def program(**entries):
    body = b"".join(text(name) + value for name, value in entries.items())
    return b"\x80\x02ccollections\nOrderedDict\n)R(" + body + b"u."


def write_zip(path, code, **storages):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", code)
        archive.writestr("archive/byteorder", "little")
        for key, values in storages.items():
            archive.writestr(f"archive/data/{key[1:]}", values.tobytes())
    return path


VALUES = np.arange(12, dtype="<f4")


def test_strides_offsets_and_types(tmp_path):
    code = program(
        rows=tensor("0", 12, (3, 4), (4, 1)),
        columns=tensor("0", 12, (4, 3), (1, 4)),
        tail=tensor("0", 12, (2,), (3,), offset=8),
        scalar=tensor("0", 12, (), (), offset=5),
        empty=tensor("0", 12, (0, 4), (4, 1)),
        count=tensor("1", 2, (2,), (1,), storage="LongStorage"),
        version=number(3),
    )
    path = write_zip(tmp_path / "a.pth", code, _0=VALUES, _1=np.array([7, 2**40], "<i8"))
    tensors = read_torch_weights(path)
    assert list(tensors) == ["rows", "columns", "tail", "scalar", "empty", "count"]
    np.testing.assert_array_equal(tensors["rows"], VALUES.reshape(3, 4))
    np.testing.assert_array_equal(tensors["columns"], VALUES.reshape(3, 4).T)
    np.testing.assert_array_equal(tensors["tail"], [8, 11])
    assert tensors["scalar"] == 5 and tensors["scalar"].shape == ()
    assert tensors["empty"].shape == (0, 4)
    assert tensors["count"].tolist() == [7, 2**40] and tensors["count"].dtype == np.int64
    assert all(value.flags.c_contiguous for value in tensors.values())


def test_the_older_form(tmp_path):
    magic = b"\x80\x02\x8a\n" + (0x1950A86A20F9469CFC6C).to_bytes(10, "little") + b"."
    version = b"\x80\x02M\xe9\x03."
    system = b"\x80\x02}(" + text("little_endian") + b"\x88u."
    keys = b"\x80\x02](" + text("0") + b"e."
    head = magic + version + system + program(w=tensor("0", 12, (4, 3), (1, 4))) + keys
    path = tmp_path / "old.pth"
    path.write_bytes(head + struct.pack("<q", 12) + VALUES.tobytes())
    np.testing.assert_array_equal(read_torch_weights(path)["w"], VALUES.reshape(3, 4).T)
    path.write_bytes(head + struct.pack("<q", 12) + VALUES.tobytes()[:-1])
    with pytest.raises(ValueError, match="ends within the tensor storage '0'"):
        read_torch_weights(path)


@pytest.mark.parametrize("name", ["os system", "builtins eval", "posix system", "torch.hub load", "collections deque"])
def test_a_foreign_function_is_refused_and_not_called(tmp_path, name):
    module, function = name.split()
    marker = tmp_path / "called"
    call = f"c{module}\n{function}\n".encode() + b"(" + text(f"touch {marker}") + b"tR"
    path = write_zip(tmp_path / "a.pth", program(w=tensor("0", 12, (3,), (1,)), bad=call), _0=VALUES)
    with pytest.raises(ValueError, match=f"may name only tensors. Received: '{name}', which was not called"):
        read_torch_weights(path)
    assert not marker.exists()


@pytest.mark.parametrize(
    "code, match",
    [
        (b"\x80\x02}(" + text("w") + b"cos\nsystem\n\x81u.", "may name only tensors"),
        # an object built without naming its class: instructions that are not needed are not understood
        (b"\x80\x02]\x81.", "instruction NEWOBJ"),
        (b"\x80\x04" + text("os") + text("system") + b"\x93.", "instruction STACK_GLOBAL"),
        (b"\x80\x02(" + text("x") + b"ios\nsystem\n.", "instruction INST"),
        (b"\x80\x02](K\x01e.", "dict of tensors. Received: list"),
        (b"\x80\x02}.", "named tensors"),
        (program(w=tensor("0", 12, (3, 5), (4, 1))), "reaches beyond its storage of 12"),
        (program(w=tensor("0", 12, (12,), (1,), offset=1)), "reaches beyond"),
        (program(w=tensor("0", 12, (13, 1000), (0, 0))), "reaches beyond"),
        (program(w=tensor("0", 12, (2,), (-1,), offset=3)), "bad layout"),
        (program(w=tensor("0", 12, (2, 2), (1,))), "bad layout"),
        (program(w=tensor("0", 13, (2,), (1,))), "holds 48 bytes for '0', not 52"),
        (program(w=tensor("9", 12, (2,), (1,))), "damaged"),
        (b"\x80\x02R.", "damaged"),
        (b"\x80\x02}(", "damaged|ends early|exhausted"),
    ],
)
def test_damaged_and_foreign_files_are_refused(tmp_path, code, match):
    path = write_zip(tmp_path / "a.pth", code, _0=VALUES)
    with pytest.raises(ValueError, match=match):
        read_torch_weights(path)


def test_other_files_are_refused(tmp_path):
    for content in (b"", b"hello", b"\x80\x02K\x01."):
        (tmp_path / "a.pth").write_bytes(content)
        with pytest.raises(ValueError):
            read_torch_weights(tmp_path / "a.pth")
