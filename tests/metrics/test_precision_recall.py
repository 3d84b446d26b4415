import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from kerasgan.metrics import density_coverage, precision_recall


def by_neighbours(real, fake, k):
    """The four definitions, evaluated with scikit-learn's distances."""

    def radii(x):
        return NearestNeighbors(n_neighbors=k + 1, algorithm="brute").fit(x).kneighbors(x)[0][:, k]

    distances = np.linalg.norm(real[:, None] - fake[None], axis=-1)
    real_radii, fake_radii = radii(real), radii(fake)
    return (
        (distances <= real_radii[:, None]).any(axis=0).mean(),
        (distances <= fake_radii[None]).any(axis=1).mean(),
        (distances < real_radii[:, None]).sum() / (k * len(fake)),
        (distances < real_radii[:, None]).any(axis=1).mean(),
    )


@pytest.mark.parametrize("k", [1, 3, 5])
def test_equals_the_definitions(k, monkeypatch):
    from kerasgan.metrics import precision_recall as function

    monkeypatch.setitem(function.__globals__, "BLOCK", 16)
    random = np.random.default_rng(k)
    real, fake = random.normal(size=(50, 4)), random.normal(size=(40, 4)) * 0.6 + 0.4
    expected = by_neighbours(real, fake, k)
    assert precision_recall(real, fake, k=k) == pytest.approx(expected[:2], abs=0)
    assert density_coverage(real, fake, k=k) == pytest.approx(expected[2:], rel=1e-12)
    assert 0 < expected[0] <= 1 and 0 < expected[1] < 1


def test_by_hand_on_a_line():
    real, fake = np.array([[0.0], [1.0], [3.0]]), np.array([[0.5], [4.9], [9.0]])
    # k = 1: real radii 1, 1, 2: 0.5 and 4.9 are inside, 9 is not; fake radii 4.4, 4.1, 4.1: all real ones are inside
    assert precision_recall(real, fake, k=1) == (pytest.approx(2 / 3), 1.0)
    # 0.5 lies in the balls of 0 and 1, 4.9 in that of 3
    assert density_coverage(real, fake, k=1) == (pytest.approx(1.0), 1.0)


def test_identical_and_far_sets():
    x = np.random.default_rng(0).normal(size=(60, 8)) * 1e3 + 1e6
    assert precision_recall(x, x) == (1.0, 1.0)
    assert density_coverage(x, x) == (1.0, 1.0)
    assert precision_recall(x, x + 1e6) == (0.0, 0.0)
    assert density_coverage(x, x + 1e6) == (0.0, 0.0)


def test_constant_sets():
    constant = np.full((6, 3), 0.1)
    assert precision_recall(constant, constant) == (1.0, 1.0)
    spread = np.random.default_rng(0).normal(size=(20, 3))
    assert precision_recall(spread, np.repeat(spread[:1], 10, axis=0)) == (1.0, 1 / 20)
    with pytest.raises(ValueError, match="check that the images are not constant"):
        density_coverage(constant, spread)


def test_refusals():
    x = np.random.default_rng(0).normal(size=(4, 2))
    with pytest.raises(ValueError, match="at least 5 rows"):
        precision_recall(x, x, k=4)
    with pytest.raises(ValueError, match="`k` must be at least 1. Received: 0"):
        density_coverage(x, x, k=0)
    with pytest.raises(ValueError, match="`real` must be finite"):
        precision_recall(x * np.nan, x)
