import numpy as np
import pytest
import scipy.linalg

from kerasgan.metrics import frechet_distance, frechet_distance_from_features


def by_sqrtm(mean1, cov1, mean2, cov2):
    """An independent evaluation: SciPy's Schur-based root of the product."""
    root = scipy.linalg.sqrtm(cov1 @ cov2)
    return np.sum((mean1 - mean2) ** 2) + np.trace(cov1) + np.trace(cov2) - 2 * np.trace(root).real


def gaussian(seed, dimensions, spread=1.0):
    random = np.random.default_rng(seed)
    features = random.normal(size=(5 * dimensions, dimensions)) @ random.normal(size=(dimensions, dimensions)) * spread
    return features.mean(axis=0), np.cov(features, rowvar=False)


def test_shifted_unit_gaussians():
    shift = np.array([3.0, -4.0, 12.0])
    assert frechet_distance(np.zeros(3), np.eye(3), shift, np.eye(3)) == pytest.approx(169.0, abs=1e-9)


def test_commuting_covariances_have_a_closed_form():
    rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))[0]
    a, b = np.array([4.0, 9.0, 1.0, 0.25]), np.array([1.0, 16.0, 1.0, 4.0])
    expected = np.sum((np.sqrt(a) - np.sqrt(b)) ** 2)  # 1 + 1 + 0 + 2.25
    assert expected == 4.25
    value = frechet_distance(np.zeros(4), rotation * a @ rotation.T, np.zeros(4), rotation * b @ rotation.T)
    assert value == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("dimensions", [1, 2, 7, 60])
def test_equals_scipy(dimensions):
    first, second = gaussian(1, dimensions), gaussian(2, dimensions, 0.5)
    first, second = [(mean, np.reshape(cov, (dimensions, dimensions))) for mean, cov in (first, second)]
    assert frechet_distance(*first, *second) == pytest.approx(by_sqrtm(*first, *second), rel=1e-9)


def test_a_nearly_singular_covariance_takes_the_accurate_path():
    a = np.logspace(0, -13, 40)
    b = np.logspace(-13, 0, 40)
    rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(40, 40)))[0]
    value = frechet_distance(np.zeros(40), rotation * a @ rotation.T, np.zeros(40), rotation * a @ rotation.T * 4.0)
    assert value == pytest.approx(np.sum(a), rel=1e-8)
    value = frechet_distance(np.zeros(40), np.diag(a), np.zeros(40), np.diag(b))
    assert value == pytest.approx(np.sum((np.sqrt(a) - np.sqrt(b)) ** 2), rel=1e-6)


def test_singular_covariances():
    zero, one = np.zeros((2, 2)), np.diag([1.0, 0.0])
    mean = np.zeros(2)
    assert frechet_distance(mean, zero, mean, zero) == 0.0
    assert frechet_distance(mean, zero, mean, one) == pytest.approx(1.0)
    assert frechet_distance(mean, one, mean, np.diag([0.0, 1.0])) == pytest.approx(2.0)
    assert frechet_distance(mean, one, mean, 9.0 * one) == pytest.approx(4.0)


def test_is_symmetric_and_scales_with_the_square():
    first, second = gaussian(1, 6), gaussian(2, 6)
    value = frechet_distance(*first, *second)
    assert frechet_distance(*second, *first) == pytest.approx(value, rel=1e-12)
    scaled = [item for mean, cov in (first, second) for item in (10 * mean, 100 * cov)]
    assert frechet_distance(*scaled) == pytest.approx(100 * value, rel=1e-12)


@pytest.mark.parametrize("count", [3, 10, 64, 65, 200])
def test_features_agree_with_their_gaussians(count):
    random = np.random.default_rng(count)
    real, fake = random.normal(size=(count, 64)), random.normal(size=(80, 64)) * 0.7 + 0.1
    fitted = [item for x in (real, fake) for item in (x.mean(axis=0), np.cov(x, rowvar=False))]
    value = frechet_distance_from_features(real, fake)
    assert value == pytest.approx(frechet_distance(*fitted), rel=1e-7)
    # with fewer samples than dimensions by the Gram matrix of the samples, without any covariance
    if count <= 64:
        a, b = [(x - x.mean(axis=0)) / np.sqrt(len(x) - 1) for x in (real, fake)]
        nuclear = scipy.linalg.svdvals(a @ b.T).sum()
        expected = np.sum((real.mean(0) - fake.mean(0)) ** 2) + np.sum(a**2) + np.sum(b**2) - 2 * nuclear
        assert value == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("shape", [(2, 5), (30, 100), (300, 20)])
def test_identical_sets_are_at_zero(shape):
    features = np.random.default_rng(0).normal(size=shape) * 10 + 100
    assert abs(frechet_distance_from_features(features, features.copy())) < 1e-6
    assert abs(frechet_distance_from_features(features, features[::-1])) < 1e-6


def test_constant_features():
    constant = np.full((5, 3), 0.1)
    assert frechet_distance_from_features(constant, constant) == pytest.approx(0.0, abs=1e-12)
    spread = np.random.default_rng(0).normal(size=(50, 3))
    expected = np.sum((spread.mean(0) - 0.1) ** 2) + np.trace(np.cov(spread, rowvar=False))
    assert frechet_distance_from_features(constant, spread) == pytest.approx(expected, rel=1e-12)


def test_never_nan_for_awkward_sets():
    random = np.random.default_rng(0)
    for scale in (1e-12, 1.0, 1e12):
        for count in (2, 5, 40):
            real, fake = random.normal(size=(count, 16)) * scale, np.maximum(random.normal(size=(count, 16)), 0) * scale
            value = frechet_distance_from_features(real, fake)
            assert isinstance(value, float) and np.isfinite(value) and value > 0


def test_refusals():
    eye, mean = np.eye(2), np.zeros(2)
    with pytest.raises(ValueError, match="same dimension.*2 and 3"):
        frechet_distance(mean, eye, np.zeros(3), np.eye(3))
    with pytest.raises(ValueError, match="shape"):
        frechet_distance(mean, np.eye(3), mean, eye)
    with pytest.raises(ValueError, match="`mean2` and `cov2` must be finite"):
        frechet_distance(mean, eye, mean * np.nan, eye)
    with pytest.raises(ValueError, match="`cov1` must be symmetric"):
        frechet_distance(mean, np.array([[1.0, 0.5], [0.0, 1.0]]), mean, eye)
    with pytest.raises(ValueError, match="`cov2` must be positive semi-definite"):
        frechet_distance(mean, eye, mean, np.diag([1.0, -1.0]))
    features = np.ones((4, 2))
    with pytest.raises(ValueError, match="at least 2 rows"):
        frechet_distance_from_features(features[:1], features)
    with pytest.raises(ValueError, match="`fake` must be finite.*1 of 4"):
        frechet_distance_from_features(features, np.where(np.arange(8).reshape(4, 2) == 3, np.nan, 1.0))
    with pytest.raises(ValueError, match="same number of features.*2 and 3"):
        frechet_distance_from_features(features, np.ones((4, 3)))
    with pytest.raises(ValueError, match="use extract_features for images"):
        frechet_distance_from_features(np.ones((4, 2, 2, 1)), features)
