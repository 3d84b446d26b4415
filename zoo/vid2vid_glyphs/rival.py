"""Scores Pix2PixHD, which translates frame by frame, by the protocol of `vid2vid_glyphs`.

It is trained on the same frames, as many as Vid2Vid has judged, with networks of the same width.

Command:   python -m kerasgan.zoo.vid2vid_glyphs.rival rival.json
Time:      half an hour of one core
"""

import json
import sys
from pathlib import Path

import keras
import numpy as np

import kerasgan
from kerasgan.files import replacing
from kerasgan.zoo.vid2vid_glyphs import recipe

BATCH_SIZE, WINDOW = 6, 6
STEPS = recipe.EPOCHS * recipe.FILMS  # of Vid2Vid, each on `WINDOW` frames


def model():
    """Returns the compiled model."""
    options = {"width": 32, "blocks": 6, "downsamplings": 2, "receptive_field": 34, "scales": 2}
    model = kerasgan.Pix2PixHD(
        recipe.SIZE, num_classes=recipe.CLASSES, instances=False, enhancer=False, seed=recipe.SEED, **options
    )
    model.compile(ema_decay=0.999, steps_per_execution=4)
    return model


def dataset():
    """Returns (labels, frames), frames of all films in random order."""
    pairs = recipe.dataset().unbatch().map(lambda labels, frames, flow: (labels, frames)).unbatch()
    return pairs.shuffle(2_000, seed=recipe.SEED).repeat().batch(BATCH_SIZE)


def main(path, steps=STEPS):
    """Trains the model and writes its scores as JSON."""
    keras.utils.set_random_seed(recipe.SEED)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(recipe.PRECISION)
    single = model()
    keras.config.set_dtype_policy(before)
    single.fit(dataset(), epochs=max(1, steps // 400), steps_per_epoch=min(steps, 400), verbose=2)
    drawn = np.stack([single.translate(film) for film in recipe.scored_films()["labels"]])
    scores = {score["metric"]: score["value"] for score in recipe.scores_of(drawn)}
    about = {"model": "Pix2PixHD, frame by frame", "frames": steps * BATCH_SIZE, "seed": recipe.SEED}
    with replacing(Path(path)) as temporary:
        temporary.write_text(json.dumps(about | {"scores": scores}, indent=2) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
