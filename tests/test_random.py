import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasgan import random

DRAWS = {
    "normal": lambda shape, seed: random.normal(shape, seed),
    "uniform": lambda shape, seed: random.uniform(shape, seed, -1.0, 3.0),
    "integers": lambda shape, seed: random.integers(shape, seed, -2, 3),
}


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_xla_draws_the_same_numbers(draw):
    def fresh(**options):
        seed = keras.random.SeedGenerator(5)
        return tf.function(lambda: draw((64, 5), seed), **options)().numpy()

    np.testing.assert_allclose(fresh(jit_compile=True), fresh(), atol=1e-4)
    assert not np.array_equal(fresh(), draw((64, 5), keras.random.SeedGenerator(6)))


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_two_replicas_hold_the_halves_of_what_one_draws(draw, two_devices):
    strategy = two_devices
    with strategy.scope():
        seed = keras.random.SeedGenerator(5)
    step = tf.function(lambda: strategy.run(lambda: draw((3, 2), seed)))
    halves = strategy.experimental_local_results(step())
    whole = draw((6, 2), keras.random.SeedGenerator(5))
    np.testing.assert_allclose(np.concatenate(halves), whole, rtol=1e-5)


def test_moments_and_range():
    count = 400_000
    seed = keras.random.SeedGenerator(0)
    normal = random.normal((count,), seed).numpy().astype("float64")
    # Four standard errors: of the mean 1 / sqrt(n), of the variance sqrt(2 / n), of the kurtosis sqrt(24 / n).
    assert abs(normal.mean()) < 4 / np.sqrt(count)
    assert abs(normal.var() - 1) < 4 * np.sqrt(2 / count)
    assert abs((normal**4).mean() / normal.var() ** 2 - 3) < 4 * np.sqrt(24 / count)
    unit = random.unit((count,), seed).numpy()
    assert 0 < unit.min() < 1e-4 and 1 - 1e-4 < unit.max() < 1
    assert abs(unit.mean() - 0.5) < 4 / np.sqrt(12 * count)
    shares = np.bincount(random.integers((count,), seed, 0, 5), minlength=5) / count
    np.testing.assert_allclose(shares, 0.2, atol=4 * np.sqrt(0.16 / count))
