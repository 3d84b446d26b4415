"""Is Pix2PixHD better than Pix2Pix for photos from label maps, and which of its parts help?

The experiment trains small models on the streets of CamVid: Pix2Pix, Pix2PixHD, and Pix2PixHD without feature matching
or with one discriminator. A segmentation network that was trained on photos reads the generated images.

Command:   KERASGAN_DATA_DIR=... python -m kerasgan.zoo.experiments.label_maps runs
Time:      10 to 20 minutes of one core per run
"""

import functools
import sys

import keras
import numpy as np
import tensorflow as tf

import kerasgan
from kerasgan import plots
from kerasgan.zoo import score_segmentation, score_translations
from kerasgan.zoo.experiments import runs, small_images
from kerasgan.zoo.pix2pixhd_camvid import recipe

SETTINGS = {
    "steps": 6_000,
    "image_size": [96, 128],
    "width": 32,
    "blocks": 4,
    "downsamplings": 3,
    "ema_decay": 0.999,
    "segmenter_width": 16,
    "segmenter_epochs": 40,
    "shown": 3,
}
SEEDS = 1
NEEDS = recipe.DATA
MODELS = {
    "Pix2Pix": {},
    "Pix2PixHD": {},
    "no_matching": {"feature_weight": 0.0},
    "one_D": {"scales": 1},
}
WORDS = {
    "Pix2Pix": "Pix2Pix",
    "Pix2PixHD": "Pix2PixHD, two discriminators",
    "no_matching": "Pix2PixHD without feature matching",
    "one_D": "Pix2PixHD with one discriminator",
}
RUNS = [f"{model} {seed}" for seed in range(SEEDS) for model in MODELS]


def as_channels(labels, *photos):
    """Returns label maps as images in [-1, 1] with one channel per class, for Pix2Pix, and the photos unchanged."""
    return (2 * tf.one_hot(labels, recipe.CLASSES) - 1, *photos)


def build(name, seed):
    """Returns a compiled model."""
    keras.utils.set_random_seed(seed)
    size, width = tuple(SETTINGS["image_size"]), SETTINGS["width"]
    common = {"ema_decay": SETTINGS["ema_decay"], "steps_per_execution": min(10, SETTINGS["steps"])}
    if name == "Pix2Pix":
        model = kerasgan.Pix2Pix(size, source_channels=recipe.CLASSES, width=width, seed=seed)
        model.compile(**common)
        return model
    options = dict(MODELS[name])
    model = kerasgan.Pix2PixHD(
        size,
        num_classes=recipe.CLASSES,
        instances=False,
        enhancer=False,
        width=width,
        blocks=SETTINGS["blocks"],
        downsamplings=SETTINGS["downsamplings"],
        scales=options.pop("scales", 2),
        seed=seed,
    )
    model.compile(**common, **options)
    return model


@functools.cache
def pairs(split):
    """Returns all label maps and photos of a split."""
    data = recipe.dataset(split, 250 if split == "train" else 60, tuple(SETTINGS["image_size"]))
    return next(data.as_numpy_iterator())


@functools.cache
def segmenter():
    """Returns a segmentation network trained on the training photos."""
    labels, photos = pairs("train")
    options = {"width": SETTINGS["segmenter_width"], "epochs": SETTINGS["segmenter_epochs"], "seed": 0}
    return kerasgan.metrics.train_segmenter(photos, labels, recipe.CLASSES, recipe.VOID, **options)


def run(name):
    """Trains one model. Returns its scores on the validation pairs, and its first images."""
    name, seed = name.split()
    data = recipe.dataset(image_size=tuple(SETTINGS["image_size"])).repeat()
    plain = name == "Pix2Pix"
    with small_images.half_precision():
        model = build(name, int(seed))
    model.fit(data.map(as_channels) if plain else data, epochs=1, steps_per_epoch=SETTINGS["steps"], verbose=0)
    labels, photos = pairs("val")
    painted = model.translate(as_channels(labels)[0].numpy() if plain else labels)
    others = pairs("train")[1][: len(photos)]
    scores = score_segmentation(painted, photos, labels, segmenter(), recipe.CLASSES, recipe.VOID)
    scores += score_translations(painted, photos, others, recipe.DATA, paired=True)
    known = {score["metric"]: (float(score["value"]), score.get("floor")) for score in scores}
    found = {metric: known[metric][0] for metric in ("mean_iou", "pixel_accuracy", "frechet_distance")}
    found |= {f"real_{metric}": float(known[metric][1]) for metric in found}
    count = len(photos) // SETTINGS["shown"]
    shown = [images[::count][: SETTINGS["shown"]] for images in (plots.color_labels(labels), photos, painted)]
    return found | {"samples": small_images.as_png(np.concatenate(shown), SETTINGS["shown"], colors=96)}


def table(results):
    rows = []
    for name, words in WORDS.items():
        found = [runs.of(results, name, key) for key in ("mean_iou", "pixel_accuracy", "frechet_distance")]
        rows.append([words, len(found[0])])
        rows[-1] += [runs.mean_sd(found[0], 1, 100), runs.mean_sd(found[1], 1, 100), runs.mean_sd(found[2])]
    real = next(iter(results.values()), None)
    if real:
        shares = (f"{100 * real[f'real_{key}']:.1f}" for key in ("mean_iou", "pixel_accuracy"))
        rows.append(["photos", "–", *shares, f"{real['real_frechet_distance']:.1f}"])
    return runs.markdown(["model", "seeds", "mean IoU, %", "pixels right, %", "Fréchet distance"], rows)


def picture(results):
    """Draws label maps, photos, and the images of each model."""
    figure = plots.figure_class()(figsize=(9, 4.4), layout="constrained")
    found = {name: results[f"{name} 0"] for name in WORDS if f"{name} 0" in results}
    if not found:
        return figure
    height = SETTINGS["image_size"][0] + 2  # and the lines between rows
    grids = {name: small_images.as_pixels(each["samples"]) for name, each in found.items()}
    first = next(iter(grids.values()))
    rows = {"label maps": first[:height], "photos": first[height : 2 * height]}
    rows |= {WORDS[name]: grid[2 * height : -2] for name, grid in grids.items()}
    for axes, (words, pixels) in zip(figure.subplots(3, 2).flat, rows.items()):
        axes.imshow(pixels, interpolation="nearest")
        axes.set_title(words, fontsize=8)
        axes.axis("off")
    return figure


if __name__ == "__main__":
    runs.main(sys.modules[__name__])
