"""Does D learn to use the text? Trains D alone on right and wrong pairs of real images, with both ways of matching.

Command:   python -m kerasgan.zoo.gan_cls_glyphs.matching matching.json

The paper's D applies batch normalization after image and text are joined. Right pairs form one batch and wrong pairs
another, so the statistics of a batch reveal which kind it is, and D can ignore the text.
"""

import json
import sys

import keras
import numpy as np
import tensorflow as tf

import kerasgan
from kerasgan.data import glyphs
from kerasgan.files import replacing
from kerasgan.models.tasks import mismatched
from kerasgan.networks.text import MATCHING
from kerasgan.zoo.gan_cls_glyphs import recipe

STEPS = 2000
SIZES = {"image_size": 32, "width": 32, "projection_dim": 128}
NUM_PAIRS = 1000


def train(discriminator, data):
    """Minimises the loss of right against wrong pairs for `STEPS` steps. Returns its mean over the last hundred."""
    optimizer = kerasgan.optimizers.Adam(2e-4, beta_1=0.5)
    optimizer.build(discriminator.trainable_variables)
    loss = kerasgan.losses.get("non_saturating")

    @tf.function
    def step(images, text):
        wrong, _ = mismatched(text)
        with tf.GradientTape() as tape:
            right_logits = discriminator([images, text], training=True)
            value = loss.discriminator_loss(right_logits, discriminator([images, wrong], training=True))
        gradients = tape.gradient(value, discriminator.trainable_variables)
        optimizer.apply_gradients(zip(gradients, discriminator.trainable_variables))
        return value

    return float(np.mean([step(*batch) for batch in data.take(STEPS)][-100:]))


def read(discriminator, words):
    """Returns the share of held-out images with a higher logit for the right caption than for one with a wrong letter.

    Each batch has as many right as wrong pairs, so its statistics reveal nothing.
    """
    table = glyphs.attributes(NUM_PAIRS, "test", seed=recipe.SEED, held_out=recipe.HELD_OUT)
    images = glyphs.render(table, image_size=32) / np.float32(127.5) - 1
    others = np.random.default_rng(recipe.SEED).integers(1, len(glyphs.CHARACTERS), NUM_PAIRS)
    wrong = table | {"letter": (table["letter"] + others) % len(glyphs.CHARACTERS)}
    right, wrong = (words(glyphs.captions(each)) for each in (table, wrong))
    even = (np.arange(NUM_PAIRS) % 2 == 0)[:, None]

    def logits(text):
        batches = tf.data.Dataset.from_tensor_slices((images, text)).batch(100)
        return np.concatenate([discriminator(list(batch), training=True) for batch in batches])

    first, second = logits(np.where(even, right, wrong)), logits(np.where(even, wrong, right))
    return float(((first > second) == even).mean())


def main(path):
    """Writes the loss and the share of right letters for each way of matching as JSON. Guessing gives one half."""
    words, results = recipe.encoder(), {}
    for matching in MATCHING:
        keras.utils.set_random_seed(recipe.SEED)
        model = kerasgan.GANCLS(text_dim=words.dim, matching=matching, **SIZES)
        loss = train(model.discriminator, recipe.dataset().repeat())
        results[matching] = {"loss": round(loss, 3), "letters_read": round(read(model.discriminator, words), 3)}
        print(matching, results[matching], flush=True)
    settings = SIZES | {"steps": STEPS, "seed": recipe.SEED, "pairs": NUM_PAIRS}
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(settings | {"results": results}, indent=2) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
