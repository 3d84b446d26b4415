"""What a training step of each model sends between devices, against what it computes.

    python tests/benchmarks/allreduce.py [MODEL ...]

The bytes are those of the gradients, four for each trainable number and update: in a ring every device sends these
2 (n - 1) / n times, which for many devices is twice. The operations are those of the convolutions and matrix products
of one training step at the paper's size, counted while it runs; a multiply-add is two. `pays from` is the images per
device and step at which computing takes as long as sending: with fewer, the devices wait for the network for more than
half of the time. It is arithmetic, not a measurement: it assumes devices that sustain 10 TFLOP/s, a network of 10 or
100 Gbit/s that is used fully, and no overlap of the two. Synchronised batch norm sends a few kilobytes besides, in two
messages for each layer and pass: on a slow network it is their number that counts, not their size.
"""

import math
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).parents[1] / "contract"))

import cases
import numpy as np
import tensorflow as tf
from tensorflow.python.framework import op_callbacks

BATCH = 2
SUSTAINED = 10e12  # operations a second and device
NETWORKS = {"10 Gbit/s": 10e9 / 8, "100 Gbit/s": 100e9 / 8}


# The side that has an output's channels, and the kernel.
CONVOLUTIONS = {
    "Conv2D": lambda inputs, outputs: (outputs[0], inputs[1]),
    "Conv2DBackpropInput": lambda inputs, outputs: (inputs[2], inputs[1]),
    "Conv2DBackpropFilter": lambda inputs, outputs: (inputs[2], outputs[0]),
}


def size(tensor):
    return math.prod(tensor.shape)


def batch_for(case, model):
    """The batch that the paper's model trains on, in the structure of the tiny one's arrays."""
    small, rows = case.make(), BATCH * model.d_steps

    def enlarged(array):
        if array.ndim == 4:
            side = array.shape[1] * model.image_size // small.image_size
            return tf.zeros((rows, side, side, model.channels))
        return tf.zeros((rows, model.text_dim)) if array.ndim == 2 else tf.zeros((rows,), array.dtype)

    return tf.nest.map_structure(lambda array: enlarged(np.asarray(array)), case.arrays(rows))


def operations(model, batch):
    """Operations for an image in a step: those of its convolutions and matrix products, counted as they run."""
    total = 0

    def count(kind, inputs, attributes, outputs, *_):
        nonlocal total
        kind = tf.compat.as_str(kind)
        if kind in CONVOLUTIONS:
            # Each number of the one meets every number that the other has for a channel.
            values, kernel = CONVOLUTIONS[kind](inputs, outputs)
            total += 2 * size(values) * math.prod(kernel.shape[:3])
        elif kind in ("MatMul", "BatchMatMulV2"):
            # (m, k) by (k, n) is (m, n): the product of the three sizes is (m k n)^2.
            matrices = math.prod(outputs[0].shape[:-2])
            total += 2 * math.isqrt(math.prod(map(size, (*inputs, *outputs))) // matrices)

    op_callbacks.add_op_callback(count)
    try:
        model.train_step(batch)
    finally:
        op_callbacks.remove_op_callback(count)
    return total / len(tf.nest.flatten(batch)[0])


def row(name, case):
    model = case.default()
    model.compile()
    updates = model.d_steps
    g, d = (sum(int(np.prod(v.shape)) for v in variables) for variables in (model.g_variables, model.d_variables))
    sent = 4 * (g + updates * d)
    flops = operations(model, batch_for(case, model))
    pays = [2 * sent / bandwidth * SUSTAINED / flops for bandwidth in NETWORKS.values()]
    cells = [f"{model.image_size}", f"{g / 1e6:.2f}", f"{d / 1e6:.2f}", f"{updates}", f"{sent / 1e6:.1f}"]
    return f"| {name} | " + " | ".join([*cells, _short(flops / 1e9), *map(_short, pays)]) + " |"


def _short(number):
    return f"{number:,.0f}" if number >= 10 else f"{number:.2g}"


def main(names):
    networks = " | ".join(f"pays from, {name}" for name in NETWORKS)
    print(f"| model | side | G, million | D, million | D updates | MB a step | GFLOP an image | {networks} |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, case in cases.CASES.items():
        if (name in names) if names else " " not in name:
            print(row(name, case), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
