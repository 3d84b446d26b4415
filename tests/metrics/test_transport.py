import sys

import numpy as np
import pytest

from kerasgan.metrics import earth_movers_distance, wasserstein_1d


def test_the_line_by_hand():
    assert wasserstein_1d([0.0], [2.5]) == 2.5
    # {0, 1, 3} and {5, 6, 8}: all mass moves 5
    assert wasserstein_1d([1, 3, 0], [5, 6, 8]) == pytest.approx(5.0, abs=1e-12)
    # G - F is 1/2 on (0, 1) and on (2, 3), and 0 between
    assert wasserstein_1d([1.0, 3.0], [0.0, 2.0]) == pytest.approx(1.0)
    # 3/4 at 0 and 1/4 at 4 against 1/4 and 3/4: half the mass moves 4
    assert wasserstein_1d([0, 4], [0, 4], [3, 1], [1, 3]) == pytest.approx(2.0)
    # sets of different sizes: 1/2 - 1/3 of the mass moves 1
    assert wasserstein_1d([0, 1], [0, 0, 1]) == pytest.approx(1 / 6)


def test_the_line_agrees_with_scipy():
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(0)
    real, fake, weights = rng.normal(size=40), rng.exponential(size=23), rng.uniform(size=40)
    assert wasserstein_1d(real, fake, weights) == pytest.approx(stats.wasserstein_distance(real, fake, weights))


def test_plans_by_hand():
    pytest.importorskip("scipy")
    # crossing costs 2 * 5 / 2, straight across 2 * 3 / 2
    found = earth_movers_distance(np.array([[0.0, 0.0], [0.0, 4.0]]), np.array([[3.0, 4.0], [3.0, 0.0]]))
    assert found.cost == pytest.approx(3.0) and found.plan.tolist() == [[0.0, 0.5], [0.5, 0.0]]
    # 3/4 at 0, 1/4 at 1; 1/2 at 0, 1/2 at 2: 1/4 stays in 0 -> 2 (cost 1/2), 1/4 in 1 -> 2 (1/4)
    found = earth_movers_distance(np.array([[0.0], [1.0]]), np.array([[0.0], [2.0]]), [3, 1], [1, 1])
    assert found.cost == pytest.approx(0.75)
    np.testing.assert_allclose(found.plan, [[0.5, 0.25], [0.0, 0.25]], atol=1e-12)


def test_plans_of_any_masses_keep_them_and_cost_what_the_line_says():
    pytest.importorskip("scipy")
    rng = np.random.default_rng(1)
    real, fake = rng.normal(size=9), rng.normal(size=6) + 0.5
    weights, others = rng.uniform(size=9), rng.uniform(size=6)
    found = earth_movers_distance(real[:, None], fake[:, None], weights, others)
    np.testing.assert_allclose(found.plan.sum(axis=1), weights / weights.sum(), atol=1e-9)
    np.testing.assert_allclose(found.plan.sum(axis=0), others / others.sum(), atol=1e-9)
    assert found.cost == pytest.approx(wasserstein_1d(real, fake, weights, others), rel=1e-9)
    assigned = earth_movers_distance(real[:6, None], fake[:, None])
    assert assigned.cost == pytest.approx(wasserstein_1d(real[:6], fake), rel=1e-9)


def test_parallel_lines():
    """Example 1 of Arjovsky et al. 2017: two lines at the distance theta have W = |theta|."""
    pytest.importorskip("scipy")
    heights = np.linspace(0, 1, 30)
    for theta in (-1.5, 0.25):
        lines = [np.stack([np.full(30, x), heights], axis=1) for x in (0.0, theta)]
        assert earth_movers_distance(*lines).cost == pytest.approx(abs(theta))


@pytest.mark.parametrize(
    "arguments, message",
    [
        (([], [1.0]), "`real` must be finite numbers of shape"),
        (([1.0], [np.nan]), "`fake` must be finite numbers"),
        (([1.0], [[1.0]]), "`fake` must be finite numbers"),
        (([1.0], [1.0, 2.0], None, [1.0]), "`fake_weights` must hold a mass of at least 0 for each of 2"),
        (([1.0, 2.0], [1.0], [1.0, -0.5]), "`real_weights` must hold a mass"),
        (([1.0, 2.0], [1.0], [0.0, 0.0]), "not all of them 0"),
    ],
)
def test_what_the_line_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        wasserstein_1d(*arguments)


def test_what_a_plan_refuses(monkeypatch):
    pytest.importorskip("scipy")
    points = np.zeros((2001, 2))
    with pytest.raises(ValueError, match="at most 4,000,000 pairs of points. Received: 2,001 x 2,001"):
        earth_movers_distance(points, points)
    with pytest.raises(ValueError, match="same number of features"):
        earth_movers_distance(points[:2], points[:2, :1])
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(ImportError, match="needs SciPy: pip install scipy"):
        earth_movers_distance(points[:2], points[:2])
