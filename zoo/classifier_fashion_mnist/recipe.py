"""The clothes classifier that scores Fashion-MNIST entries: two convolutions, 128 features, ten logits.

LeCun, Bottou, Bengio, Haffner (1998), Gradient-Based Learning Applied to Document Recognition: the kind of network.

Command:   python -m kerasgan.zoo.classifier_fashion_mnist.recipe runs/classifier_fashion_mnist
Expected:  accuracy on the 10,000 test images at least 0.910
Time:      about 5 minutes on two cores of an Intel Xeon at 2.5 GHz
"""

import sys

from kerasgan.zoo import classifiers

DATA = "fashion_mnist"
TRAINING = {"batch_size": 128, "epochs": 10, "learning_rate": 1.5e-3, "shift": 1, "flip": True, "seed": 1}


def model():
    """Returns the untrained network: images (n, 28, 28, 1) in [-1, 1] to logits (n, 10)."""
    return classifiers.network(num_classes=10)


def train(directory, dataset=None, **training):
    """Trains on all training images, or on `dataset`, by `TRAINING` and what is given besides; returns the model.

    The weights go to `directory`, as `network.weights.h5`.
    """
    return classifiers.train(directory, model(), DATA, dataset, **TRAINING | training)


def score(network):
    """Returns the scores of the card, computed anew."""
    return classifiers.score(network, DATA)


if __name__ == "__main__":
    classifiers.publish(sys.argv[1], sys.modules[__name__])
