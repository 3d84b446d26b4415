"""Denoising autoencoder of MNIST, trained with three kinds of noise.

Paper:     Vincent, Larochelle, Bengio, Manzagol (2008), Extracting and Composing Robust Features with Denoising
           Autoencoders
Command:   python -m kerasgan.zoo.denoising_ae_mnist.recipe runs
Expected:  psnr_masking 17.5 dB (the noisy digits: 15.0), psnr_salt_and_pepper 17.7 (8.4), psnr_gaussian 20.2 (14.9)
Time:      see card.json

The network is that of the authors' tutorial, 500 units with tied weights. It is trained by Adam with larger batches and
three kinds of noise: a fifth of the pixels are black, then a fifth are black or white, then normal noise of standard
deviation 0.3 is added (for pixels in [-1, 1]).
"""

import sys

import keras
import numpy as np

import kerasgan
from kerasgan.corruptions import GaussianCorruption, MaskingCorruption, SaltAndPepperCorruption
from kerasgan.metrics import Score, psnr
from kerasgan.zoo import card_score, recipes

DATA = "mnist"
SEED = 0
EPOCHS = 10
BATCH_SIZE = 100
ABOUT = {
    "description": "A denoising autoencoder of handwritten digits.",
    "paper": {
        "title": "Extracting and Composing Robust Features with Denoising Autoencoders",
        "authors": "Vincent, Larochelle, Bengio, Manzagol",
        "year": 2008,
        "url": "https://doi.org/10.1145/1390156.1390294",
    },
    "data": DATA,
    "headline": "psnr_masking",
    "picture": "Columns: digit, digit with noise, reconstruction.",
}


def noises(masking, salt_and_pepper, gaussian):
    """Returns the three corruptions by name."""
    return {
        "masking": MaskingCorruption(masking, seed=SEED),
        "salt_and_pepper": SaltAndPepperCorruption(salt_and_pepper, seed=SEED),
        "gaussian": GaussianCorruption(gaussian, seed=SEED),
    }


def model():
    """Returns the compiled untrained model."""
    model = kerasgan.Autoencoder(code=500, tied=True, seed=SEED)
    optimizer = kerasgan.optimizers.Adam(1e-3)
    model.compile(optimizer, corruption=list(noises(0.2, 0.2, 0.3).values()), steps_per_execution=50)
    return model


def dataset():
    """Returns the 60,000 training images."""
    return kerasgan.data.load(DATA, batch_size=BATCH_SIZE, seed=SEED)


def train(directory, data=None, epochs=EPOCHS, steps_per_epoch=None):
    """Trains with checkpoints, and returns the model with its last weights."""
    keras.utils.set_random_seed(SEED)
    return recipes.train(directory, model(), dataset() if data is None else data, epochs, steps_per_epoch)


def score(model):
    """Returns the mean PSNR, in dB, of the 10,000 denoised test images. The floor is the PSNR of the noisy images.

    "psnr_masking" has 30 % of the pixels black, "psnr_salt_and_pepper" 30 % black or white, "psnr_gaussian" normal
    noise of standard deviation 0.5, and "psnr_clean" no noise.
    """
    images = next(kerasgan.data.load(DATA, "test", batch_size=10_000, shuffle=False).as_numpy_iterator())
    spoiled = {name: layer(images, training=True).numpy() for name, layer in noises(0.3, 0.3, 0.5).items()}
    scores = []
    for name, noisy in (spoiled | {"clean": images}).items():
        values = psnr(images, np.clip(model.reconstruct(noisy), -1, 1)).numpy()
        sd = float(values.std() / np.sqrt(len(values)))
        stamp = {"dataset": DATA, "split": "test", "num_real": len(images), "seed": SEED, "sd": sd}
        before = None if name == "clean" else float(np.mean(psnr(images, np.clip(noisy, -1, 1))))
        scores.append(card_score(Score(float(values.mean()), f"psnr_{name}", **stamp), floor=before))
    return scores


def sample(model):
    """Returns the call with the recorded output."""
    images = next(kerasgan.data.load(DATA, "test", batch_size=4, shuffle=False).as_numpy_iterator())
    return {"method": "reconstruct", "arguments": {"images": images}}


if __name__ == "__main__":
    recipes.main(sys.modules[__name__])
