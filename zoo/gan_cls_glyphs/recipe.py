"""GAN-CLS on captioned glyphs, scored on held-out combinations of letters and colours.

Paper:     Reed, Akata, Yan, Logeswaran, Schiele, Lee (2016), Generative Adversarial Text to Image Synthesis; D matches
           by the projection of Miyato, Koyama (2018), cGANs with Projection Discriminator
Command:   python -m kerasgan.zoo.gan_cls_glyphs.recipe runs
Expected:  letter_right 0.96, colors_right 0.98, of 2,000 images of held-out combinations
Time:      see card.json
"""

import sys

import keras
import tensorflow as tf

import kerasgan
from kerasgan.data import glyphs
from kerasgan.zoo import recipes, score_glyphs

DATA = "glyphs"
SEED = 0
PRECISION = "mixed_bfloat16"
EPOCHS = 30
NUM_IMAGES = 40_000
POOL = 8 * 64  # images that are sorted by colour at a time
STEPS = NUM_IMAGES // POOL * 8  # per epoch
HELD_OUT = 0.2  # of the combinations (character, colour, background)
# The sentences of the picture, and the characters for which each is drawn.
TEXTS = (
    "a bold serif {} in red on a white background",
    "a sans {} in blue on a cream background",
    "a monospaced {} in orange on a black background",
    "a serif {} in purple on a sky background",
    "a bold sans {} in green on a cream background",
    "a bold monospaced {} in pink on a navy background",
    "a serif {} in yellow on a grey background",
    "a sans {} in black on a sky background",
)
SHOWN = ("letter A", "letter E", "letter K", "letter M", "letter R", "letter S", "digit 2", "digit 5")
ABOUT = {
    "description": "GAN-CLS on captioned glyphs; D is a projection discriminator (Miyato & Koyama 2018).",
    "paper": {
        "title": "Generative Adversarial Text to Image Synthesis",
        "authors": "Reed, Akata, Yan, Logeswaran, Schiele, Lee",
        "year": 2016,
        "url": "https://arxiv.org/abs/1605.05396",
    },
    "data": DATA,
    "headline": "letter_right",
    "picture": f"Rows: {'; '.join(TEXTS).format(*['...'] * 8)}. Columns: {', '.join(SHOWN)}.",
}
NETWORKS = ["generator"]


def encoder():
    """Returns the bag-of-words encoder of the captions."""
    return kerasgan.text.BagOfWords.from_texts(glyphs.captions(glyphs.attributes(5000)))


def model():
    """Returns the compiled model."""
    words = encoder()
    options = {"width": 48, "projection_dim": 256, "matching": "projection"}
    model = kerasgan.GANCLS(image_size=32, text_dim=words.dim, encoder=words, seed=SEED, **options)
    training = {"augment": kerasgan.augment.DiffAugment("translation"), "penalty": kerasgan.penalties.R1(0.01)}
    model.compile(*recipes.falling_adams(EPOCHS * STEPS), **training, ema_decay=0.999, steps_per_execution=5)
    return model


def dataset(split="train"):
    """Returns captioned glyphs as images and text vectors. "test" has only the held-out combinations.

    A training batch consists of eight groups of similar colours. A wrong text is the next one in the batch, so four of
    five wrong texts have the colours of the image. Otherwise D would recognise wrong texts by their colours, and would
    not learn letters.
    """
    words = encoder()
    data = glyphs.captioned(
        split,
        embeddings=words,
        image_size=32,
        num_images=NUM_IMAGES if split == "train" else 2000,
        seed=SEED,
        batch_size=POOL if split == "train" else 64,
        held_out=HELD_OUT,
    )
    if split != "train":
        return data
    pairs = [term.split(" ") for term in words.vocabulary]
    colors = [i for i, pair in enumerate(pairs) if len(pair) == 2 and (pair[0] == "in" or pair[1] == "background")]

    def group(images, text):
        code = tf.linalg.matvec(tf.gather(text, colors, axis=1), 2.0 ** tf.range(len(colors), dtype=tf.float32))
        groups = tf.reshape(tf.argsort(code), (8, -1, 8))  # sorted by colour: eighths of the pool, groups, rows
        order = tf.reshape(tf.transpose(groups, (1, 0, 2)), [-1])  # each batch gets a group of every eighth
        return tf.gather(images, order), tf.gather(text, order)

    batches = data.map(group, num_parallel_calls=tf.data.AUTOTUNE).rebatch(64, drop_remainder=True)
    return batches.apply(tf.data.experimental.assert_cardinality(STEPS))


def train(directory, data=None, epochs=EPOCHS, steps_per_epoch=None):
    """Trains and keeps the last weights."""
    keras.utils.set_random_seed(SEED)
    return recipes.train(directory, model(), dataset() if data is None else data, epochs, steps_per_epoch)


def score(model):
    """Returns the shares of images of held-out captions with the right letter, and with both right colours.

    The letter is judged by the classifier of glyphs, and the colours by pixels. The floor is the same score of real
    images of these captions.
    """
    table = glyphs.attributes(2000, "test", seed=SEED, held_out=HELD_OUT)
    images = model.generate(glyphs.captions(table), seed=1)
    return score_glyphs(images, table, ("letter_right", "colors_right"), seed=1, held_out=HELD_OUT)


def pictures(model):
    """Returns a row for each sentence, with another letter or digit in each column."""
    texts = [text.format(character) for text in TEXTS for character in SHOWN]
    images = model.generate(texts, seed=1)
    return images.reshape((len(TEXTS), len(SHOWN), *images.shape[1:]))


def sample(model):
    """Returns the call with the recorded output."""
    text = "a bold serif letter R in red on a white background"
    return {"method": "generate", "arguments": {"text": text, "num_images": 1, "seed": 1}}


if __name__ == "__main__":
    recipes.main(sys.modules[__name__])
