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

    For StyleGANs, the search is in w and in the noise.

    SOURCE is the folder of a finished run or a preset, a .keras file, or the name of a model of the zoo (kerasgan zoo
    list).

    \b
    Example:
        kerasgan project dcgan_mnist digit.png --out found.png
    """
    import numpy as np

    kerasgan = library()
    model = drawing_model(kerasgan, source)
    read = kerasgan.data.read_images(list(images), model.image_size, model.channels)
    kerasgan.plots.pictures.refuse_path(out, [])
    refuse_replacing(kerasgan.plots.pictures.image_paths(out, len(read)), read)
    pixels = np.stack([image for _, image in read])
    condition = find_condition(kerasgan, model, source, classes, texts, attributes, 1)
    in_w = hasattr(model, "synthesize")
    search = kerasgan.latent.project_to_styles if in_w else kerasgan.latent.project
    found = search(model, pixels, steps=steps, seed=seed, condition=condition)
    kerasgan.plots.save_images(np.stack([pixels, found.images], axis=1), out)
    for (path, _), error in zip(read, found.errors):
        click.echo(f"{path}: mean squared error {error:.4f}")
    click.echo(out)
