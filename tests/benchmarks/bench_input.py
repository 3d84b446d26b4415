"""What reading costs: steps of training on real data beside steps on one batch that is repeated, in turns.

    python tests/benchmarks/bench_input.py [--rounds 9] [--steps 30]

DCGAN at 28 pixels on MNIST (where TFDS_DATA_DIR has it) and on glyphs, and at 64 pixels on a folder of photographs (the
glyphs, written as PNG files for this purpose), batches of 64. Printed is the median of the ratios of the times of a
step, real data to repeated batch, with their quartiles.
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import tensorflow as tf

import kerasgan
from kerasgan.data import glyphs


def datasets(folder):
    """Yields name, image size, channels and dataset."""
    if (Path(os.environ.get("TFDS_DATA_DIR", "")) / "mnist").is_dir():
        yield "mnist", 28, 1, kerasgan.data.load("mnist", batch_size=64)
    yield "glyphs", 28, 1, kerasgan.data.load("glyphs", image_size=28, channels=1, batch_size=64)
    images = glyphs.render(glyphs.attributes(1000), image_size=96)
    for i, image in enumerate(np.asarray(images)):
        tf.io.write_file(f"{folder}/{i}.png", tf.io.encode_png(image.astype("uint8")))
    yield "folder", 64, 3, kerasgan.data.load(folder, image_size=64, batch_size=64)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--steps", type=int, default=30)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name, size, channels, real in datasets(folder):
            model = kerasgan.DCGAN(image_size=size, channels=channels, width=32)
            model.compile()
            step = tf.function(model.train_step)
            sources = {
                "real": iter(real.repeat()),
                "repeated": iter(tf.data.Dataset.from_tensors(next(iter(real))).repeat()),
            }
            times = {source: [] for source in sources}
            for turn in range(options.rounds + 1):  # the first is not counted
                for source, batches in sources.items():
                    start = time.perf_counter()
                    for _ in range(options.steps):
                        logs = step(next(batches))
                    float(logs["d_loss"])
                    if turn:
                        times[source].append((time.perf_counter() - start) / options.steps)
            ratios = [real / repeated for real, repeated in zip(times["real"], times["repeated"])]
            low, middle, high = statistics.quantiles(ratios, n=4)
            step_ms = 1000 * statistics.median(times["repeated"])
            print(
                f"{name:8} {size} pixels: {middle:.3f} ({low:.3f} to {high:.3f}), a step of {step_ms:.0f} ms",
                flush=True,
            )


if __name__ == "__main__":
    main()
