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

from kerasgan import data, playground, zoo
from kerasgan.files import read_json
from kerasgan.metrics import read_statistics
from kerasgan.networks.torch_weights import read_torch_weights

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


def pickled(*instructions):
    return b"\x80\x02" + b"".join(instructions) + b"."


NESTED = b")" + b"q\x00h\x00\x86" * 200  # a pair of twice the pair before, 200 times


def pth(path, program, storage=b""):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/data.pkl", program)
        archive.writestr("a/data/0", storage)
    return path


@pytest.mark.parametrize(
    "program",
    [
        pickled(NESTED),
        pickled(b"}", NESTED, b"K\x01s"),
        pickled(b"}(", NESTED, b"K\x01u"),
        pickled(b"(X\x07\0\0\0storagectorch\nFloatStorage\n", NESTED, b"X\x03\0\0\0cpuK\x01tQ"),
        pickled(b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpu", NESTED, b"tQ"),
        pickled(b"(", NESTED, b"ctorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x01tQ"),
    ],
    ids=["whole", "key", "keys", "storage", "count", "kind"],
)
def test_tensors_within_tuples_within_tuples(tmp_path, program, bounded):
    """Whoever hashes, compares or prints such a thing does not come to an end."""
    with pytest.raises(ValueError, match="a.pth"):
        read_torch_weights(pth(tmp_path / "a.pth", program))


def reference(count, key=b"0"):
    number = b"J" + struct.pack("<i", count)
    return b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\0" + key + b"X\x03\0\0\0cpu" + number + b"tQ"


def tensor(name, shape, strides, count):
    """A view of a storage; sizes are below 2^31."""
    numbers = [b"(" + b"".join(b"J" + struct.pack("<i", n) for n in group) + b"t" for group in (shape, strides)]
    build = b"ctorch._utils\n_rebuild_tensor_v2\n(" + reference(count) + b"K\x00" + b"".join(numbers) + b"\x89}tR"
    return b"X" + struct.pack("<I", len(name)) + name + build


def test_tensors_that_share_a_storage_many_times(tmp_path, bounded):
    count = 1 << 16
    views = b"".join(tensor(b"%04d" % i, (count,), (1,), count) for i in range(1000))
    path = pth(tmp_path / "a.pth", pickled(b"}(", views, b"u"), bytes(4 * count))
    assert path.stat().st_size < 1 << 20
    with pytest.raises(ValueError, match=f"a.pth has .* bytes. Received: tensors of {4000 * count} bytes"):
        read_torch_weights(path)


def test_tensors_of_a_thousand_axes(tmp_path):
    axes = 1000
    path = pth(tmp_path / "a.pth", pickled(b"}(", tensor(b"w", (2,) * axes, (0,) * axes, 4), b"u"), bytes(16))
    with pytest.raises(ValueError, match="a.pth: the tensor 'w' has a bad layout"):
        read_torch_weights(path)


def test_a_long_program_of_tensors(tmp_path, bounded):
    with pytest.raises(ValueError, match="a.pth must describe its tensors in at most 1048576 bytes"):
        read_torch_weights(pth(tmp_path / "a.pth", b"]" * (2 << 20)))


def test_an_older_file_that_declares_more_than_it_has(tmp_path, bounded):
    magic = b"\x80\x02\x8a\n" + (0x1950A86A20F9469CFC6C).to_bytes(10, "little") + b"."
    system = b"\x80\x02}X\r\0\0\0little_endian\x88s."
    count = (1 << 31) - 1
    head = magic + b"\x80\x02M\xe9\x03." + system + pickled(b"}(", tensor(b"w", (2,), (1,), count), b"u")
    path = tmp_path / "a.pth"
    path.write_bytes(head + pickled(b"](X\x01\0\0\x000e") + struct.pack("<q", count) + bytes(8))
    with pytest.raises(ValueError, match="a.pth ends within the tensor storage '0'"):
        read_torch_weights(path)
    path.write_bytes(magic + b"\x80\x02X\xff\xff\xff\x7f")  # text of two gigabytes
    with pytest.raises(ValueError, match="a.pth"):
        read_torch_weights(path)


def npz_of_zeros(path, names, dtype="<f4", shape=(1 << 12, 1 << 13), there=1 << 27):
    """128 megabytes of zeros in 128 kilobytes, or fewer bytes than the header declares."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                header = {"descr": dtype, "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(member, header)
                block = bytes(min(there, 1 << 24))
                for _ in range(there // max(1, len(block))):
                    member.write(block)
        memory = io.BytesIO()
        np.save(memory, np.zeros(4))
        archive.writestr("mu.npy", memory.getvalue())


BOMBS = {
    "unpacks": {},
    "declares": {"shape": (1 << 30, 1 << 30), "there": 1 << 10},
    "bytes": {"dtype": "|i1", "shape": (1 << 13, 1 << 13), "there": 1 << 26},  # eight times as much in float64
    "wide text": {"dtype": "<U100000000", "shape": (1,), "there": 1 << 10},
}


@pytest.fixture(scope="module")
def bombs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bombs")
    for name, options in BOMBS.items():
        npz_of_zeros(folder / f"{name}.npz", names=["sigma", "embeddings"], **options)
        assert (folder / f"{name}.npz").stat().st_size < 4 << 20
    return folder


@pytest.mark.parametrize("name", BOMBS)
def test_statistics(bombs, name, bounded):
    with pytest.raises(ValueError, match=f"{name}.npz must hold"):
        read_statistics(bombs / f"{name}.npz")


@pytest.mark.parametrize("name", BOMBS)
def test_embeddings_of_captions(tmp_path, bombs, name, bounded):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    (tmp_path / "metadata.jsonl").write_text('{"file_name": "a.png", "caption": "a square"}')
    with pytest.raises(ValueError, match=f"{name}.npz must hold"):
        data.captioned_folder(tmp_path, 8, embeddings=bombs / f"{name}.npz")


KINDS_OF_IMAGES = [
    ("png", "RGBA"),
    ("png", "LA"),
    ("png", "I;16"),
    ("png", "P"),
    ("jpg", "CMYK"),
    ("webp", "RGB"),
    ("gif", "P"),
    ("bmp", "RGB"),
    ("tif", "RGBA"),
]


def bytes_a_pixel(path, mode, side):
    """How much the resident memory grows by reading an image.

    Another thread, and the first use of a reader, add to what one reading takes: the least of three is what all need.
    """
    Image.new(mode, (side, side)).save(path, **({"method": 0} if path.suffix == ".webp" else {}))
    growths = []
    for _ in range(3):
        try:
            with open("/proc/self/clear_refs", "w") as file:
                file.write("5")
        except OSError:
            pytest.skip("needs Linux's /proc/self/clear_refs")
        before = peak()
        assert data._decoding.fit(data._decoding.decode(path), (8, 8)).shape == (8, 8, 3)
        growths.append(peak() - before)
    return min(growths) / side**2


@pytest.mark.parametrize(("ending", "mode"), KINDS_OF_IMAGES)
def test_an_image_takes_few_bytes_a_pixel_whatever_its_mode(tmp_path, ending, mode):
    assert bytes_a_pixel(tmp_path / f"a.{ending}", mode, 2500) < (19 if ending == "webp" else 10)


@pytest.mark.slow
@pytest.mark.parametrize(("ending", "mode"), KINDS_OF_IMAGES)
def test_the_largest_images_take_what_the_page_on_security_says(tmp_path, ending, mode):
    side = 4990 if ending == "webp" else 7070
    assert bytes_a_pixel(tmp_path / f"a.{ending}", mode, side) * side**2 < 450e6


@pytest.mark.parametrize(("ending", "side"), [("png", 7100), ("webp", 5100)])
def test_larger_images_are_refused(tmp_path, ending, side, bounded):
    {"png": png, "webp": webp}[ending](tmp_path / f"a.{ending}", side, side)
    with pytest.raises(ValueError, match="(?s)1 of 1 images.*declares .* pixels, more than (50|25) million"):
        data.image_folder(tmp_path, 8)


def test_the_runtime_of_the_page_in_the_browser(tmp_path, monkeypatch, bounded):
    """An archive of npm's that is not the known one is not opened."""
    monkeypatch.setenv("KERASGAN_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("KERASGAN_OFFLINE", raising=False)

    sizes = []

    def pack(command, **options):
        content = zlib.compress(bytes(1 << 20), wbits=31)
        with open(f"{command[-1]}/onnxruntime-web.tgz", "wb") as file:
            file.write(content.ljust(sizes[-1], b"\0"))

    monkeypatch.setattr(playground.subprocess, "run", pack)
    for size in (1, playground.RUNTIME_BYTES):
        sizes.append(size)
        with pytest.raises(ValueError, match="must give the package of the SHA-512"):
            playground._runtime(None)
        assert not list((tmp_path / "home").iterdir())


def test_json_that_is_deep_or_large(tmp_path, bounded):
    path = tmp_path / "a.json"
    for content in (b"[" * 101 + b"]" * 101, b"[" * 10_000_000, b" " * 100):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="a.json must"):
            read_json(path, list, largest=99 if content.isspace() else 20_000_000)
    path.write_bytes(b"[" * 100 + b"]" * 100)
    assert read_json(path, list)
