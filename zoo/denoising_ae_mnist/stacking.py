"""Does denoising help a classifier? Three layers are pretrained as denoising autoencoders before training with labels.

Paper:     Vincent, Larochelle, Lajoie, Bengio, Manzagol (2010), Stacked Denoising Autoencoders
Command:   python -m kerasgan.zoo.denoising_ae_mnist.stacking stacking.json

A network of three layers of 500 sigmoid units classifies MNIST. It starts from random weights, or from those of three
denoising autoencoders, which are trained without labels: the first one on the 60,000 training images, and each other
one on the codes of the previous one. Then both networks are trained with the labels of all images, or of 100 images per
class, with the same number of steps and the same rates. The errors are those of the last weights on the 10,000 test
images.
"""

import functools
import json
import sys
from pathlib import Path

import keras
import numpy as np

import kerasgan
from kerasgan.corruptions import MaskingCorruption
from kerasgan.files import read_json, replacing
from kerasgan.zoo import domains

SETTINGS = {
    "units": [500, 500, 500],
    "corruptions": [0.1, 0.2, 0.3],  # shares of the entries set to black, as in the authors' tutorial
    "denoising_epochs": 3,
    "denoising_rate": 1e-3,
    "batch_size": 100,
    "steps": {"1,000 labels": 500, "60,000 labels": 6000},
    "rate": 5e-4,  # falls to 0 by a cosine
}
RUNS = ["1,000 labels 0", "60,000 labels 0", "1,000 labels 1", "1,000 labels 2"]
STARTS = ("random", "denoising")


@functools.cache
def stack(seed):
    """Trains the autoencoders layer by layer.

    Returns:
        {name of a start: a list of kernel and bias of each layer}, before and after the training.
    """
    keras.utils.set_random_seed(seed)
    images = domains.as_input(domains.digits("mnist")[0], 1).numpy()
    weights = {start: [] for start in STARTS}
    for units, rate in zip(SETTINGS["units"], SETTINGS["corruptions"], strict=True):
        model = kerasgan.Autoencoder(image_size=images.shape[1:3], code=units, tied=True, seed=seed)
        layer = model.encoder.get_layer("code")
        weights["random"].append(layer.get_weights())
        optimizer = kerasgan.optimizers.Adam(SETTINGS["denoising_rate"])
        model.compile(optimizer, corruption=MaskingCorruption(rate, seed=seed), steps_per_execution=50)
        data = kerasgan.data.from_arrays(images, SETTINGS["batch_size"], seed=seed)
        model.fit(data, epochs=SETTINGS["denoising_epochs"], verbose=2)
        weights["denoising"].append(layer.get_weights())
        # Codes are in (0, 1). As images of one row, black is 0.
        images = 2 * model.encode(images, batch_size=500).reshape((-1, 1, units, 1)) - 1
    return weights


def classifier(weights):
    """Returns the network with these weights in its hidden layers, images in [-1, 1] -> (n, 10) logits."""
    network = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Rescaling(0.5, 0.5), keras.layers.Flatten()])
    for kernel, _ in weights:
        network.add(keras.layers.Dense(kernel.shape[1], "sigmoid"))
    network.add(keras.layers.Dense(10))
    for layer, values in zip(network.layers[2:], weights):
        layer.set_weights(values)
    return network


def chosen(labels, count, seed):
    """Returns the rows of `count` images, with the same number per class, or all rows if `count` is their number."""
    if count == len(labels):
        return np.arange(count)
    generator = np.random.default_rng(seed)
    each = (np.flatnonzero(labels == label) for label in range(10))
    return np.concatenate([generator.choice(rows, count // 10, replace=False) for rows in each])


def run(name):
    """Trains one network from each start. Returns the test errors as shares of 1."""
    kind, _, seed = name.rpartition(" ")
    seed, steps = int(seed), SETTINGS["steps"][kind]
    weights = stack(seed)
    (images, labels), (test, test_labels) = domains.digits("mnist"), domains.digits("mnist", "test")
    rows = chosen(labels, int(kind.split()[0].replace(",", "")), seed)
    images, test = (domains.as_input(x, 1).numpy() for x in (images[rows], test))
    errors = {}
    for start in STARTS:
        keras.utils.set_random_seed(seed)
        network = classifier(weights[start])
        rate = keras.optimizers.schedules.CosineDecay(SETTINGS["rate"], steps)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        network.compile(kerasgan.optimizers.Adam(rate), loss, metrics=["accuracy"], steps_per_execution=10)
        data = kerasgan.data.from_arrays((images, labels[rows]), SETTINGS["batch_size"], seed=seed).repeat()
        network.fit(data, epochs=1, steps_per_epoch=steps, shuffle=False, verbose=2)
        found = network.predict(test, batch_size=500, verbose=0).argmax(axis=-1)
        errors[start] = float(np.mean(found != test_labels))
        print(name, start, errors[start], flush=True)
    return errors


def main(path):
    """Writes the test errors of all runs as JSON after each run. Runs that `path` already has are not repeated."""
    path = Path(path)
    found = read_json(path)["test_errors"] if path.exists() else {}
    for name in RUNS:
        if name not in found:
            found[name] = run(name)
            with replacing(path) as temporary:
                temporary.write_text(json.dumps({"settings": SETTINGS, "test_errors": found}, indent=2) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
