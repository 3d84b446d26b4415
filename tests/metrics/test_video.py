"""Scores of films, by hand."""

import keras
import numpy as np
import pytest

from kerasgan import metrics
from kerasgan.data import moving_glyphs


def film():
    """Three frames of 1x4 pixels: a point of 1 goes a pixel to the right each time, over a ground of 0."""
    frames, flow = np.zeros((1, 3, 1, 4, 1), "float32"), np.zeros((1, 3, 1, 4, 2), "float32")
    for t in range(3):
        frames[0, t, 0, t] = 1
        flow[0, t, 0, t, 0] = -1
    return frames, flow


def test_warping_error_by_hand():
    frames, flow = film()
    # The point fits. Where it was, the frame before has 1 and this one 0: one of four pixels of each pair.
    assert metrics.warping_error(frames, flow) == pytest.approx([1 / 4])
    visible = np.ones((1, 3, 1, 4), bool)
    visible[0, 1, 0, 0] = visible[0, 2, 0, 1] = False
    assert metrics.warping_error(frames, flow, visible) == pytest.approx([0])
    assert metrics.warping_error(frames, np.zeros_like(flow), visible) == pytest.approx([1 / 3])
    flow[0, 0] = 99  # of the first frame there is none before
    assert metrics.warping_error(frames, flow, visible) == pytest.approx([0])
    flash = np.concatenate([frames, frames])
    flash[1, 1] -= 0.5
    both = metrics.warping_error(flash, np.concatenate([flow] * 2), np.concatenate([visible] * 2))
    assert both == pytest.approx([0, 0.5])


def test_real_films_have_almost_no_warping_error():
    found = moving_glyphs.render(moving_glyphs.scene(3), 6, 64)
    frames = (found["frames"] / 127.5 - 1)[None].astype("float32")
    flow, visible = found["flow"][None], found["visible"][None]
    own = metrics.warping_error(frames, flow, visible)[0]
    assert 0 < own < 0.012
    noise = np.random.default_rng(0).uniform(-0.1, 0.1, frames.shape)
    assert metrics.warping_error(np.clip(frames + noise, -1, 1), flow, visible)[0] > 5 * own


def test_temporal_difference_by_hand():
    inputs = keras.Input((1, 4, 1))
    flat = keras.Model(inputs, keras.layers.Flatten()(inputs))
    real = 2 * film()[0] - 1
    # Vectors of length 2, sqrt 8 from one to the next; a still has changes of 0, half the contrast half the changes.
    still, pale = np.repeat(real[:, :1], 3, 1), real / 2
    assert metrics.temporal_difference(real, real, flat) == pytest.approx([0])
    assert metrics.temporal_difference(real, still, flat) == pytest.approx([2**0.5])
    assert metrics.temporal_difference(pale, real, flat) == pytest.approx([2**0.5])  # over lengths of 1
    assert metrics.temporal_difference(real, pale, flat) == pytest.approx([2**0.5 / 2])


@pytest.mark.parametrize(
    ("films", "flow", "message"),
    [
        (np.zeros((3, 4, 4, 1)), None, "`films` must have the shape"),
        (np.zeros((1, 1, 4, 4, 1)), None, "at least 2 frames"),
        (np.zeros((1, 2, 4, 4, 1)), np.zeros((1, 2, 4, 3, 2)), r"`flow` must have the shape \(1, 2, 4, 4, 2\)"),
        (np.full((1, 2, 4, 4, 1), 2.0), np.zeros((1, 2, 4, 4, 2)), "films"),
    ],
)
def test_films_that_do_not_fit_are_refused(films, flow, message):
    with pytest.raises(ValueError, match=message):
        metrics.warping_error(films, flow)


def test_flow_of_hidden_points_is_ignored():
    films, flow, visible = np.zeros((1, 2, 4, 4, 1)), np.zeros((1, 2, 4, 4, 2)), np.full((1, 2, 4, 4), True)
    flow[0, 1, 0, 0] = np.nan
    with pytest.raises(ValueError, match="`flow` must be finite at visible points"):
        metrics.warping_error(films, flow, visible)
    visible[0, 1, 0, 0] = False
    films[0, 1, 0, 0], films[0, 1, 1, 1] = 1, 0.75
    assert metrics.warping_error(films, flow, visible)[0] == pytest.approx(0.75 / 15)
