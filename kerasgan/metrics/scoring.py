"""Scores generated against real images with several metrics. Each score states its protocol."""

import numpy as np

from kerasgan.metrics.checks import check_images
from kerasgan.metrics.features import features_and_sizes, get_classifier, get_extractor
from kerasgan.metrics.frechet import frechet_distance_from_features
from kerasgan.metrics.inception_score import inception_score
from kerasgan.metrics.kernel import kernel_distance
from kerasgan.metrics.modes import recognizability
from kerasgan.metrics.precision_recall import density_coverage, precision_recall
from kerasgan.metrics.score import Score, size_in_words

SUBSET = 1000
LEVEL = 0.95  # `level` of `recognizability`


def _fd(real, fake):
    return {"frechet_distance": (frechet_distance_from_features(real, fake), None, {})}


def _kd(real, fake):
    mean, sd = kernel_distance(real, fake, subset_size=SUBSET)
    if max(len(real), len(fake)) <= SUBSET:  # both sets are used whole: one estimate, without a standard deviation
        return {"kernel_distance": (mean, None, {"subsets": 1})}
    settings = {"subsets": 100, "subset_size": SUBSET, "subset_seed": 0}
    return {"kernel_distance": (mean, sd, settings)}


def _pr(real, fake):
    values = precision_recall(real, fake)._asdict()
    return {name: (value, None, {"k": 3}) for name, value in values.items()}


def _dc(real, fake):
    values = density_coverage(real, fake)._asdict()
    return {name: (value, None, {"k": 5}) for name, value in values.items()}


def _is(fake, real, labels):
    return "inception_score", *inception_score(fake), {"splits": 10}, 0


def _rec(fake, real, labels):
    share = recognizability(real, fake, LEVEL).share
    return "recognizability", share, _sampling_error(share, len(fake)), {"level": LEVEL}, len(real)


def _acc(fake, real, labels):
    if labels is None or np.shape(labels) != (len(fake),):
        received = "none" if labels is None else np.shape(labels)
        raise ValueError(f"`labels` must hold a class for each of {len(fake)} images for 'acc'. Received: {received}")
    share = float(np.mean(fake.argmax(axis=-1) == labels))
    return "label_accuracy", share, _sampling_error(share, len(fake)), {}, 0


def _sampling_error(share, count):
    return float(np.sqrt(share * (1 - share) / count))


JUDGEMENTS = {"is": _is, "rec": _rec, "acc": _acc}
COMPARISONS = {"fd": _fd, "kd": _kd, "pr": _pr, "dc": _dc}
NAMES = {
    "fd": "Fréchet distance",
    "kd": "Kernel distance",
    "pr": "Precision and recall",
    "dc": "Density and coverage",
}
# the minimum number of images for each metric
FEWEST = {"fd": 2, "kd": 2, "pr": 4, "dc": 6, "is": 20, "rec": 2, "acc": 2}


def score_images(
    real,
    fake,
    metrics=("fd", "kd", "pr"),
    extractor=None,
    classifier=None,
    batch_size=64,
    dataset=None,
    split=None,
    seed=None,
    truncation=None,
    verbose=0,
    labels=None,
):
    """Scores generated images against real images. Each score states its protocol.

    Args:
        real: images in [-1, 1], as in `extract_features`.
        fake: images in [-1, 1], as in `extract_features`. Values outside are clipped if it is an array.
        metrics: list of "fd" (Fréchet distance), "kd" (kernel distance), "pr" (precision and recall), "dc" (density and
            coverage), "is" (Inception Score), "rec" (see `recognizability`) and "acc" (label accuracy: the share of
            `fake` that the classifier assigns to the class in `labels`).
        extractor: anything that `get_extractor` accepts. Required for "fd", "kd", "pr" and "dc".
        classifier: anything that `get_classifier` accepts, for "is", "rec" and "acc". Default: the classifier with the
            extractor's name.
        batch_size: int, default 64.
        dataset: str, the data set of the real images, stated in the scores.
        split: str, its split, stated in the scores.
        seed: int, the seed of the generated images, stated in the scores.
        truncation: float, the truncation of the latents, stated in the scores.
        verbose: 1 shows progress bars. Default 0.
        labels: int array (n,), for "acc": the requested classes of `fake`, in the numbering of the classifier.

    Returns:
        dict of `Score`s by metric: "frechet_distance", "kernel_distance", "precision", "recall", "density", "coverage",
        "inception_score", "recognizability", "label_accuracy".

    Raises:
        ValueError: for an unknown metric, a missing extractor, too few images, or images that `extract_features`
            does not accept.

    Example:

    >>> import numpy as np
    >>> from kerasgan.metrics import score_images
    >>> images = np.random.default_rng(0).uniform(-1, 1, (16, 2, 2, 1)).astype("float32")
    >>> scores = score_images(images, -images, metrics=["fd"], extractor=lambda x: x[:, 0, 0])
    >>> scores["frechet_distance"].num_real
    16
    """
    if not metrics or any(name not in FEWEST for name in metrics):
        raise ValueError(f"`metrics` must be among {tuple(FEWEST)}. Received: {list(metrics)}")
    compared = [name for name in metrics if name in COMPARISONS]
    judged = [name for name in metrics if name not in COMPARISONS]
    if extractor is None and compared:
        raise ValueError("`extractor` must be a name, a keras.Model or a callable for these metrics. Received: None")
    if judged and classifier is None:
        if not isinstance(extractor, str):
            raise ValueError(f"`classifier` must be a name, a keras.Model or a callable for {judged}. Received: None")
        classifier = extractor
    if hasattr(fake, "shape"):
        fake = check_images(fake, "fake", clip=True).numpy()
    for metric in metrics:
        sets = {"fake": fake} if metric in ("is", "acc") else {"real": real, "fake": fake}
        for name, images in sets.items():
            if hasattr(images, "shape") and len(images) < FEWEST[metric]:
                raise ValueError(
                    f"`{name}` must hold at least {FEWEST[metric]} images for {metric!r}. Received: {len(images)}"
                )
    about = {"dataset": dataset, "split": split, "seed": seed, "truncation": truncation}
    extractor = get_extractor(extractor) if compared else None
    classifier = get_classifier(classifier) if judged else None
    known, real_sizes = _look(real, "real", [extractor, classifier if "rec" in judged else None], batch_size, verbose)
    found, sizes = _look(fake, "generated", [extractor, classifier], batch_size, verbose)
    scores = {}
    for name in compared:
        _tell(f"{NAMES[name]} ...", verbose)
        sets = known[0], found[0]
        facts = about | extractor.protocol | {"num_real": len(sets[0]), "num_generated": len(sets[1])}
        facts["image_size"] = size_in_words(sizes, real_sizes)
        for metric, (value, sd, settings) in COMPARISONS[name](*sets).items():
            scores[metric] = Score(value, metric, sd=sd, settings=settings, **facts)
    for name in judged:
        metric, value, sd, settings, num_real = JUDGEMENTS[name](found[1], known[1], labels)
        facts = about | classifier.protocol | {"num_real": num_real, "num_generated": len(found[1])}
        facts["image_size"] = size_in_words(sizes, real_sizes if name == "rec" else ())
        scores[metric] = Score(value, metric, sd=sd, settings=settings, **facts)
    return scores


def _look(images, kind, networks, batch_size, verbose):
    """Returns the outputs of the networks in one pass (None for no network), and the sizes of the images."""
    used = [network for network in networks if network]
    if not used:
        return [None] * len(networks), set()
    names = " and ".join(dict.fromkeys(network.name for network in used))
    _tell(f"Features of the {kind} images, by {names}:", verbose)
    outputs, sizes = features_and_sizes(images, used, batch_size, verbose)
    outputs = iter(outputs)
    return [next(outputs) if network else None for network in networks], sizes


def _tell(sentence, verbose):
    if verbose:
        print(sentence, flush=True)
