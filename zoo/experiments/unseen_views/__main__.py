"""Does the two-stream generator draw views that it has never seen?

A network draws objects of a turntable from class and angle (Dosovitskiy et al. 2015). It learns from 36 or from 8 of 72
angles, and is scored on the others, against a copy of the nearest angle that it has seen.

Command:   KERASGAN_DATA_DIR=... python -m kerasgan.zoo.experiments.unseen_views runs
Time:      see the seconds in results.json
"""

import sys

import keras
import numpy as np

import kerasgan
from kerasgan import plots
from kerasgan.zoo import recipes
from kerasgan.zoo.experiments import runs, small_images

SETTINGS = {
    "image_size": 64,
    "width": 64,
    "units": 128,
    "batch_size": 64,
    "steps": 2_000,
    "ema_decay": 0.995,
    "num_chairs": 20,
}
NUM_ANGLES = 72
DATA = ("coil100", "chairs")
SEEN = (36, 8)
INPUTS = ("transformations", "no transformations")
RUNS = [f"{data} {seen} views {inputs} 0" for data in DATA for seen in SEEN for inputs in INPUTS]
SMOKE = ["chairs 36 views transformations 0", "chairs 8 views no transformations 0"]
SHOWN = 3  # the chair of the picture
TURNS = (5, 13, 23, 31, 41, 49, 59, 67)  # numbers of its angles: none is seen in any run
MORPH = (3, 11)  # chairs of the morph, at the first of these angles


def dataset(data, angles, transforms=False, **options):
    """Returns the views of all objects from these angles."""
    size = SETTINGS["image_size"]
    options = {"transforms": transforms, "batch_size": SETTINGS["batch_size"], "seed": 0} | options
    if data == "chairs":
        options |= {"num_chairs": SETTINGS["num_chairs"], "azimuths": angles, "elevations": [20]}
        return kerasgan.data.load("chairs", image_size=size, **options)
    return kerasgan.data.turntable_folder(recipes.data_folder(data), size, angles=angles, **options)


def images_of(data, angles):
    """Returns classes, numbers of the angles, view vectors, and images in [0, 1]."""
    parts = dataset(data, angles, shuffle=False).as_numpy_iterator()
    classes, views, images = (np.concatenate(x) for x in zip(*((c, v, i) for (c, v, _), (i, _) in parts), strict=True))
    turns = np.rint(np.rad2deg(np.arctan2(views[:, 0], views[:, 1])) * NUM_ANGLES / 360).astype(int) % NUM_ANGLES
    return classes.astype("int32"), turns, views, (images + 1) / 2


def nearest(place, seen):
    """Returns the place (class, number of the angle) among `seen` nearest to a place. The first of two."""
    number, turn = place
    away = {other: abs(other[1] - turn) for other in seen if other[0] == number}
    return min(away, key=lambda other: min(away[other], NUM_ANGLES - away[other]))


def run(name):
    """Trains one network. Returns the mean squared errors of unseen views and of copies, for pixels in [0, 1]."""
    data, seen, _, *inputs, seed = name.split()
    seen, angles = np.arange(0, NUM_ANGLES, NUM_ANGLES // int(seen)), 360 * np.arange(NUM_ANGLES) / NUM_ANGLES
    learned = dataset(data, list(angles[seen]), transforms=inputs == ["transformations"])
    with small_images.half_precision():
        model = train(learned, int(seed))
    classes, turns, views, images = images_of(data, list(angles))
    places = dict(zip(zip(classes, turns), images))
    unseen = ~np.isin(turns, seen)
    known = [place for place in places if place[1] in seen]  # COIL-100 lacks some views
    classes, turns, views, images = (x[unseen] for x in (classes, turns, views, images))
    drawn = (model.generate(classes, views) + 1) / 2
    copies = np.stack([places[nearest(place, known)] for place in zip(classes, turns)])
    errors = {key: float(np.square(x - images).mean()) for key, x in (("error", drawn), ("copy_error", copies))}
    return {"unseen": len(images)} | errors | (pictures(model, places, known) if data == "chairs" else {})


def train(data, seed):
    """Returns the trained network."""
    keras.utils.set_random_seed(seed)
    sizes = {key: SETTINGS[key] for key in ("image_size", "width", "units")}
    model = kerasgan.TwoStreamGenerator(num_classes=data.num_classes, seed=seed, **sizes)
    steps = SETTINGS["steps"]
    model.compile(ema_decay=SETTINGS["ema_decay"], steps_per_execution=min(20, steps))
    model.fit(data.repeat(), epochs=1, steps_per_epoch=steps, verbose=0)
    return model


def pictures(model, places, known):
    """Returns rows of one chair: its true unseen views, the network's, copies of seen views, and a morph to another."""
    turns = np.array(TURNS)
    views = kerasgan.data.view_vectors(turns * 360 / NUM_ANGLES, 20)
    first, last = np.eye(model.num_classes, dtype="float32")[list(MORPH)]
    shares = np.linspace(0, 1, len(turns), dtype="float32")[:, None]
    found = {
        "truth": np.stack([places[SHOWN, turn] for turn in TURNS]) * 2 - 1,
        "drawn": model.generate(np.full(len(turns), SHOWN), views),
        "copied": np.stack([places[nearest((SHOWN, turn), known)] for turn in TURNS]) * 2 - 1,
        "morph": model.generate((1 - shares) * first + shares * last, np.repeat(views[:1], len(turns), axis=0)),
    }
    return {"samples": {key: small_images.as_png(images) for key, images in found.items()}}


def table(results):
    rows = []
    for name, found in results.items():
        data, seen, _, *inputs, _ = name.split()
        errors = found["error"], found["copy_error"]
        numbers = [f"{found['unseen']:,}", *(f"{error:.5f}" for error in errors), f"{errors[0] / errors[1]:.2f}"]
        rows.append([data, f"{seen} of {NUM_ANGLES}", " ".join(inputs), *numbers])
    return runs.markdown(["data", "seen", "inputs", "unseen views", "error", "error of copies", "ratio"], rows)


def picture(results):
    shown = {name: found["samples"] for name, found in results.items() if "samples" in found}
    figure = plots.figure_class()(figsize=(9, 0.2 + 0.62 * 4 * max(1, len(shown))), layout="constrained")
    for axes, (name, images) in zip(figure.subplots(len(shown) or 1, squeeze=False).ravel(), shown.items()):
        rows = [small_images.as_pixels(image) for image in images.values()]
        axes.imshow(np.concatenate(rows))
        axes.set_yticks((np.arange(len(rows)) + 0.5) * len(rows[0]), images, fontsize=8)
        axes.set_xticks([])
        axes.set_title(name.rpartition(" ")[0], fontsize=9)
    return figure


if __name__ == "__main__":
    runs.main(sys.modules[__name__])
