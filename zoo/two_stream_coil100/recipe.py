"""Two-stream generator of the 99 objects of COIL-100 on a turntable, 64 pixels.

Paper:     Dosovitskiy, Springenberg, Brox (2015), Learning to Generate Chairs with Convolutional Neural Networks
Command:   KERASGAN_DATA_DIR=... python -m kerasgan.zoo.two_stream_coil100.recipe runs
Expected:  a mean squared error on held-out views below that of copying the previous view
Time:      see card.json

The model is trained on every second of the 72 views, and scored on the others. The networks have half the paper's
width. The picture shows views that it was not trained on, and morphs between objects.
"""

import sys

import keras
import numpy as np

import kerasgan
from kerasgan.metrics import Score
from kerasgan.zoo import recipes
from kerasgan.zoo._card import card_score

DATA = "coil100"
SEED = 0
EPOCHS = 100
BATCH_SIZE = 64
PRECISION = "mixed_bfloat16"
STEP = 10  # degrees between training views; held-out views are half-way between
ABOUT = {
    "description": "Draws 99 objects of COIL-100 from any side. For non-commercial research only, as the data are.",
    "paper": {
        "title": "Learning to Generate Chairs with Convolutional Neural Networks",
        "authors": "Dosovitskiy, Springenberg, Brox",
        "year": 2015,
        "url": "https://arxiv.org/abs/1411.5928",
    },
    "data": DATA,
    "headline": "mean_squared_error",
    "picture": "Six upper rows: objects at eight unseen views. Two lower rows: morphs between objects.",
}


def model():
    """Returns the compiled model."""
    model = kerasgan.TwoStreamGenerator(64, num_classes=99, width=128, units=256, seed=SEED)
    model.compile(ema_decay=0.999, steps_per_execution=5)
    return model


def views(start, transforms=False, **options):
    """Returns the views from the angle `start` on, in steps of ten degrees."""
    folder = recipes.data_folder(DATA)
    angles = range(start, 360, STEP)
    return kerasgan.data.turntable_folder(folder, 64, angles=angles, transforms=transforms, seed=SEED, **options)


def dataset():
    """Returns every second view, with random transformations that the network gets as inputs."""
    return views(0, transforms=True, batch_size=BATCH_SIZE)


def train(directory, data=None, epochs=EPOCHS, steps_per_epoch=None):
    """Trains with checkpoints, and returns the model with its last weights."""
    keras.utils.set_random_seed(SEED)
    return recipes.train(directory, model(), dataset() if data is None else data, epochs, steps_per_epoch)


def by_object_and_angle(data):
    """Returns a dict of (class, angle) -> image in [0, 1]."""
    found = {}
    for (classes, vectors, _), (images, _) in data.as_numpy_iterator():
        angles = np.rint(np.rad2deg(np.arctan2(vectors[:, 0], vectors[:, 1]))).astype(int) % 360
        found |= dict(zip(zip(classes.tolist(), angles.tolist()), (images + 1) / 2))
    return found


def score(model):
    """Returns the mean squared error on held-out views, for pixels in [0, 1]. The floor is that of a copy."""
    trained, left_out = (by_object_and_angle(views(start, batch_size=64, shuffle=False)) for start in (0, STEP // 2))
    left_out = {place: image for place, image in left_out.items() if (place[0], place[1] - STEP // 2) in trained}
    classes, angles = (np.array(values) for values in zip(*left_out))
    images = np.stack(list(left_out.values()))
    copied = np.stack([trained[c, a - STEP // 2] for c, a in left_out])
    drawn = (model.generate(classes.astype("int32"), kerasgan.data.view_vectors(angles)) + 1) / 2
    errors = (float(np.square(x - images).mean()) for x in (drawn, copied))
    protocol = {"num_real": len(images), "num_generated": len(images), "dataset": DATA, "split": "views at 5, 15, ..."}
    drawn, copied = (Score(error, "mean_squared_error", image_size="64x64", **protocol) for error in errors)
    return [card_score(drawn, floor=copied)]


def pictures(model):
    """Returns rows of six objects at eight views that were left out, and of two morphs between objects."""
    angles = np.arange(STEP // 2, 360, 45)
    objects = np.repeat([2, 13, 22, 36, 51, 79], len(angles)).astype("int32")
    rows = [model.generate(objects, kerasgan.data.view_vectors(np.tile(angles, 6)))]
    shares = np.linspace(0, 1, len(angles), dtype="float32")[:, None]
    for first, last in ((13, 22), (2, 51)):
        known = np.eye(model.num_classes, dtype="float32")
        mixed = (1 - shares) * known[first] + shares * known[last]
        rows.append(model.generate(mixed, kerasgan.data.view_vectors(np.full(len(angles), 15.0))))
    return np.concatenate(rows)


def sample(model):
    """Returns the call with the recorded output."""
    arguments = {"classes": np.zeros(1, "int32"), "views": kerasgan.data.view_vectors(0)}
    return {"method": "generate", "arguments": arguments}


if __name__ == "__main__":
    recipes.main(sys.modules[__name__])
