"""GAN-CLS on emoji, 64 pixels: from a caption to a picture.

Paper:     Reed, Akata, Yan, Logeswaran, Schiele, Lee (2016), Generative Adversarial Text to Image Synthesis
Command:   KERASGAN_DATA_DIR=... python -m kerasgan.zoo.gan_cls_emoji.recipe runs
Expected:  pictures that follow captions of the training set
Time:      see card.json

Every emoji has one caption, and all 3,569 are trained on: the scores are of training captions.
"""

import sys

import keras
import numpy as np

import kerasgan
from kerasgan.metrics import Score
from kerasgan.zoo import card_score, recipes, score_translations

DATA = "noto_emoji"
SEED = 0
EPOCHS = 300
TEXT_DIM = 384  # of all-MiniLM-L6-v2
ABOUT = {
    "description": "GAN-CLS on emoji from their captions, 64 pixels.",
    "paper": {
        "title": "Generative Adversarial Text to Image Synthesis",
        "authors": "Reed, Akata, Yan, Logeswaran, Schiele, Lee",
        "year": 2016,
        "url": "https://arxiv.org/abs/1605.05396",
    },
    "data": DATA,
    "headline": "frechet_distance",
}


def model():
    """Returns the compiled model."""
    model = kerasgan.GANCLS(image_size=64, text_dim=TEXT_DIM, width=48, seed=SEED)
    model.compile(*recipes.falling_adams(EPOCHS * 55), augment="diffaugment", ema_decay=0.999, steps_per_execution=5)
    return model


def dataset(batch_size=64):
    """Returns emoji and the vectors of their captions."""
    folder = recipes.data_folder(DATA)
    return kerasgan.data.captioned_folder(folder, 64, batch_size=batch_size, seed=SEED)


def train(directory, data=None, epochs=EPOCHS, steps_per_epoch=None):
    """Trains and keeps the last weights."""
    keras.utils.set_random_seed(SEED)
    return recipes.train(directory, model(), dataset() if data is None else data, epochs, steps_per_epoch)


def score(model):
    """Returns the distances of images of 1,700 captions from the emoji of these, and how far captions move images."""
    images, texts = next(dataset(batch_size=3400).as_numpy_iterator())
    half = len(images) // 2
    images, texts, others = images[:half], texts[:half], images[half:]
    fake = model.generate(texts, seed=1)
    shuffled = model.generate(np.random.default_rng(1).permutation(texts), seed=1)
    moved = float(np.abs(shuffled - fake).mean())
    about = {"num_generated": half, "dataset": DATA, "split": "train", "seed": 1}
    return [
        *score_translations(fake, images, others, DATA, paired=False, seed=1, split="train"),
        card_score(Score(moved, "text_sensitivity", **about)),
    ]


def sample(model):
    """Returns the call whose answer is recorded."""
    return {"method": "generate", "arguments": {"text": next(iter(dataset(4)))[1].numpy()[:1], "seed": 1}}


if __name__ == "__main__":
    recipes.reproduce(sys.modules[__name__], sys.argv[1])
