import numpy as np
import pytest

from kerasgan.metrics import inception_score, mode_count, recognizability


def test_inception_score_by_hand():
    assert inception_score(np.eye(5), splits=1) == (pytest.approx(5.0), 0.0)
    assert inception_score(np.full((6, 3), 1 / 3), splits=3) == (pytest.approx(1.0), pytest.approx(0.0))
    # p = (3/4, 1/4) and (1/4, 3/4): KL to (1/2, 1/2) is log 2 - H(1/4) in both
    probabilities = np.array([[0.75, 0.25], [0.25, 0.75]])
    entropy = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))
    assert inception_score(probabilities, splits=1).mean == pytest.approx(2 * np.exp(-entropy), rel=1e-12)


def test_inception_score_leaves_no_image_out():
    """Seven images in three splits of 2, 2 and 3: the last one, of another class, counts."""
    probabilities = np.eye(2)[[0, 0, 0, 0, 0, 0, 1]]
    # The last split is sure, with shares of 2/3 and 1/3: exp of log 3 - 2/3 log 2.
    last = 3 / 2 ** (2 / 3)
    found = inception_score(probabilities, splits=3)
    assert found == (pytest.approx((1 + 1 + last) / 3), pytest.approx(np.std([1, 1, last])))


def test_inception_score_splits_in_order():
    probabilities = np.concatenate([np.eye(2)[[0, 1]], np.eye(2)[[0, 0]]])
    assert inception_score(probabilities, splits=2) == (pytest.approx(1.5), pytest.approx(0.5))


def test_inception_score_refusals():
    with pytest.raises(ValueError, match="apply a softmax"):
        inception_score(np.array([[2.0, 1.0], [0.0, 1.0]]), splits=1)
    with pytest.raises(ValueError, match="apply a softmax"):
        inception_score(np.array([[np.nan, 1.0], [0.0, 1.0]]), splits=1)
    with pytest.raises(ValueError, match="10 splits of 5 images"):
        inception_score(np.eye(5))
    with pytest.raises(ValueError, match="n >= 2"):
        inception_score(np.eye(1), splits=1)


def test_mode_count_by_hand():
    labels = np.array([0, 0, 0, 1])
    value = mode_count(np.eye(4)[labels])
    assert value.modes == 2
    # shares (3/4, 1/4, 0, 0) against 1/4 each: 3/4 log 3
    assert value.kl == pytest.approx(0.75 * np.log(3.0))
    np.testing.assert_array_equal(value.shares, [0.75, 0.25, 0, 0])
    assert mode_count(np.eye(4)[labels], minimum=2).modes == 1
    assert mode_count(np.eye(4)[labels], reference=[6, 2, 1, 1]).kl == pytest.approx(
        np.log(0.75 / 0.6) * 0.75 + 0.25 * np.log(0.25 / 0.2)
    )
    assert mode_count(np.eye(4)).kl == 0.0


def test_mode_count_of_stacked_digits():
    digits = np.array([[0, 0, 1], [1, 0, 0], [1, 0, 0]])
    value = mode_count(np.eye(2)[digits])
    assert value.modes == 2 and value.shares.shape == (8,)
    np.testing.assert_allclose(value.shares, [0, 1 / 3, 0, 0, 2 / 3, 0, 0, 0])


def test_mode_count_refusals():
    with pytest.raises(ValueError, match="positive share for each of 3 modes"):
        mode_count(np.eye(3), reference=[1, 1, 0])
    with pytest.raises(ValueError, match="positive share for each of 3 modes"):
        mode_count(np.eye(3), reference=[1, 1])
    with pytest.raises(ValueError, match="softmax"):
        mode_count(np.eye(3) * 2)


def tops(values):
    return np.stack([values, 1 - np.asarray(values)], axis=1)


def test_recognizability_by_hand():
    real = tops(np.linspace(0.5, 0.99, 100))
    value = recognizability(real, tops([0.99, 0.8, 0.52, 0.51, 0.1]))
    # the sixth lowest of 100: 95 of them are at or above it
    assert value.threshold == pytest.approx(np.linspace(0.5, 0.99, 100)[5])
    assert value.share == pytest.approx(3 / 5)
    np.testing.assert_allclose(value.class_shares, [0.8, 0.2])


@pytest.mark.parametrize("level", [0.95, 0.9, 0.5, 1.0, 0.07])
def test_real_images_score_the_level(level):
    real = tops(0.5 + 0.5 * np.random.default_rng(0).uniform(size=1000))
    assert recognizability(real, real, level).share == pytest.approx(level, abs=1e-12)


def test_recognizability_refusals():
    with pytest.raises(ValueError, match="2 and 3 classes"):
        recognizability(np.eye(2), np.eye(3))
    with pytest.raises(ValueError, match="`level`"):
        recognizability(np.eye(2), np.eye(2), level=0.0)
