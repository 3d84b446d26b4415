"""CycleGAN between serif and sans letters. The true partners are known for the scores.

Paper:     Zhu, Park, Isola, Efros (2017), Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks
Command:   python -m kerasgan.zoo.cyclegan_glyphs.recipe runs
Expected:  to_sans_style_right 0.97, to_serif_style_right 0.88, the letter kept in more than 0.99
Time:      see card.json

The networks are the paper's with 24 channels next to the image instead of 64, and 4 residual blocks instead of 6,
in batches of 8. In training, no glyph has its partner in the other domain.
"""  # noqa: E501

import sys

import keras
import numpy as np

import kerasgan
from kerasgan.data import glyphs
from kerasgan.metrics import Score, classification_accuracy_score, extract_features, get_classifier
from kerasgan.zoo import card_score, recipes

DATA = "glyphs"
SEED = 0
EPOCHS = 6
BATCH = 8
NUM_IMAGES = 4000  # per domain
COLORS = {"colors": ["white"], "backgrounds": ["black"]}
ABOUT = {
    "description": "CycleGAN between serif and sans letters.",
    "paper": {
        "title": "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks",
        "authors": "Zhu, Park, Isola, Efros",
        "year": 2017,
        "url": "https://arxiv.org/abs/1703.10593",
    },
    "data": DATA,
    "headline": "to_sans_style_right",
    "picture": "Columns: serif letter, its sans version, and back; sans letter, its serif version, and back.",
}


def model(**options):
    """Returns the compiled model; `options` override arguments of `compile`, such as `cycle_weight=0`."""
    model = kerasgan.CycleGAN(image_size=32, channels=1, width=24, blocks=4, receptive_field=16, seed=SEED)
    g_optimizer, d_optimizer = recipes.falling_adams(EPOCHS * NUM_IMAGES // BATCH)
    defaults = {"g_optimizer": g_optimizer, "d_optimizer": d_optimizer, "ema_decay": 0.995, "steps_per_execution": 5}
    model.compile(**(defaults | {"identity_weight": 0.0} | options))
    return model


def dataset(split="train"):
    """Returns (serif, sans): unpaired for "train", partners for "test"."""
    if split == "test":
        options = {"paired": True, "num_images": 2000, "batch_size": 2000, "shuffle": False}
    else:
        options = {"num_images": NUM_IMAGES, "batch_size": BATCH}
    return glyphs.domains(split, image_size=32, channels=1, seed=SEED, **COLORS, **options)


def train(directory, data=None, epochs=EPOCHS, steps_per_epoch=None, **options):
    """Trains with checkpoints, and returns the model with its last weights."""
    keras.utils.set_random_seed(SEED)
    return recipes.train(directory, model(**options), dataset() if data is None else data, epochs, steps_per_epoch)


def score(model):
    """Returns the scores of the translations of 2,000 test letters in each direction.

    - "style_right": the share with the target style, by a small classifier trained here on the training images of both
      domains. The floor is that of the true partners.
    - "letter_right": the share with the right letter, by the classifier of glyphs. The floor is that of the partners.
    - "l1": the distance from the true partner. The floor is that of the untranslated image.
    - "nearer_to_truth": the share of translations that are nearer to the partner than to the source. This is a hard
      test, as partners differ in width, which unpaired training cannot know.
    """
    serif, sans = next(dataset("test").as_numpy_iterator())
    letters = glyphs.attributes(len(serif), "test", seed=SEED, **COLORS)["letter"]
    judge = get_classifier(DATA)
    stamp = {"num_real": len(serif), "num_generated": len(serif), "dataset": DATA, "split": "test"}
    by = {"extractor": judge.name, "weights_hash": judge.weights_hash, "resize": judge.resize}

    def distance(x, y):
        return np.abs(x - y).mean(axis=(1, 2, 3))

    known = [np.concatenate(images) for images in zip(*dataset().as_numpy_iterator())]
    styles = np.repeat(np.arange(2), [len(images) for images in known])

    def style_right(images, domain):
        asked = np.full(len(images), domain)
        return classification_accuracy_score(np.concatenate(known), styles, images, asked, 2, epochs=3)

    def letter_right(images):
        return extract_features(images, judge).argmax(axis=-1) == letters

    scores = []
    for name, source, target, domain in (("to_sans", serif, sans, 1), ("to_serif", sans, serif, 0)):
        fake = model.translate(source, to="AB"[domain])
        nearer, right, far = distance(fake, target) < distance(fake, source), letter_right(fake), distance(fake, target)
        for metric, values, floor, judged in (
            ("style_right", np.array(style_right(fake, domain)), style_right(target, domain), {}),
            ("nearer_to_truth", nearer, None, {}),
            ("letter_right", right, letter_right(target).mean(), by),
            ("l1", far, distance(source, target).mean(), {}),
        ):
            sd = float(values.std() / np.sqrt(len(values))) if values.ndim else None
            scores.append(card_score(Score(float(values.mean()), f"{name}_{metric}", sd=sd, **stamp, **judged), floor))
    return scores


def examples():
    """Returns test letters for the picture: serif | sans of it | back again | sans | serif of it | back again."""
    return [images[:10] for images in next(dataset("test").as_numpy_iterator())]


def sample(model):
    """Returns the call with the recorded output."""
    return {"method": "translate", "arguments": {"images": np.asarray(examples()[0][:1]), "to": "B"}}


if __name__ == "__main__":
    recipes.main(sys.modules[__name__])
