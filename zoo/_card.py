"""Cards of entries: written with the files of the entry, and read to load them."""

import collections
import dataclasses
import datetime
import json
import os
import platform
import subprocess
from pathlib import Path

import numpy as np
import tensorflow as tf

from kerasgan import plots
from kerasgan.files import replacing, sha256_of
from kerasgan.metrics.score import library_versions
from kerasgan.zoo._data_sets import DATA_SETS
from kerasgan.zoo._pages import readme
from kerasgan.zoo._schema import validate
from kerasgan.zoo._weights import load_weights, save_weights


def networks_of(model):
    """Returns {file stem: network} of the networks that an entry stores. Sampling networks are the averaged copies."""
    if hasattr(model, "stages"):
        named = {stage: networks_of(getattr(model, stage)) for stage in model.stages}
        return {f"{stage}_{name}": network for stage in named for name, network in named[stage].items()}
    if not hasattr(model, "network_names"):
        return {"network": model}
    return {name: model.sampler(name) for name in model.network_names}


def training_record(steps, batch_size, seed, hours, precision="float32", trained_on=None):
    """Returns "training" of a card: the given values, and the current machine, library versions, commit and date.

    Args:
        steps: int, the number of training steps (`int(model.step)`).
        batch_size: int, real images per step.
        seed: int, the argument of `keras.utils.set_random_seed`.
        hours: float, wall-clock time of the training.
        precision: str, the name of the dtype policy.
        trained_on: str, the machine, as returned by `machine()`. Default: this one.
    """
    return {
        "steps": int(steps),
        "images_seen": int(steps) * int(batch_size),
        "seed": int(seed),
        "precision": precision,
        "hours": round(float(hours), 3),
        "machine": trained_on or machine(),
        "versions": library_versions(),
        "commit": _commit(),
        "date": datetime.date.today().isoformat(),
    }


def card_score(score, floor=None, paper=None, table=True):
    """Returns a score in the format of a card: its protocol, and values to compare it with.

    Args:
        score: `kerasgan.metrics.Score`. A score in the format of a card is returned unchanged.
        floor: float, `Score` or None, the same score of real data, for example between training and test images.
        paper: float or None, the value in the paper, if its protocol is comparable.
        table: bool, whether the table in the main README shows it. Default True.
    """
    if isinstance(score, dict):
        return score
    floor = None if floor is None else float(floor)
    return dataclasses.asdict(score) | {"floor": floor, "paper": paper, "table": table}


def write_entry(
    folder,
    model,
    *,
    description,
    paper,
    data,
    training,
    scores,
    headline,
    pictures,
    sample,
    picture=None,
    columns=None,
    networks=None,
):
    """Writes a zoo entry: weights, recorded sample, samples.png, card.json and README.md.

    Args:
        folder: the folder of the entry, `<model>_<data>`. Its name is the name of the entry.
        model: the trained model. For its sampling networks, averaged weights are stored.
        description: str, one line.
        paper: dict with "title", "authors", "year", "url".
        data: str, a name in `DATA_SETS`, or a dict with "name", "title", "url", "licence".
        training: dict of `training_record`.
        scores: list of `card_score(...)` or `kerasgan.metrics.Score`; or a function of the model that returns such a
            list, which is called with the stored weights.
        headline: str, the metric of the main score of the entry.
        pictures: float array in [-1, 1] for `kerasgan.plots.image_grid`, or a uint8 picture; or a function of the model
            that returns one, which is called with the stored weights.
        sample: dict with "method", a deterministic method of the model, and its "arguments": arrays or JSON values,
            such as `{"method": "generate", "arguments": {"num_images": 1, "seed": 1}}`. Its output is recorded to check
            later loads.
        picture: str or None, what the rows and the columns of samples.png show. The page of the entry has it below the
            picture.
        columns: int or None, the number of images in a row of the picture. None makes a square.
        networks: list of the names of the networks to store. Default: all.

    Returns:
        dict, the card.

    Raises:
        ValueError: if something is missing, or a number is not finite.
    """
    folder = Path(folder)
    stored = networks_of(model)
    stored = {name: stored[name] for name in networks or stored}
    paths = [save_weights(network, folder / f"{stem}.weights.h5") for stem, network in stored.items()]
    # Weights may be rounded to half precision, so sample and scores are computed with the stored weights.
    load_networks(model, {path.name: path for path in paths})
    paths.append(_write_sample(folder / "sample.npz", model, sample))
    scores = scores(model) if callable(scores) else scores

    pictures = np.asarray(pictures(model) if callable(pictures) else pictures)
    plots.save_png(
        folder / "samples.png", pictures if pictures.dtype == np.uint8 else plots.image_grid(pictures, columns)
    )
    card = {
        "name": folder.resolve().name,
        "class": type(model).__name__,
        "description": description,
        "paper": paper,
        "data": {"name": data} | DATA_SETS[data] if isinstance(data, str) else data,
        "parameters": {stem: int(network.count_params()) for stem, network in stored.items()},
        "training": training,
        "files": {path.name: {"size": path.stat().st_size, "sha256": sha256_of(path)} for path in sorted(paths)},
        "sample": {
            "method": sample["method"],
            "arguments": {k: v for k, v in sample["arguments"].items() if not isinstance(v, np.ndarray)},
        },
        "headline": headline,
        "scores": [card_score(score) for score in scores],
    }
    write_card(folder, card | ({"picture": picture} if picture else {}))
    return card


def write_card(folder, card):
    """Checks a card, and writes `card.json` and the README.md made from it into `folder`."""
    validate(card)
    with replacing(Path(folder) / "card.json") as temporary:
        temporary.write_text(json.dumps(card, indent=2, allow_nan=False) + "\n")
    with replacing(Path(folder) / "README.md") as temporary:
        temporary.write_text(readme(card))


def load_networks(model, files):
    """Loads {file name: path or (path, size, sha256)} into the networks of `model` with these names.

    In a model of two stages, the file of the second generator also has the weights of the first one.
    """
    for filename, place in files.items():
        path, size, sha256 = place if isinstance(place, tuple) else (place, None, None)
        stem, owner = filename.removesuffix(".weights.h5"), model
        if hasattr(model, "stages"):
            stage, _, stem = stem.partition("_")
            owner = getattr(model, stage)
        network = model if stem == "network" else getattr(owner, stem)
        load_weights(network, path, size, sha256)
        _copy_to_average(owner, stem)
    if "stage2_generator.weights.h5" in files and "stage1_generator.weights.h5" not in files:
        model.stage1.generator.set_weights(model.stage2.generator.get_layer("sketcher").get_weights())
        _copy_to_average(model.stage1, "generator")
    return model


def _copy_to_average(model, name):
    average = getattr(model, f"ema_{name}", None)
    if average is not None:
        average.set_weights(getattr(model, name).get_weights())


def read_sample(path, sample):
    """Returns the arguments of the recorded sample and the recorded output of the model."""
    with np.load(path, allow_pickle=False) as stored:
        arrays = dict(stored)
    output = arrays.pop("output")
    return sample["arguments"] | arrays, output


def sample_error(model, path, sample):
    """Returns the largest difference between the recorded sample and the current output of `model`."""
    arguments, output = read_sample(path, sample)
    again = _answer(model, sample["method"], arguments)
    if again.shape != output.shape:
        raise ValueError(f"The sample must have the shape {output.shape}. Received: {again.shape}")
    return float(np.max(np.abs(again - output)))


def _write_sample(path, model, sample):
    arrays = {name: value for name, value in sample["arguments"].items() if isinstance(value, np.ndarray)}
    output = _answer(model, sample["method"], sample["arguments"])
    if not np.all(np.isfinite(output)):
        raise ValueError("The recorded sample must be finite. Received: NaN or infinity; nothing was published")
    with replacing(path) as temporary:
        np.savez(temporary, output=output, **arrays)
    return path


def _answer(model, method, arguments):
    """Returns the output of a method as an array. Of several outputs, it returns the last one."""
    output = getattr(model, method)(**arguments)
    return np.asarray(output[-1] if isinstance(output, tuple) else output, "float32")


def machine():
    """Returns the processor, its cores and the accelerators found by TensorFlow, without the name of the machine."""
    model = platform.processor() or platform.machine()
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo") as file:
            names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
        model = names[0] if names else model
    accelerators = collections.Counter(
        tf.config.experimental.get_device_details(device).get("device_name", "GPU")
        for device in tf.config.list_physical_devices("GPU")
    )
    parts = [f"{count} x {name}" if count > 1 else name for name, count in accelerators.items()]
    return ", ".join([*parts, f"{model}, {os.cpu_count()} cores"])


def _commit():
    """Returns the commit of the source, or None outside of a checkout."""
    command = ["git", "-C", str(Path(__file__).resolve().parent), "rev-parse", "--short=12", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
