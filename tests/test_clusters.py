"""k-means on points whose clusters are known."""

import numpy as np

from kerasgan.clusters import k_means


def test_centres_of_separate_heaps_are_their_means_the_largest_first():
    rng = np.random.default_rng(0)
    heaps = [rng.normal(at, 0.1, (count, 2)) for at, count in ((0.0, 20), (5.0, 50), (-5.0, 30))]
    points = rng.permutation(np.concatenate(heaps))
    expected = [heaps[i].mean(axis=0) for i in (1, 2, 0)]
    for seed in range(5):
        np.testing.assert_allclose(k_means(points, 3, seed), expected, atol=1e-5)


def test_each_point_is_nearest_to_the_centre_that_is_its_cluster_s_mean():
    points = np.random.default_rng(1).normal(size=(200, 3))
    centres = k_means(points, 6)
    nearest = ((points[:, None] - centres[None]) ** 2).sum(axis=-1).argmin(axis=1)
    np.testing.assert_allclose(centres, [points[nearest == i].mean(axis=0) for i in range(6)], atol=1e-5)
    sizes = np.bincount(nearest)
    assert (np.diff(sizes) <= 0).all() and len(sizes) == 6


def test_fewer_points_than_centres_are_repeated_in_turn():
    found = k_means([[1.0], [3.0], [1.0]], 5)
    np.testing.assert_array_equal(found.ravel(), [1, 3, 1, 3, 1])
    np.testing.assert_array_equal(k_means([[2.0]], 2).ravel(), [2, 2])
