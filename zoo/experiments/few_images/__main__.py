"""What helps if there are only 500 or 1,000 images?

D memorises few images. The experiment trains a small GAN on some images of Fashion-MNIST, with one remedy at a time:
adaptive augmentation (ADA), consistency (CR), LeCam, pseudo augmentation (APA) and DiffAugment.

Command:   python -m kerasgan.zoo.experiments.few_images runs
Time:      2 to 8 minutes of one core per run
"""

import sys

import numpy as np

from kerasgan import augment, penalties, plots
from kerasgan.zoo.experiments import runs, small_images

SETTINGS = {
    "steps": 8_000,
    "batch_size": 32,
    "latent_dim": 64,
    "width": 16,
    "learning_rate": 5e-4,
    "ema_decay": 0.995,
    "num_samples": 2_000,
    "shown": 10,
}
PARTS = (1 / 8, 1 / 4, 1 / 2, 1)  # of the steps, after which a model is scored
RAMP = 50_000  # images in which p can rise from 0 to 1: a tenth of the papers' number, as the training is short
SEEDS = 3
DATA = "fashion_mnist"
METHODS = {
    "none": lambda: {},
    "ADA": lambda: {"augment": augment.AugmentPipe("blit,geometric,color", ramp=RAMP)},
    "CR": lambda: {"penalty": penalties.Consistency()},
    "LeCam": lambda: {"penalty": penalties.LeCam()},
    "LeCam/10": lambda: {"penalty": penalties.LeCam(weight=0.03)},  # a tenth of the authors' weight
    "APA": lambda: {"augment": augment.PseudoAugment(ramp=RAMP)},
    "DiffAugment": lambda: {"augment": augment.DiffAugment()},
}
SETS = {500: ("none", "ADA"), 1000: ("none", "CR", "LeCam", "LeCam/10", "APA", "DiffAugment")}
RUNS = [f"{size} {method} {seed}" for seed in range(SEEDS) for size, methods in SETS.items() for method in methods]


def run(name):
    """Trains one model. Returns its distances on the way, and the shares of images that D calls real at the end."""
    size, method, seed = name.split()
    size, seed = int(size), int(seed)
    first = max(1, round(PARTS[0] * SETTINGS["steps"]))
    with small_images.half_precision():
        model = small_images.model(SETTINGS, seed, steps_per_execution=min(50, first), **METHODS[method]())
    data, done, scores = small_images.batches(DATA, SETTINGS["batch_size"], seed, count=size).repeat(), 0, []
    for part in PARTS:
        steps = max(1, round(part * SETTINGS["steps"])) - done
        if steps < 1:
            continue
        done += steps
        model.fit(data.skip(done - steps), epochs=1, steps_per_epoch=steps, verbose=0)
        images = model.generate(SETTINGS["num_samples"], seed=1)
        scores.append({"steps": done} | small_images.scores(images, DATA))
    known, unknown = small_images.images_of(DATA)[:size], small_images.images_of(DATA, "test")[:size]
    found = {"scores": scores, "known": called_real(model, known), "unknown": called_real(model, unknown)}
    return found | ({} if seed else {"samples": small_images.as_png(images[: SETTINGS["shown"]])})


def called_real(model, images):
    """Returns the share of images with a positive logit."""
    return float(np.mean(model.discriminator.predict(images, batch_size=500, verbose=0) > 0))


def table(results):
    rows = []
    for size, methods in SETS.items():
        for method in methods:
            found = [results[name] for name in (f"{size} {method} {seed}" for seed in range(SEEDS)) if name in results]
            rows.append([f"{size:,}", method, len(found)])
            for pick in (min, lambda scores: scores[-1]):
                rows[-1].append(runs.mean_sd([pick([s["distance"] for s in each["scores"]]) for each in found]))
            rows[-1] += [runs.mean_sd([each[key] for each in found], 0, 100) for key in ("known", "unknown")]
    header = ["images", "remedy", "seeds", "smallest distance", "last distance"]
    return runs.markdown([*header, "training images called real, %", "test images called real, %"], rows)


def picture(results):
    figure = plots.figure_class()(figsize=(9, 4.4), layout="constrained")
    left, right = figure.subfigures(1, 2)
    places = [(size, method) for size, methods in SETS.items() for method in methods]
    for axes, (size, methods) in zip(left.subplots(2, 1, sharex=True), SETS.items()):
        for method in methods:
            color = f"C{list(METHODS).index(method)}"
            for seed in range(SEEDS):
                scores = results.get(f"{size} {method} {seed}", {"scores": []})["scores"]
                points = np.reshape([(score["steps"], score["distance"]) for score in scores], (-1, 2)).T
                axes.plot(*points, "o-", color=color, ms=3, label=None if seed else method)
        ticks = [round(part * SETTINGS["steps"]) for part in PARTS]
        axes.set(title=f"{size:,} images", ylabel="Fréchet distance", xscale="log")
        axes.set_xticks(ticks, ticks)
        axes.set_xticks([], minor=True)
        axes.legend(fontsize=6)
    axes.set(xlabel="steps")
    for axes, (size, method) in zip(right.subplots(len(places), 1), places):
        small_images.draw_row(axes, results.get(f"{size} {method} 0", {}), f"{size:,} images, {method}")
    return figure


if __name__ == "__main__":
    runs.main(sys.modules[__name__])
