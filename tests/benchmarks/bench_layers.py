"""Layers in training, and Adam, of kerasgan beside Keras's, in turns.

    python tests/benchmarks/bench_layers.py [rounds]

Batch normalisation forward and backward for each shape of the images, the gradient of a convolution's kernel for each
of some that models have, and updates of Adam for each number of weights: the medians, and the median of the ratios
round by round with the smallest and the largest.
"""

import os
import statistics
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import tensorflow as tf

from kerasgan.convolutions import Conv2D
from kerasgan.layers import BatchNormalization
from kerasgan.optimizers import Adam

# The generators of DCGAN for 28x28 images, with 128 channels next to the image, and of Pix2Pix for 256x256 ones.
WEIGHTS = (2_080_000, 54_000_000)
SHAPES = [(128, 6272), (128, 14, 14, 64), (128, 7, 7, 128), (64, 32, 32, 64)]
# Inputs, filters, kernel size, strides: of DCGAN for 28x28 and for 64x64 images, of Pix2Pix, and D's last of GAN-CLS.
CONVOLUTIONS = [
    ((128, 28, 28, 1), 64, 5, 2),
    ((128, 14, 14, 64), 128, 5, 2),
    ((64, 16, 16, 128), 256, 5, 2),
    ((64, 8, 8, 256), 512, 5, 2),
    ((1, 16, 16, 512), 512, 4, 2),
    ((1, 4, 4, 512), 512, 4, 2),
    ((64, 4, 4, 512), 64, 4, 1),
]


def trained(layer, x):
    """Returns a function that passes `x` through the layer and back."""
    layer.build(x.shape)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(layer(x, training=True) ** 2)
        return [tf.reduce_sum(gradient) for gradient in tape.gradient(loss, [x, *layer.trainable_variables])]

    return step


def learned(layer, x):
    """Returns a function that takes the gradient of a convolution's kernel, and, as TensorFlow prunes it, no more."""
    layer.build(x.shape)
    upstream = tf.cast(tf.random.normal(layer.compute_output_shape(x.shape)), x.dtype)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            outputs = layer(x, training=True)
        return [tape.gradient(outputs, layer.kernel.value, upstream)[0, 0, 0, 0]]

    return step


def updated(optimizer, count):
    """Returns a function that updates `count` weights, in eight variables."""
    variables = [keras.Variable(tf.random.normal((count // 8,))) for _ in range(8)]
    gradients = [tf.random.normal(variable.shape) for variable in variables]
    optimizer.build(variables)

    @tf.function
    def step():
        optimizer.apply(gradients, variables)
        return [variables[-1].value[0]]

    return step


def compare(what, steps, rounds):
    """Times both of `steps` in turns, and prints the result."""
    times = {name: [] for name in steps}
    for turn in range(rounds + 3):  # the first ones are not counted
        for name, step in steps.items():
            start = time.perf_counter()
            float(step()[0])
            if turn > 2:
                times[name].append(1000 * (time.perf_counter() - start))
    ratios = [theirs / ours for theirs, ours in zip(times["keras"], times["kerasgan"])]
    medians = ", ".join(f"{name} {statistics.median(values):.1f} ms" for name, values in times.items())
    print(f"{what}: {medians}; {statistics.median(ratios):.2f} times, {min(ratios):.2f} to {max(ratios):.2f}")


def main(rounds=20):
    for shape in SHAPES:
        x = tf.random.normal(shape)
        steps = {"keras": trained(keras.layers.BatchNormalization(), x), "kerasgan": trained(BatchNormalization(), x)}
        compare(shape, steps, rounds)
    for dtype in ("bfloat16", "float32"):
        for shape, filters, size, stride in CONVOLUTIONS:
            x = tf.cast(tf.random.normal(shape), dtype)
            padding = "same" if stride > 1 else "valid"
            steps = {
                name: learned(kind(filters, size, stride, padding, use_bias=False, dtype=dtype), x)
                for name, kind in (("keras", keras.layers.Conv2D), ("kerasgan", Conv2D))
            }
            compare(f"{dtype}, {shape} to {filters} by {size}x{size}, stride {stride}", steps, rounds)
    for count in WEIGHTS:
        steps = {"keras": updated(keras.optimizers.Adam(), count), "kerasgan": updated(Adam(), count)}
        compare(f"{count:,} weights", steps, rounds)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
