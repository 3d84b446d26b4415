"""Faults of the world around a training: full disks, read-only homes, data that change or do not fit."""

import contextlib
import hashlib
import os
import resource
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import kerasgan
from kerasgan import plots
from kerasgan.callbacks import Checkpoint, SampleGrid, ScoreMonitor
from kerasgan.data import _pipeline
from kerasgan.files import replacing
from kerasgan.zoo import _fetch


@contextlib.contextmanager
def full_disk(limit):
    """No file grows beyond `limit` bytes: to a program, a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def contents(directory):
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def test_a_full_disk_leaves_the_old_file_and_names_it(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with full_disk(100), pytest.raises(OSError, match=f"File too large: '{path}'"):
        with replacing(path) as temporary:
            temporary.write_bytes(bytes(1000))
    assert contents(tmp_path) == {"file": b"old"}


def test_a_full_disk_under_a_sample_grid(tmp_path, make_model, dataset):
    grid = SampleGrid(tmp_path)
    make_model().fit(dataset, verbose=0, callbacks=[grid])
    before = contents(tmp_path)
    assert set(before) == {"epoch_0000.png", "epoch_0001.png", "real.png", "training.gif"}
    grid = SampleGrid(tmp_path)  # kept until the disk has room: its animation is written when it goes
    with full_disk(100), pytest.raises(OSError, match=r"File too large: .*real.png"):
        make_model(seed=1).fit(dataset, verbose=0, callbacks=[grid])
    assert contents(tmp_path) == before


def test_a_full_disk_under_the_last_animation_is_one_line(tmp_path, make_model, dataset, capsys):
    """After an exception it is written as the callback goes, where nobody is left to catch a second one."""

    def die(*_):
        raise InterruptedError

    grid, death = SampleGrid(tmp_path, num_images=4), keras.callbacks.LambdaCallback(on_epoch_begin=die)
    with pytest.raises(InterruptedError):
        make_model().fit(dataset, verbose=0, callbacks=[grid, death])
    with full_disk(10):
        grid._animate()  # what its finalizer does
    (line,) = capsys.readouterr().err.splitlines()
    assert line == f"No animation of the samples: [Errno 27] File too large: '{tmp_path / 'training.gif'}'"
    assert sorted(contents(tmp_path)) == ["epoch_0000.png", "real.png"]


def test_a_full_disk_under_a_tensorboard_log(tmp_path, make_model, dataset):
    grid = SampleGrid(tmp_path / "samples", num_images=4, log_dir=tmp_path / "board")
    with full_disk(2000), pytest.raises(OSError, match=r"TensorFlow could not write.*File too large.*board'$") as error:
        make_model().fit(dataset, epochs=40, verbose=0, callbacks=[grid])
    assert len(str(error.value).splitlines()) == 1


def test_a_full_disk_under_an_export(tmp_path, make_model):
    model = make_model()
    with full_disk(1000), pytest.raises(OSError, match=rf"TensorFlow could not write.*File too large.*'{tmp_path}'$"):
        model.export(tmp_path)
    assert contents(tmp_path) == {} and not list(tmp_path.iterdir())
    assert model.export(tmp_path).endswith("/1")


def test_a_full_disk_under_scores(tmp_path, make_model, dataset):
    metric = keras.metrics.MeanAbsoluteError(name="distance")
    options = dict(num_images=8, directory=tmp_path, verbose=0)
    model = make_model()
    model.fit(dataset, verbose=0, callbacks=[ScoreMonitor([metric], dataset, **options)])
    before = contents(tmp_path)
    size = len(before["scores.jsonl"])
    with full_disk(size + 10), pytest.raises(OSError, match=r"File too large: .*(scores.jsonl|best.weights.h5)"):
        model.fit(dataset, epochs=2, initial_epoch=1, verbose=0, callbacks=[ScoreMonitor([metric], dataset, **options)])
    after = contents(tmp_path)
    assert set(after) == set(before)
    assert after["scores.jsonl"].startswith(before["scores.jsonl"])
    assert after["best.weights.h5"] == before["best.weights.h5"]
    # A line that was cut off is passed over by the next run.
    model.fit(dataset, epochs=3, initial_epoch=2, verbose=0, callbacks=[ScoreMonitor([metric], dataset, **options)])


def test_a_picture_where_no_folder_can_be(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match="file"):
        plots.save_png(tmp_path / "file" / "grid.png", np.zeros((8, 8, 1), "uint8"))


@pytest.mark.parametrize("kind", ["file", "read-only"])
def test_a_cache_that_cannot_be_written(tmp_path, monkeypatch, kind):
    home, source = tmp_path / "home", tmp_path / "source"
    if kind == "file":
        home.write_text("in the way")
    else:
        if os.geteuid() == 0:
            pytest.skip("the superuser may write everywhere")
        home.mkdir(mode=0o500)
    monkeypatch.setenv("KERASGAN_HOME", str(home))
    monkeypatch.setenv("KERASGAN_ZOO_URL", source.as_uri())
    record = {"size": 7, "sha256": hashlib.sha256(b"weights").hexdigest()}
    name = _fetch.released_name("toy_mnist", "generator.weights.h5", record)
    source.mkdir()
    (source / name).write_bytes(b"weights")
    with pytest.raises(OSError, match="KERASGAN_HOME") as error:
        _fetch.locate(tmp_path / "toy_mnist", "generator.weights.h5", record)
    assert str(home) in str(error.value)


@pytest.mark.slow
def test_a_home_that_does_not_exist_and_cannot_be_made(tmp_path):
    """What ships with the package needs no home."""
    code = "from kerasgan import zoo; print(zoo.load('dcgan_mnist').generate(2, seed=1).shape)"
    environment = os.environ | {"HOME": "/proc/self/none", "MPLCONFIGDIR": str(tmp_path)}
    environment.pop("KERASGAN_HOME", None)
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert result.stdout.strip() == "(2, 28, 28, 1)", result.stderr


# Data


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for i, pixels in enumerate(np.random.default_rng(0).integers(0, 256, (16, 8, 8), dtype="uint8")):
        Image.fromarray(pixels).save(folder / f"{i:02}.png")
    return folder


def load(folder):
    return kerasgan.data.image_folder(folder, 8, channels=1, batch_size=4, seed=1)


def test_files_that_vanish_do_not_matter_to_what_is_in_memory(photos, make_model):
    dataset = load(photos)
    for file in photos.iterdir():
        file.unlink()
    model = make_model()
    model.fit(dataset, verbose=0)
    assert int(model.step) == 4


@pytest.mark.parametrize(
    "fault",
    [pytest.param(fault, marks=pytest.mark.slow) for fault in ("removed", "overwritten", "resized")],
)
def test_files_that_change_under_way_end_the_training_and_it_can_go_on(
    photos, tmp_path, make_model, monkeypatch, fault
):
    monkeypatch.setattr(_pipeline, "MEMORY_LIMIT", 100)  # too little: the files are read again in every epoch
    victim = photos / "05.png"
    good = victim.read_bytes()

    class Change(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                if fault == "removed":
                    victim.unlink()
                elif fault == "overwritten":
                    victim.write_text("<html>")
                else:
                    Image.new("L", (5, 9)).save(victim)

    straight = make_model()
    straight.fit(load(photos), epochs=4, verbose=0)
    model = make_model()
    callbacks = [Checkpoint(tmp_path / "run", every_n_steps=1), Change()]
    if fault == "resized":  # still an image: squares are cut of any size
        model.fit(load(photos), epochs=4, verbose=0, callbacks=callbacks)
        assert int(model.step) == 16
        return
    # The data are read ahead, so that the change is met within some batches.
    with pytest.raises(tf.errors.OpError, match="(?s)file has changed.*05.png"):
        model.fit(load(photos), epochs=100, verbose=0, callbacks=callbacks)
    victim.write_bytes(good)
    done = int(Checkpoint.latest(tmp_path / "run").name[5:])
    assert 4 <= done < 16
    model = make_model()
    model.fit(load(photos), epochs=4, verbose=0, callbacks=[Checkpoint(tmp_path / "run")])
    for a, b in zip(model.variables, straight.variables, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_a_last_partial_batch_is_trained_on(images, make_model):
    model = make_model()
    model.fit(tf.data.Dataset.from_tensor_slices(images[:20]).batch(8), epochs=2, verbose=0)
    assert int(model.step) == 6
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


def test_fewer_images_than_a_batch(images, make_model):
    model = make_model()
    with pytest.raises(ValueError, match="`batch_size` must be at most 5, the number of images"):
        model.fit(images[:5], batch_size=8, verbose=0)
    with pytest.raises(ValueError, match="dataset is empty.*fewer images than `batch_size`"):
        model.fit(tf.data.Dataset.from_tensor_slices(images[:5]).batch(8, drop_remainder=True), verbose=0)
    assert int(model.step) == 0
    model.fit(tf.data.Dataset.from_tensor_slices(images[:5]).batch(8), verbose=0)
    assert int(model.step) == 1


@pytest.mark.parametrize("bad", [3, -1])
def test_labels_out_of_range(images, bad):
    model = kerasgan.ConditionalGAN(image_size=8, num_classes=3)
    model.compile()
    labels = np.array([0, 1, 2, bad] * 10, "int32")
    with pytest.raises(ValueError, match="from 0 to 2"):
        model.fit(images, labels, batch_size=40, verbose=0)
    assert int(model.step) == 0
