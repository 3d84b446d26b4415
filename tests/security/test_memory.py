"""Files that declare far more than they hold are refused before memory is spent on them."""

import io
import struct
import zipfile
import zlib

import h5py
import keras
import numpy as np
import pytest
from PIL import Image

from kerasgan import data, zoo
from kerasgan.metrics.torch_weights import read_torch_weights

GROWTH = 50 << 20  # bytes of resident memory
KERNEL = "layers/dense/vars/0"


def peak():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) << 10 for line in file if line.startswith("VmHWM"))


@pytest.fixture
def bounded():
    """The test fails if the process's resident memory has ever grown by more than `GROWTH` in its course."""
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")  # sets the peak to what is resident now
    except OSError:
        pytest.skip("needs Linux's /proc/self/clear_refs")
    before = peak()
    yield
    assert peak() - before < GROWTH


def test_the_measure_sees_growth(bounded):
    before = peak()
    filled = np.ones(GROWTH // 16)
    assert peak() - before > 0.9 * filled.nbytes


@pytest.fixture
def network():
    return keras.Sequential([keras.Input((8,)), keras.layers.Dense(16, name="dense")])


def declared(file):
    file.create_dataset(KERNEL, (1 << 34,), "float32")


def compressed(file):
    """Four gigabytes of zeros in four megabytes: a compressed chunk of 64 megabytes, 64 times."""
    chunk = zlib.compress(bytes(1 << 26))
    dataset = file.create_dataset(KERNEL, (1 << 30,), "float32", chunks=(1 << 24,), compression="gzip")
    for index in range(64):
        dataset.id.write_direct_chunk((index << 24,), chunk)


def virtual(file):
    layout = h5py.VirtualLayout((1 << 34,), "float32")
    layout[:] = h5py.VirtualSource(".", "/more", (1 << 34,))
    file.create_virtual_dataset(KERNEL, layout)


def external(file):
    file.create_dataset(KERNEL, (1 << 34,), "float32", external=[("/dev/zero", 0, h5py.h5f.UNLIMITED)])


def strings(file):
    """Numbers of bytes that a type declares for each element."""
    file.create_dataset(KERNEL, (8, 16), h5py.string_dtype(length=1 << 24))


@pytest.mark.parametrize("bomb", [declared, compressed, virtual, external, strings])
def test_weight_files(tmp_path, network, bomb, bounded):
    path = zoo.save_weights(network, tmp_path / "network.weights.h5")
    with h5py.File(path, "r+") as file:
        del file[KERNEL]
        bomb(file)
    with pytest.raises(zoo.WeightFileError, match="must"):
        zoo.load_weights(network, path)


def test_model_archives(tmp_path, bounded):
    """64 megabytes of spaces in a hundred kilobytes."""
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("metadata.json", "model.weights.h5"):
            archive.writestr(name, b"{}")
        with archive.open("config.json", "w", force_zip64=True) as member:
            block = b" " * (1 << 20)
            for _ in range(64):
                member.write(block)
    assert path.stat().st_size < 1 << 18
    with pytest.raises(zoo.WeightFileError, match="must not be compressed"):
        zoo.load_archive(path)


def png(path, width, height):
    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(1 << 20))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b""))


def jpeg(path, width, height):
    memory = io.BytesIO()
    Image.new("RGB", (16, 16)).save(memory, "JPEG")
    content = bytearray(memory.getvalue())
    start = content.index(b"\xff\xc0")  # the frame's header: length, precision, height, width
    content[start + 5 : start + 9] = struct.pack(">HH", height, width)
    path.write_bytes(content)


def webp(path, width, height):
    """The largest that the format can declare is 16,384 on a side."""
    memory = io.BytesIO()
    Image.new("RGB", (16, 16)).save(memory, "WEBP")
    content = bytearray(memory.getvalue())
    start = content.index(b"\x9d\x01\x2a") + 3
    content[start : start + 4] = struct.pack("<HH", min(width, 16383), min(height, 16383))
    path.write_bytes(content)


@pytest.mark.parametrize("write", [png, jpeg, webp], ids=lambda write: write.__name__)
def test_images_of_400_megapixels(tmp_path, write, bounded):
    write(tmp_path / f"bomb.{write.__name__}", 20_000, 20_000)
    with pytest.raises(ValueError, match="(?s)1 of 1 images.*pixels"):
        data.image_folder(tmp_path, 8)


def test_tensors_of_other_libraries(tmp_path, bounded):
    """A compressed member of a `.pth` file that unpacks to 64 megabytes."""
    path = tmp_path / "weights.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("archive/data.pkl", "w", force_zip64=True) as member:
            block = b"\x80" * (1 << 20)
            for _ in range(64):
                member.write(block)
    with pytest.raises(ValueError, match="is compressed"):
        read_torch_weights(path)
