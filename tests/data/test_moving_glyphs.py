"""Films of letters: what is known of each pixel agrees with what is drawn."""

import numpy as np
import pytest

import kerasgan
from kerasgan.data import moving_glyphs
from kerasgan.layers import warp

STILL = {"waves": np.zeros((5, 3)), "tint": np.array([0.4, 0.5, 0.6]), "letters": []}  # sin 0: an even ground


def letter(**options):
    """An H in the middle of the image that does not move."""
    fixed = {"character": "H", "class": 2, "size": 0.5, "place": np.array([0.5, 0.5]), "velocity": np.zeros(2)}
    fixed |= {"angle": 0.0, "spin": 0.0, "color": np.array([1.0, 0.2, 0.1]), "stripes": np.array([1.0, 1.0, 0.5])}
    return fixed | options


def film(*letters, frames=2, image_size=32, scene=STILL):
    return moving_glyphs.render(scene | {"letters": list(letters)}, frames, image_size)


def warped(found):
    """The frames before, moved by the flow, and the frames: floats of 0 to 255."""
    frames = found["frames"].astype("float32")
    return warp(frames[:-1], found["flow"][1:]).numpy(), frames[1:]


def test_what_stands_still_has_no_flow_and_the_warp_is_exact():
    textured = moving_glyphs.scene(0) | {"letters": [letter(), letter(place=np.array([0.6, 0.5]), angle=0.4)]}
    found = moving_glyphs.render(textured, 3, (32, 48))
    assert len(np.unique(found["frames"][0, ..., 0])) > 50
    assert set(np.unique(found["instances"])) == {0, 1, 2}
    assert (found["flow"] == 0).all() and found["visible"][1:].all() and not found["visible"][0].any()
    before, frames = warped(found)
    np.testing.assert_array_equal(before, frames)


def test_whole_pixels_of_motion_are_a_shift():
    """Two pixels to the right and one up, of 32."""
    found = film(letter(velocity=np.array([2, -1]) / 32))
    here = found["instances"][1] == 1
    assert 50 < here.sum() < 300
    np.testing.assert_allclose(found["flow"][1][here], np.tile([-2.0, 1.0], (here.sum(), 1)), atol=1e-5)
    np.testing.assert_array_equal(found["flow"][1][~here], 0)
    np.testing.assert_array_equal(here, np.roll(found["instances"][0] == 1, (-1, 2), (0, 1)))
    before, frames = warped(found)
    np.testing.assert_allclose(before[0][here], frames[0][here], atol=1e-3)
    # Of the ground that part is new which the letter covered.
    np.testing.assert_array_equal(found["visible"][1][~here], found["instances"][0][~here] == 0)
    assert found["visible"][1][here].all() and not found["visible"][1].all()


def test_a_turn_has_the_flow_of_a_turn():
    found = film(letter(spin=0.3, size=0.7), image_size=(64, 80))
    here = found["instances"][1] == 1
    rows, columns = np.nonzero(here)
    place = (columns - 39.5) + 1j * (rows - 31.5)  # about the centre; the y axis points down, so a turn is by the clock
    flow = place * np.exp(-0.3j) - place
    np.testing.assert_allclose(found["flow"][1][here], np.stack([flow.real, flow.imag], 1), atol=1e-4)
    before, frames = warped(found)
    inside = here & found["visible"][1]
    for shift in np.ndindex(3, 3):  # away from outlines
        inside &= np.roll(here, np.subtract(shift, 1), (0, 1))
    assert inside.sum() > 300 and np.ptp(frames[0][inside]) > 50
    np.testing.assert_allclose(before[0][inside], frames[0][inside], atol=4)
    assert np.abs(frames[0] - found["frames"][0])[inside].max() > 20  # without flow it would not fit


def test_later_letters_cover_earlier_ones():
    first, second = letter(character="I"), letter(**{"character": "I", "class": 5})
    alone, both = film(first, frames=1), film(first, second, frames=1)
    np.testing.assert_array_equal(both["instances"], 2 * alone["instances"])
    np.testing.assert_array_equal(both["labels"], 5 * alone["instances"])
    np.testing.assert_array_equal(alone["labels"], 2 * alone["instances"])


def test_letters_rebound_from_the_borders():
    found = film(letter(velocity=np.array([0.1, 0.0])), frames=40)
    columns = [np.nonzero(instances)[1].mean() for instances in found["instances"]]
    assert min(columns) < 9 and max(columns) > 22 and all(instances.any() for instances in found["instances"])
    np.testing.assert_allclose(columns[0], columns[10], atol=0.5)  # 0.5 to and fro between 0.25 and 0.75
    assert (np.abs(np.diff(columns)) <= 3.2 + 1).all()  # of 3.2 pixels a frame, and half a pixel at each end


def test_films_of_scenes_warp_where_points_were_visible():
    found = moving_glyphs.render(moving_glyphs.scene(3), 6, 64)
    before, frames = warped(found)
    error, seen = np.abs(before - frames).mean(-1), found["visible"][1:]
    assert 0.85 < seen.mean() < 0.99
    assert error[seen].mean() < 1.2 < 8 < error[~seen].mean()
    assert np.abs(frames - found["frames"][:-1])[found["instances"][1:] > 0].mean() > 5 * error[seen].mean()


def test_datasets_are_the_films_of_their_split_and_seed():
    options = {"image_size": (16, 24), "num_sequences": 3, "frames": 4, "characters": "AB"}
    dataset = kerasgan.data.load("moving_glyphs", shuffle=False, batch_size=3, **options)
    labels, frames, flow = (x.numpy() for x in next(iter(dataset)))
    assert [x.dtype.name for x in (labels, frames, flow)] == ["int32", "float32", "float32"]
    assert labels.shape == (3, 4, 16, 24) and frames.shape == (*labels.shape, 3) and flow.shape == (*labels.shape, 2)
    assert dataset.num_classes == 3 and set(np.unique(labels)) == {0, 1, 2}
    for index in range(3):
        drawn = moving_glyphs.render(moving_glyphs.scene(index, characters="AB"), 4, (16, 24))
        np.testing.assert_array_equal(labels[index], drawn["labels"])
        np.testing.assert_allclose(frames[index], drawn["frames"] / 127.5 - 1, atol=1e-6)
        np.testing.assert_array_equal(flow[index], drawn["flow"])
    assert kerasgan.data.load("moving_glyphs", **options).num_images == 3  # batches of one film
    for other in ({"split": "test"}, {"seed": 1}):
        others = next(iter(kerasgan.data.load("moving_glyphs", shuffle=False, batch_size=3, **options, **other)))
        assert np.abs(others[1] - frames).mean() > 0.05


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "val"}, "`split` must be one of"),
        ({"channels": 1}, "`channels` of moving glyphs must be 3"),
        ({"characters": "AÄ"}, "`characters` must be distinct names"),
        ({"frames": 0}, "`frames` must be an integer of at least 1"),
        ({"num_sequences": 0}, "`num_sequences` must be an integer"),
        ({"labels": True}, "Use `num_sequences` for"),
    ],
)
def test_bad_arguments_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        kerasgan.data.load("moving_glyphs", **options)
