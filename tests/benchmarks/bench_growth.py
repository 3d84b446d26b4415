"""How the time and the memory of a DCGAN step grow with the batch, the image's size and the width: fitted exponents.

    python tests/benchmarks/bench_growth.py [--rounds 5]

Five points for each, the others fixed at batch 32, 32 pixels, width 32. An exponent is the slope of a straight line
through the logarithms: 1 means twice the cost for twice the size. Beside it stands that of the step's arithmetic,
counted as it runs. The memory is the peak of a process of its own less that of one which has only imported kerasgan.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

FIXED = {"batch": 32, "size": 32, "width": 32}
POINTS = {"batch": (8, 16, 32, 64, 128), "size": (16, 32, 64, 96, 128), "width": (8, 16, 32, 64, 96)}


def measure(rounds, batch, size, width):
    """Prints the seconds of the fastest step, the added peak memory in bytes and the operations of a step."""
    import tensorflow as tf
    from allreduce import operations

    import kerasgan

    def peak():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

    before = peak()
    model = kerasgan.DCGAN(image_size=size, channels=3, width=width, seed=0)
    model.compile()
    images, step = tf.random.uniform((batch, size, size, 3), -1, 1), tf.function(model.train_step)
    seconds = []
    for turn in range(rounds + 2):
        start = time.perf_counter()
        float(step(images)["d_loss"])
        if turn > 1:  # tracing, and the first execution
            seconds.append(time.perf_counter() - start)
    added = peak() - before
    print(json.dumps([min(seconds), added, batch * operations(model, images)]))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--point", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.point:
        return measure(options.rounds, **options.point)
    for name, values in POINTS.items():
        rows = []
        for value in values:
            point = json.dumps(FIXED | {name: value})
            command = [sys.executable, __file__, "--rounds", str(options.rounds), "--point", point]
            rows.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
        slopes = np.polyfit(np.log(values), np.log(rows), 1)[0]
        print(f"\n{name}: exponents of time {slopes[0]:.2f}, memory {slopes[1]:.2f}, arithmetic {slopes[2]:.2f}")
        for value, (seconds, added, count) in zip(values, rows):
            work, rate = f"{count / 1e9:8.2f} GFLOP", f"{count / seconds / 1e9:6.0f} GFLOP/s"
            print(f"{value:6} {1000 * seconds:8.1f} ms {added / 2**20:8.0f} MiB {work} {rate}")


if __name__ == "__main__":
    main()
