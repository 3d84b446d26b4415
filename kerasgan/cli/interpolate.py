"""Writes a film that interpolates between images."""

from pathlib import Path

import click

from kerasgan_cli.common import drawing_model, errors_without_traceback, library
from kerasgan_cli.conditions import condition_options, find_condition, parse_seeds


@click.command("interpolate")
@click.argument("source")
@click.option("--seeds", required=True, callback=parse_seeds, help="Seeds of the key images: 1,5,9 or 0-7.")
@click.option("--steps", default=24, show_default=True, type=click.IntRange(1), help="Frames per interval.")
@condition_options
@click.option("--out", type=click.Path(path_type=Path), default="film.gif", show_default=True, help=".gif, .webp, .mp4")
@errors_without_traceback
def command(source, seeds, steps, classes, texts, attributes, out):
    """Write a film that interpolates from image to image and back to the first.

    SOURCE is the folder of a finished run or a preset, a .keras file, or the name of a model of the zoo (kerasgan zoo
    list). A film as .mp4 needs PyAV: pip install 'kerasgan[film]'.

    \b
    Examples:
        kerasgan interpolate dcgan_mnist --seeds 1,5,9 --out film.gif
        kerasgan interpolate cgan_mnist --seeds 0-7 --class 3 --out threes.mp4
    """
    kerasgan = library()
    kerasgan.plots.films.refuse_path(out)
    model = drawing_model(kerasgan, source)
    points = kerasgan.latent.of_seeds(model, seeds)
    in_w = hasattr(model, "synthesize")  # in w the points have conditions, otherwise the frames
    count = len(seeds) if in_w else steps * len(seeds)
    condition = find_condition(kerasgan, model, source, classes, texts, attributes, count)
    if in_w:
        points = kerasgan.latent.drawing.map_to_styles(model, points, condition)
        images = model.synthesize(kerasgan.latent.walk(points, steps, way=kerasgan.latent.lerp))
    else:
        way = kerasgan.latent.lerp if model.prior == "uniform" else kerasgan.latent.slerp
        images = kerasgan.latent.decode(model, kerasgan.latent.walk(points, steps, way=way), condition)
    kerasgan.plots.film(images, out, scale=max(1, 128 // min(kerasgan.shapes.as_size(model.image_size))))
    click.echo(out)
