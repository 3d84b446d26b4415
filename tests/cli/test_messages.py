"""Messages of the library name Python's arguments; the command line shows them with the options' names."""

import ast
import inspect
import pathlib
import re
import textwrap

import click
import pytest

import kerasgan
from kerasgan_cli import building, main, names
from kerasgan_cli.common import in_options

DATA = kerasgan.data
READERS = (
    *(DATA.load_for, DATA.load, DATA.image_folder, DATA.paired_folder, DATA.paired_folders, DATA.unpaired_folders),
    *(DATA.super_resolution, DATA.captioned_folder),
)
# What each command calls with what the user gave.
CALLS = {
    "train": READERS,
    "generate": (kerasgan.latent.truncate, kerasgan.plots.save_images),
    "interpolate": (kerasgan.latent.walk, kerasgan.plots.film, kerasgan.plots.animation),
    "translate": (
        kerasgan.CycleGAN.translate,
        kerasgan.tiles.by_tiles,
        DATA.read_images,
        DATA.read_label_maps,
        kerasgan.plots.save_images,
    ),
    "upscale": (kerasgan.tiles.by_tiles, DATA.read_images, kerasgan.plots.save_images),
    "project": (kerasgan.latent.project, kerasgan.plots.save_images),
    "evaluate": (DATA.load, kerasgan.metrics.score_images),
    "compare": (kerasgan.comparison.compare,),
    "report": (kerasgan.report.write,),
    "export": (kerasgan.export.export, kerasgan.zoo.save_preset),
    "playground": (kerasgan.playground.write,),
}
# Arguments that commands leave alone or fill in themselves, so that no message about them is a user's to answer.
OWN = {
    "train": "batch_size channels columns drop_remainder embeddings labels num_images split task text direction jitter",
    "generate": "columns images latents names prior",
    "interpolate": "frames images steps",
    "translate": "columns images names num_classes overlap",
    "upscale": "columns images names overlap",
    "project": "condition images model names columns starts training",
    "evaluate": "batch_size channels classifier drop_remainder fake labels num_images real split resize",
    "export": "version",
}


def context_of(name):
    context = click.Context(main.commands[name], info_name=name)
    if name == "train":
        classes = {key.lower(): value for key, value in vars(kerasgan).items() if isinstance(value, type)}
        made = [
            building.arguments(classes[model], method) for model in names.MODELS for method in ("__init__", "compile")
        ]
        context.meta["settable"] = set().union(*made)
    return context


def arguments_in_messages(function):
    """Yields the arguments of a function that messages of its module name in backticks."""
    function = inspect.unwrap(function)
    tree = ast.parse(inspect.getsource(inspect.getmodule(function)))
    raised = [part for node in ast.walk(tree) if isinstance(node, ast.Raise) for part in ast.walk(node)]
    texts = [part.value for part in raised if isinstance(part, ast.Constant) and isinstance(part.value, str)]
    known = set(inspect.signature(function).parameters)
    yield from sorted(known & {name for text in texts for name in re.findall(r"`([a-z_0-9]+)[=`]", text)})


@pytest.mark.parametrize("command", sorted(CALLS))
def test_what_a_user_gave_is_named_as_the_user_wrote_it(command):
    context, seen = context_of(command), set()
    for function in CALLS[command]:
        for name in arguments_in_messages(function):
            seen.add(name)
            if name not in OWN.get(command, "").split():
                assert in_options(f"`{name}` must be", context) != f"`{name}` must be", (function.__qualname__, name)
    assert seen, command  # or nothing was looked at


@pytest.mark.parametrize("command", [name for name in main.commands if name in CALLS])
def test_every_option_is_named_by_itself(command):
    context = context_of(command)
    for parameter in context.command.params:
        shown = in_options(f"`{parameter.name}`", context)
        expected = parameter.name.upper() if isinstance(parameter, click.Argument) else max(parameter.opts, key=len)
        assert shown.strip("`") == expected


@pytest.mark.parametrize(
    ("command", "message", "shown"),
    [
        ("train", "use `image_size=(48, 64)`", "use `--image-size 48x64`"),
        ("train", "Remedy: give `image_size` (see `resize`).", "Remedy: give `--image-size` (see `--resize`)."),
        ("train", "With `labels=True` every image must", "Every image must"),
        ("train", "`crop` must", "`--image-size` must"),
        ("generate", "`path` must be a folder", "`--out` must be a folder"),
        ("interpolate", "`points` must", "`--seeds` must"),
        ("evaluate", "`name` must", "`--against` must"),
        ("compare", "`runs` must name", "RUNS must name"),
        ("export", "`folder` must be new", "`--out` must be new"),
        ("playground", "`class_names` must", "`--class` must"),
    ],
)
def test_messages_are_shown_in_the_words_of_the_command_line(command, message, shown):
    assert in_options(message, context_of(command)) == shown


def test_the_phrases_that_are_replaced_are_in_the_library():
    from kerasgan_cli.common import INSTEAD

    package = pathlib.Path(kerasgan.__file__).parent
    sources = [path.read_text() for path in package.rglob("*.py") if package / "cli" not in path.parents]
    plain = [re.sub(r'"\s*\n\s*f?"', "", source) for source in sources]
    for phrase in INSTEAD:
        assert any(phrase in source for source in plain), textwrap.shorten(phrase, 60)
