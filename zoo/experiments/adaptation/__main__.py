"""How well does a classifier read digits of a domain whose labels it has not seen?

Digits of a labelled source teach a classifier to read those of a target: by the source alone, by DANN (Ganin et al.
2016), ADDA (Tzeng et al. 2017) and PixelDA (Bousmalis et al. 2017), and by the target's own labels.

Command:   KERASGAN_DATA_DIR=... python -m kerasgan.zoo.experiments.adaptation runs
Time:      see the seconds in results.json
"""

import sys

import keras
import numpy as np

import kerasgan
from kerasgan import plots
from kerasgan.data import zip_unpaired
from kerasgan.zoo import domains
from kerasgan.zoo.experiments import runs

NEEDS = "usps.npz"
SETTINGS = {
    "batch_size": 32,
    "steps": 8_600,
    "adda_batch_size": 64,
    "adda_source_steps": 2_000,
    "adda_steps": 3_000,
    "pixelda_steps": 3_000,
}
SEEDS = 3
PAIRS = {"mnist to usps": 1, "usps to mnist": 1, "mnist to mnistm": 3}  # and the channels of the networks
METHODS = ("source only", "DANN", "ADDA", "PixelDA", "target labels")
ORDER = ("ADDA", "DANN", "source only", "target labels")
# Accuracies of the papers, in percent. Tzeng et al. train with 2,000 images of MNIST and 1,800 of USPS.
PUBLISHED = {
    "mnist to usps": {"source only": 75.2, "ADDA": 89.4, "PixelDA": 95.9},
    "mnist to mnistm": {"source only": 52.25, "DANN": 76.66, "PixelDA": 98.2},
}
# PixelDA costs twenty times as much as the others: it runs last, with one seed.
RUNS = [f"{p} {m} {seed}" for seed in range(SEEDS) for m in ORDER for p in reversed(PAIRS)]
RUNS += [f"{pair} PixelDA 0" for pair in PAIRS]
SMOKE = ["mnist to usps DANN 0", "mnist to usps ADDA 0", "mnist to usps PixelDA 0"]


def batches(source, target, channels, seed, size):
    """Returns batches of ((images, labels), images of the target)."""
    labelled = domains.batches(source, size, channels, labels=True, seed=seed)
    return zip_unpaired(labelled, domains.batches(target, size, channels, seed=seed + SEEDS))


def fit(model, data, steps, **options):
    """Compiles and trains a model for `steps` steps."""
    model.compile(steps_per_execution=min(20, steps), **options)
    model.fit(data.repeat(), epochs=1, steps_per_epoch=steps, verbose=0)


def train(method, source, target, channels, seed):
    """Returns the model of a method, trained."""
    size, steps = SETTINGS["adda_batch_size" if method == "ADDA" else "batch_size"], SETTINGS["steps"]
    data = batches(source, target, channels, seed, size)
    if method == "PixelDA":
        model = kerasgan.PixelDA(channels=channels, seed=seed)
        fit(model, data, SETTINGS["pixelda_steps"])
    elif method == "ADDA":
        model = kerasgan.ADDA(channels=channels, seed=seed)
        fit(model, data, SETTINGS["adda_source_steps"], phase="source")
        fit(model, data, SETTINGS["adda_steps"])
    else:
        model = kerasgan.DANN(channels=channels, seed=seed)
        fit(model, data, steps, total_steps=steps, domain_weight=float(method == "DANN"))
    return model


def run(name):
    """Trains one method on one pair, and returns its accuracies on the test images of target and source."""
    (source, _, target), method, seed = (pair := name.split())[:3], " ".join(pair[3:-1]), int(pair[-1])
    channels = PAIRS[f"{source} to {target}"]
    keras.utils.set_random_seed(seed)
    try:
        # With labels of the target the target is its own source.
        model = train(method, target if method == "target labels" else source, target, channels, seed)
        return {k: domains.accuracy(model, domain, channels) for k, domain in (("target", target), ("source", source))}
    finally:
        keras.backend.clear_session()


def table(results):
    rows = []
    for pair in PAIRS:
        for method in METHODS:
            found = runs.of(results, f"{pair} {method}", "target")
            published = PUBLISHED.get(pair, {}).get(method, "–")
            source = runs.mean_sd(runs.of(results, f"{pair} {method}", "source"), 1, 100)
            rows.append([pair, method, len(found), runs.mean_sd(found, 1, 100), source, published])
    return runs.markdown(["pair", "method", "seeds", "target, %", "source, %", "published, %"], rows)


def picture(results):
    figure = plots.figure_class()(figsize=(9, 3.2), layout="constrained")
    for axis, pair in zip(figure.subplots(1, len(PAIRS), sharey=True), PAIRS):
        for place, method in enumerate(METHODS):
            found = 100 * np.array(runs.of(results, f"{pair} {method}", "target"))
            axis.bar(place, found.mean() if len(found) else 0, color=f"C{place}", alpha=0.4)
            axis.plot([place] * len(found), found, "o", color=f"C{place}", ms=4)
            if method in PUBLISHED.get(pair, {}):
                axis.plot([place - 0.4, place + 0.4], [PUBLISHED[pair][method]] * 2, "k--", lw=1)
        axis.set_xticks(range(len(METHODS)), METHODS, rotation=30, ha="right", fontsize=8)
        axis.set(title=pair, ylim=(0, 102))
    figure.axes[0].set_ylabel("accuracy on the target, %")
    return figure


if __name__ == "__main__":
    runs.main(sys.modules[__name__])
