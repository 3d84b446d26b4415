"""StackGAN on the Oxford flowers: 32 pixels, then 64.

Paper:     Zhang, Xu, Li, Zhang, Wang, Huang, Metaxas (2017), StackGAN: Text to Photo-realistic Image Synthesis
Command:   KERASGAN_DATA_DIR=... python -m kerasgan.zoo.stackgan_flowers.recipe runs
Expected:  flowers in the colours of the captions; color_right well above chance, 1/6
Time:      see card.json
"""

import json
import re
import sys
from pathlib import Path

import keras
import numpy as np

import kerasgan
from kerasgan.metrics import Score
from kerasgan.zoo import card_score, recipes, score_translations

DATA = "flowers102"
SEED = 0
EPOCHS = {"stage1": 250, "stage2": 100}
TEXT_DIM = 384  # of all-MiniLM-L6-v2
# The weight in the authors' code, 2 for the mean over the dimensions. With 1 for the sum, texts have little effect.
OPTIONS = {"condition_dim": 64, "kl_weight": 2 / 64, "seed": SEED}
NETWORKS = ["stage2_generator"]  # includes G of stage 1
COMPILE = {"augment": "diffaugment", "ema_decay": 0.999, "steps_per_execution": 5}
# Ranges of hues in degrees. White has no saturation.
HUES = {"red": (345, 12), "orange": (12, 42), "yellow": (42, 70), "purple": (255, 310), "pink": (310, 345)}
WORDS = HUES.keys() | {"white"}
ABOUT = {
    "description": "StackGAN on flowers from sentences, 32 pixels and then 64.",
    "paper": {
        "title": "StackGAN: Text to Photo-realistic Image Synthesis with Stacked Generative Adversarial Networks",
        "authors": "Zhang, Xu, Li, Zhang, Wang, Huang, Metaxas",
        "year": 2017,
        "url": "https://arxiv.org/abs/1612.03242",
    },
    "data": DATA,
    "headline": "color_right",
    "picture": "Rows: sentences about test images. Columns: for four latents, the first stage beside the second.",
}


def stage1():
    """Returns the compiled first stage."""
    model = kerasgan.StackGANStage1(image_size=32, text_dim=TEXT_DIM, width=64, **OPTIONS)
    model.compile(**COMPILE)
    return model


def stage2(stage1):
    """Returns the compiled second stage for a trained first stage."""
    model = kerasgan.StackGANStage2(stage1, image_size=64, width=32, blocks=2, **OPTIONS)
    model.compile(**COMPILE)
    return model


def model():
    """Returns both stages."""
    first = stage1()
    return kerasgan.StackGAN(first, stage2(first))


def dataset(image_size=64, split="train", batch_size=64):
    """Returns images of flowers, the vector of a caption, and labels, so that wrong texts are from other classes."""
    return kerasgan.data.captioned_folder(
        recipes.data_folder(DATA),
        image_size,
        split=split,
        labels=True,
        batch_size=batch_size,
        shuffle=split == "train",
        seed=SEED,
    )


def train(directory, data=None, epochs=None, steps_per_epoch=None):
    """Trains one stage after the other. `data` is a pair of datasets, with small and large images."""
    keras.utils.set_random_seed(SEED)
    epochs = EPOCHS | (epochs or {})
    small, large = (dataset(32), dataset(64)) if data is None else data
    first = recipes.train(Path(directory) / "stage1", stage1(), small, epochs["stage1"], steps_per_epoch)
    second = recipes.train(Path(directory) / "stage2", stage2(first), large, epochs["stage2"], steps_per_epoch)
    return kerasgan.StackGAN(first, second)


def sentences():
    """Returns all captions, their vectors (384,), and the labels of the classes that they describe."""
    rows = map(json.loads, (recipes.data_folder(DATA) / "metadata.jsonl").read_text().splitlines())
    label_of = {row["name"]: row["label"] for row in rows}
    groups = json.loads((recipes.data_folder(DATA) / "class_captions.json").read_text())
    labels = np.array([label_of[name] for name, group in groups.items() for _ in group])
    with np.load(recipes.data_folder(DATA) / "class_caption_embeddings_minilm.npz", allow_pickle=False) as stored:
        vectors = stored["embeddings"].astype("float32")
    return [sentence for group in groups.values() for sentence in group], vectors, labels


def color_named(sentence):
    """Returns the colour named in a caption, or None if it names none or several."""
    words = WORDS & set(re.findall("[a-z]+", sentence.lower()))
    return words.pop() if len(words) == 1 else None


def colors_of(images):
    """Returns the most frequent colour in the centre of each image, without green and dark pixels.

    Args:
        images: float array (n, size, size, 3) in [-1, 1].

    Returns:
        str array (n,) of names in `WORDS`.
    """
    from matplotlib.colors import rgb_to_hsv

    quarter = images.shape[1] // 4
    pixels = rgb_to_hsv((images[:, quarter:-quarter, quarter:-quarter] + 1) / 2)
    hue, saturation, value = pixels[..., 0] * 360, pixels[..., 1], pixels[..., 2]
    shares = {"white": (saturation < 0.25) & (value > 0.6)}
    for name, (start, end) in HUES.items():
        inside = (hue >= start) | (hue < end) if start > end else (hue >= start) & (hue < end)
        shares[name] = inside & (saturation >= 0.25) & (value > 0.25)
    counts = np.stack([mask.sum(axis=(1, 2)) for mask in shares.values()], axis=1)
    return np.array(list(shares))[counts.argmax(axis=1)]


def score(model):
    """Returns the share of images in the named colour, the effect of texts on images, and the distances of both stages.

    The colour is judged by pixels, see `colors_of`. The floor is the same share of real images of the described
    classes. Generated images are drawn from the captions of the test images with which they are compared.
    """
    images, texts, _ = next(dataset(split="test", batch_size=2000).as_numpy_iterator())
    others, _, labels = next(dataset(batch_size=6552).as_numpy_iterator())
    captions, vectors, classes = sentences()
    named = np.array([color_named(caption) or "" for caption in captions])
    vectors, classes, named = (values[named != ""] for values in (vectors, classes, named))
    random = np.random.default_rng(1)
    real = np.stack([others[random.choice(np.flatnonzero(labels == label))] for label in classes])

    stages = model.generate(vectors, seed=1)
    right = colors_of(stages[1]) == named
    about = {"num_generated": len(named), "dataset": DATA, "seed": 1}
    scores = [
        card_score(
            Score(float(right.mean()), "color_right", sd=float(right.std() / np.sqrt(len(right))), **about),
            floor=float(np.mean(colors_of(real) == named)),
        )
    ]
    shuffled = model.generate(random.permutation(vectors), seed=1)[1]
    scores.append(card_score(Score(float(np.abs(shuffled - stages[1]).mean()), "text_sensitivity", **about)))

    small, large = model.generate(texts, seed=1)
    for prefix, fake in (("stage1_", enlarge(small)), ("", large)):
        for found in score_translations(fake, images, others[: len(images)], DATA, paired=False, seed=1):
            scores.append(found | {"metric": prefix + found["metric"], "table": not prefix})
    return scores


def enlarge(images):
    """Enlarges images to the size of the second stage by repeating pixels."""
    return np.repeat(np.repeat(images, 2, axis=1), 2, axis=2)


def examples():
    """Returns test images with their texts for the picture: one row per text, Stage-I beside Stage-II."""
    return next(dataset(split="test", batch_size=64).as_numpy_iterator())


def sample(model):
    """Returns the call with the recorded output."""
    return {"method": "generate", "arguments": {"text": np.asarray(examples()[1][:1]), "seed": 1}}


if __name__ == "__main__":
    recipes.main(sys.modules[__name__])
