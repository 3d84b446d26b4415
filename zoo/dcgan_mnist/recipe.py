"""DCGAN on MNIST."""

import kerasgan


def model():
    """Returns the compiled model."""
    model = kerasgan.DCGAN(image_size=28, channels=1, width=48, seed=0)
    model.compile(ema_decay=0.999, steps_per_execution=10)
    return model


def dataset():
    """Returns the training images."""
    return kerasgan.data.load("mnist", split="train", batch_size=64, seed=0)
