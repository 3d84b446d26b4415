"""CycleGAN between shoes and handbags at 64 pixels.

Paper:     Zhu, Park, Isola, Efros (2017), Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks
Command:   KERASGAN_DATA_DIR=... python -m kerasgan.zoo.cyclegan_shoes2bags.recipe runs
Expected:  Fréchet distances 164 to bags and 197 to shoes (218 without translation); kernel distances 0.117 and 0.228
           (0.216 without translation): the bags are better than the shoes
Time:      9 minutes on an NVIDIA H100; no weights are published

The networks are the paper's with 32 channels next to the image instead of 64, trained in batches of 4, and without
the identity loss, which the paper uses to preserve colours.
"""  # noqa: E501

import sys

import keras
import numpy as np

import kerasgan
from kerasgan.zoo import recipes, score_translations

DATA = "shoes2bags"
SEED = 0
EPOCHS = 70
SIZE = 64
BATCH = 4
STEPS = 1000 // BATCH  # per epoch: there are 1,000 images per domain
ABOUT = {
    "description": "CycleGAN between photos of shoes and of handbags, 64 pixels.",
    "paper": {
        "title": "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks",
        "authors": "Zhu, Park, Isola, Efros",
        "year": 2017,
        "url": "https://arxiv.org/abs/1703.10593",
    },
    "data": DATA,
    "headline": "to_bags_frechet_distance",
    "picture": "Columns: shoe, its bag, and back; bag, its shoe, and back.",
}


def model(**options):
    """Returns the compiled model; `options` override arguments of `compile`, such as `cycle_weight=0`."""
    model = kerasgan.CycleGAN(image_size=SIZE, width=32, seed=SEED)
    g_optimizer, d_optimizer = recipes.falling_adams(EPOCHS * STEPS)
    defaults = {"g_optimizer": g_optimizer, "d_optimizer": d_optimizer, "ema_decay": 0.999, "steps_per_execution": 5}
    model.compile(**(defaults | {"identity_weight": 0.0} | options))
    return model


def dataset(split="train", batch_size=BATCH):
    """Returns the two domains, (shoes, bags): shuffled and jittered for "train", in order for "test"."""
    folder, training = recipes.data_folder(DATA), split == "train"
    return kerasgan.data.unpaired_folders(
        folder / f"{split}A",
        folder / f"{split}B",
        SIZE,
        jitter=training,
        shuffle=training,
        batch_size=batch_size,
        seed=SEED,
    )


def train(directory, data=None, epochs=EPOCHS, steps_per_epoch=None, **options):
    """Trains with checkpoints, and returns the model with its last weights."""
    keras.utils.set_random_seed(SEED)
    data = dataset() if data is None else data
    return recipes.train(directory, model(**options), data, epochs, steps_per_epoch)


def score(model):
    """Returns the scores of both directions on the 200 test images of each domain.

    The floors are the scores of training images of the target, jittered as in training. "untranslated" is the distance
    between the domains.
    """
    shoes, bags = next(dataset("test", 200).as_numpy_iterator())
    other_shoes, other_bags = next(dataset("train", 200).as_numpy_iterator())
    directions = {
        "to_bags": (model.translate(shoes, to="B"), bags, other_bags),
        "to_shoes": (model.translate(bags, to="A"), shoes, other_shoes),
        "untranslated": (shoes, bags, other_bags),
    }
    return [
        score | {"metric": f"{name}_{score['metric']}", "table": name != "untranslated"}
        for name, images in directions.items()
        for score in score_translations(*images, DATA, paired=False)
    ]


def examples():
    """Returns test images for the picture: shoe | bag of it | back again | bag | shoe of it | back again."""
    return next(dataset("test", 10).as_numpy_iterator())


def sample(model):
    """Returns the call with the recorded output."""
    return {"method": "translate", "arguments": {"images": np.asarray(examples()[0][:1]), "to": "B"}}


if __name__ == "__main__":
    recipes.main(sys.modules[__name__])
