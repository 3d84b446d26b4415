import numpy as np
import pytest

from kerasgan.metrics import kernel_distance


def by_loops(x, y):
    """Eq. 4 of Bińkowski et al. 2018, term by term."""

    def kernel(a, b):
        return (float(a @ b) / len(a) + 1) ** 3

    m, n = len(x), len(y)
    xx = sum(kernel(x[i], x[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    yy = sum(kernel(y[i], y[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    return xx + yy - 2 * sum(kernel(a, b) for a in x for b in y) / (m * n)


def test_exact_by_hand():
    # k(1,-1) = 0, k(1,2) = 27; cross: k(1,1) = 8, k(1,2) = 27, k(-1,1) = 0, k(-1,2) = -1 -> 0 + 27 - 2 * 34 / 4 = 10
    value = kernel_distance(np.array([[1.0], [-1.0]]), np.array([[1.0], [2.0]]))
    assert value == (pytest.approx(10.0), 0.0)


def test_whole_sets_equal_the_definition_across_blocks(monkeypatch):
    from kerasgan.metrics import kernel

    random = np.random.default_rng(0)
    x, y = random.normal(size=(11, 3)), random.normal(size=(7, 3)) + 0.5
    expected = by_loops(x, y)
    assert kernel_distance(x, y).mean == pytest.approx(expected, rel=1e-12)
    monkeypatch.setattr(kernel, "BLOCK", 4)
    assert kernel_distance(x, y).mean == pytest.approx(expected, rel=1e-12)


def test_subsets_are_those_of_the_frozen_generator():
    random = np.random.default_rng(0)
    x, y = random.normal(size=(20, 3)), random.normal(size=(30, 3)) + 0.5
    state = np.random.RandomState(7)
    values = []
    for _ in range(3):
        b = state.choice(30, 5, replace=False)
        a = state.choice(20, 5, replace=False)
        values.append(by_loops(x[a], y[b]))
    value = kernel_distance(x, y, subsets=3, subset_size=5, seed=7)
    assert value.mean == pytest.approx(np.mean(values), rel=1e-12)
    assert value.sd == pytest.approx(np.std(values), rel=1e-12)
    assert kernel_distance(x, y, subsets=3, subset_size=5, seed=8).mean != value.mean


def test_is_unbiased():
    random = np.random.default_rng(0)
    values = [kernel_distance(random.normal(size=(10, 2)), random.normal(size=(10, 2))).mean for _ in range(400)]
    assert abs(np.mean(values)) < 4 * np.std(values) / 20
    assert min(values) < 0 < max(values)


def test_refusals():
    x = np.ones((4, 2))
    with pytest.raises(ValueError, match="`subset_size` must be at least 2. Received: 1"):
        kernel_distance(x, x, subset_size=1)
    with pytest.raises(ValueError, match="`subsets` must be at least 1. Received: 0"):
        kernel_distance(x, x, subsets=0)
    with pytest.raises(ValueError, match="`real` must hold at least 2 rows"):
        kernel_distance(x[:1], x)
    with pytest.raises(ValueError, match="`fake` must be finite"):
        kernel_distance(x, x * np.inf)
