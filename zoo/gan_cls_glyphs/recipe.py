"""GAN-CLS on captioned glyphs: letters in combinations with colours that training never showed.

Paper:     Reed, Akata, Yan, Logeswaran, Schiele, Lee (2016), Generative Adversarial Text to Image Synthesis
Command:   python -m kerasgan.zoo.gan_cls_glyphs.recipe runs
Expected:  letter_right at least 0.90, colors_right at least 0.95, of 2,000 images of held-out combinations
Time:      see card.json
"""

import sys

import keras
import numpy as np

import kerasgan
from kerasgan.data import glyphs
from kerasgan.metrics import Score, extract_features, get_classifier
from kerasgan.zoo import recipes
from kerasgan.zoo._card import card_score

DATA = "glyphs"
SEED = 0
EPOCHS = 30
NUM_IMAGES = 40_000
HELD_OUT = 0.2  # of the combinations (character, colour, background)
ABOUT = {
    "description": "GAN-CLS on captioned glyphs.",
    "paper": {
        "title": "Generative Adversarial Text to Image Synthesis",
        "authors": "Reed, Akata, Yan, Logeswaran, Schiele, Lee",
        "year": 2016,
        "url": "https://arxiv.org/abs/1605.05396",
    },
    "data": DATA,
    "headline": "letter_right",
}


def encoder():
    """Returns the exact encoder of the captions."""
    return kerasgan.text.BagOfWords.from_texts(glyphs.captions(glyphs.attributes(5000)))


def model():
    """Returns the compiled model."""
    words = encoder()
    model = kerasgan.GANCLS(image_size=32, text_dim=words.dim, width=32, encoder=words, seed=SEED)
    model.compile(ema_decay=0.999, steps_per_execution=5)
    return model


def dataset(split="train"):
    """Returns captioned glyphs as images and text vectors; "test" has the held-out combinations alone."""
    count = NUM_IMAGES if split == "train" else 2000
    return glyphs.captioned(
        split, embeddings=encoder(), image_size=32, num_images=count, seed=SEED, batch_size=64, held_out=HELD_OUT
    )


def train(directory, data=None, epochs=EPOCHS, steps_per_epoch=None):
    """Trains and keeps the last weights."""
    keras.utils.set_random_seed(SEED)
    return recipes.train(directory, model(), dataset() if data is None else data, epochs, steps_per_epoch)


def colors_right(images, table):
    """Tells by pixels alone whether glyphs have the colours of their attributes.

    The background is the median of the image's edge; the glyph's colour that of the pixels furthest from it. Each must
    be nearer to its named colour than to any other of its list.

    Args:
        images: float array (n, size, size, 3) in [-1, 1].
        table: attributes, as of `glyphs.attributes`.

    Returns:
        bool array (n,).
    """
    pixels = (np.asarray(images, "float64") + 1) * 127.5
    edge = np.concatenate([pixels[:, 0], pixels[:, -1], pixels[:, :, 0], pixels[:, :, -1]], axis=1)
    background = np.median(edge, axis=1)
    flat = pixels.reshape(len(pixels), -1, 3)
    distance = np.linalg.norm(flat - background[:, None], axis=-1)
    furthest = np.argsort(distance, axis=1)[:, -max(4, flat.shape[1] // 50) :]
    color = np.median(np.take_along_axis(flat, furthest[..., None], axis=1), axis=1)

    def nearest(values, names):
        return np.linalg.norm(values[:, None] - np.array(list(names.values()), "float64"), axis=-1).argmin(axis=1)

    right = nearest(background, glyphs.BACKGROUNDS) == table["background"]
    return right & (nearest(color, glyphs.COLORS) == table["color"])


def score(model):
    """Returns the shares of held-out captions whose images show the right letter, and both right colours.

    The letter is judged by the classifier of the glyphs, the colours by pixels; real images of the same captions say
    how good these judges are.
    """
    table = glyphs.attributes(2000, "test", seed=SEED, held_out=HELD_OUT)
    images = model.generate(glyphs.captions(table), seed=1)
    real = glyphs.render(table, image_size=32) / np.float32(127.5) - 1
    judge = get_classifier(DATA)

    def letter_right(images):
        return extract_features(images, judge).argmax(axis=-1) == table["letter"]

    def share(metric, test, **judged):
        value = float(np.mean(test(images)))
        sd = np.sqrt(value * (1 - value) / len(images))
        stamp = {"num_generated": len(images), "dataset": DATA, "split": "test", "seed": 1, "sd": float(sd)}
        settings = {"held_out": HELD_OUT}
        return card_score(Score(value, metric, settings=settings, **stamp, **judged), floor=np.mean(test(real)))

    by = {"extractor": judge.name, "weights_hash": judge.weights_hash, "resize": judge.resize}
    return [share("letter_right", letter_right, **by), share("colors_right", lambda x: colors_right(x, table))]


def sample(model):
    """Returns the call whose answer is recorded."""
    text = "a bold serif letter R in red on a white background"
    return {"method": "generate", "arguments": {"text": text, "num_images": 1, "seed": 1}}


if __name__ == "__main__":
    recipes.reproduce(sys.modules[__name__], sys.argv[1])
