import numpy as np
import pytest
import tensorflow as tf

from kerasgan import replicas


def test_one_replica_has_all_rows():
    x = tf.range(3)
    assert replicas.gather(x) is x and replicas.first_row(3) == 0


@pytest.mark.parametrize("dtype", ["float32", "float16", "int32", "uint8", "int64"])
def test_gather_of_an_input_has_the_rows_of_all_and_a_static_shape(two_devices, dtype):
    """Under the collectives that a strategy has by default, of a step's own input, which has no device."""
    numbers = np.arange(1, 13).reshape(4, 3).astype(dtype)
    shapes = []

    @tf.function
    def step(x):
        def one(x):
            everyone = replicas.gather(x)
            shapes.append(everyone.shape)
            return everyone, replicas.first_row(x.shape[0])

        return two_devices.run(one, (x,))

    data = tf.data.Dataset.from_tensors(numbers).unbatch().batch(4, drop_remainder=True)
    for batch in two_devices.experimental_distribute_dataset(data):
        everyone, first = step(batch)
    assert shapes == [(4, 3)] * 2
    for copy in two_devices.experimental_local_results(everyone):
        assert copy.dtype == dtype
        np.testing.assert_array_equal(copy, numbers)
    assert [int(row) for row in two_devices.experimental_local_results(first)] == [0, 2]


def test_gradients_pass_through_a_gather(two_devices):
    """Replica r weighs the sum of the squares of all rows by r + 1: d/dx = 2 x (1 + 2)."""
    numbers = tf.data.Dataset.from_tensors(tf.constant([[1.0], [2.0], [3.0], [4.0]])).unbatch()
    data = numbers.batch(4, drop_remainder=True)

    @tf.function
    def step(x):
        def one(x):
            weight = tf.cast(replicas.first_row(1) + 1, tf.float32)
            with tf.GradientTape() as tape:
                tape.watch(x)
                total = weight * tf.reduce_sum(replicas.gather(x) ** 2)
            return tape.gradient(total, x)

        return two_devices.run(one, (x,))

    for batch in two_devices.experimental_distribute_dataset(data):
        parts = two_devices.experimental_local_results(step(batch))
    assert np.concatenate(parts).ravel().tolist() == [6, 12, 18, 24]
