import io
import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageSequence

import kerasgan
from kerasgan import plots
from kerasgan.callbacks import Checkpoint, CSVLogger, SampleGrid


def pixels(path):
    with Image.open(path) as picture:
        return np.asarray(picture)


def test_pictures_of_a_run(tmp_path, make_model, dataset):
    model = make_model()
    before = plots.image_grid(model.preview(None, 9, seed=3))
    model.fit(dataset, epochs=2, verbose=0, callbacks=[SampleGrid(tmp_path, num_images=9, seed=3)])
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["epoch_0000.png", "epoch_0001.png", "epoch_0002.png", "real.png", "training.gif"]
    np.testing.assert_array_equal(pixels(tmp_path / "epoch_0000.png"), before[..., 0])
    after = plots.image_grid(model.preview(None, 9, seed=3))
    np.testing.assert_array_equal(pixels(tmp_path / "epoch_0002.png"), after[..., 0])
    assert (before != after).any()
    np.testing.assert_array_equal(pixels(tmp_path / "real.png"), plots.image_grid(model.first_batch[:9])[..., 0])
    with Image.open(tmp_path / "training.gif") as animation:
        assert animation.n_frames == 3


@pytest.mark.parametrize("channels, said", [(2, "channel 1 of 2"), (4, "channels 1 to 3 of 4")])
def test_images_of_any_channels_are_drawn_and_the_caption_says_which(tmp_path, channels, said):
    model = kerasgan.GAN(image_size=8, channels=channels, latent_dim=4)
    model.compile(run_eagerly=True)
    images = np.random.default_rng(0).uniform(-1, 1, (8, 8, 8, channels)).astype("float32")
    model.fit(images, batch_size=8, verbose=0, callbacks=[SampleGrid(tmp_path / "samples", num_images=4)])
    with Image.open(tmp_path / "samples" / "real.png") as picture:
        assert picture.mode == ("L" if channels == 2 else "RGB") and picture.info["Description"] == said
    expected = plots.image_grid(model.first_batch[:4, ..., : 1 if channels == 2 else 3])
    np.testing.assert_array_equal(pixels(tmp_path / "samples" / "real.png"), np.squeeze(expected))
    (tmp_path / "log.csv").write_text("epoch,d_loss\n0,1.0\n")
    kerasgan.report.write(tmp_path)
    assert f"real images ({said})" in (tmp_path / "report.html").read_text()


def test_every_n_epochs(tmp_path, make_model, dataset):
    model = make_model()
    model.fit(dataset, epochs=3, verbose=0, callbacks=[SampleGrid(tmp_path, num_images=4, every_n_epochs=2)])
    assert sorted(path.name for path in tmp_path.glob("epoch*")) == ["epoch_0000.png", "epoch_0002.png"]


def test_a_continued_run_animates_all_frames_but_no_later_ones(tmp_path, make_model, dataset):
    for number in (0, 1, 7):
        plots.save_png(tmp_path / f"epoch_{number:04d}.png", np.full((22, 22, 1), 30 * number, "uint8"))
    model = make_model()
    model.step.assign(5)
    model.fit(dataset, epochs=2, initial_epoch=1, verbose=0, callbacks=[SampleGrid(tmp_path, num_images=4)])
    with Image.open(tmp_path / "training.gif") as animation:
        assert animation.n_frames == 3
    assert (pixels(tmp_path / "epoch_0000.png") == 0).all()


def test_a_new_training_puts_the_pictures_of_an_older_one_aside(tmp_path, make_model, make_dataset):
    samples = tmp_path / "samples"

    def train(epochs, seed):
        callbacks = [SampleGrid(samples, num_images=4, seed=seed), CSVLogger(tmp_path / "log.csv")]
        make_model().fit(make_dataset(), epochs=epochs, verbose=0, callbacks=callbacks)

    train(4, seed=0)
    old = {f"old_1_{path.name}": path.read_bytes() for path in samples.iterdir() if path.name != "real.png"}
    with pytest.warns(UserWarning, match="another training. They are now old_1_epoch_0000.png to old_1_training.gif"):
        train(2, seed=1)
    assert old == {path.name: path.read_bytes() for path in samples.glob("old_*")} and len(old) == 6
    assert sorted(path.name for path in samples.glob("epoch_*")) == [f"epoch_000{i}.png" for i in range(3)]
    kerasgan.report.write(tmp_path)
    captions = re.findall("<figcaption>(.*?)</figcaption>", (tmp_path / "report.html").read_text())
    assert captions == ["real images", "epoch 0", "epoch 1", "epoch 2", "all epochs"]


@pytest.mark.parametrize("every_n_epochs", [1, 2])
def test_a_finished_run_keeps_its_animation_and_a_longer_one_extends_it(
    tmp_path, make_model, make_dataset, every_n_epochs
):
    for epochs, frames in ((2, 0), (2, 0), (3, 1)):
        grid = SampleGrid(tmp_path / "s", num_images=4, every_n_epochs=every_n_epochs)
        callbacks = [Checkpoint(tmp_path / "c"), grid]
        make_model().fit(make_dataset(), epochs=epochs, verbose=0, callbacks=callbacks)
        with Image.open(tmp_path / "s" / "training.gif") as animation:
            assert animation.n_frames == (3 + frames if every_n_epochs == 1 else 2)


def test_frames_of_another_size_are_left_out_of_the_animation(tmp_path, make_model, make_dataset):
    def train(epochs, num_images):
        callbacks = [Checkpoint(tmp_path / "c"), SampleGrid(tmp_path / "s", num_images=num_images)]
        model = make_model()
        model.fit(make_dataset(), epochs=epochs, verbose=0, callbacks=callbacks)
        assert int(model.step) == 5 * epochs
        with Image.open(tmp_path / "s" / "training.gif") as animation:
            return animation.n_frames, animation.size

    small, large = (plots.image_grid(np.zeros((count, 8, 8, 1), "float32")).shape[1::-1] for count in (4, 9))
    assert train(2, 4) == (3, small)  # without a warning
    left_out = "training.gif leaves out {} of {} frames, epoch_{}.png to epoch_{}.png, as they have another size"
    with pytest.warns(UserWarning, match=left_out.format(3, 4, "0000", "0002")):
        assert train(3, 9) == (1, large)
    with pytest.warns(UserWarning, match=left_out.format(1, 5, "0003", "0003")):
        assert train(4, 4) == (4, small)


def test_frames_are_in_the_order_of_their_numbers(tmp_path, make_model, dataset):
    samples = tmp_path / "samples"
    for number, name in ((0, "epoch_7.png"), (1, "epoch_9999.png"), (2, "epoch_10000.png"), (3, "epoch_20000.png")):
        plots.save_png(samples / name, np.full((22, 22, 1), 60 * number, "uint8"))
    model = make_model()
    model.step.assign(5)
    callbacks = [SampleGrid(samples, num_images=4)]
    model.fit(dataset, epochs=10001, initial_epoch=10000, verbose=0, callbacks=callbacks)
    last = pixels(samples / "epoch_10001.png")
    with Image.open(samples / "training.gif") as animation:
        shown = [np.asarray(frame.convert("L")) for frame in ImageSequence.Iterator(animation)]
    for frame, expected in zip(shown, (0, 60, 120, last), strict=True):
        assert (frame == expected).all()
    (tmp_path / "log.csv").write_text("epoch,d_loss\n0,1.0\n")
    kerasgan.report.write(tmp_path)
    captions = re.findall("<figcaption>(.*?)</figcaption>", (tmp_path / "report.html").read_text())
    epochs = [f"epoch {number}" for number in (7, 9999, 10001, 20000)]
    assert captions == ["real images", *epochs, "all epochs"]


def test_animation_after_an_exception(tmp_path, make_model, dataset):
    class Fail(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                raise RuntimeError("in the midst")

    model = make_model()
    grid = SampleGrid(tmp_path, num_images=4)
    with pytest.raises(RuntimeError, match="in the midst"):
        model.fit(dataset, epochs=3, verbose=0, callbacks=[grid, Fail()])
    assert not (tmp_path / "training.gif").exists()
    # What the garbage collector, or Python's exit, will call.
    assert grid._animate.atexit
    grid._animate()
    with Image.open(tmp_path / "training.gif") as animation:
        assert animation.n_frames == 2


def test_tensorboard_has_grids_and_curves(tmp_path, make_model, dataset):
    from tensorflow.python.summary.summary_iterator import summary_iterator

    log_dir = tmp_path / "board"
    callbacks = [SampleGrid(tmp_path / "png", num_images=4, log_dir=log_dir)]
    history = make_model().fit(dataset, epochs=2, verbose=0, callbacks=callbacks).history
    (file,) = log_dir.iterdir()
    events = [(event.step, value) for event in summary_iterator(str(file)) for value in event.summary.value]
    plugins = {value.tag: value.metadata.plugin_data.plugin_name for _, value in events if value.HasField("metadata")}
    assert plugins == {"real": "images", "samples": "images"} | dict.fromkeys(history, "scalars")
    grids = [(step, value) for step, value in events if value.tag in ("real", "samples")]
    assert [(step, value.tag) for step, value in grids] == [(0, "real"), (0, "samples"), (1, "samples"), (2, "samples")]
    width, height, png = tf.make_ndarray(grids[-1][1].tensor)
    with Image.open(io.BytesIO(png)) as grid:
        assert grid.size == (int(width), int(height))
        np.testing.assert_array_equal(np.asarray(grid), pixels(tmp_path / "png" / "epoch_0002.png"))
    for name, values in history.items():
        written = [(step, tf.make_ndarray(value.tensor).item()) for step, value in events if value.tag == name]
        assert written == [(step, np.float32(value)) for step, value in enumerate(values, start=1)]


@pytest.mark.slow
def test_tensorboard_itself_reads_them(tmp_path, make_model, dataset):
    accumulators = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    log_dir = tmp_path / "board"
    callbacks = [SampleGrid(tmp_path / "png", num_images=4, log_dir=log_dir)]
    history = make_model().fit(dataset, epochs=2, verbose=0, callbacks=callbacks).history
    log = accumulators.EventAccumulator(str(log_dir)).Reload()
    assert set(log.PluginTagToContent("scalars")) == set(history)
    assert set(log.PluginTagToContent("images")) == {"real", "samples"}
    values = [tf.make_ndarray(event.tensor_proto).item() for event in log.Tensors("d_loss")]
    assert values == pytest.approx(history["d_loss"])


def test_refuses():
    with pytest.raises(ValueError, match="`num_images`.*Received: 0"):
        SampleGrid("unused", num_images=0)
