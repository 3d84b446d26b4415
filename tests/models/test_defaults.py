"""Every value of the page of defaults is that of the model; small models stand for those of the paper's size."""

import ast
import inspect
import pathlib
import re

import keras
import numpy as np
import pytest

import kerasgan

PAGE = pathlib.Path(__file__).parents[2] / "tutorials" / "site" / "pages" / "defaults.md"
ROW = re.compile(r"\| `(\w+)` \| `([^`]+)` \| `([^`]+)` \| ([^|]+) \|")
ROWS = [match.groups() for match in map(ROW.fullmatch, PAGE.read_text().splitlines()) if match]
# What makes the networks small, and nothing that the table names for them.
SMALL = {
    "DCGAN": {"image_size": 16, "width": 2},
    "ConditionalGAN": {"image_size": 8},
    "ACGAN": {"image_size": 16, "width": 6},
    "LSGAN": {"image_size": 16, "width": 2, "latent_dim": 4},
    "WGAN": {"image_size": 16, "width": 2},
    "WGANGP": {"image_size": 16, "width": 2},
    "SNGAN": {"image_size": 16, "width": 2},
    "SAGAN": {"image_size": 16, "width": 2, "num_classes": 3},
    "BigGAN": {"image_size": 16, "width": 2, "num_classes": 3},
    "R3GAN": {"image_size": 16, "width": 16, "blocks": 1},
    "ProjectedGAN": {
        "image_size": 16,
        "width": 2,
        "projection_width": 2,
        "features": keras.Sequential([keras.Input((16, 16, 3)), keras.layers.Conv2D(2, 3, 2, "same")]),
    },
    "Pix2Pix": {"image_size": 32, "width": 2, "receptive_field": 16},
    "Pix2PixHD": {"image_size": 32, "width": 2, "blocks": 1, "downsamplings": 2, "scales": 1, "receptive_field": 16},
    "CycleGAN": {"image_size": 16, "width": 2, "blocks": 1, "receptive_field": 16},
    "SRGAN": {"image_size": 16, "width": 2, "blocks": 1},
    "DomainTransferNetwork": {"image_size": 16, "width": 2},
    "GANCLS": {"image_size": 16, "width": 2},
    "StyleGAN": {"image_size": 16, "channel_max": 4},
    "StyleGAN2": {"image_size": 16, "channel_max": 4},
    "StackGANStage1": {"image_size": 16, "width": 2},
    "Vid2Vid": {"image_size": 16, "width": 4, "blocks": 2, "downsamplings": 1, "scales": 1, "receptive_field": 16},
}
PATH = re.compile(r"(\w+)\[(\w+)\]\.(.+)")


def small(name):
    if name == "R3GANSchedule":
        return kerasgan.schedules.R3GANSchedule(burn_in=1000)
    if name == "StackGANStage2":
        return kerasgan.StackGANStage2(small("StackGANStage1"), image_size=32, width=6, blocks=1)
    return getattr(kerasgan, name)(**SMALL.get(name, {}))


@pytest.fixture(scope="module")
def compiled():
    """Compiled small models by name, each made once."""
    made = {}

    def get(name):
        if name not in made:
            made[name] = small(name)
            if name != "R3GANSchedule":
                made[name].compile()
        return made[name]

    return get


def layers_of(network, kind):
    found = [layer for layer in network._flatten_layers() if type(layer).__name__ == kind]
    assert found, f"no {kind} in {network.name}"
    return found


def follow(value, path):
    for part in path.split("."):
        if part == "std":
            return float(np.std(value))
        value = value[int(part)] if part.isdigit() else getattr(value, part)
    return value


def plain(value):
    """A value as the table writes it: objects by the name of their class, equal values once, numbers as Python's."""
    if isinstance(value, (str, bool, int, float)) or value is None:
        return value
    if isinstance(value, (list, tuple)):
        return tuple(plain(item) for item in value)
    if hasattr(value, "shape") or np.isscalar(value):
        return float(value)
    return type(value).__name__


def found_value(model, path):
    cls, in_layers = type(model), PATH.fullmatch(path)
    if in_layers:
        network, kind, attribute = in_layers.groups()
        values = {plain(follow(layer, attribute)) for layer in layers_of(getattr(model, network), kind)}
        return values.pop() if len(values) == 1 else tuple(sorted(values))
    for function in (getattr(cls, method) for method in ("__init__", "compile") if hasattr(cls, method)):
        parameter = inspect.signature(function).parameters.get(path)
        if parameter is not None and parameter.default not in (None, inspect.Parameter.empty):
            return plain(parameter.default)
    return plain(follow(model, path))


@pytest.mark.parametrize(("name", "path", "value", "source"), ROWS, ids=[f"{row[0]}-{row[1]}" for row in ROWS])
def test_a_default_of_the_table_is_that_of_the_model(name, path, value, source, compiled):
    expected, found = ast.literal_eval(value), found_value(compiled(name), path)
    if isinstance(expected, float):
        # Rates are float32 variables; the deviation of some hundred drawn weights is their distribution's to a tenth.
        assert found == pytest.approx(expected, rel=0.1 if path.endswith(".std") else 1e-6, abs=0)
    else:
        assert found == expected
    assert source.strip()


def test_the_table_has_every_model_and_no_row_twice():
    models = {
        name
        for name, value in vars(kerasgan).items()
        if isinstance(value, type) and issubclass(value, kerasgan.ResumableModel)
    } - {"ResumableModel", "AdversarialModel"}
    assert {row[0] for row in ROWS} == models | {"R3GANSchedule"}
    assert len({row[:2] for row in ROWS}) == len(ROWS) > 340
    assert PAGE.read_text().count("\n| `") == len(ROWS)


def norms_of(model):
    for name in model.network_names:
        for layer in getattr(model, name)._flatten_layers():
            if hasattr(layer, "epsilon") and type(layer).__name__.endswith("Normalization"):
                yield f"{name}[{type(layer).__name__}]"


def test_the_table_has_every_norm_and_every_model_s_steps_and_average(compiled):
    rows = {row[:2] for row in ROWS}
    wanted = set()
    for name in {row[0] for row in ROWS} - {"R3GANSchedule"}:
        model = compiled(name)
        wanted |= {(name, f"{norm}.epsilon") for norm in norms_of(model)} | {(name, "ema_decay")}
        wanted |= {(name, "d_steps")} if hasattr(model, "d_steps") else set()
        wanted |= {(name, f"{optimizer}.learning_rate") for optimizer in model.optimizer_names}
    assert wanted - rows == set()
