"""Domain transfer from printed to handwritten digits, without pairs.

Paper:     Taigman, Polyak, Wolf (2017), Unsupervised Cross-Domain Image Generation
Command:   KERASGAN_DATA_DIR=... python -m kerasgan.zoo.dtn_glyphs_mnist.recipe runs
Expected:  label_kept 1.00 (the paper's digits, from photos of house numbers: 0.9066)
Time:      see card.json

f learns from the labels of printed digits and of USPS (Hull 1994), which is read from usps.npz: `x_train`, uint8
(7291, 16, 16), and `y_train`, the digits. The labels of MNIST are used only for the scores.
"""

import sys

import keras
import numpy as np
import tensorflow as tf

import kerasgan
from kerasgan.metrics import Score, extract_features, frechet_distance_from_features, get_classifier, get_extractor
from kerasgan.zoo import card_score, recipes

SEED = 0
EPOCHS = 10
FEATURE_EPOCHS = 4
NUM_IMAGES = 30_000
STEPS = NUM_IMAGES // 64 // 5 * 5  # per epoch, in executions of five
GLYPHS = {"characters": "0123456789", "colors": ["white"], "backgrounds": ["black"], "channels": 1}
ABOUT = {
    "description": "Domain transfer network from printed to handwritten digits.",
    "paper": {
        "title": "Unsupervised Cross-Domain Image Generation",
        "authors": "Taigman, Polyak, Wolf",
        "year": 2017,
        "url": "https://arxiv.org/abs/1611.02200",
    },
    "data": {
        "name": "glyphs and mnist",
        "title": "Digits rendered by kerasgan from the DejaVu and STIX fonts, MNIST (LeCun, Cortes, Burges), and, "
        "for the features, USPS (Hull)",
        "url": "https://www.tensorflow.org/datasets/catalog/mnist",
        "licence": "Bitstream Vera and SIL OFL 1.1 (fonts), CC BY-SA 3.0 (MNIST), none stated (USPS)",
    },
    "headline": "label_kept",
    "picture": "Columns: printed digit, its handwritten version, handwritten digit, and the same through the network.",
}
NETWORKS = ["generator", "features"]


def model():
    """Returns the compiled model, its features untrained."""
    model = kerasgan.DomainTransferNetwork(image_size=32, channels=1, width=32, seed=SEED)
    g_optimizer, d_optimizer = recipes.falling_adams(EPOCHS * STEPS)
    model.compile(g_optimizer=g_optimizer, d_optimizer=d_optimizer, ema_decay=0.999, steps_per_execution=5)
    return model


def glyphs(split="train", labels=False, **options):
    """Returns printed digits, white on black."""
    options = {"num_images": NUM_IMAGES, "batch_size": 64, "seed": SEED} | GLYPHS | options
    return kerasgan.data.load("glyphs", split, image_size=32, labels=labels, **options)


def dataset():
    """Returns unpaired (printed, handwritten) digits."""
    written = kerasgan.data.load("mnist", image_size=32, batch_size=64, seed=SEED)
    return tf.data.Dataset.zip((glyphs(), written))


def labelled():
    """Returns printed digits and digits of USPS with their labels, distorted, so that f generalizes beyond fonts."""
    with np.load(recipes.data_folder("usps.npz")) as usps:
        images = tf.image.resize(usps["x_train"][..., None] / 127.5 - 1, (32, 32), "bicubic")
        written = tf.data.Dataset.from_tensor_slices((tf.clip_by_value(images, -1, 1), usps["y_train"].astype("int32")))
    outside = {"fill_mode": "constant", "fill_value": -1.0}
    distort = keras.Sequential(
        [
            keras.layers.RandomRotation(0.06, **outside),
            keras.layers.RandomShear(0.3, 0.1, **outside),
            keras.layers.RandomZoom(0.25, 0.25, **outside),
            keras.layers.RandomTranslation(0.08, 0.08, **outside),
        ]
    )

    def mix(printed, written):
        images, labels = (tf.concat(parts, axis=0) for parts in zip(printed, written))
        return distort(images, training=True), labels

    written = written.shuffle(len(images), seed=SEED).repeat().batch(32)
    both = tf.data.Dataset.zip(glyphs(labels=True, batch_size=32), written)
    return both.map(mix, num_parallel_calls=tf.data.AUTOTUNE)


def train_features(features, data, steps_per_epoch=None):
    """Trains f to classify the digits of `data`, and scales its features.

    The weight of the loss that compares features depends on their scale. Here, their mean square is scaled to 1.
    """
    features.trainable = True
    classifier = keras.Sequential([features, keras.layers.Dense(10)])
    classifier.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    classifier.fit(data, epochs=FEATURE_EPOCHS, steps_per_epoch=steps_per_epoch, shuffle=False, verbose=2)
    images, _ = next(glyphs(labels=True, batch_size=1000).as_numpy_iterator())
    last = features.layers[-2]  # a convolution before a ReLU: scaling its weights scales the features
    scale = float(np.sqrt(np.mean(np.square(features.predict(images, verbose=0)))))
    last.set_weights([weights / scale for weights in last.get_weights()])
    features.trainable = False


def train(directory, data=None, epochs=EPOCHS, steps_per_epoch=None):
    """Trains f, then the transfer, and keeps the last weights. A resumed run loads f from its checkpoint."""
    keras.utils.set_random_seed(SEED)
    network = model()
    train_features(network.features, labelled() if data is None else glyphs(labels=True), steps_per_epoch)
    return recipes.train(directory, network, dataset() if data is None else data, epochs, steps_per_epoch)


def score(model):
    """Returns the scores of the translations of 2,000 other printed digits, by the shipped classifier of MNIST.

    - "label_kept": the share classified as the printed digit. The floor is the accuracy on real MNIST.
    - "label_untranslated": the same for the untranslated printed digits.
    - "frechet_distance": between 2,000 test images and the translations. The floor is that of other test images.

    The classifier takes 28x28 pixels, so all images are shrunk, and real ones are first enlarged to 32.
    """
    printed, digits = next(glyphs("test", labels=True, num_images=2000, batch_size=2000).as_numpy_iterator())
    real = kerasgan.data.load("mnist", "test", image_size=32, labels=True, batch_size=4000, shuffle=False)
    written, written_digits = next(real.as_numpy_iterator())
    judge, extractor = get_classifier("mnist"), get_extractor("mnist")

    def small(images):
        return np.clip(tf.image.resize(images, (28, 28), antialias=True), -1, 1)

    def right(images, labels):
        return float(np.mean(extract_features(small(images), judge).argmax(axis=-1) == labels))

    def features(images):
        return extract_features(small(images), extractor)

    translated = model.translate(printed)
    first, second = np.split(features(written), 2)
    stamp = {"dataset": "mnist", "split": "test", "num_real": 2000, "num_generated": 2000}
    scores = []
    for name, value, floor in (
        ("label_kept", right(translated, digits), right(written, written_digits)),
        ("label_untranslated", right(printed, digits), None),
    ):
        sd = float(np.sqrt(value * (1 - value) / len(digits)))
        scores.append(card_score(Score(value, name, sd=sd, **stamp, **judge.protocol), floor))
    distance = frechet_distance_from_features(first, features(translated))
    distance = Score(float(distance), "frechet_distance", **stamp, **extractor.protocol)
    return [*scores, card_score(distance, floor=float(frechet_distance_from_features(first, second)))]


def examples():
    """Returns digits for the picture: printed | as handwritten | handwritten | the same through g and f."""
    written = kerasgan.data.load("mnist", "test", image_size=32, batch_size=16, shuffle=False)
    return next(glyphs("test", num_images=16, batch_size=16).as_numpy_iterator()), next(written.as_numpy_iterator())


def sample(model):
    """Returns the call with the recorded output."""
    return {"method": "translate", "arguments": {"images": np.asarray(examples()[0][:1])}}


if __name__ == "__main__":
    recipes.main(sys.modules[__name__])
