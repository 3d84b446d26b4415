"""What commands share."""

import functools
import os
import re
from pathlib import Path

import click

from kerasgan_cli.names import nearest

# What the library's messages name, in the words of the command line, where the parameter has another name: the first of
# these that the command has.
PARAMETER_OF = {
    "class_names": ("classes",),
    "crop": ("image_size",),
    "filepath": ("out",),
    "folder": ("out",),
    "labels": ("classes",),
    "name": ("data", "against"),
    "on_error": ("skip_broken",),
    "path": ("data", "out"),
    "points": ("seeds",),
    "text": ("texts",),
    "threshold": ("truncation",),
}

# What a user of the command line does instead, or nothing where it has another remedy.
INSTEAD = {
    ", or `drop_remainder=False`": "",
    "Compile with a smaller one, or give `steps_per_epoch` (the dataset is repeated).": "Remedy: a smaller one.",
    "With `labels=True` every image": "Every image",
    ", and the model an encoder (`set_encoder`)": "",
    "fewer than `num_frames`=": "fewer than ",
    ", or a smaller `num_frames`": "",
    ", such as `num_frames` or `frames` of the data asks for,": ",",
    "`model.find_styles(dataset)` after training, or `style=images`": (
        "train it by `kerasgan train pix2pixhd`, which finds them."
    ),
    "`model.compile(phase='source')` and `model.fit(...)` first, or give a trained `encoder` and `classifier`.": (
        "a run with --set phase=source first, and its folder as --from."
    ),
}


def errors_without_traceback(command):
    """Prints what a user can act on as one line and exits with 1; `--debug` shows the traceback."""

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
                f"{type(error).__name__}: {error}\nThis was not expected: `kerasgan --debug ...` shows where it was."
            ) from error

    return wrapper


def in_options(message, context):
    """Says `--image-size` where the library says `image_size`: users of the command line have no other word.

    Arguments of a model, or of its compile, that have no option of their own are those of `--set`; the command puts
    their names into `context.meta["settable"]`.
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
    """Returns Python's spelling of a value as the command line has it: no quotes, and 48x64 for a size."""
    size = re.fullmatch(r"[(\[](\d+), (\d+)[)\]]", value)
    return f"{size[1]}x{size[2]}" if size else value.strip("'")


def library():
    """Imports kerasgan with TensorFlow's start-up messages off."""
    from kerasgan_cli.machine import silence

    with silence():
        import kerasgan

    return kerasgan


def load_model(kerasgan, source):
    """Loads the model of a run folder, of a preset's, of a .keras file, or of the zoo."""
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
            "SOURCE must be the folder of a finished run, with a model.keras, such a file, a preset, or a name of the "
            f"zoo (kerasgan zoo list). Received: {source!r}.{nearest(source, names)}"
        )
    return kerasgan.zoo.load(source)


def is_preset(path):
    """Returns whether `path` is a folder that `save_to_preset` wrote."""
    return (path / "card.json").is_file() and (path / "config.json").is_file()


def refuse_unfinished(folder):
    """Raises for the folder of a run that has not come to its end: what it holds is no set of generated images."""
    if (folder / "options.json").exists() and not (folder / "model.keras").exists():
        raise ValueError(
            f"{folder} holds a run that is not finished. Go on with: kerasgan train --resume --out {folder}"
        )


def refuse_grids(folder):
    """Raises for a folder with the grids of `SampleGrid`: many samples, or real images, are one picture there."""
    for grid in folder.rglob("epoch_*.png"):
        if re.fullmatch(r"epoch_\d+", grid.stem) and grid.with_name("real.png").exists():
            raise ValueError(
                f"{grid.parent} holds grids of a training, no single images. Draw these with: kerasgan generate SOURCE "
                "--out FOLDER/"
            )


def drawing_model(kerasgan, source, texts=True):
    """Loads a model that draws from latents: from noise, labels, or where `texts` from texts too."""
    return which_draws(kerasgan, load_model(kerasgan, source), source, texts)


def which_draws(kerasgan, model, source, texts=True):
    """Returns a model that draws from latents, as `drawing_model` does; refuses others."""
    if isinstance(model, kerasgan.StackGAN):
        model = model.stage2  # whose generator holds the first stage
    if not isinstance(model, (kerasgan.GAN, kerasgan.GANCLS) if texts else kerasgan.GAN):
        raise ValueError(
            f"SOURCE must draw images from noise{', labels or texts' if texts else ' or labels alone'}. Received: "
            f"{source!r}, a {type(model).__name__}. See kerasgan translate and upscale; a folder of a model's images "
            "can be scored, and `kerasgan zoo verify NAME --scores` computes the scores of a model of the zoo."
        )
    return model


def say(sentence):
    """What is under way: apart from the results, so that these can go to a file or another program."""
    click.echo(sentence, err=True)


def is_folder(data):
    return (os.sep in data or data.startswith((".", "~"))) and Path(data).expanduser().is_dir()
