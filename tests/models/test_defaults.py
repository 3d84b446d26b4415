"""Every value of the page of defaults is that of the model; small models stand for those of the paper's size."""

import ast
import inspect
import pathlib
import re

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
    "R3GAN": {"image_size": 16, "width": 16, "blocks": 1},
    "Pix2Pix": {"image_size": 32, "width": 2, "receptive_field": 16},
    "CycleGAN": {"image_size": 16, "width": 2, "blocks": 1, "receptive_field": 16},
    "SRGAN": {"image_size": 16, "width": 2, "blocks": 1},
    "DomainTransferNetwork": {"image_size": 16, "width": 2},
    "GANCLS": {"image_size": 16, "width": 2},
    "StyleGAN": {"image_size": 16, "channel_max": 4},
    "StyleGAN2": {"image_size": 16, "channel_max": 4},
    "StackGANStage1": {"image_size": 16, "width": 2},
}
PATH = re.compile(r"(\w+)\[(\w+)\]\.(.+)")


def small(name):
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
            made[name].compile()
        return made[name]

    return get


def layers_of(network, kind):
    found = [layer for layer in network._flatten_layers() if type(layer).__name__ == kind]
    assert found, f"no {kind} in {network.name}"
    return found


def follow(value, path):
    for part in path.split("."):
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
    for function in (cls.__init__, cls.compile):
        parameter = inspect.signature(function).parameters.get(path)
        if parameter is not None and parameter.default not in (None, inspect.Parameter.empty):
            return plain(parameter.default)
    return plain(follow(model, path))


@pytest.mark.parametrize(("name", "path", "value", "source"), ROWS, ids=[f"{row[0]}-{row[1]}" for row in ROWS])
def test_a_default_of_the_table_is_that_of_the_model(name, path, value, source, compiled):
    expected, found = ast.literal_eval(value), found_value(compiled(name), path)
    if isinstance(expected, float):
        assert found == pytest.approx(expected, rel=1e-6, abs=0)  # rates are float32 variables
    else:
        assert found == expected
    assert source.strip()


def test_the_table_has_every_model_and_no_row_twice():
    models = {
        name
        for name, value in vars(kerasgan).items()
        if isinstance(value, type) and issubclass(value, kerasgan.ResumableModel)
    } - {"ResumableModel", "AdversarialModel"}
    assert {row[0] for row in ROWS} == models
    assert len({row[:2] for row in ROWS}) == len(ROWS) > 120
    assert PAGE.read_text().count("\n| `") == len(ROWS)
