"""Pix2PixHD from label maps to photos of streets, 256x192 pixels.

Paper:     Wang et al. (2018), High-Resolution Image Synthesis and Semantic Manipulation with Conditional GANs
Command:   KERASGAN_DATA_DIR=... python -m kerasgan.zoo.pix2pixhd_camvid.recipe runs
Expected:  streets, cars and trees where the labels have them; not scored yet
Time:      not trained yet

G1 has 32 channels next to the image, three halvings and six blocks instead of the paper's 64, four and nine, so
that the generator has 16 MB. There are two discriminators instead of three, as in the authors' code for images of half
the full size. There are no instance maps.
"""

import functools
import sys

import keras
import numpy as np

import kerasgan
from kerasgan.zoo import recipes, score_segmentation, score_translations

DATA = "camvid"
SEED = 0
PRECISION = "mixed_bfloat16"
EPOCHS = {"global": 100, "enhancer": 10, "both": 90}
SIZE = 192, 256
CLASSES, VOID = 12, 11
PERCEPTUAL = "vgg16_33"  # from the extra `natural`; the paper's are VGG19's
NETWORKS = ["generator"]
ABOUT = {
    "description": "Pix2PixHD from label maps to photos of streets, 256x192 pixels.",
    "paper": {
        "title": "High-Resolution Image Synthesis and Semantic Manipulation with Conditional GANs",
        "authors": "Wang, Liu, Zhu, Tao, Kautz, Catanzaro",
        "year": 2018,
        "url": "https://arxiv.org/abs/1711.11585",
    },
    "data": DATA,
    "headline": "mean_iou",
    "picture": "Columns: label map, painting, photo. Validation images.",
}


def model(image_size=SIZE, width=32, **options):
    """Returns the compiled model; `options` are arguments of `compile`. The features are needed only for training."""
    model = kerasgan.Pix2PixHD(
        image_size, num_classes=CLASSES, instances=False, width=width, blocks=6, downsamplings=3, scales=2, seed=SEED
    )
    model.compile(**({"ema_decay": 0.999, "steps_per_execution": 5} | options))
    return model


def dataset(split="train", batch_size=1, image_size=SIZE):
    """Returns (labels, photos): shuffled and mirrored for training, else in order."""
    training = split == "train" and batch_size == 1
    return kerasgan.data.label_folder(
        recipes.data_folder(DATA) / split,
        image_size,
        mirror=training,
        shuffle=training,
        batch_size=batch_size,
        seed=SEED,
    )


def train(directory, data=None, epochs=EPOCHS, steps_per_epoch=None, network=None, **options):
    """Trains the three phases with checkpoints, and returns the model with its last weights.

    Args:
        directory: folder of the run, with a sub-folder for each phase.
        data, steps_per_epoch: as in `recipes.train`.
        epochs: dict, phase -> epochs.
        network: the model to train. Default: `model()`.
        **options: arguments of `compile`, which override those of the entry.
    """
    keras.utils.set_random_seed(SEED)
    data = dataset() if data is None else data
    network = model() if network is None else network
    chosen = {"ema_decay": 0.999, "steps_per_execution": 5, "perceptual": PERCEPTUAL} | options
    for phase, count in epochs.items():
        network.compile(phase=phase, **chosen)
        recipes.train(f"{directory}/{phase}", network, data, count, steps_per_epoch)
    return network


@functools.cache
def segmenter():
    """Returns a segmentation network trained on the 250 training photos."""
    labels, photos = next(dataset("train", 250).as_numpy_iterator())
    return kerasgan.metrics.train_segmenter(photos, labels, CLASSES, VOID, width=16, epochs=40, seed=SEED)


def score(model):
    """Returns the scores on the 60 validation pairs."""
    labels, photos = next(dataset("val", 60).as_numpy_iterator())
    others = next(dataset("train", 60).as_numpy_iterator())[1]
    painted = model.translate(labels)
    read = score_segmentation(painted, photos, labels, segmenter(), CLASSES, VOID, dataset=DATA, split="val")
    return read + score_translations(painted, photos, others, DATA, paired=True, split="val")


def examples():
    """Returns validation pairs for the picture: labels | painting | photo."""
    return next(dataset("val", 8).as_numpy_iterator())


def sample(model):
    """Returns the call with the recorded output."""
    return {"method": "translate", "arguments": {"labels": np.asarray(examples()[0][:1])}}


if __name__ == "__main__":
    recipes.main(sys.modules[__name__])
