"""Presets: trained models by name, or from a folder of `save_to_preset`."""

import json
import os
import shutil
from pathlib import Path

import keras

from kerasgan.files import parse_json, read_json, reading, replacing, sha256_of, sweep, temporary_for
from kerasgan.metrics.score import library_versions
from kerasgan.zoo._archive import CONFIG, CONFIG_BYTES, build_checked
from kerasgan.zoo._card import load_networks, networks_of
from kerasgan.zoo._weights import WeightFileError, read_checked, save_weights

CARD = "card.json"


def is_preset(folder):
    """Returns whether `folder` was written by `save_to_preset`."""
    return (Path(folder) / CARD).is_file() and (Path(folder) / CONFIG).is_file()


def save_preset(model, folder):
    """Implements `model.save_to_preset`."""
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"`folder` must be new or empty. Received: {str(folder)!r}, which is not empty")
    if not model.compiled:
        raise ValueError("The model must be compiled, so that the preset can be fine-tuned. Remedy: `model.compile()`")
    if folder.parent.exists():
        sweep(folder.parent)
    temporary = temporary_for(folder)
    try:
        temporary.mkdir(parents=True)
        with replacing(temporary / CONFIG) as file:
            file.write_text(json.dumps(keras.saving.serialize_keras_object(model), indent=2))
        networks = networks_of(model)
        for name, network in networks.items():
            save_weights(network, temporary / f"{name}.weights.h5", half=False)
        card = {
            "class": type(model).__name__,
            "parameters": {name: int(network.count_params()) for name, network in networks.items()},
            "training": {"steps": int(model.step), "versions": library_versions()},
            "files": {
                path.name: {"size": path.stat().st_size, "sha256": sha256_of(path)}
                for path in sorted(temporary.iterdir())
            },
        }
        with replacing(temporary / CARD) as file:
            file.write_text(json.dumps(card, indent=2) + "\n")
        if folder.exists():
            folder.rmdir()
        os.rename(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def load_preset_folder(folder):
    """Loads a model from a folder of `save_preset`, after checking every file.

    Raises:
        WeightFileError: (a ValueError) if a file is invalid. The message gives the file and the reason.
    """
    folder = Path(folder)
    path = folder / CARD
    with reading(path, "the card of a preset", WeightFileError):
        files = read_json(path)["files"]
        records = {name: (folder / name, int(record["size"]), str(record["sha256"])) for name, record in files.items()}
        if any(Path(name).name != name for name in records):
            raise ValueError(f"names of files outside of the folder: {sorted(records)}")
        config_record = records.pop(CONFIG)
    config = parse_json(read_checked(*config_record, limit=CONFIG_BYTES), folder / CONFIG)
    model = build_checked(folder / CONFIG, config)
    expected = {f"{name}.weights.h5" for name in networks_of(model)}
    if set(records) != expected:
        raise WeightFileError(f"{folder / CARD} must list {sorted(expected)}. Received: {sorted(records)}")
    return load_networks(model, records)
