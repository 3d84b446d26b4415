"""One worker of a cluster that trains models of the contract, one after the other.

Arguments: a folder of the worker's own, which gets a file for each model, and the names of the models.
"""

import os
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf

import kerasgan
from kerasgan import testing


def main(folder, *names):
    tf.config.experimental.enable_tensor_float_32_execution(False)
    strategy = kerasgan.distribute.strategy("multi_worker", timeout=120)
    sys.path.insert(0, str(Path(__file__).parents[1] / "contract"))
    import cases  # makes layers, which must not come before the strategy

    for name in names:
        model, history = testing.train(cases.CASES[name], strategy=strategy, optimizers=testing.plain_descent)
        arrays = testing.state(model) | {f"log {key}": np.asarray(values) for key, values in history.items()}
        with open(Path(folder) / f".{name}.npz", "xb") as file:
            np.savez(file, **{key.replace("/", "."): value for key, value in arrays.items()})
        os.rename(Path(folder) / f".{name}.npz", Path(folder) / f"{name}.npz")


if __name__ == "__main__":
    main(*sys.argv[1:])
