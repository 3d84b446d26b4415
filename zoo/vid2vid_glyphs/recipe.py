"""Vid2Vid from label maps to films of letters, 64 pixels.

Paper:     Wang et al. (2018), Video-to-Video Synthesis
Command:   python -m kerasgan.zoo.vid2vid_glyphs.recipe runs
Expected:  letters in the hues of their classes over a still background, without flicker
Time:      50 minutes on one core of an AMD EPYC, beside other work

The films are rendered by `kerasgan.data.moving_glyphs` with exact flow, and nothing is downloaded. The networks
have 32 channels next to the image, two halvings and six blocks instead of the authors' 128, three and nine. Tutorial
15 compares Vid2Vid with Pix2PixHD frame by frame.
"""

import functools
import sys

import keras
import numpy as np

import kerasgan
from kerasgan import metrics
from kerasgan.data import moving_glyphs
from kerasgan.zoo import recipes
from kerasgan.zoo._card import card_score

DATA = "moving_glyphs"
SEED = 0
EPOCHS = 18
PRECISION = "mixed_bfloat16"
SIZE, FRAMES, FILMS = 64, 24, 200
CLASSES = 1 + len(moving_glyphs.LETTERS)
SCORED, LONG = 20, 62  # films, and frames per film: 60 are drawn
ABOUT = {
    "description": "Vid2Vid from label maps to films of moving letters, 64 pixels.",
    "paper": {
        "title": "Video-to-Video Synthesis",
        "authors": "Wang, Liu, Zhu, Liu, Tao, Kautz, Catanzaro",
        "year": 2018,
        "url": "https://arxiv.org/abs/1808.06601",
    },
    "data": DATA,
    "headline": "warping_error",
    "picture": "Rows: label maps of a test film, the drawn frames, the true frames. Columns: 21 of 60 frames in order.",
}
NETWORKS = ["generator"]


def model(width=32, **options):
    """Returns the compiled model. `options` are arguments of `compile`. Films of 6 frames double after 10 epochs."""
    model = kerasgan.Vid2Vid(
        SIZE, num_classes=CLASSES, width=width, blocks=6, downsamplings=2, receptive_field=34, seed=SEED
    )
    length = kerasgan.schedules.Doubling(6, steps=10 * FILMS)
    model.compile(**({"length": length, "ema_decay": 0.999, "steps_per_execution": 4} | options))
    return model


def dataset():
    """Returns (labels, frames, flow), with one film per batch."""
    return kerasgan.data.load(DATA, image_size=SIZE, num_sequences=FILMS, frames=FRAMES, seed=SEED)


@functools.cache
def scored_films():
    """Returns the outputs of `moving_glyphs.render` for the films, a dict of arrays (films, frames, ...)."""
    films = [moving_glyphs.render(moving_glyphs.scene(i, "test", seed=SEED), LONG, SIZE) for i in range(SCORED)]
    films = {name: np.stack([film[name] for film in films]) for name in films[0]}
    frames = (films["frames"] / 127.5 - 1).astype("float32")
    return films | {"frames": frames, "labels": films["labels"].astype("int32")}


def train(directory, data=None, epochs=EPOCHS, steps_per_epoch=None, network=None):
    """Trains with checkpoints, and returns the model with its last weights; see `recipes.train`."""
    keras.utils.set_random_seed(SEED)
    network = model() if network is None else network
    return recipes.train(directory, network, dataset() if data is None else data, epochs, steps_per_epoch)


def score(model):
    """Returns the scores of 60 frames per film, drawn one after the other from two real frames: see `scores_of`."""
    films = scored_films()
    return scores_of(model.translate_video(films["labels"], films["frames"][:, :2]))


def scores_of(drawn):
    """Returns the scores of films drawn from the label maps of `scored_films`, with those of the true films as floors.

    They are the warping error by the exact flow, the L1 distance from the true frames, and the shares of letters that a
    segmentation network reads, in all drawn frames and in the last ten.
    """
    films = scored_films()
    protocol = {"num_real": SCORED, "num_generated": SCORED, "dataset": DATA, "split": "test", "image_size": "64x64"}

    def stamped(values, name, **more):
        sd = float(values.std() / np.sqrt(len(values)))
        return metrics.Score(float(values.mean()), name, sd=sd, **protocol, **more)

    def of_both(measure, name, **more):
        own, floor = (stamped(measure(x), name, **more) for x in (drawn, films["frames"]))
        return card_score(own, floor=floor)

    flat = [film[:, 2:].reshape(-1, *film.shape[2:]) for film in (films["frames"], drawn)]
    l1 = metrics.l1(*flat).numpy().reshape(SCORED, -1).mean(1)
    judge = {"extractor": reader().name, "weights_hash": metrics.weights_hash(reader())}
    return [
        of_both(lambda x: metrics.warping_error(x, films["flow"], films["visible"]), "warping_error"),
        card_score(stamped(l1, "l1")),
        of_both(lambda x: letters_read(x[:, 2:], films["labels"][:, 2:]), "letters_read", **judge),
        of_both(lambda x: letters_read(x[:, -10:], films["labels"][:, -10:]), "letters_read_in_last_10", **judge),
    ]


@functools.cache
def reader():
    """Returns a segmentation network trained on every 12th frame of the training films."""
    films = [batch[:2] for batch in dataset().take(FILMS).as_numpy_iterator()]
    labels, frames = (np.concatenate([film[i][0, ::12] for film in films]) for i in range(2))
    return metrics.train_segmenter(frames, labels, CLASSES, width=16, epochs=15, seed=SEED)


def letters_read(films, labels):
    """Returns the share of letters that are read in each film, (films,).

    A letter of at least 20 visible pixels is read if the segmentation network assigns most of them to its class.
    """
    shares = []
    for film, truth in zip(films, labels):
        found = reader().predict(film, batch_size=20, verbose=0).argmax(axis=-1)
        read = []
        for classes, known in zip(found, truth):
            for letter in range(1, CLASSES):
                pixels = classes[known == letter]
                read += [np.bincount(pixels).argmax() == letter] if len(pixels) >= 20 else []
        shares.append(np.mean(read))
    return np.array(shares)


def examples():
    """Returns a film for the picture: label maps, drawn frames, and true frames."""
    film = moving_glyphs.render(moving_glyphs.scene(0, "test", seed=SEED), LONG, SIZE)
    return film["labels"][None].astype("int32"), (film["frames"][None] / 127.5 - 1).astype("float32")


def sample(model):
    """Returns the call with the recorded output."""
    labels, frames = examples()
    return {"method": "translate_video", "arguments": {"labels": labels[:, :4], "first_frames": frames[:, :2]}}


if __name__ == "__main__":
    recipes.main(sys.modules[__name__])
