"""How well does a semi-supervised GAN read digits with 100 labels?

The discriminator of `SemiSupervisedGAN` classifies MNIST: trained on 100 labelled images alone, and on these and 60,000
images without labels (Salimans et al. 2016, section 5.1).

Command:   python -m kerasgan.zoo.experiments.few_labels runs
Time:      see the seconds in results.json
"""

import sys

import keras

from kerasgan import plots, zoo
from kerasgan.zoo import domains
from kerasgan.zoo.experiments import runs, small_images
from kerasgan.zoo.semi_supervised_mnist import recipe

SETTINGS = {"batch_size": recipe.BATCH_SIZE, "steps": 600 * recipe.EPOCHS, "label_steps": 12_000}
METHODS = ("labels only", "semi-supervised")
SEEDS = 3
RUNS = [f"{method} {seed}" for seed in range(SEEDS) for method in METHODS]
PUBLISHED = {"semi-supervised": "0.93 ± 0.07"}  # mean and standard error of ten draws of labels


def run(name):
    """Trains one discriminator, and returns its test error. The seed draws the labelled images, weights and noise.

    The semi-supervised run of the recipe's seed is the training of the zoo's entry.
    """
    method, _, seed = name.rpartition(" ")
    seed, steps = int(seed), SETTINGS["steps" if method == "semi-supervised" else "label_steps"]
    if name == f"semi-supervised {recipe.SEED}" and "semi_supervised_mnist" in zoo.list_models():
        (score,) = zoo.card("semi_supervised_mnist")["scores"]
        return {"error": 1 - score["value"]}
    keras.utils.set_random_seed(seed)
    with small_images.half_precision():
        weight = float(method == "semi-supervised")
        model = recipe.started(seed, unlabelled_weight=weight, steps_per_execution=min(20, steps))
    model.fit(recipe.dataset(seed).repeat(), epochs=1, steps_per_epoch=steps, verbose=0)
    try:
        return {"error": 1 - domains.accuracy(model, "mnist", channels=1)}
    finally:
        keras.backend.clear_session()


def table(results):
    rows = []
    for method in METHODS:
        found = runs.of(results, method, "error")
        rows.append([method, len(found), runs.mean_sd(found, 2, 100), PUBLISHED.get(method, "–")])
    return runs.markdown(["training", "seeds", "test error, %", "published, %"], rows)


def picture(results):
    figure = plots.figure_class()(figsize=(5, 2.6), layout="constrained")
    axes = figure.subplots()
    for place, method in enumerate(METHODS):
        found = [100 * error for error in runs.of(results, method, "error")]
        axes.bar(place, sum(found) / max(1, len(found)), color=f"C{place}", alpha=0.4)
        axes.plot([place] * len(found), found, "o", color=f"C{place}", ms=4)
    axes.set_xticks(range(len(METHODS)), METHODS)
    axes.set(ylabel="test error, %")
    return figure


if __name__ == "__main__":
    runs.main(sys.modules[__name__])
