"""Finds the latents of images."""

from pathlib import Path

import click

from kerasgan_cli.common import drawing_model, errors_without_traceback, library, refuse_replacing
from kerasgan_cli.conditions import condition_options, find_condition


@click.command("project")
@click.argument("source")
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--steps", default=300, show_default=True, type=click.IntRange(1))
@click.option("--seed", default=0, show_default=True, type=int)
@condition_options
@click.option("--out", type=click.Path(path_type=Path), default="projection.png", show_default=True)
@errors_without_traceback
def command(source, images, steps, seed, classes, texts, attributes, out):
    """Find latents from which a model reproduces IMAGES, and write the images beside the reproductions.

    For StyleGANs, the search is in w and in the noise. All IMAGES are searched with the same class or text.

    SOURCE is the folder of a finished run or a preset, a .keras file, or the name of a model of the zoo (kerasgan zoo
    list).

    \b
    Examples:
        kerasgan project dcgan_mnist digit.png --out found.png
        kerasgan project cgan_mnist digit.png --class 3
    """
    import numpy as np

    kerasgan = library()
    model = drawing_model(kerasgan, source)
    read = kerasgan.data.read_images(list(images), model.image_size, model.channels)
    kerasgan.plots.pictures.refuse_path(out, [])
    refuse_replacing(kerasgan.plots.pictures.image_paths(out, len(read)), read)
    pixels = np.stack([image for _, image in read])
    _refuse_no_class(model, classes)
    for option, values in (("--class", classes), ("--text", texts), ("--attributes", attributes)):
        _refuse_two(option, values)
    condition = find_condition(kerasgan, model, source, classes, texts, attributes, 1)
    in_w = hasattr(model, "synthesize")
    search = kerasgan.latent.project_to_styles if in_w else kerasgan.latent.project
    found = search(model, pixels, steps=steps, seed=seed, condition=condition)
    kerasgan.plots.save_images(np.stack([pixels, found.images], axis=1), out)
    for (path, _), error in zip(read, found.errors):
        click.echo(f"{path}: mean squared error {error:.4f}")
    click.echo(out)


def _refuse_no_class(model, classes):
    """Raises an error if a model with classes gets none, as the class of the images is not known."""
    sets = list(getattr(model, "label_sets", ()))
    given = {_set_of(text) or sets[0] for text in classes} if sets else set()
    missing = [name for name in sets if name not in given]
    if missing:
        remedy = f"--class {missing[0]}=CLASS" if len(sets) > 1 else "--class CLASS"
        raise ValueError(
            f"--class must name the class of IMAGES for a {type(model).__name__}. Received: none. Remedy: {remedy}"
        )


def _refuse_two(option, values):
    """Raises an error if an option has two values, as all images are searched with the same one."""
    names = ["" if option == "--text" else _set_of(value) for value in values]
    if len(set(names)) < len(names):
        raise ValueError(
            f"{option} must be given once, for all IMAGES. Received: {', '.join(values)}. Remedy: a command for each"
        )


def _set_of(text):
    """Returns the set of NAME=VALUE, or an empty string."""
    return text.rpartition("=")[0]
