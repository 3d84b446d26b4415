"""Images a second of one generator by `model.generate`, its SavedModel, ONNX Runtime and OpenVINO, in turns.

    python tests/benchmarks/bench_generation.py [--zoo dcgan_mnist] [--images 1024] [--batch 64] [--rounds 5]

Every way makes the same number of images from given latents, batch by batch. Needs what the extra `export` installs,
and OpenVINO; of these, what is missing is left out. The ratios are to `model.generate`, round by round.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import tensorflow as tf

import kerasgan


def by_onnx_runtime(path):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda latents: session.run(None, {"latents": latents})[0]


def by_openvino(path):
    import openvino

    compiled = openvino.Core().compile_model(path, "CPU")
    return lambda latents: compiled([latents])[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--zoo", default="dcgan_mnist")
    parser.add_argument("--images", type=int, default=1024)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    model = kerasgan.zoo.load(options.zoo)
    batches = np.split(model.sample_latents(options.images, seed=0), options.images // options.batch)

    with tempfile.TemporaryDirectory() as folder:
        serve = tf.saved_model.load(model.export(f"{folder}/saved")).signatures["serving_default"]
        exported = {"SavedModel": lambda latents: serve(latents=tf.constant(latents))["images"].numpy()}
        for name, reader in (("ONNX Runtime", by_onnx_runtime), ("OpenVINO", by_openvino)):
            try:
                exported[name] = reader(str(model.export(Path(folder) / "model.onnx", format="onnx")))
            except ImportError as error:
                print(f"without {name}: {error}")
        ways = {"model.generate": lambda: model.generate(options.images, seed=0, batch_size=options.batch)}
        for name, run in exported.items():
            ways[name] = lambda run=run: np.concatenate([run(batch) for batch in batches])
        rates, images = {name: [] for name in ways}, {}
        for turn in range(options.rounds + 1):  # the first is not counted
            for name, generate in ways.items():
                start = time.perf_counter()
                images[name] = generate()
                if turn:
                    rates[name].append(options.images / (time.perf_counter() - start))
    for name, values in rates.items():
        ratios = [value / base for value, base in zip(values, rates["model.generate"])]
        spread = f"from {min(ratios):.2f} to {max(ratios):.2f}"
        difference = np.abs(images[name] - images["model.generate"]).max()
        print(f"{name:15}{statistics.median(values):9.0f} images/s, ratio {statistics.median(ratios):.2f}", end="")
        print(f", {spread}; largest difference {difference:.1e}")


if __name__ == "__main__":
    main()
