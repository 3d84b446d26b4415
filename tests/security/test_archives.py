"""`.keras` files from somebody else: all but plain models of this library are refused before use."""

import inspect
import io
import json
import socket
import stat
import struct
import urllib.request
import zipfile

import h5py
import keras
import numpy as np
import pytest
from keras import layers

import kerasgan
from kerasgan.metrics import inception
from kerasgan.zoo import WeightFileError, load_archive


def tiny(activation="tanh", extra=()):
    x = latents = keras.Input((4,), name="latents")
    for layer in extra:
        x = layer(x)
    images = layers.Reshape((8, 8, 1))(layers.Dense(64, activation=activation)(x))
    return kerasgan.GAN(
        image_size=8, latent_dim=4, generator=keras.Model(latents, images), seed=0, discriminator=judge()
    )


def judge():
    images = keras.Input((8, 8, 1))
    return keras.Model(images, layers.Dense(1)(layers.Flatten()(images)))


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A trained model, and the members of its archive by name."""
    model = tiny()
    model.compile(loss="hinge", ema_decay=0.9)
    model.fit(np.random.default_rng(0).uniform(-1, 1, (16, 8, 8, 1)).astype("float32"), batch_size=8, verbose=0)
    path = tmp_path_factory.mktemp("saved") / "model.keras"
    model.save(path)
    with zipfile.ZipFile(path) as archive:
        return model, {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture
def write(tmp_path, saved):
    """Gives a function that writes the archive with some members replaced, and all of them stored in a given way."""

    def write(compression=zipfile.ZIP_STORED, mode=0o600, **members):
        path = tmp_path / "folder" / "model.keras"
        path.parent.mkdir()
        names = {"config": "config.json", "weights": "model.weights.h5"}
        with zipfile.ZipFile(path, "w", compression) as archive:
            for name, content in (saved[1] | {names.get(key, key): value for key, value in members.items()}).items():
                info = zipfile.ZipInfo(name)
                info.compress_type = compression
                info.external_attr = mode << 16
                archive.writestr(info, content)
        return path

    return write


def refused(path, match):
    before = sorted(path.parent.parent.rglob("*"))
    with pytest.raises(WeightFileError, match=match) as error:
        load_archive(path)
    assert str(path) in str(error.value)
    assert sorted(path.parent.parent.rglob("*")) == before


def test_an_own_file_comes_back_whole(write, saved):
    model = load_archive(write())
    for ours, loaded in zip(saved[0].variables, model.variables, strict=True):
        np.testing.assert_array_equal(ours, loaded)
    for ours, loaded in zip(saved[0].g_optimizer.variables, model.g_optimizer.variables, strict=True):
        np.testing.assert_array_equal(ours, loaded)
    assert model.ema_decay == 0.9 and type(model.loss).__name__ == "Hinge"
    np.testing.assert_array_equal(model.generate(2, seed=1), saved[0].generate(2, seed=1))


def nodes(item):
    """All dicts of a configuration that name a class."""
    if isinstance(item, dict):
        if "class_name" in item:
            yield item
        item = list(item.values())
    for each in item if isinstance(item, list) else ():
        yield from nodes(each)


def dense(config):
    return next(node for node in nodes(config) if node["class_name"] == "Dense")


CALLS = {
    "a lambda": {"class_name": "__lambda__", "config": {"value": ["4wAAAA==", None, None]}},
    "a Lambda layer": {"module": "keras.layers", "class_name": "Lambda", "config": {}, "registered_name": None},
    "a SavedModel": {"module": "keras.layers", "class_name": "TFSMLayer", "config": {"filepath": "/tmp"}},
    "a vocabulary": {"module": "keras.layers", "class_name": "StringLookup", "config": {"vocabulary": "/etc/passwd"}},
    "a module outside": {"module": "os", "class_name": "system", "config": {}, "registered_name": None},
    "a module of Python's": {"module": "builtins", "class_name": "eval", "config": "1", "registered_name": "eval"},
    "a download": {
        "class_name": "function",
        "config": "get_file",
        "module": "keras.utils",
        "registered_name": "get_file",
    },
    "a download as a class": {"module": "keras.utils", "class_name": "get_file", "config": {"origin": "file:///etc"}},
    "a loader": {"module": "keras.saving", "class_name": "load_model", "config": {"filepath": "/tmp/x.keras"}},
    "another library": {"module": "keras_hub.models", "class_name": "Backbone", "config": {}},
    "a disguise": {"module": "os", "class_name": "system", "config": {}, "registered_name": "kerasgan>System"},
    "a registered stranger": {"module": "keras.layers", "class_name": "Dense", "config": {}, "registered_name": "a>B"},
    "a type": {"class_name": "__typespec__", "spec_name": "x", "module": "os", "config": [], "registered_name": "x"},
    "another class than its name": {
        "module": "keras.layers",
        "class_name": "Lambda",
        "config": {},
        "registered_name": "kerasgan>DCGAN",
    },
    "a class by its old name": {"class_name": "Lambda", "config": {}, "registered_name": "kerasgan>DCGAN"},
    "a lookup": {"class_name": "function", "config": "deserialize", "module": "builtins", "registered_name": None},
    "no module": {"class_name": "Dense", "config": {"units": 2}},
    "no name": {"module": "os", "config": {}, "registered_name": "system"},
    "a list for a name": {"module": "keras.layers", "class_name": ["Dense"], "config": {}},
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("place", ["argument", "layer", "compile"])
def test_what_could_run_code_or_read_files_is_refused(write, saved, call, place):
    config = json.loads(saved[1]["config.json"])
    if place == "argument":
        dense(config)["config"]["activation"] = call
    elif place == "layer":
        node = dense(config)
        for key in ("module", "class_name", "registered_name", "config"):
            node.pop(key, None)
        node.update(call)
    else:
        config["compile_config"]["metrics"] = [call]
    refused(write(config=json.dumps(config)), "only classes of kerasgan and plain ones of Keras")


def test_a_whole_lambda_layer_of_kerass_own_making_is_refused(tmp_path):
    model = tiny(extra=[layers.Lambda(lambda x: x * 2, output_shape=(4,))])
    model.compile()
    (tmp_path / "folder").mkdir()
    model.save(tmp_path / "folder" / "model.keras")
    refused(tmp_path / "folder" / "model.keras", "'class_name': 'Lambda'")


def test_other_layers_and_optimizers_of_kerass_pass(tmp_path):
    extra = [
        layers.LayerNormalization(),
        layers.Dropout(0.1),
        layers.LeakyReLU(0.1),
        layers.Embedding(3, 2),
        layers.Flatten(),
    ]
    model = tiny(activation="gelu", extra=extra)
    rate = keras.optimizers.schedules.ExponentialDecay(1e-3, 10, 0.9)
    model.compile(g_optimizer=keras.optimizers.Nadam(rate), d_optimizer=keras.optimizers.SGD(0.1, momentum=0.9))
    model.save(tmp_path / "model.keras")
    loaded = load_archive(tmp_path / "model.keras")
    for ours, again in zip(model.variables, loaded.variables, strict=True):
        np.testing.assert_array_equal(ours, again)


def plain_dense(units):
    return {"module": "keras.layers", "class_name": "Dense", "config": {"units": units}}


@pytest.mark.parametrize(
    ("config", "match"),
    [
        (b"", "config.json must be JSON"),
        (b"\xff\xfe", "config.json must be JSON"),
        (b"[" * 100_000, "config.json must be JSON"),
        (b"[]", "must hold a JSON object. Received: list"),
        (json.dumps(plain_dense(3)), "Received: Dense"),
        (json.dumps(plain_dense("x")), "description of a model"),
        (b" " * (5 << 20), "at most 4194304 bytes"),
    ],
)
def test_a_configuration_that_is_none_is_refused(write, config, match):
    refused(write(config=config), match)


@pytest.mark.parametrize("name", ["../../evil", "/tmp/evil", "assets/x", "model.weights.npz", "config.json/../x"])
def test_other_members_are_refused_and_nothing_is_unpacked(write, name):
    refused(write(**{name: b"evil"}), "must hold config.json, metadata.json and model.weights.h5")


def test_a_member_that_is_there_twice_is_refused(write):
    path = write()
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("config.json", "{}")
    refused(path, "must hold config.json")


def test_symbolic_links_are_refused(write):
    refused(write(mode=stat.S_IFLNK | 0o777, weights=b"/etc/passwd"), "symbolic link")


def test_compressed_members_are_refused(write):
    refused(write(compression=zipfile.ZIP_DEFLATED), "must not be compressed")


def test_more_weights_than_the_network_has_are_not_read(write):
    refused(write(weights=bytes(3 << 20)), "at most [0-9]+ bytes of weights")


def test_a_declared_size_that_is_not_there_is_refused(write, saved):
    """The directory of the archive says that the weights go on beyond its end."""
    path = write()
    content = bytearray(path.read_bytes())
    entry = content.rindex(b"PK\x01\x02")  # the last member's: the weights
    assert content[entry + 46 :].startswith(b"model.weights.h5")
    content[entry + 20 : entry + 28] = struct.pack("<II", 1 << 20, 1 << 20)
    path.write_bytes(content)
    refused(path, "whole .keras file|whole HDF5 file|CRC|Overlapped")


@pytest.mark.parametrize("kind", ["link", "external", "shape", "foreign"])
def test_the_weights_inside_are_checked_as_weight_files_are(write, saved, kind):
    memory = io.BytesIO(saved[1]["model.weights.h5"])
    with h5py.File(memory, "r+") as file:
        names = []
        file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
        name = next(name for name in names if file[name].shape == (4, 64))
        del file[name]
        if kind == "link":
            file[name] = h5py.ExternalLink("/etc/passwd", "/")
        elif kind == "external":
            file.create_dataset(name, (4, 64), "float32", external=[("/etc/passwd", 0, 1024)])
        elif kind == "shape":
            file.create_dataset(name, (1 << 40,), "float32")
        else:
            file.create_dataset("elsewhere", data=np.zeros(3))
    refused(write(weights=memory.getvalue()), "must hold")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"hello", bytes(100)])
def test_what_is_no_archive_is_refused(tmp_path, content):
    path = tmp_path / "folder" / "model.keras"
    path.parent.mkdir()
    path.write_bytes(content)
    refused(path, "whole .keras file")


class Reached(BaseException):
    """No handler of errors hides it."""


@pytest.fixture
def no_sockets(monkeypatch, tmp_path):
    def reached(*arguments, **options):
        raise Reached(str(arguments))

    for name in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, reached)
    monkeypatch.setenv("KERASGAN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.delenv("KERASGAN_INCEPTION_WEIGHTS", raising=False)
    monkeypatch.delenv("KERASGAN_OFFLINE", raising=False)
    with pytest.raises(Reached):
        urllib.request.urlopen("http://127.0.0.1:9")


def named(name, config):
    cls = keras.saving.get_registered_object(f"kerasgan>{name}")
    return {"module": cls.__module__, "class_name": name, "config": config, "registered_name": f"kerasgan>{name}"}


FETCHING = {
    "FrechetDistance": {"extractor": "inception_v3_2015"},
    "KernelDistance": {"extractor": "inception_v3_2015"},
    "PrecisionRecall": {"extractor": "inception_v3_2015"},
    "DensityCoverage": {"extractor": "inception_v3_2015"},
    "InceptionScore": {"classifier": "inception_v3_2015"},
    "ModeCount": {"classifier": "inception_v3_2015"},
}


@pytest.mark.parametrize("name", FETCHING)
def test_a_metric_that_needs_a_download_is_refused(write, saved, no_sockets, name):
    config = json.loads(saved[1]["config.json"])
    config["compile_config"]["metrics"] = [named(name, FETCHING[name])]
    refused(write(config=json.dumps(config)), f"must not cause a download. Received: it needs {inception.WEIGHTS_URL}")


HD = {"num_classes": 3, "width": 4, "blocks": 1, "scales": 1, "receptive_field": 16}
PERCEPTUAL = {
    "SRGAN": lambda: kerasgan.SRGAN(image_size=16, channels=3, width=1, blocks=1),
    "Pix2PixHD": lambda: kerasgan.Pix2PixHD(16, downsamplings=1, **HD),
    "Vid2Vid": lambda: kerasgan.Vid2Vid(8, downsamplings=1, **HD | {"blocks": 2}),
}


@pytest.mark.parametrize(
    ("name", "perceptual"),
    [("SRGAN", "vgg19_22"), ("SRGAN", "vgg19_54"), ("Pix2PixHD", "vgg19_11_to_51"), ("Vid2Vid", "vgg19_11_to_51")],
)
def test_a_loss_that_needs_a_download_is_refused(tmp_path, write, no_sockets, name, perceptual):
    model = PERCEPTUAL[name]()
    model.compile()
    model.save(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        config = json.loads(archive.read("config.json"))
    config["compile_config"]["perceptual"] = perceptual
    refused(
        write(config=json.dumps(config)), f"must not cause a download. Received: it needs the weights of '{perceptual}'"
    )


def test_no_other_class_has_an_argument_that_can_name_a_network():
    """A new one belongs into the tests above, unless it fetches nothing."""
    telling = {"extractor", "classifier", "perceptual", "url", "path", "filepath", "weights"}
    found = {}
    for key, cls in keras.saving.get_custom_objects().items():
        if key.startswith("kerasgan>"):
            methods = [cls.__init__] + [getattr(cls, "compile", cls.__init__)]
            names = telling & {name for method in methods for name in inspect.signature(method).parameters}
            found |= {key.removeprefix("kerasgan>"): names} if names else {}
    # These take a `keras.Model` as their classifier, and no name.
    networks = {name: {"classifier"} for name in ("ADDA", "CycleGAN", "DANN", "PixelDA")}
    networks |= dict.fromkeys(PERCEPTUAL, {"perceptual"})
    assert found == {name: {*config} for name, config in FETCHING.items()} | networks
