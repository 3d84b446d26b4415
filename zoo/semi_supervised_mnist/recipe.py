"""Semi-supervised GAN on MNIST: 60,000 digits, 100 of them with labels.

Paper:     Salimans, Goodfellow, Zaremba, Cheung, Radford, Chen (2016), Improved Techniques for Training GANs
Command:   python -m kerasgan.zoo.semi_supervised_mnist.recipe runs
Expected:  accuracy 0.975 on the test images; the paper's is 0.9907 +- 0.0007 over ten draws of labels
Time:      90 minutes on one core of an AMD EPYC, beside other work

The paper's networks, losses and rates; 120 epochs instead of 300. The samples collapse in the first steps and recover
within about five epochs.
"""

import sys

import keras
import numpy as np

import kerasgan
from kerasgan.zoo import classifiers, recipes

DATA = "mnist"
SEED = 0
PRECISION = "mixed_bfloat16"
EPOCHS = 120
BATCH_SIZE = 100
LABELS_A_CLASS = 10
ABOUT = {
    "description": "Digits read with 100 labels, and drawn: a semi-supervised GAN.",
    "paper": {
        "title": "Improved Techniques for Training GANs",
        "authors": "Salimans, Goodfellow, Zaremba, Cheung, Radford, Chen",
        "year": 2016,
        "url": "https://arxiv.org/abs/1606.03498",
    },
    "data": DATA,
    "headline": "accuracy",
}


def model(seed=SEED, unlabelled_weight=1.0, steps_per_execution=20):
    """Returns the compiled model. With `unlabelled_weight=0`, D learns only from the labels."""
    model = kerasgan.SemiSupervisedGAN(unlabelled_weight=unlabelled_weight, seed=seed)
    model.compile(steps_per_execution=steps_per_execution)
    return model


def images_and_labels():
    """Returns the training images, float32 (60000, 28, 28, 1), and their labels."""
    batches = kerasgan.data.load(DATA, split="train", labels=True, batch_size=1000, shuffle=False)
    images, labels = zip(*batches.as_numpy_iterator(), strict=True)
    return np.concatenate(images), np.concatenate(labels)


def dataset(seed=SEED):
    """Returns batches of ((images, labels), images): 100 of the images have labels, ten of each class."""
    images, labels = images_and_labels()
    rng = np.random.default_rng(seed)
    chosen = [rng.choice(np.flatnonzero(labels == label), LABELS_A_CLASS, replace=False) for label in range(10)]
    few = np.concatenate(chosen)
    labelled = kerasgan.data.from_arrays((images[few], labels[few]), BATCH_SIZE, seed=seed)
    return kerasgan.data.zip_unpaired(labelled, kerasgan.data.from_arrays(images, BATCH_SIZE, seed=seed))


def started(seed=SEED, **options):
    """Returns the compiled model, initialized by the first 500 images. `options` are those of `model`."""
    started = model(seed, **options)
    images = (images for _, images in dataset(seed).take(5).as_numpy_iterator())
    started.initialize(np.concatenate(list(images)))
    return started


def train(directory, data=None, epochs=EPOCHS, steps_per_epoch=None):
    """Trains with checkpoints, and returns the model with its last weights."""
    keras.utils.set_random_seed(SEED)
    return recipes.train(directory, started(), dataset() if data is None else data, epochs, steps_per_epoch)


def score(model):
    """Returns the accuracy on the test images, and the paper's."""
    (accuracy,) = classifiers.score(model, DATA)
    return [accuracy | {"paper": 0.9907}]


if __name__ == "__main__":
    recipes.main(sys.modules[__name__])
