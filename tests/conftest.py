"""Two logical CPU devices in every test process, so that `tf.distribute` can be tested without accelerators."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "Agg")

import pytest
import tensorflow as tf

pytest.register_assert_rewrite("kerasgan.testing")

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
# Tests compare to 1e-5. GPUs multiply in ten bits of mantissa by default.
tf.config.experimental.enable_tensor_float_32_execution(False)


@pytest.fixture(scope="session")
def two_devices():
    """The strategy that users write, with its default way of summing. TensorFlow 2.21 gives a second one in a process
    the keys of the first, under which sums of other shapes are expected."""
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


@pytest.fixture(autouse=True)
def clean_keras():
    """Each test starts from the same random state and the float32 policy."""
    import keras

    keras.utils.set_random_seed(0)
    yield
    keras.config.set_dtype_policy("float32")
