"""Scores of 28x28 images by the shipped classifiers: recognised share, Fréchet distance, classes drawn."""

import functools

import keras
import numpy as np

from kerasgan import metrics
from kerasgan.data import load as load_data

BLOCKS = 10


def score_images(generate, data="mnist", num_images=10_000, seed=1, conditional=False):
    """Scores a generator of 28x28 images against the test images of a data set, on the features of its classifier.

    - "recognizability": the share of generated images whose top probability passes the level that 95 % of the real
      test images pass.
    - "frechet_distance": on the classifier's 128 features, real test images against generated ones. Its floor is the
      same measure between the test images and as many training images as were generated.
    - "smallest_class_share", "largest_class_share": of the classes the classifier sees.
    - "label_accuracy": of the classes asked for, where the model is conditional.

    The numbers depend on `num_images` (the Fréchet distance of few images is larger), which is recorded with them.

    Args:
        generate: callable, `generate(num_images, seed=seed)` to images (n, 28, 28, 1) in [-1, 1], as
            `model.generate` is; called with `labels=` too where `conditional`.
        data: "mnist" or "fashion_mnist".
        num_images: int, default 10,000, as many as there are test images.
        seed: int, of the generated images.
        conditional: bool; True asks for the classes in turn.

    Returns:
        list of dicts with "name", "value", "spread" (two standard errors of sampling `num_images`), "floor",
        "num_images", "seed" and "extractor".

    Raises:
        ValueError: the images have another shape or another range.

    Example:

    >>> from kerasgan import zoo
    >>> scores = zoo.score_images(model.generate, "mnist")  # doctest: +SKIP
    """
    labels = np.arange(num_images) % 10
    images = np.asarray(generate(num_images, seed=seed, **({"labels": labels} if conditional else {})))
    if images.shape != (num_images, 28, 28, 1):
        raise ValueError(f"`generate` must return the shape {(num_images, 28, 28, 1)}. Received: {images.shape}")
    if not (np.isfinite(images).all() and -1.01 <= images.min() and images.max() <= 1.01 and images.min() < 0):
        raise ValueError(f"`generate` must return values in [-1, 1]. Received: [{images.min()}, {images.max()}]")

    judge = _judge(data)
    real_features, real_probabilities = _real(data, "test")
    features, probabilities = _read(judge, images)
    recognized = metrics.recognizability(real_probabilities, probabilities)
    stamp = {"num_images": num_images, "seed": seed, "extractor": f"kerasgan.zoo.classifier({data!r}), features"}

    def share(name, value, **more):
        spread = 2 * np.sqrt(value * (1 - value) / num_images)
        return {"name": name, "value": float(value), "spread": float(spread)} | more | stamp

    scores = [
        share("recognizability", recognized.share, floor=0.95, threshold=recognized.threshold),
        {
            "name": "frechet_distance",
            "value": metrics.frechet_distance_from_features(real_features, features),
            "spread": _spread(real_features, features),
            "floor": _floor(data, num_images),
        }
        | stamp,
        share("smallest_class_share", recognized.class_shares.min(), table=False),
        share("largest_class_share", recognized.class_shares.max(), table=False),
    ]
    if conditional:
        real_accuracy = np.mean(real_probabilities.argmax(axis=-1) == _real_labels(data))
        hits = np.mean(probabilities.argmax(axis=-1) == labels)
        scores.append(share("label_accuracy", hits, floor=float(real_accuracy)))
    return scores


def _read(judge, images):
    """Returns features (n, 128) and float64 probabilities (n, 10)."""
    features, logits = judge.predict(images, batch_size=500, verbose=0)
    logits = logits.astype("float64")
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return features, exponentials / exponentials.sum(axis=-1, keepdims=True)


@functools.cache
def _judge(data):
    from kerasgan.zoo import classifier

    network = classifier(data)
    return keras.Model(network.input, [network.get_layer("features").output, network.output])


@functools.cache
def _real(data, split):
    images = list(load_data(data, split, batch_size=1000, shuffle=False).as_numpy_iterator())
    return _read(_judge(data), np.concatenate(images))


@functools.cache
def _floor(data, num_images):
    train, _ = _real(data, f"train[:{num_images}]")
    return metrics.frechet_distance_from_features(_real(data, "test")[0], train)


@functools.cache
def _real_labels(data):
    batches = load_data(data, "test", labels=True, batch_size=1000, shuffle=False).as_numpy_iterator()
    return np.concatenate([labels for _, labels in batches])


def _spread(real, fake):
    """Two standard errors of the Fréchet distance over draws of `fake`, by a jackknife that leaves out a tenth."""
    blocks = np.arange(len(fake)) % BLOCKS
    left = [metrics.frechet_distance_from_features(real, fake[blocks != block]) for block in range(BLOCKS)]
    return float(2 * np.sqrt((BLOCKS - 1) * np.var(left)))
