"""Weight files: what is stored survives, and whatever is not exactly the network's weights is refused."""

import hashlib

import h5py
import keras
import numpy as np
import pytest

from kerasgan import zoo

KERNEL = "layers/dense/vars/0"
BIAS = "layers/dense/vars/1"


def make(seed=0):
    keras.utils.set_random_seed(seed)
    layers = [keras.Input((8,)), keras.layers.Dense(16, name="dense"), keras.layers.BatchNormalization(name="norm")]
    network = keras.Sequential([*layers, keras.layers.Dropout(0.5, seed=3), keras.layers.Dense(4, name="last")])
    for variable in network.weights:
        if variable.dtype == "float32":
            variable.assign(np.random.default_rng(seed).normal(size=variable.shape))
    return network


@pytest.fixture
def path(tmp_path):
    return zoo.save_weights(make(1), tmp_path / "network.weights.h5")


def edit(path, change):
    with h5py.File(path, "r+") as file:
        change(file)


def replace(name, **arguments):
    def change(file):
        file.pop(name, None)
        file.create_dataset(name, **arguments)

    return change


def refused(path, match, **expected):
    """The file is refused with its name in the message, and the network keeps every weight."""
    network = make(2)
    before = [w.copy() for w in network.get_weights()]
    with pytest.raises(zoo.WeightFileError, match=match) as caught:
        zoo.load_weights(network, path, **expected)
    assert str(path) in str(caught.value)
    for old, new in zip(before, network.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_half_precision_keeps_kernels_to_eleven_bits_and_vectors_exactly(path):
    original, loaded = make(1), zoo.load_weights(make(2), path)
    for old, new in zip(original.get_weights(), loaded.get_weights(), strict=True):
        if old.ndim >= 2:
            np.testing.assert_allclose(new, old, rtol=2**-11, atol=2**-24)
            assert not np.array_equal(new, old)
            np.testing.assert_array_equal(new, old.astype("float16").astype("float32"))
        else:
            np.testing.assert_array_equal(new, old)
    with h5py.File(path) as file:
        assert file[KERNEL].dtype == np.float16
        assert file[BIAS].dtype == np.float32


def test_full_precision_is_exact_and_keras_reads_both_kinds(tmp_path):
    original = make(1)
    full = zoo.save_weights(original, tmp_path / "full.weights.h5", half=False)
    for path in (full, zoo.save_weights(original, tmp_path / "half.weights.h5")):
        by_keras = make(2)
        by_keras.load_weights(path)
        for a, b in zip(zoo.load_weights(make(3), path).get_weights(), by_keras.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
    for old, new in zip(original.get_weights(), zoo.load_weights(make(2), full).get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("scale", [1e6, 1e-7])
def test_kernels_beyond_half_precision_stay_float32(tmp_path, scale):
    network = make(1)
    kernel = network.get_layer("dense").kernel
    kernel.assign(kernel * scale)
    loaded = zoo.load_weights(make(2), zoo.save_weights(network, tmp_path / "network.weights.h5"))
    np.testing.assert_array_equal(loaded.get_layer("dense").kernel.numpy(), kernel.numpy())


def test_an_optimizer_is_neither_stored_nor_touched(tmp_path):
    network = make(1)
    network.compile("adam", "mse")
    network.fit(np.ones((8, 8)), np.zeros((8, 4)), verbose=0)
    path = zoo.save_weights(network, tmp_path / "network.weights.h5")
    with h5py.File(path) as file:
        assert "optimizer" not in file
    moments = [v.numpy() for v in network.optimizer.variables]
    zoo.load_weights(network, path)
    for old, new in zip(moments, network.optimizer.variables, strict=True):
        np.testing.assert_array_equal(old, new.numpy())


def test_saving_refuses_weights_that_are_not_finite_and_keeps_the_old_file(path):
    network, before = make(1), path.read_bytes()
    network.get_layer("dense").bias.assign([np.nan] * 16)
    with pytest.raises(ValueError, match="layers/dense/vars/1"):
        zoo.save_weights(network, path)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_saving_refuses_another_ending_and_an_unbuilt_network(tmp_path):
    with pytest.raises(ValueError, match=r"must end in '\.weights\.h5'"):
        zoo.save_weights(make(), tmp_path / "network.keras")
    with pytest.raises(ValueError, match="built"):
        zoo.save_weights(keras.Sequential([keras.layers.Dense(2)]), tmp_path / "a.weights.h5")


def test_size_and_hash_must_be_the_stated_ones(path):
    size, digest = path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest()
    zoo.load_weights(make(), path, size, digest)
    refused(path, "bytes", size=size + 1, sha256=digest)
    refused(path, "SHA-256", size=size, sha256="0" * 64)


def test_a_flipped_bit_is_refused(path):
    content = bytearray(path.read_bytes())
    digest = hashlib.sha256(content).hexdigest()
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    refused(path, "altered", size=len(content), sha256=digest)


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.99])
def test_a_truncated_file_is_refused_with_and_without_its_size(path, share):
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    refused(path, "bytes", size=len(content))
    refused(path, "HDF5")


def test_a_file_larger_than_the_network_can_need_is_not_read(path):
    with open(path, "ab") as file:
        file.truncate(1 << 30)
    refused(path, "at most")


def external_link(file):
    del file[KERNEL]
    file[KERNEL] = h5py.ExternalLink("other.h5", "/x")


def soft_link(file):
    del file[KERNEL]
    file[KERNEL] = h5py.SoftLink(f"/{BIAS}")


def linked_group(file):
    del file["layers/dense"]
    file["layers/dense"] = h5py.ExternalLink("other.h5", "/")


def external_storage(file):
    del file[KERNEL]
    file.create_dataset(KERNEL, (8, 16), "float32", external=[("/etc/hostname", 0, 512)])


def virtual_storage(file):
    del file[KERNEL]
    layout = h5py.VirtualLayout((8, 16), "float32")
    layout[:] = h5py.VirtualSource("other.h5", "x", (8, 16))
    file.create_virtual_dataset(KERNEL, layout)


def group_for_array(file):
    del file[KERNEL]
    file.create_group(KERNEL)


def type_for_array(file):
    del file[KERNEL]
    file[KERNEL] = np.dtype("float32")


def array_for_group(file):
    del file["layers/dense"]
    file["layers/dense"] = np.zeros(3)


def missing(file):
    del file[BIAS]


def cycle(file):
    file["layers/dense/vars/again"] = file["layers"]


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (external_link, "ExternalLink"),
        (soft_link, "SoftLink"),
        (linked_group, "ExternalLink"),
        (external_storage, "other files"),
        (virtual_storage, "other files"),
        (group_for_array, "a group"),
        (type_for_array, "Datatype"),
        (array_for_group, "group at layers/dense"),
        (missing, "none for layers/dense/vars/1"),
        (cycle, "only the weights of this network. Received: also layers/dense/vars/again"),
        (replace("more", data=np.zeros(3)), "only the weights of this network. Received: also more"),
        (replace(KERNEL, data=np.zeros((16, 8), "float32")), r"\(8, 16\).*\(16, 8\)"),
        # Storage that is allocated late: four terabytes in a file of a few kilobytes.
        (replace(KERNEL, shape=(1 << 40,), dtype="float32"), r"\(1099511627776,\)"),
        (replace(KERNEL, data=np.zeros((8, 16), "float32"), compression="gzip"), "chunks"),
        (replace(KERNEL, data=np.zeros((8, 16), "int64")), "int64"),
        (replace(KERNEL, data=np.full((8, 16), b"x")), "type float32"),
        (replace(KERNEL, data=np.full((8, 16), np.nan, "float32")), "finite"),
        (replace(KERNEL, data=np.full((8, 16), np.inf, "float16")), "finite"),
    ],
)
def test_hostile_files_are_refused(path, change, match):
    edit(path, change)
    refused(path, match)


def test_weights_of_another_network_are_refused(tmp_path):
    other = keras.Sequential([keras.Input((8,)), keras.layers.Dense(17, name="dense")])
    refused(zoo.save_weights(other, tmp_path / "other.weights.h5"), "layers/dense|shape")
