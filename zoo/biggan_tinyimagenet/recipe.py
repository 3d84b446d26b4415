"""BigGAN on ten classes of Tiny-ImageNet, 32 pixels.

Paper:     Brock, Donahue, Simonyan (2019), Large Scale GAN Training for High Fidelity Natural Image Synthesis
Command:   KERASGAN_DATA_DIR=... python -m kerasgan.zoo.biggan_tinyimagenet.recipe runs
Expected:  images of recognizable classes
Time:      see card.json

The networks are those of the authors for 32 pixels with half the width, plus the paper's shared embedding, split z and
attention. Rates and batch size are those of the authors' script for CIFAR-10. As 5,000 images are few, real and
generated images are randomly mirrored and augmented before the discriminator.
"""

import json
import sys

import keras
import numpy as np

import kerasgan
from kerasgan.optimizers import Adam
from kerasgan.zoo import recipes, score_translations

DATA = "tinyimagenet10_32"
SEED = 0
EPOCHS = 300
NUM_CLASSES = 10
BATCH_SIZE = 50
PRECISION = "mixed_bfloat16"
ABOUT = {
    "description": "BigGAN on ten classes of Tiny-ImageNet, 32 pixels.",
    "paper": {
        "title": "Large Scale GAN Training for High Fidelity Natural Image Synthesis",
        "authors": "Brock, Donahue, Simonyan",
        "year": 2019,
        "url": "https://arxiv.org/abs/1809.11096",
    },
    "data": DATA,
    "headline": "frechet_distance",
    "picture": "Rows: classes. Columns: latents, the same in each row.",
}


def model():
    """Returns the compiled model."""
    model = kerasgan.BigGAN(image_size=32, num_classes=NUM_CLASSES, latent_dim=80, width=32, seed=SEED)
    adams = [Adam(2e-4, beta_1=0.0, beta_2=0.999, epsilon=1e-6) for _ in range(2)]
    augment = [keras.layers.RandomFlip("horizontal", seed=SEED), kerasgan.augment.DiffAugment()]
    model.compile(*adams, augment=augment, penalty="orthogonal", ema_decay=0.999, steps_per_execution=5)
    return model


def dataset(split="train", batch_size=BATCH_SIZE):
    """Returns the images of a split, `"train"` or `"val"`, and their classes."""
    folder = recipes.data_folder(DATA)
    rows = [json.loads(line) for line in (folder / "metadata.jsonl").read_text().splitlines()]
    rows = [row for row in rows if row["split"] == split]
    images = [image for _, image in kerasgan.data.read_images([folder / row["file_name"] for row in rows])]
    arrays = np.stack(images), np.array([row["label"] for row in rows], "int32")
    return kerasgan.data.from_arrays(arrays, batch_size, shuffle=split == "train", seed=SEED)


def train(directory, data=None, epochs=EPOCHS, steps_per_epoch=None):
    """Trains, keeps the last weights, and takes standing statistics."""
    keras.utils.set_random_seed(SEED)
    trained = recipes.train(directory, model(), dataset() if data is None else data, epochs, steps_per_epoch)
    trained.standing_statistics(batch_size=BATCH_SIZE, seed=SEED)
    return trained


def score(model):
    """Returns the distances between generated images and held-out images of the same classes."""
    images, labels = next(dataset("val", 500).as_numpy_iterator())
    others = next(dataset("train", 500).as_numpy_iterator())[0]
    fake = model.generate(len(labels), labels=labels, seed=1)
    return score_translations(fake, images, others, DATA, paired=False, seed=1, split="val")


if __name__ == "__main__":
    recipes.main(sys.modules[__name__])
