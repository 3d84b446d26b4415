"""Domain-adversarial training on digits: labels of MNIST teach a network to read the same digits on photos.

Paper:     Ganin et al. (2016), Domain-Adversarial Training of Neural Networks
Command:   KERASGAN_DATA_DIR=... python -m kerasgan.zoo.dann_mnist_mnistm.recipe runs
Expected:  target_accuracy 0.684; the paper's is 0.7666, and 0.5225 without adaptation
Time:      see card.json

The paper's networks and rates, batches of 32 images of each domain, 8,600 steps. MNIST-M is made anew, see
`kerasgan.zoo.domains.digits`; its labels serve to score alone.
"""

import sys

import keras
import numpy as np

import kerasgan
from kerasgan.metrics import Score
from kerasgan.zoo import card_score, domains, recipes

SEED = 0
EPOCHS = 10
STEPS = 860  # of an epoch
BATCH_SIZE = 32
ABOUT = {
    "description": "A classifier of digits on photos that has seen labels of digits on black alone.",
    "paper": {
        "title": "Domain-Adversarial Training of Neural Networks",
        "authors": "Ganin, Ustinova, Ajakan, Germain, Larochelle, Laviolette, Marchand, Lempitsky",
        "year": 2016,
        "url": "https://arxiv.org/abs/1505.07818",
    },
    "data": {
        "name": "mnist and mnistm",
        "title": "MNIST (LeCun, Cortes, Burges), and its digits on photos of BSD68, 68 of the 500 of BSDS500",
        "url": "https://www.tensorflow.org/datasets/catalog/mnist",
        "licence": "CC BY-SA 3.0 (MNIST), none stated (photos)",
    },
    "headline": "target_accuracy",
}


def model(domain_weight=1.0):
    """Returns the compiled model; with `domain_weight=0` the target teaches it nothing."""
    model = kerasgan.DANN(seed=SEED)
    model.compile(domain_weight=domain_weight, total_steps=EPOCHS * STEPS, steps_per_execution=10)
    return model


def dataset():
    """Returns batches of ((digits, labels), digits on photos) that have nothing to do with each other."""
    source = domains.batches("mnist", BATCH_SIZE, 3, labels=True, seed=SEED)
    return kerasgan.data.zip_unpaired(source, domains.batches("mnistm", BATCH_SIZE, 3, seed=SEED + 1))


def train(directory, data=None, epochs=EPOCHS, steps_per_epoch=STEPS, **options):
    """Trains, interruptible, and returns the model with its last weights."""
    keras.utils.set_random_seed(SEED)
    return recipes.train(directory, model(**options), dataset() if data is None else data, epochs, steps_per_epoch)


def score(model):
    """Returns the accuracies on the 10,000 test images of the target and of the source."""
    scores = []
    for metric, name, paper in (("target_accuracy", "mnistm", 0.7666), ("source_accuracy", "mnist", None)):
        value = domains.accuracy(model, name, channels=3)
        sd = float(np.sqrt(value * (1 - value) / 10_000))
        scores.append(card_score(Score(value, metric, sd=sd, num_real=10_000, dataset=name, split="test"), paper=paper))
    return scores


def sample(model):
    """Returns the call whose answer is recorded."""
    images, _ = domains.digits("mnistm", "test")
    return {"method": "predict", "arguments": {"x": domains.as_input(images[:4], 3).numpy(), "verbose": 0}}


if __name__ == "__main__":
    recipes.main(sys.modules[__name__])
