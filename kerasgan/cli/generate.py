"""Samples of a model."""

from pathlib import Path

import click

from kerasgan_cli.common import drawing_model, errors_without_traceback, library


@click.command("generate")
@click.argument("source")
@click.option("--num-images", default=64, show_default=True, type=click.IntRange(1))
@click.option("--seed", default=0, show_default=True, type=int)
@click.option("--out", type=click.Path(path_type=Path), default="samples.png", show_default=True)
@errors_without_traceback
def command(source, num_images, seed, out):
    """Draw a grid of samples.

    SOURCE is the folder of a finished run, or the name of a model of the zoo (kerasgan zoo list).

    \b
    Examples:
        kerasgan generate dcgan_mnist --num-images 100 --out digits.png
        kerasgan generate runs/digits --seed 7
    """
    kerasgan = library()
    model = drawing_model(kerasgan, source)
    images = model.generate(num_images, seed=seed)
    kerasgan.plots.save_png(out, kerasgan.plots.image_grid(images))
    click.echo(out)
