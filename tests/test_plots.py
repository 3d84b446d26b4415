import io
import sys

import numpy as np
import pytest
from PIL import Image

from kerasgan import plots
from kerasgan.files import replacing


def test_image_grid_places_every_pixel():
    images = np.array([-1.0, 0.0, 1.0], "float32").reshape(3, 1, 1, 1)
    grid = plots.image_grid(images, columns=2, padding=1)
    assert grid.dtype == np.uint8
    white = 255
    expected = [
        [white, white, white, white, white],
        [white, 0, white, 128, white],
        [white, white, white, white, white],
        [white, 255, white, white, white],
        [white, white, white, white, white],
    ]
    np.testing.assert_array_equal(grid[..., 0], expected)


def test_image_grid_of_rows_and_columns():
    images = np.linspace(-1, 1, 6, dtype="float32").reshape(2, 3, 1, 1, 1) * np.ones((1, 1, 1, 1, 3), "float32")
    grid = plots.image_grid(images, padding=0)
    assert grid.shape == (2, 3, 3)
    np.testing.assert_array_equal(grid[..., 0], np.rint((np.linspace(-1, 1, 6) + 1) * 127.5).reshape(2, 3))


def test_image_grid_default_is_the_smallest_square():
    for n, shape in ((1, (1, 1)), (2, (1, 2)), (4, (2, 2)), (5, (2, 3)), (9, (3, 3)), (10, (3, 4))):
        assert plots.image_grid(np.zeros((n, 1, 1, 1), "float32"), padding=0).shape[:2] == shape


def test_image_grid_clips_and_greys():
    images = np.array([-7.0, 7.0, np.nan, np.inf, -np.inf], "float32").reshape(5, 1, 1, 1)
    grid = plots.image_grid(images, columns=5, padding=0)
    np.testing.assert_array_equal(grid[0, :, 0], [0, 255, 128, 255, 0])


@pytest.mark.parametrize("channels, shown", [(2, 1), (3, 3), (4, 3), (7, 3)])
def test_image_grid_shows_the_first_channels(channels, shown):
    images = np.random.default_rng(0).uniform(-1, 1, (2, 4, 4, channels))
    np.testing.assert_array_equal(plots.image_grid(images), plots.image_grid(images[..., :shown]))
    figure = plots.labelled_grid(images[None])
    text = figure.get_supxlabel()
    assert text == {2: "channel 1 of 2", 3: ""}.get(channels, f"channels 1 to 3 of {channels}")


@pytest.mark.parametrize(
    "images, message",
    [
        (np.zeros((2, 4, 4)), r"shape \(2, 4, 4\)"),
        (np.zeros((0, 4, 4, 1)), "Received: shape"),
        (np.zeros((2, 4, 4, 1), "uint8"), "uint8.*127.5"),
    ],
)
def test_image_grid_refuses(images, message):
    with pytest.raises(ValueError, match=message):
        plots.image_grid(images)


@pytest.mark.parametrize("channels", [1, 3])
def test_png_round_trip(tmp_path, channels):
    array = np.random.default_rng(0).integers(0, 256, (5, 7, channels)).astype("uint8")
    plots.save_png(tmp_path / "new" / "a.png", array)
    with Image.open(tmp_path / "new" / "a.png") as picture:
        np.testing.assert_array_equal(np.asarray(picture).reshape(array.shape), array)


def test_a_failed_write_keeps_the_old_file_and_leaves_no_other(tmp_path):
    path = tmp_path / "a.png"
    plots.save_png(path, np.zeros((2, 2, 1), "uint8"))
    before = path.read_bytes()
    with pytest.raises(RuntimeError):
        with replacing(path) as temporary:
            temporary.write_bytes(b"half")
            raise RuntimeError
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.parametrize("ending", ["gif", "webp"])
def test_animation_from_arrays_and_files(tmp_path, ending):
    values = (0, 120, 255)
    frames = []
    for value in values:
        plots.save_png(tmp_path / f"{value}.png", np.full((6, 6, 1), value, "uint8"))
        frames.append(tmp_path / f"{value}.png")
    frames[1] = np.full((6, 6, 1), 120, "uint8")
    plots.animation(frames, tmp_path / f"a.{ending}", seconds_per_frame=0.1)
    with Image.open(tmp_path / f"a.{ending}") as picture:
        assert picture.n_frames == 3
        assert picture.info["loop"] == 0
        for index, value in enumerate(values):
            picture.seek(index)
            assert np.abs(np.asarray(picture.convert("L"), int) - value).max() <= 2
            assert picture.info["duration"] == (800 if index == 2 else 100)


def test_animation_refuses(tmp_path):
    with pytest.raises(ValueError, match="gif, .webp or .mp4.*avi"):
        plots.animation([np.zeros((2, 2, 1), "uint8")], tmp_path / "a.avi")
    with pytest.raises(ValueError, match="at least one frame"):
        plots.animation([], tmp_path / "a.gif")


@pytest.mark.parametrize(("size", "shown"), [((6, 8), (6, 8)), ((5, 7), (6, 8))], ids=["even", "odd"])
def test_a_video_shows_every_frame_and_rests_on_the_last(tmp_path, size, shown):
    av = pytest.importorskip("av", reason="PyAV is missing: pip install 'kerasgan[film]'")
    values = (0, 120, 255)
    frames = [np.full((*size, channels), value, "uint8") for value, channels in zip(values, (1, 3, 1))]
    plots.animation(frames, tmp_path / "a.mp4", seconds_per_frame=0.1, rest=4)
    with av.open(tmp_path / "a.mp4") as video:
        (stream,) = video.streams
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert float(stream.duration * stream.time_base) == pytest.approx(0.6)
        found = [(float(frame.time), frame.to_ndarray(format="rgb24")) for frame in video.decode(stream)]
    assert [time for time, _ in found] == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4, 0.5])
    for (_, pixels), value in zip(found, (0, 120, 255, 255, 255, 255), strict=True):
        assert pixels.shape == (*shown, 3) and np.abs(pixels.astype(int) - value).max() <= 4


def test_a_video_without_its_package_names_it_and_keeps_the_old_file(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    (tmp_path / "a.mp4").write_text("old")
    with pytest.raises(ImportError, match=r"pip install 'kerasgan\[film\]'.*gif"):
        plots.animation([np.zeros((2, 2, 1), "uint8")], tmp_path / "a.mp4")
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("a.mp4", "old")]


LOG = {
    "d_loss": [1.4, 1.2, 1.3],
    "g_loss": [0.7, 0.9, 0.8],
    "d_real": [0.6, 0.55, 0.5],
    "d_fake": [0.4, 0.45, 0.5],
    "val_d_loss": [1.5, 1.4, 1.3],
    "frechet_distance": [np.nan, 12.0, 8.0],
}


def test_history_panels_and_curves(tmp_path):
    figure = plots.history(LOG, tmp_path / "history.png")
    assert (tmp_path / "history.png").stat().st_size > 5000
    panels = {axes.get_title(loc="left"): axes for axes in figure.axes}
    assert list(panels) == ["losses", "probabilities", "frechet_distance"]
    labels = [line.get_label() for line in panels["losses"].lines]
    assert labels == ["d_loss", "g_loss", "val d_loss"]
    assert [line.get_label() for line in panels["probabilities"].lines] == ["1/2", "D(x)", "D(G(z))"]
    np.testing.assert_array_equal(panels["probabilities"].lines[0].get_ydata(), [0.5, 0.5])
    score = panels["frechet_distance"].lines[0]
    np.testing.assert_array_equal(score.get_xdata(), [2, 3])
    np.testing.assert_array_equal(score.get_ydata(), [12, 8])


def test_history_reads_a_csv_log(tmp_path):
    (tmp_path / "log.csv").write_text("epoch,d_loss,val_d_loss\n3,1.5,NA\n4,1.25,NA\n")
    figure = plots.history(tmp_path / "log.csv")
    (line,) = figure.axes[0].lines
    np.testing.assert_array_equal(line.get_xdata(), [4, 5])
    np.testing.assert_array_equal(line.get_ydata(), [1.5, 1.25])


def test_history_refuses_an_empty_log():
    with pytest.raises(ValueError, match="at least one finite value"):
        plots.history({"d_loss": [np.nan]})


def test_notebooks_show_the_figures():
    shown = plots.history({"d_loss": [1.0, 2.0]})._repr_png_()  # what IPython asks the last value of a cell for
    with Image.open(io.BytesIO(shown)) as picture:
        assert picture.format == "PNG" and picture.width > 200


def test_history_opens_no_window():
    from matplotlib import pyplot

    plots.history(LOG)
    assert pyplot.get_fignums() == []


def test_a_film_shows_every_image_for_the_same_time(tmp_path):
    images = np.array([-1.0, 0.0, 1.0, 0.0]).reshape((4, 1, 1, 1))
    plots.film(images, tmp_path / "walk.gif", seconds_per_frame=0.05, scale=3)
    with Image.open(tmp_path / "walk.gif") as picture:
        assert (picture.n_frames, picture.size) == (4, (3, 3))
        for index, value in enumerate((0, 128, 255, 128)):
            picture.seek(index)
            assert picture.info["duration"] == 50
            assert np.abs(np.asarray(picture.convert("L"), int) - value).max() <= 2


def test_a_film_of_grids(tmp_path):
    plots.film(np.zeros((2, 2, 3, 4, 4, 1)) + [[[[[[0.0]]]]], [[[[[0.5]]]]]], tmp_path / "walk.webp")
    with Image.open(tmp_path / "walk.webp") as picture:
        assert picture.size == (3 * 6 + 2, 2 * 6 + 2)


def test_labelled_grid_puts_words_where_they_belong(tmp_path):
    images = np.linspace(-1, 1, 6).reshape((2, 3, 1, 1, 1))
    captions = [["a", "b", "c"], ["d", "e", "f"]]
    figure = plots.labelled_grid(images, ["0.5", "1"], ["x", "y", "z"], captions, tmp_path / "grid.png")
    axes = np.reshape(figure.axes, (2, 3))
    assert [[cell.get_xlabel() for cell in line] for line in axes] == captions
    assert [cell.get_title() for cell in axes[0]] == ["x", "y", "z"] and axes[1, 0].get_title() == ""
    assert [line[0].get_ylabel() for line in axes] == ["0.5", "1"] and axes[0, 1].get_ylabel() == ""
    shown = [[int(cell.images[0].get_array()[0, 0]) for cell in line] for line in axes]
    np.testing.assert_array_equal(shown, np.rint((images[..., 0, 0, 0] + 1) * 127.5))
    assert axes[0, 0].images[0].get_clim() == (0, 255)
    assert (tmp_path / "grid.png").stat().st_size > 1000


def test_labelled_grid_refuses_words_that_do_not_fit():
    with pytest.raises(ValueError, match="`columns` must have 3 entries"):
        plots.labelled_grid(np.zeros((2, 3, 4, 4, 1)), columns=["a"])
    for line in (["a"], ["a", "b", "c", "d"]):
        with pytest.raises(ValueError, match=f"Each row of `captions` must have 3 entries.* Received: {len(line)}"):
            plots.labelled_grid(np.zeros((1, 3, 4, 4, 1)), captions=[line])
    with pytest.raises(ValueError, match="rows, columns"):
        plots.labelled_grid(np.zeros((3, 4, 4, 1)))


def test_what_is_no_picture_is_refused_before_a_file_is_written(tmp_path):
    for value, received in (
        (np.zeros((2, 2, 1)), "float64"),
        (plots.labelled_grid(np.zeros((1, 2, 4, 4, 1))), "Figure"),
    ):
        with pytest.raises(ValueError, match=f"uint8 array.*Received: {received}"):
            plots.save_png(tmp_path / "a.png", value)
    assert not list(tmp_path.iterdir())


def test_images_of_several_sizes_go_into_a_folder_and_into_no_grid(tmp_path):
    images = [np.zeros((8, 8, 3)), np.zeros((6, 9, 3))]
    for path, image in zip(plots.save_images(images, tmp_path / "folder"), images):
        assert plots.pictures.as_picture(path).size == image.shape[1::-1]
    with pytest.raises(ValueError, match="one size.*Received: 6x9, 8x8 .*. Remedy: a folder as `path`"):
        plots.save_images(images, tmp_path / "grid.png")
    assert not (tmp_path / "grid.png").exists()
    for several in (images[:1] * 2, np.zeros((2, 3, 8, 8, 1))):
        assert plots.save_images(several, tmp_path / "grid.png") == [tmp_path / "grid.png"]
    with pytest.raises(ValueError, match="must have its own name. Received: 'a' twice"):
        plots.save_images(images, tmp_path / "named", names=["a"] * len(images))
    assert not (tmp_path / "named").exists()


def test_frames_of_an_animation_are_checked(tmp_path):
    path, still = tmp_path / "film.gif", np.zeros((8, 8, 1), "uint8")
    plots.animation([still, still + 9], path)
    before = path.read_bytes()
    for other in (np.zeros((16, 16, 1), "uint8"), np.zeros((4, 8, 1), "uint8")):
        height, width = other.shape[:2]
        for name in ("film.gif", "film.webp"):
            with pytest.raises(ValueError, match=rf"of the first, 8x8. Received: {height}x{width} \(frame 1\)"):
                plots.animation([still, other], tmp_path / name)
    with pytest.raises(ValueError, match="must be uint8 arrays or image files. Received: float32"):
        plots.animation([np.full((8, 8, 1), v, "float32") for v in (-1, 0, 1)], path)
    assert path.read_bytes() == before and not (tmp_path / "film.webp").exists()
