"""The count behind the table of tutorials/scaling.md, by hand."""

import importlib.util
from pathlib import Path
from types import SimpleNamespace

import pytest
import tensorflow as tf

PATH = Path(__file__).parents[1] / "benchmarks" / "allreduce.py"


@pytest.fixture(scope="module")
def allreduce():
    specification = importlib.util.spec_from_file_location("allreduce", PATH)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def product(x):
    return tf.matmul(x, tf.ones((4, 5)))


def products(x):
    return tf.matmul(tf.reshape(x, (2, 3, 4)), tf.ones((2, 3, 5)), transpose_a=True)


def convolution(x):
    return tf.nn.conv2d(tf.reshape(x, (1, 4, 6, 1)), tf.ones((3, 3, 1, 7)), 2, "SAME")


def gradients(x):
    images, kernel = tf.Variable(tf.reshape(x, (1, 4, 6, 1))), tf.Variable(tf.ones((3, 3, 1, 7)))
    with tf.GradientTape() as tape:
        y = tf.nn.conv2d(images, kernel, 2, "SAME")
    tape.gradient(y, [images, kernel])


@pytest.mark.parametrize(
    ("function", "multiplications"),
    [
        (product, 6 * 4 * 5),
        (products, 2 * 4 * 3 * 5),
        (convolution, 2 * 3 * 7 * 9),
        (gradients, 3 * 2 * 3 * 7 * 9),  # forward, to the images, to the kernel
    ],
)
def test_operations_are_counted(allreduce, function, multiplications):
    batch = tf.ones((6, 4))
    assert allreduce.operations(SimpleNamespace(train_step=function), batch) == 2 * multiplications / 6
