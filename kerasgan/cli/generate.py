"""Draws samples of a model."""

from pathlib import Path

import click

from kerasgan_cli.common import errors_without_traceback, library, load_model, which_draws
from kerasgan_cli.conditions import condition_options, find_condition, find_views, parse_seeds


@click.command("generate")
@click.argument("source")
@click.option("--num-images", type=click.IntRange(1), help="[default: 64, or one for each of --seeds]")
@click.option("--seed", type=int, help="[default: 0]")
@click.option("--seeds", callback=parse_seeds, help="An image for each: 0-99, or 1,5,9.")
@condition_options
@click.option("--azimuth", "azimuths", multiple=True, type=float, help="Degrees around the object. Repeatable.")
@click.option("--elevation", type=float, help="Degrees above the object.  [default: 0]")
@click.option(
    "--truncation",
    type=click.FloatRange(0),
    help="Bounds latents: fewer unusual samples; 2 changes little. For StyleGANs, psi: scales w; 1 changes nothing.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default="samples.png",
    show_default=True,
    help="A file for a grid (.png, .jpg, .webp), or a folder for one PNG per seed.",
)
@errors_without_traceback
def command(source, num_images, seed, seeds, azimuths, elevation, classes, texts, attributes, truncation, out):
    """Draw samples, as a grid or as separate images.

    SOURCE is the folder of a finished run or a preset, a .keras file, or the name of a model of the zoo (kerasgan zoo
    list). If --out is a folder, each seed is drawn to its own file.

    \b
    Examples:
        kerasgan generate dcgan_mnist --num-images 100 --out digits.png
        kerasgan generate cgan_mnist --class 3 --class 7 --out digits.jpg
        kerasgan generate gan_cls_glyphs --text "a bold serif letter R in red on a white background"
        kerasgan generate runs/digits --seeds 0-99 --truncation 1.5 --out digits/
        kerasgan generate runs/chairs --class 3 --azimuth 0 --azimuth 45 --elevation 20 --out chair.png
    """
    for option, value in (("--num-images", num_images), ("--seed", seed)):
        if seeds and value is not None:
            raise click.UsageError(f"{option} and --seeds exclude each other.")
    kerasgan = library()
    model = load_model(kerasgan, source)
    if isinstance(model, kerasgan.TwoStreamGenerator):
        given = {"num-images": num_images, "seed": seed, "seeds": seeds, "text": texts, "attributes": attributes}
        _draw_views(kerasgan, model, source, classes, azimuths, elevation, out, given | {"truncation": truncation})
        return
    seed = seed or 0
    if azimuths or elevation is not None:
        raise ValueError(f"A {type(model).__name__} takes no --azimuth and no --elevation: it draws no views.")
    model = which_draws(kerasgan, model, source)
    pictures = kerasgan.plots.pictures
    if pictures.is_folder(out) and not seeds:
        seeds = list(range(seed, seed + (num_images or 64)))
    count = len(seeds) if seeds else num_images or 64
    names = [f"seed_{number:04d}" for number in seeds] if seeds else None
    pictures.refuse_path(out, [])
    pictures.image_paths(out, count, names)
    condition = find_condition(kerasgan, model, source, classes, texts, attributes, count)
    latents = kerasgan.latent.of_seeds(model, seeds) if seeds else model.sample_latents(count, seed)
    images = _decode(kerasgan, model, latents, condition, truncation)
    asked = max(len(classes), len(attributes))
    columns = count // asked if asked > 1 and count % asked == 0 else None  # a row for each
    _write(kerasgan, images, out, names, columns)


def _decode(kerasgan, model, latents, condition, truncation):
    """Draws latents, with truncation if it is not None: of w if the model has styles, otherwise of z."""
    if truncation is not None and hasattr(model, "synthesize"):
        w = kerasgan.latent.drawing.map_to_styles(model, latents, condition)
        return model.synthesize(model.truncate(w, truncation))
    if truncation is not None:
        latents = kerasgan.latent.truncate(latents, truncation, model.prior)
    return kerasgan.latent.decode(model, latents, condition)


def _draw_views(kerasgan, model, source, classes, azimuths, elevation, out, unused):
    """Draws objects from the given views: one row per class, one column per azimuth."""
    for name, value in unused.items():
        if value not in (None, ()):
            raise ValueError(f"A {type(model).__name__} takes no --{name}: it draws --class from --azimuth.")
    azimuths = azimuths or tuple(range(0, 360, 30))
    numbers, views = find_views(kerasgan, model, source, classes, azimuths, elevation or 0.0)
    names = [f"class_{number}_{azimuth:g}" for number in numbers[:: len(azimuths)] for azimuth in azimuths]
    kerasgan.plots.pictures.image_paths(out, len(names), names)
    _write(kerasgan, model.generate(numbers, views), out, names, len(azimuths))


def _write(kerasgan, images, out, names, columns):
    paths = kerasgan.plots.save_images(images, out, names, columns)
    click.echo(f"{len(paths)} images in {out}" if kerasgan.plots.pictures.is_folder(out) else out)
