"""Whatever is wrong with a file is a ValueError or an OSError that names it, and nothing else: all readers, fuzzed."""

import json
import struct
import warnings
import zipfile

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from PIL import Image

import kerasgan
from kerasgan import data, export, files, metrics, plots, report, saved_models, zoo
from kerasgan.callbacks import Checkpoint
from kerasgan.callbacks.score_monitor import read_scores
from kerasgan.networks.torch_weights import read_torch_weights


def network():
    return keras.Sequential([keras.Input((3,)), layers.Dense(4, name="dense")])


def tiny():
    latents, images = keras.Input((2,)), keras.Input((4, 4, 1))
    generator = keras.Model(latents, layers.Reshape((4, 4, 1))(layers.Dense(16)(latents)))
    discriminator = keras.Model(images, layers.Dense(1)(layers.Flatten()(images)))
    return kerasgan.GAN(image_size=4, latent_dim=2, generator=generator, discriminator=discriminator)


def png(path, mode="RGB"):
    Image.fromarray(np.arange(192, dtype="uint8").reshape(8, 8, 3)).convert(mode).save(path)


def captioned(folder, embeddings=True):
    png(folder / "a.png")
    row = {"file_name": "a.png", "name": "square", "label": 0, "split": "train"}
    (folder / "metadata.jsonl").write_text(json.dumps(row) + "\n")
    (folder / "class_captions.json").write_text(json.dumps({"square": ["a square", "a box"]}))
    if embeddings:
        index = {"class_index": np.zeros(2, int), "class_names": np.array(["square"])}
        np.savez(folder / "text.npz", embeddings=np.ones((2, 3), "float32"), **index)


def write_captioned(name):
    def write(folder):
        captioned(folder)
        return folder / name

    return write


def write_csv(folder):
    png(folder / "a.png")
    (folder / "metadata.csv").write_text('file_name,caption\na.png,"a square"\n')
    return folder / "metadata.csv"


def read_captioned(path):
    dataset = data.captioned_folder(path.parent, 8, labels=path.suffix != ".csv", batch_size=1, drop_remainder=False)
    return next(iter(dataset))


def write_pth(folder):
    def text(value):
        return b"X" + struct.pack("<I", len(value)) + value.encode()

    storage = b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text("0") + text("cpu") + b"K\x04tQ"
    tensor = b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + b"K\x00(K\x02K\x02t(K\x02K\x01t\x89}tR"
    with zipfile.ZipFile(folder / "a.pth", "w") as archive:
        archive.writestr("a/data.pkl", b"\x80\x02}(" + text("w") + tensor + b"u.")
        archive.writestr("a/data/0", np.arange(4, dtype="<f4").tobytes())
    return folder / "a.pth"


def write_npz(folder):
    metrics.write_statistics(folder / "a.npz", np.zeros(3), np.eye(3))
    return folder / "a.npz"


def write_packed(folder):
    np.savez_compressed(folder / "a.npz", mu=np.zeros(3), sigma=np.eye(3))
    return folder / "a.npz"


def write_weights(folder):
    return zoo.save_weights(network(), folder / "a.weights.h5")


def write_archive(folder):
    model = tiny()
    model.compile()
    model.save(folder / "a.keras")
    return folder / "a.keras"


def write_image(ending, **options):
    def write(folder):
        Image.fromarray(np.arange(192, dtype="uint8").reshape(8, 8, 3)).save(folder / f"a.{ending}", **options)
        return folder / f"a.{ending}"

    return write


def write_saved(name):
    def write(folder):
        module = tf.Module()
        module.weight = tf.Variable(tf.ones((4, 3)))
        spec = tf.TensorSpec((None, 4), tf.float32, "x")
        module.serve = tf.function(lambda x: {"images": tf.matmul(x, module.weight)}, input_signature=[spec])
        tf.saved_model.save(module, str(folder), signatures=module.serve)
        return folder / name

    return write


def read_saved(path):
    folder = next(parent for parent in path.parents if (parent / "variables").is_dir())
    try:
        return export.load(folder)
    except ValueError as error:
        # It names the folder, and the member where it knows it.
        raise ValueError(str(error).replace(str(folder), str(path))) from error


def write_run(name, content):
    def write(folder):
        (folder / "options.json").write_text('{"model": "dcgan", "data": "glyphs", "width": 4}')
        (folder / name).write_text(content)
        return folder / name

    return write


def read_run(path):
    return report.write(path.parent)


LOG = "epoch,d_loss,g_loss\n0,1.25,0.5\n1,1.5,0.75\n2,1.0,0.5\n"
SCORES = '{"epoch": 1, "step": 9, "scores": {"frechet_distance": 2.5}}\n' * 2


def write_checkpoint(name):
    def write(folder):
        model = tiny()
        model.compile()
        images = np.zeros((4, 4, 4, 1), "float32") + np.linspace(-1, 1, 4, dtype="float32")[:, None, None, None]
        model.fit(images, batch_size=2, verbose=0, callbacks=[Checkpoint(folder, handle_signals=False)])
        (step,) = folder.glob("step_*")
        return step / name

    return write


def read_checkpoint(path):
    return Checkpoint.latest(path.parent.parent)


# name -> (writes a good file into a folder and returns its path, reads it, how many damages each kind gets by default)
READERS = {
    "json": (write_run("options.json", '{"a": [1, {"b": null}]}'), files.read_json, 20),
    "pth": (write_pth, read_torch_weights, 20),
    "statistics": (write_npz, metrics.read_statistics, 20),
    "packed statistics": (write_packed, metrics.read_statistics, 20),
    "weights": (write_weights, lambda path: zoo.load_weights(network(), path), 6),
    "archive": (write_archive, zoo.load_archive, 2),
    "captions": (write_captioned("metadata.jsonl"), read_captioned, 2),
    "captions of classes": (write_captioned("class_captions.json"), read_captioned, 2),
    "captions in csv": (write_csv, read_captioned, 2),
    "embeddings": (write_captioned("text.npz"), read_captioned, 2),
    "png": (write_image("png"), lambda path: data.image_folder(path.parent, 8, batch_size=1), 3),
    "jpeg": (write_image("jpg"), lambda path: data.image_folder(path.parent, 8, batch_size=1), 3),
    "webp": (write_image("webp"), lambda path: data.image_folder(path.parent, 8, batch_size=1), 3),
    "saved model": (write_saved(saved_models.GRAPH), read_saved, 2),
    "saved model's index": (write_saved(saved_models.INDEX), read_saved, 2),
    "saved model's data": (write_saved(saved_models.DATA), read_saved, 2),
    "log": (write_run("log.csv", LOG), plots.read_log, 20),
    "log in a report": (write_run("log.csv", LOG), read_run, 0),
    "options in a report": (write_run("options.json", '{"model": "dcgan", "data": "x"}'), read_run, 3),
    "score in a report": (write_run("score.json", '{"metric": "x", "value": 1.5, "settings": {}}'), read_run, 3),
    "scores": (write_run("scores.jsonl", SCORES), read_scores, 20),
    "scores in a report": (write_run("scores.jsonl", SCORES), read_run, 3),
    "manifest": (write_checkpoint("manifest.json"), read_checkpoint, 5),
    "state": (write_checkpoint("state.weights.h5"), read_checkpoint, 3),
}


def replaced(value, rng):
    """Puts something of another type in the place of one value of a JSON document."""
    others = [None, True, 7, -1.5, "x", "\0", [], {}, [None], {"a": 1}, 10**400, [[[]]]]
    places = []

    def walk(container):
        for key in list(container) if isinstance(container, dict) else range(len(container)):
            places.append((container, key))
            if isinstance(container[key], (dict, list)):
                walk(container[key])

    walk(value)
    container, key = places[rng.integers(len(places))]
    container[key] = others[rng.integers(len(others))]
    return json.dumps(value).encode()


def damages(content, rng, count):
    """Yields (what was done, bytes): what always must be tried, then `count` of each kind at random."""
    fixed = (
        b"",
        b"null",
        b"[]",
        b"{}",
        b"[" * 100_000,
        b'{"a":' * 200 + b"1" + b"}" * 200,
        b"\xff\xfe\0",
        b"PK\x05\x06",
    )
    for new in (*fixed, content[:-1], content[: len(content) // 2], content + b"\0", bytes(len(content))):
        yield f"{new[:20]!r}, {len(new)} bytes", new
    if content.startswith(b"PK"):
        yield "encrypted", encrypted(content)
    for _ in range(count):
        end = int(rng.integers(len(content)))
        yield f"cut at {end}", content[:end]
        place, bit = int(rng.integers(len(content))), int(rng.integers(8))
        flipped = bytearray(content)
        flipped[place] ^= 1 << bit
        yield f"bit {bit} of byte {place}", bytes(flipped)
        first, second = sorted(rng.integers(len(content), size=2))
        yield f"{first} to {second} twice", content[:second] + content[first:]
        try:
            lines = content.splitlines()
            number = int(rng.integers(len(lines)))
            lines[number] = replaced(json.loads(lines[number]), rng)
            yield f"line {number} replaced by {lines[number][:200]}", b"\n".join(lines)
        except (ValueError, TypeError, IndexError):
            pass  # no JSON


def encrypted(content):
    """Sets the flag of every member that says that it needs a password."""
    content = bytearray(content)
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = -1
        while (start := content.find(mark, start + 1)) >= 0:
            content[start + offset] |= 1
    return bytes(content)


def check(name, folder, count, seed):
    write, read, _ = READERS[name]
    path = write(folder)
    content = path.read_bytes()
    read(path)  # the sample is good
    wrong = []
    for what, damaged in damages(content, np.random.default_rng(seed), count):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(damaged)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                read(path)
        except (ValueError, OSError) as error:
            # A row may be wrong by what it says of an image: then the folder and the image are named.
            if path.name not in str(error) and not ("captions" in name and str(path.parent) in str(error)):
                wrong.append(f"{what}: does not name the file: {type(error).__name__}: {str(error)[:300]}")
        except Exception as error:  # what this test is about
            wrong.append(f"{what}: {type(error).__name__}: {str(error)[:300]}")
        path.write_bytes(content)
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", READERS)
def test_a_damaged_file_is_named(name, tmp_path):
    check(name, tmp_path, READERS[name][2], seed=0)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", READERS)
def test_many_damaged_files_are_named(name, tmp_path, seed):
    check(name, tmp_path, 5 * READERS[name][2], seed)


def test_the_fuzzing_sees_a_reader_that_lets_errors_through(tmp_path, monkeypatch):
    write, _, _ = READERS["json"]
    monkeypatch.setitem(READERS, "json", (write, lambda path: json.loads(path.read_bytes())["a"], 1))
    with pytest.raises(AssertionError, match="KeyError.*(?s:.)*RecursionError"):
        check("json", tmp_path, 1, seed=0)


@pytest.mark.parametrize("kind", ["enum", "reference", "opaque", "compound", "bits", "text", "nothing"])
def test_odd_types_of_hdf5_are_named(tmp_path, kind):
    path = zoo.save_weights(network(), tmp_path / "a.weights.h5")
    name = "layers/dense/vars/0"
    with h5py.File(path, "r+") as file:
        assert file[name].shape == (3, 4)
        del file[name]
        types = {
            "enum": h5py.enum_dtype({"A": 1}, basetype="i4"),
            "reference": h5py.ref_dtype,
            "opaque": h5py.opaque_dtype("M8[s]"),
            "compound": np.dtype([("a", "f4")]),
            "text": h5py.string_dtype(),
        }
        if kind == "nothing":
            file.create_dataset(name, data=h5py.Empty("f4"))
        elif kind == "bits":  # of no type of NumPy's
            space = h5py.h5s.create_simple((3, 4))
            h5py.h5d.create(file["layers/dense/vars"].id, b"0", h5py.h5t.STD_B32LE, space)
        else:
            file.create_dataset(name, (3, 4), types[kind])
    with pytest.raises(zoo.WeightFileError, match="a.weights.h5"):
        zoo.load_weights(network(), path)


@pytest.mark.parametrize("captions", [5, [5], {"a": "b"}, [""], "", None, [None], [["a"]], True])
def test_captions_that_are_no_strings_are_refused(tmp_path, captions):
    png(tmp_path / "a.png")
    (tmp_path / "metadata.jsonl").write_text(json.dumps({"file_name": "a.png", "captions": captions}))
    with pytest.raises(ValueError, match="caption") as error:
        data.captioned_folder(tmp_path, 8)
    assert str(tmp_path) in str(error.value)


def test_a_damaged_manifest_lets_the_checkpoint_before_be_taken(tmp_path):
    manifest = write_checkpoint("manifest.json")(tmp_path)
    later = manifest.parent.with_name("step_00000900")
    later.mkdir()
    for content in (b"null", b"[" * 100_000, b"{}", b"5", b"", b"\xff"):
        (later / "manifest.json").write_bytes(content)
        with pytest.warns(UserWarning, match="step_00000900.*is damaged; trying the previous one"):
            assert Checkpoint.latest(tmp_path) == manifest.parent


def test_options_of_null_are_refused_and_kept(tmp_path):
    path = tmp_path / "options.json"
    path.write_text("null")
    with pytest.raises(ValueError, match="options.json must hold a JSON object. Received: null"):
        files.read_json(path)
    assert path.read_text() == "null"


def test_scores_that_a_kill_has_cut_are_told_in_the_report(tmp_path):
    path = write_run("scores.jsonl", SCORES)(tmp_path)
    page = report.write(tmp_path)
    assert "half a line" not in (tmp_path / "report.html").read_text()
    path.write_text(SCORES[:-20])
    assert report.write(tmp_path) == page
    text = (tmp_path / "report.html").read_text()
    assert "1 of the lines of scores.jsonl are invalid" in text and "frechet_distance" in text


def test_a_log_that_a_kill_has_cut_is_told_in_the_report(tmp_path):
    path = write_run("log.csv", LOG + "3,1.2")(tmp_path)
    report.write(tmp_path)
    text = (tmp_path / "report.html").read_text()
    assert "The last row of log.csv is incomplete" in text and "3 epochs" in text
    epochs, curves = plots.read_log(path)
    assert epochs.tolist() == [1, 2, 3] and {*curves} == {"d_loss", "g_loss"}
    path.write_text(LOG)
    report.write(tmp_path)
    assert "is incomplete" not in (tmp_path / "report.html").read_text()
