"""Helpers of the commands."""

import functools
import os
import re
from pathlib import Path

import click

from kerasgan_cli.names import nearest

PREVIOUS = "previous.keras"  # the model of a finished run until the run has been continued to its new end

# Parameters of the library whose option has another name. If there are several, the first one of the command is used.
PARAMETER_OF = {
    "class_names": ("classes",),
    "crop": ("image_size",),
    "filepath": ("out",),
    "folder": ("out",),
    "labels": ("classes",),
    "model": ("source",),
    "name": ("data", "against"),
    "on_error": ("skip_broken",),
    "path": ("data", "out"),
    "points": ("seeds",),
    "text": ("texts",),
    "threshold": ("truncation",),
}

# Phrases of the library's messages that do not apply to the command line, and their replacements.
INSTEAD = {
    ", or `drop_remainder=False`": "",
    "Compile with a smaller one, or give `steps_per_epoch` (the dataset is repeated).": "Remedy: a smaller one.",
    "With `labels=True` every image": "Every image",
    ", and the model an encoder (`set_encoder`)": "",
    "fewer than `num_frames`=": "fewer than ",
    ", or a smaller `num_frames`": "",
    ", by `num_frames` or `frames` of the data,": ",",
    "`model.find_styles(dataset)` after training, or `style=images`": (
        "train it by `kerasgan train pix2pixhd`, which finds them."
    ),
    "`model.compile(phase='source')` and `model.fit(...)` first, or give a trained `encoder` and `classifier`.": (
        "a run with --set phase=source first, and its folder as --from."
    ),
}


def errors_without_traceback(command):
    """Prints errors as one line and exits with 1. With `--debug`, the traceback is shown."""

    @functools.wraps(command)
    def wrapper(*args, **kwargs):
        try:
            return command(*args, **kwargs)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            context = click.get_current_context()
            if context.find_root().params["debug"]:
                raise
            if isinstance(error, (ValueError, OSError, ImportError)):
                raise click.ClickException(in_options(str(error), context)) from error
            raise click.ClickException(
                f"{type(error).__name__}: {error}\nThis is a bug. `kerasgan --debug ...` shows the traceback."
            ) from error

    return wrapper


def in_options(message, context):
    """Replaces names of Python arguments in a message by the options of the command: `image_size` by `--image-size`.

    Arguments of a model or of its `compile` that have no own option become `--set NAME=VALUE`. The command puts their
    names into `context.meta["settable"]`.
    """
    parameters = {parameter.name: parameter for parameter in context.command.params}
    settable = context.meta.get("settable", ())

    def word(match):
        name, value = match[1], match[2]
        found = [parameters[each] for each in (name, *PARAMETER_OF.get(name, ())) if each in parameters]
        if found and isinstance(found[0], click.Argument):
            return found[0].name.upper()
        if found:
            shown = f" {_as_typed(value[1:])}" if value and not found[0].is_flag else ""
            return f"`{max(found[0].opts, key=len)}{shown}`"
        if name in settable:
            return f"`--set {name}{value or '=VALUE'}`"
        return match[0]

    for phrase, other in INSTEAD.items():
        message = message.replace(phrase, other)
    return re.sub(r"`([a-z_0-9]+)(=[^`]*)?`", word, message)


def _as_typed(value):
    """Converts a value from Python's spelling to that of the command line: no quotes, and 48x64 for a size."""
    size = re.fullmatch(r"[(\[](\d+), (\d+)[)\]]", value)
    return f"{size[1]}x{size[2]}" if size else value.strip("'")


def library():
    """Imports kerasgan without TensorFlow's start-up messages."""
    from kerasgan_cli.machine import silence

    with silence():
        import kerasgan

    return kerasgan


def load_model(kerasgan, source):
    """Loads a model from a run folder, a preset, a .keras file or the zoo."""
    path = Path(source)
    if is_preset(path):
        return kerasgan.load_preset(path)
    if path.is_dir():
        refuse_unfinished(path)
        path = path / "model.keras"
    if path.suffix == ".keras" and path.exists():
        return kerasgan.zoo.load_archive(path)
    names = kerasgan.zoo.list_models()
    if source not in names:
        raise ValueError(
            "SOURCE must be the folder of a finished run (with a model.keras), a .keras file, a preset, or the name of "
            f"a zoo model (kerasgan zoo list). Received: {source!r}.{nearest(source, names)}"
        )
    return kerasgan.zoo.load(source)


def is_preset(path):
    """Returns whether `path` is a folder that `save_to_preset` wrote."""
    return (path / "card.json").is_file() and (path / "config.json").is_file()


def refuse_unfinished(folder):
    """Raises an error if the folder holds an unfinished run, as it does not hold generated images."""
    if (folder / "options.json").exists() and not (folder / "model.keras").exists():
        kept = f". Its model before it was continued is {folder / PREVIOUS}" if (folder / PREVIOUS).exists() else ""
        raise ValueError(
            f"{folder} holds a run that is not finished. Continue it with: kerasgan train --resume --out {folder}{kept}"
        )


def refuse_grids(folder):
    """Raises an error if the folder holds the grids of `SampleGrid` instead of single images."""
    for grid in folder.rglob("epoch_*.png"):
        if re.fullmatch(r"epoch_\d+", grid.stem) and grid.with_name("real.png").exists():
            raise ValueError(
                f"{grid.parent} holds sample grids, not single images. Draw these with: kerasgan generate SOURCE "
                "--out FOLDER/"
            )


def names_of(read):
    """Returns a name for the image made of each file. `read` holds pairs (path, content)."""
    names = [path.stem for path, _ in read]
    if len(set(names)) < len(names):
        names = [f"{number:04d}_{name}" for number, name in enumerate(names)]
    return names


def refuse_out(kerasgan, out, read, others=()):
    """Raises an error if `out` cannot hold an image for each file of `read`, or would replace a file that was read.

    `read` and `others` hold pairs (path, content).
    """
    kerasgan.plots.pictures.refuse_path(out, [content for _, content in read])
    refuse_replacing(kerasgan.plots.pictures.image_paths(out, len(read), names_of(read)), [*read, *others])


def refuse_replacing(paths, read):
    """Raises an error if one of the `paths` to be written is that of a file that was read."""
    known = {path.resolve() for path, _ in read}
    for path in paths:
        if path.resolve() in known:
            raise ValueError(
                f"--out must not replace a file that is read. Received: {path}. Remedy: another file or folder"
            )


def drawing_model(kerasgan, source, texts=True):
    """Loads a model that draws from latents, with or without labels; with texts only if `texts`."""
    return which_draws(kerasgan, load_model(kerasgan, source), source, texts)


def which_draws(kerasgan, model, source, texts=True):
    """Returns the model if it draws from latents, and raises an error otherwise."""
    if isinstance(model, kerasgan.StackGAN):
        model = model.stage2  # its generator contains the first stage
    if not isinstance(model, (kerasgan.GAN, kerasgan.GANCLS) if texts else kerasgan.GAN):
        raise ValueError(
            f"SOURCE must draw images from noise{', labels or texts' if texts else ' or labels alone'}. Received: "
            f"{source!r}, a {type(model).__name__}. Remedy: kerasgan translate or kerasgan upscale. A folder of images "
            "can be scored, and `kerasgan zoo verify NAME --scores` computes the scores of a zoo model."
        )
    return model


def say(sentence):
    """Prints progress to stderr, so that stdout holds only results."""
    click.echo(sentence, err=True)


def is_folder(data):
    return (os.sep in data or data.startswith((".", "~"))) and Path(data).expanduser().is_dir()
