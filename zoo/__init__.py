"""Pretrained models, each with a recipe, weights, a card with measured scores, and a picture.

An entry is a folder `<model>_<data>` with `recipe.py`, `card.json`, `README.md`, `samples.png`, `sample.npz` and
`*.weights.h5`. Its recipe defines `model()`, which returns the compiled untrained model, `train(directory, ...)`, and
`score(model)`. The installed package contains no pictures, and the weights of a few entries. Other weights are
downloaded when they are first used.
"""

import difflib
import fnmatch
import importlib
import json
from pathlib import Path

from kerasgan.arguments import did_you_mean
from kerasgan.files import replacing
from kerasgan.zoo._archive import load_archive
from kerasgan.zoo._card import (
    card_score,
    load_networks,
    read_sample,
    sample_error,
    training_record,
    write_card,
    write_entry,
)
from kerasgan.zoo._evaluate import score_enlargements, score_generator, score_segmentation, score_translations
from kerasgan.zoo._fetch import locate, set_url
from kerasgan.zoo._glyphs import score_glyphs
from kerasgan.zoo._pages import results_csv, results_page, size_of, with_table
from kerasgan.zoo._presets import is_preset, load_preset_folder, save_preset
from kerasgan.zoo._schema import validate
from kerasgan.zoo._weights import WeightFileError, load_weights, save_weights

__all__ = [
    "WeightFileError",
    "card",
    "card_score",
    "classifier",
    "list_models",
    "load",
    "load_archive",
    "load_preset",
    "load_weights",
    "recipe",
    "sample",
    "save_preset",
    "save_weights",
    "score_enlargements",
    "score_generator",
    "score_glyphs",
    "score_segmentation",
    "score_translations",
    "set_url",
    "training_record",
    "update_results",
    "verify",
    "write_card",
    "write_entry",
]

FOLDER = Path(__file__).resolve().parent


def list_models(pattern="*", details=False):
    """Lists the entries of the zoo.

    Args:
        pattern: str, a shell pattern over names, such as "dcgan*". Default: all.
        details: bool, default False. True returns a dict for each entry: "name", "class" (of the model), "description",
            "size" (bytes of its weights), and "metric" and "value" of its headline score.

    Returns:
        list of str, or of dicts.

    Example:

    >>> from kerasgan import zoo
    >>> zoo.list_models("classifier_*")
    ['classifier_fashion_mnist', 'classifier_glyphs', 'classifier_mnist']
    """
    names = fnmatch.filter(_names(), pattern)
    return [_details(card(name)) for name in names] if details else names


def _details(about):
    value = next(score["value"] for score in about["scores"] if score["metric"] == about["headline"])
    kept = {key: about[key] for key in ("name", "class", "description")}
    return kept | {"size": size_of(about), "metric": about["headline"], "value": value}


def load_preset(preset):
    """Loads a trained and compiled model, to generate images, to fine-tune with `fit`, or to export.

    Args:
        preset: str, the name of an entry of the zoo as in `list_models()`, or a folder of `model.save_to_preset`. The
            folder may come from an untrusted source: its configuration and weights are checked as in `load_archive` and
            `load_weights`.

    Returns:
        The model. `kerasgan.DCGAN.from_preset(preset)` is the same, and refuses other classes.

    Raises:
        ValueError: if there is no such preset, or (as `WeightFileError`) a file is invalid.
        FileNotFoundError: if a file is missing and cannot be downloaded. The message says where to put it.

    Example:

    >>> kerasgan.load_preset("dcgan_mnist").image_size
    28
    """
    if is_preset(preset):
        return load_preset_folder(preset)
    if preset in _names():
        return load(preset)
    near = difflib.get_close_matches(str(preset), _names(), 3)
    raise ValueError(
        f"`preset` must be a folder of `save_to_preset`, or a name of `kerasgan.zoo.list_models()`"
        f"{', such as ' + ', '.join(near) if near else ''}. Received: {str(preset)!r}"
    )


def card(name):
    """Returns the card of an entry.

    Args:
        name: str, as in `list_models()`.

    Returns:
        dict with "paper", "data" (including its licence), "parameters", "training", "files" with sizes and SHA-256, and
        "scores".

    Raises:
        ValueError: if there is no such entry.

    Example:

    >>> from kerasgan import zoo
    >>> zoo.card("classifier_mnist")["data"]["name"]
    'mnist'
    """
    if name not in _names():
        raise ValueError(f"`name` must be one of {_names()}. Received: {name!r}.{did_you_mean(name, _names())}")
    about = json.loads((FOLDER / name / "card.json").read_text())
    validate(about)
    return about


def recipe(name):
    """Returns the module of an entry's recipe, with `model()`, `train(directory, ...)` and `score(model)`."""
    card(name)
    return importlib.import_module(f"kerasgan.zoo.{name}.recipe")


def load(name):
    """Builds the model of an entry and loads its weights. Every file is checked before it is read.

    Weights are loaded from the package or clone, or from the folder `KERASGAN_ZOO_DIR`, which has a folder for each
    entry, such as `zoo` of a clone. Other weights are downloaded once into the cache (`KERASGAN_HOME`), see `set_url`.

    Args:
        name: str, as in `list_models()`.

    Returns:
        The compiled model of the recipe, to generate images, to fine-tune with `fit`, or to export. Its sampling
        networks have the averaged weights. Networks that the entry does not store (see the files of its card) are
        initialized.

    Raises:
        ValueError: if there is no such entry, or (as `WeightFileError`) a file does not match the card.
        FileNotFoundError: if a file is missing and cannot be downloaded. The message says where to put it.

    Example:

    >>> from kerasgan import zoo
    >>> zoo.load("classifier_mnist").output_shape
    (None, 10)
    """
    files = card(name)["files"]
    model = recipe(name).model()
    weights = {file: record for file, record in files.items() if file.endswith(".weights.h5")}
    return load_networks(
        model,
        {
            file: (locate(FOLDER / name, file, record), record["size"], record["sha256"])
            for file, record in weights.items()
        },
    )


def sample(name):
    """Returns the recorded sample of an entry, which its model can reproduce.

    Args:
        name: str, as in `list_models()`.

    Returns:
        The arguments, a dict such as {"num_images": 1, "seed": 1}, and the recorded output of the model.

    Raises:
        ValueError: if there is no such entry, or (as `WeightFileError`) the file does not match the card.

    Example:

    >>> from kerasgan import zoo
    >>> arguments, images = zoo.sample("dcgan_mnist")
    >>> arguments["seed"], images.shape
    (1, (1, 28, 28, 1))
    """
    about = card(name)
    return read_sample(locate(FOLDER / name, "sample.npz", about["files"]["sample.npz"]), about["sample"])


def classifier(data):
    """Loads the classifier that is used to score entries on a data set.

    Args:
        data: "mnist", "fashion_mnist" or "glyphs".

    Returns:
        keras.Model: images in [-1, 1], (n, 28, 28, 1) or for glyphs (n, 32, 32, 3), to logits (n, 10) or (n, 36). Its
        layer "features" gives (n, 128).

    Raises:
        ValueError: if there is no classifier for this data set.

    Example:

    >>> import keras
    >>> from kerasgan import zoo
    >>> network = zoo.classifier("mnist")
    >>> keras.Model(network.input, network.get_layer("features").output).output_shape
    (None, 128)
    """
    names = [name.removeprefix("classifier_") for name in _names() if name.startswith("classifier_")]
    if data not in names:
        raise ValueError(f"`data` must be one of {names}. Received: {data!r}.{did_you_mean(data, names)}")
    return load(f"classifier_{data}")


def verify(name, scores=False):
    """Checks the files of an entry against its card, the loaded model against its recorded sample, and its scores.

    Args:
        name: str, as in `list_models()`.
        scores: bool, whether to recompute the scores, which needs the data set and takes minutes. Default False.

    Returns:
        dict: "files" (list of checked names), "sample_error" (largest difference, at most 1e-3), "scores" (list of
        dicts with "metric", "recorded", "now", "tolerance" and "holds"), and "holds", whether all checks pass.

    Raises:
        ValueError: (as `WeightFileError`) if a file does not match the card.
    """
    about = card(name)
    places = {file: locate(FOLDER / name, file, record) for file, record in about["files"].items()}
    model = load(name)
    error = sample_error(model, places["sample.npz"], about["sample"])
    compared = _compare(about["scores"], recipe(name).score(model)) if scores else []
    holds = error <= 1e-3 and all(score["holds"] for score in compared)
    return {"files": sorted(places), "sample_error": error, "scores": compared, "holds": holds}


def update_results(path):
    """Regenerates the pages that are made from the cards of all entries.

    These are the table in `path`, between the markers `<!-- zoo:begin -->` and `<!-- zoo:end -->`, and the files
    `results.md` and `results.csv` of the zoo, with the protocol of every score.

    Args:
        path: a text file with the markers, such as the main README.md.

    Raises:
        ValueError: if the file has no markers.
    """
    cards = [card(name) for name in _names()]
    pages = {
        Path(path): with_table(Path(path).read_text(), cards),
        FOLDER / "results.md": results_page(cards),
        FOLDER / "results.csv": results_csv(cards),
    }
    for page, text in pages.items():
        with replacing(page) as temporary:
            temporary.write_text(text)


def _compare(recorded, computed):
    """Compares scores with those of the card: within two standard deviations, or a thousandth if there is none."""
    now = {score["metric"]: score["value"] for score in computed}
    rows = []
    for score in recorded:
        value, metric = now[score["metric"]], score["metric"]
        tolerance = 1e-3 * max(1.0, abs(score["value"])) if score["sd"] is None else 2 * score["sd"]
        holds = abs(value - score["value"]) <= tolerance
        rows.append(
            {"metric": metric, "recorded": score["value"], "now": value, "tolerance": tolerance, "holds": holds}
        )
    return rows


def _names():
    return sorted(path.parent.name for path in FOLDER.glob("*/card.json"))
