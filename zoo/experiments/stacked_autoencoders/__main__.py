"""Does pretraining as denoising autoencoders help a classifier?

A network of three layers of 1,000 sigmoid units classifies MNIST. It starts from random weights, or from those of three
denoising autoencoders, which learn without labels: the first from the 60,000 training images, each other one from the
codes of the previous one (Vincent et al. 2010).

Command:   python -m kerasgan.zoo.experiments.stacked_autoencoders runs
Time:      see the seconds in results.json
"""

import functools
import sys

import keras
import numpy as np

import kerasgan
from kerasgan import plots
from kerasgan.corruptions import MaskingCorruption
from kerasgan.zoo import domains
from kerasgan.zoo.experiments import runs

SETTINGS = {
    "layers": [1000, 1000, 1000],
    "corruptions": [0.1, 0.2, 0.3],  # shares of the entries set to black, as in the authors' tutorial
    "denoising_steps": 6_000,  # of each layer
    "denoising_rate": 1e-3,
    "batch_size": 100,
    "few_steps": 1_000,
    "steps": 18_000,
    "rate": 5e-4,  # falls to 0 by a cosine
}
LABELS = {"60,000 labels": 60_000, "1,000 labels": 1_000}
STARTS = ("random", "denoising")
RUNS = ["60,000 labels 0", *(f"1,000 labels {seed}" for seed in range(3))]
# Vincent et al. (2010), table 3: three layers pretrained as denoising autoencoders.
PUBLISHED = {"denoising": 1.28}


@functools.cache
def stack(seed):
    """Trains the autoencoders layer by layer.

    Returns:
        {name of a start: a list of kernel and bias of each layer}, before and after the training.
    """
    keras.utils.set_random_seed(seed)
    images = domains.as_input(domains.digits("mnist")[0], 1).numpy()
    weights = {start: [] for start in STARTS}
    for units, rate in zip(SETTINGS["layers"], SETTINGS["corruptions"], strict=True):
        model = kerasgan.Autoencoder(image_size=images.shape[1:3], code=units, tied=True, seed=seed)
        layer = model.encoder.get_layer("code")
        weights["random"].append(layer.get_weights())
        optimizer, steps = kerasgan.optimizers.Adam(SETTINGS["denoising_rate"]), SETTINGS["denoising_steps"]
        model.compile(optimizer, corruption=MaskingCorruption(rate, seed=seed), steps_per_execution=min(50, steps))
        data = kerasgan.data.from_arrays(images, SETTINGS["batch_size"], seed=seed).repeat()
        model.fit(data, epochs=1, steps_per_epoch=steps, verbose=2)
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
    """Trains one network from each start. Returns the shares of wrong test images."""
    kind, _, seed = name.rpartition(" ")
    seed, steps = int(seed), SETTINGS["few_steps" if kind == "1,000 labels" else "steps"]
    weights = stack(seed)
    (images, labels), (test, test_labels) = domains.digits("mnist"), domains.digits("mnist", "test")
    rows = chosen(labels, LABELS[kind], seed)
    images, test = (domains.as_input(x, 1).numpy() for x in (images[rows], test))
    errors = {}
    for start in STARTS:
        keras.utils.set_random_seed(seed)
        network = classifier(weights[start])
        rate = keras.optimizers.schedules.CosineDecay(SETTINGS["rate"], steps)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        network.compile(kerasgan.optimizers.Adam(rate), loss, metrics=["accuracy"], steps_per_execution=min(20, steps))
        data = kerasgan.data.from_arrays((images, labels[rows]), SETTINGS["batch_size"], seed=seed).repeat()
        network.fit(data, epochs=1, steps_per_epoch=steps, shuffle=False, verbose=2)
        found = network.predict(test, batch_size=500, verbose=0).argmax(axis=-1)
        errors[start] = float(np.mean(found != test_labels))
    return errors


def table(results):
    rows = []
    for kind in LABELS:
        for start in STARTS:
            found = runs.of(results, kind, start)
            published = PUBLISHED.get(start, "–") if kind == "60,000 labels" else "–"
            rows.append([kind, start, len(found), runs.mean_sd(found, 2, 100), published])
    return runs.markdown(["training", "start", "seeds", "test error, %", "published, %"], rows)


def picture(results):
    figure = plots.figure_class()(figsize=(7, 2.6), layout="constrained")
    for axis, kind in zip(figure.subplots(1, len(LABELS)), LABELS):
        for place, start in enumerate(STARTS):
            found = 100 * np.array(runs.of(results, kind, start))
            axis.bar(place, found.mean() if len(found) else 0, color=f"C{place}", alpha=0.4)
            axis.plot([place] * len(found), found, "o", color=f"C{place}", ms=4)
        axis.set_xticks(range(len(STARTS)), STARTS)
        axis.set(title=kind, ylabel="test error, %")
    return figure


if __name__ == "__main__":
    runs.main(sys.modules[__name__])
