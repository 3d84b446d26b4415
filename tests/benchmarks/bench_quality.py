"""Do the fast settings cost quality? DCGAN on MNIST by default settings and by the fastest, from several seeds.

    python tests/benchmarks/bench_quality.py [--epochs 10] [--seeds 3] [--out FILE.json]

Both train in batches of 128 and are scored on their averaged weights, 10,000 samples against the test images, as the
zoo scores its entries. "best" is `mixed_bfloat16` with ten steps an execution, "default" float32 and one. The 468 steps
of an epoch hold 46 such executions: "best" makes 8 steps fewer. Needs MNIST from tensorflow-datasets.
"""

import argparse
import json
import pathlib
import statistics
import time

import keras
import tensorflow as tf

import kerasgan
from kerasgan.zoo import score_generator
from kerasgan.zoo._card import machine

SETTINGS = {"default": ("float32", 1), "best": ("mixed_bfloat16", 10)}


def trained(setting, seed, epochs):
    policy, at_once = SETTINGS[setting]
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    keras.config.set_dtype_policy(policy)
    model = kerasgan.DCGAN(image_size=28, channels=1, seed=seed)
    model.compile(ema_decay=0.999, steps_per_execution=at_once)
    data = kerasgan.data.load("mnist", batch_size=128, seed=seed)
    model.fit(data, epochs=epochs, verbose=0)
    return model


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=pathlib.Path)
    options = parser.parse_args()
    results = {setting: [] for setting in SETTINGS}
    for seed in range(options.seeds):
        for setting in SETTINGS:
            start = time.perf_counter()
            model = trained(setting, seed, options.epochs)
            seconds = time.perf_counter() - start
            keras.config.set_dtype_policy("float32")  # the judges are those of the cards
            row = {score["metric"]: score["value"] for score in score_generator(model.generate, "mnist")}
            results[setting].append({"seed": seed, "seconds": round(seconds, 1)} | row)
            print(setting, results[setting][-1], flush=True)
    for setting, rows in results.items():
        values = [row["frechet_distance"] for row in rows]
        print(f"{setting}: Frechet distance {statistics.mean(values):.1f} ({min(values):.1f} to {max(values):.1f})")
    if options.out:
        about = {"machine": machine(), "tensorflow": tf.__version__, "epochs": options.epochs}
        options.out.write_text(json.dumps(about | {"results": results}, indent=2) + "\n")


if __name__ == "__main__":
    main()
