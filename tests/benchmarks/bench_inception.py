"""Images a second through Inception-v3 beside torch-fidelity's extractor, in turns, and the largest difference.

    python tests/benchmarks/bench_inception.py --torch PYTHON [--rounds 5] [--images 64]

PYTHON is one that has torch-fidelity. Both networks have the same random weights and see the same 8-bit photographs of
noise, in batches of 32; the file of weights is written by the other side into a temporary folder.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ORACLE = Path(__file__).parents[1] / "metrics"
OTHER = """
import json, os, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import numpy as np, torch
from oracle_fidelity import FeatureExtractorInceptionV3, random_weights
folder = Path(sys.argv[2])
random_weights(folder / "weights.pth")
torch.set_num_threads(os.cpu_count())
network = FeatureExtractorInceptionV3("random", ["2048"], str(folder / "weights.pth"))
images = torch.from_numpy(np.load(folder / "images.npy")).permute(0, 3, 1, 2)
print("ready", flush=True)
for line in sys.stdin:
    start = time.perf_counter()
    with torch.no_grad():
        features = torch.cat([network(batch)[0] for batch in images.split(32)])
    seconds = time.perf_counter() - start
    np.save(folder / "features.npy", features.numpy())
    print(seconds, flush=True)
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--torch", required=True, help="a Python that has torch-fidelity")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--images", type=int, default=64)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        images = np.random.default_rng(0).integers(0, 256, (options.images, 64, 64, 3), dtype="uint8")
        np.save(f"{folder}/images.npy", images)
        command = [options.torch, "-c", OTHER, ORACLE, folder]
        other = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if other.stdout.readline() != "ready\n":
            raise SystemExit("torch-fidelity did not start; its error stands above")
        import keras

        from kerasgan.metrics import Extractor, extract_features
        from kerasgan.metrics.inception import inception_v3

        network = inception_v3(f"{folder}/weights.pth")
        extractor = Extractor(keras.Model(network.inputs, network.output["2048"]), "inception")
        floats = images.astype("float32") / 127.5 - 1
        rates = []
        for turn in range(options.rounds + 1):  # the first is not counted
            start = time.perf_counter()
            features = extract_features(floats, extractor, batch_size=32)
            ours = time.perf_counter() - start
            other.stdin.write("go\n")
            other.stdin.flush()
            theirs = float(other.stdout.readline())
            if turn:
                rates.append((options.images / ours, options.images / theirs))
        difference = np.abs(features - np.load(f"{folder}/features.npy")).max() / np.abs(features).max()
        other.stdin.close()
        other.wait()
    ratios = [ours / theirs for ours, theirs in rates]
    mine, others = (statistics.median(column) for column in zip(*rates))
    print(f"kerasgan {mine:.2f} images/s, torch-fidelity {others:.2f} images/s, {options.rounds} rounds")
    print(f"ratio {statistics.median(ratios):.2f}, from {min(ratios):.2f} to {max(ratios):.2f}")
    print(f"largest difference of a feature, of the largest feature: {difference:.1e}")


if __name__ == "__main__":
    sys.exit(main())
