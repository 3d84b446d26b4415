"""The numerics of the Fréchet distance beside SciPy's `sqrtm`, interleaved in one run.

    python tests/benchmarks/bench_frechet.py [dimensions] [rounds]

Prints both times, their ratio and the difference of the values; the ratio is what compares between machines.
"""

import sys
import time

import numpy as np
import scipy.linalg

from kerasgan.metrics import frechet_distance


def by_sqrtm(mean1, cov1, mean2, cov2):
    root = scipy.linalg.sqrtm(cov1 @ cov2)
    return float(np.sum((mean1 - mean2) ** 2) + np.trace(cov1) + np.trace(cov2) - 2.0 * np.trace(root).real)


def main(dimensions=2048, rounds=3):
    random = np.random.default_rng(0)
    # a spectrum that falls like that of deep features
    scales = np.logspace(0, -2.5, dimensions)
    sets = [random.normal(size=(5 * dimensions, dimensions)) * scales + shift for shift in (0.0, 0.05)]
    gaussians = [item for x in sets for item in (x.mean(axis=0), np.cov(x, rowvar=False))]
    for function in (frechet_distance, by_sqrtm):
        function(*[x[:64] if x.ndim == 1 else x[:64, :64] for x in gaussians])
    times = {frechet_distance: [], by_sqrtm: []}
    values = {}
    for _ in range(rounds):
        for function, seconds in times.items():
            start = time.perf_counter()
            values[function] = function(*gaussians)
            seconds.append(time.perf_counter() - start)
    ours, theirs = min(times[frechet_distance]), min(times[by_sqrtm])
    difference = abs(values[frechet_distance] / values[by_sqrtm] - 1.0)
    print(
        f"dimensions {dimensions}: kerasgan {ours:.2f} s, scipy.linalg.sqrtm {theirs:.2f} s, ratio {theirs / ours:.1f}"
    )
    print(f"values {values[frechet_distance]:.9f} and {values[by_sqrtm]:.9f}, relative difference {difference:.1e}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
