"""Sparse autoencoder of MNIST: a digit activates few of 196 units, and each unit detects a stroke.

Paper:     Ng (2011), Sparse autoencoder, CS294A lecture notes
Command:   python -m kerasgan.zoo.sparse_ae_mnist.recipe runs
Expected:  reconstruction_error 0.057, at a mean_activation of 0.11
Time:      see card.json

The penalty is that of the notes, with rate 0.05 and weight 3, added to the cross-entropy of pixels. The notes add
weight decay to the loss; here it is that of Adam. The picture shows the weights of each unit, scaled by their maximum.
"""

import sys

import keras
import numpy as np

import kerasgan
from kerasgan.metrics import Score
from kerasgan.zoo import card_score, recipes

DATA = "mnist"
SEED = 0
EPOCHS = 10
BATCH_SIZE = 100
CODE = 196
ABOUT = {
    "description": "A sparse autoencoder of handwritten digits. Its units detect strokes.",
    "paper": {
        "title": "Sparse autoencoder (CS294A lecture notes)",
        "authors": "Ng",
        "year": 2011,
        "url": "https://web.stanford.edu/class/cs294a/sparseAutoencoder_2011new.pdf",
    },
    "data": DATA,
    "headline": "reconstruction_error",
    "picture": "The weights of each unit of the code, scaled by their maximum.",
}


def model():
    """Returns the compiled untrained model."""
    model = kerasgan.Autoencoder(code=CODE, seed=SEED)
    optimizer = kerasgan.optimizers.Adam(1e-3, weight_decay=1.0)
    sparse = kerasgan.regularizers.Sparse(rate=0.05, weight=3.0)
    model.compile(optimizer, regularizer=sparse, steps_per_execution=50)
    return model


def dataset():
    """Returns the 60,000 training images."""
    return kerasgan.data.load(DATA, batch_size=BATCH_SIZE, seed=SEED)


def train(directory, data=None, epochs=EPOCHS, steps_per_epoch=None):
    """Trains with checkpoints, and returns the model with its last weights."""
    keras.utils.set_random_seed(SEED)
    return recipes.train(directory, model(), dataset() if data is None else data, epochs, steps_per_epoch)


def score(model):
    """Returns the scores of the 10,000 test images.

    - "reconstruction_error": the mean squared difference of pixels in [-1, 1]. The floor is that of the mean image.
    - "mean_activation": of the units, in (0, 1).
    """
    images = next(kerasgan.data.load(DATA, "test", batch_size=10_000, shuffle=False).as_numpy_iterator())
    stamp = {"dataset": DATA, "split": "test", "num_real": len(images)}
    error = Score(float(np.square(model.reconstruct(images) - images).mean()), "reconstruction_error", **stamp)
    active = Score(float(model.encode(images).mean()), "mean_activation", **stamp)
    return [card_score(error, floor=float(images.var(axis=0).mean())), card_score(active)]


def pictures(model):
    """Returns the weights of each unit as an image, (196, 28, 28, 1)."""
    kernels = model.encoder.get_layer("code").kernel.numpy().T.reshape((CODE, 28, 28, 1))
    return kernels / np.abs(kernels).max(axis=(1, 2, 3), keepdims=True)


def sample(model):
    """Returns the call with the recorded output."""
    images = next(kerasgan.data.load(DATA, "test", batch_size=4, shuffle=False).as_numpy_iterator())
    return {"method": "reconstruct", "arguments": {"images": images}}


if __name__ == "__main__":
    recipes.main(sys.modules[__name__])
