"""R3GAN on MNIST.

Paper:     Huang, Gokaslan, Kuleshov, Tompkin (2024), The GAN is dead; long live the GAN!
Command:   python -m kerasgan.zoo.r3gan_mnist.recipe runs
Expected:  recognizability at least 0.80
Time:      see card.json
"""

import sys

import kerasgan
from kerasgan.zoo import recipes, score_generator

DATA = "mnist"
SEED = 0
PRECISION = "mixed_bfloat16"
EPOCHS = 40
BURN_IN = 9_200  # steps: half of the training
ABOUT = {
    "description": "R3GAN on handwritten digits.",
    "paper": {
        "title": "The GAN is dead; long live the GAN! A Modern GAN Baseline",
        "authors": "Huang, Gokaslan, Kuleshov, Tompkin",
        "year": 2024,
        "url": "https://arxiv.org/abs/2501.05441",
    },
    "data": DATA,
    "headline": "recognizability",
}


def model():
    """Returns the compiled model."""
    model = kerasgan.R3GAN(image_size=28, channels=1, width=128, blocks=1, wide_until=7, seed=SEED)
    # No augmentation: 60,000 images are many for networks of this size. The half-life is that of a decay of 0.999.
    schedule = kerasgan.schedules.R3GANSchedule(BURN_IN, gamma=1.0, half_life=700)
    model.compile(schedule=schedule, steps_per_execution=10)
    return model


def dataset():
    """Returns the training images."""
    return kerasgan.data.load(DATA, split="train", batch_size=128, seed=SEED)


def train(directory, data=None, epochs=EPOCHS, steps_per_epoch=None):
    """Trains on the training images and keeps the best weights, or trains on `data` without scores."""
    return recipes.train_by_distance(sys.modules[__name__], directory, data, epochs, steps_per_epoch)


def score(model):
    """Recomputes the scores of the card."""
    return score_generator(model.generate, DATA)


if __name__ == "__main__":
    recipes.main(sys.modules[__name__])
