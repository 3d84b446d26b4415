"""Translates and enlarges images."""

from pathlib import Path

import click

from kerasgan_cli.common import errors_without_traceback, library, load_model, names_of, refuse_out
from kerasgan_cli.options import Size
from kerasgan_cli.painting import paint_film, paint_maps


@click.command("translate")
@click.argument("source")
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--to", type=click.Choice(["A", "B"]), help="Target domain of a CycleGAN.  [default: B]")
@click.option(
    "--tile",
    type=Size(),
    metavar="SIZE",
    help="Process overlapping tiles to save memory: 512, or HEIGHTxWIDTH.",
)
@click.option(
    "--instances",
    type=click.Path(path_type=Path, exists=True),
    help="Instance maps with the same names, for a Pix2PixHD.  [default: each class is one instance]",
)
@click.option("--style", type=int, help="The style of all instances, for a Pix2PixHD with styles.  [default: random]")
@click.option(
    "--first",
    type=click.Path(path_type=Path, exists=True),
    multiple=True,
    help="The first two frames of a film, for a Vid2Vid: two files (--first twice) or a folder.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="A folder, or one file for a grid. For a film, a .gif or .mp4 file.",
)
@errors_without_traceback
def command(source, images, to, tile, instances, style, first, out):
    """Translate IMAGES (files or folders) with a Pix2Pix, a CycleGAN or a domain transfer network. Translate label
    maps with a Pix2PixHD, and the label maps of a film with a Vid2Vid.

    SOURCE is the folder of a finished run or a preset, a .keras file, or the name of a model of the zoo (kerasgan zoo
    list). Images keep their size. If the network accepts only one size, images are cropped and resized to it.
    Label maps are PNG files whose pixels are class numbers, in grey or with a palette. A film is a folder of label maps
    in the order of their names.

    \b
    Examples:
        kerasgan translate runs/pairs photo.png --out translated/
        kerasgan translate cyclegan_glyphs ./sans --to A --out serif/
        kerasgan translate runs/pairs photo.png --tile 512 --out translated/
        kerasgan translate runs/streets ./maps --instances ./objects --out painted/
        kerasgan translate runs/films ./test_A/walk --first ./test_B/walk --out walk.mp4
    """
    kerasgan = library()
    model = load_model(kerasgan, source)
    maps, films = hasattr(model, "maps"), hasattr(model, "translate_video")
    if not (films or hasattr(model, "translate")) or hasattr(model, "upscale"):
        raise ValueError(f"SOURCE must translate images at their size. Received: {source!r}, a {type(model).__name__}")
    if not maps and (instances or style is not None):
        raise ValueError(f"--instances and --style are for a Pix2PixHD. Received: {source!r}, a {type(model).__name__}")
    if first and not films:
        raise ValueError(f"--first is for a Vid2Vid. Received: {source!r}, a {type(model).__name__}")
    if to and not isinstance(model, kerasgan.CycleGAN):
        raise ValueError(f"--to is for a CycleGAN. Received: {to!r} for a {type(model).__name__}")
    any_size = hasattr(model, "route")
    if tile and not any_size:
        raise ValueError(f"--tile needs a model that accepts any size. Received: {tile!r} for a {type(model).__name__}")
    if maps:
        return _write(kerasgan, *paint_maps(kerasgan, model, images, instances, style, out), out)
    if films:
        read, frames = paint_film(kerasgan, model, images, first, out)
        if out.suffix.lower() not in kerasgan.plots.films.FORMATS:
            return _write(kerasgan, read, frames, out)
        kerasgan.plots.film(frames, out)
        return click.echo(out)
    chosen = {name: value for name, value in (("to", to), ("tile", tile)) if value}
    size, channels = model.image_size, model.channels
    if any_size:
        size = model.input_size(model.route(to) if to else model.route())
        size, channels = (None if None in size else size), model.channels if to == "A" else model.source_channels
    read = kerasgan.data.read_images(list(images), size, channels)
    refuse_out(kerasgan, out, read)
    translated = [model.translate(image[None], **chosen)[0] for _, image in read]
    _write(kerasgan, read, translated, out)


@click.command("upscale")
@click.argument("source")
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option(
    "--tile",
    type=Size(),
    metavar="SIZE",
    help="Process overlapping tiles to save memory: 512, or HEIGHTxWIDTH.",
)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="A folder.")
@errors_without_traceback
def upscale(source, images, tile, out):
    """Enlarge IMAGES (files or folders, of any size) with an SRGAN.

    SOURCE is the folder of a finished run or a preset, a .keras file, or the name of a model of the zoo (kerasgan zoo
    list).

    \b
    Example:
        kerasgan upscale srgan_flowers photo.png --out large/
    """
    kerasgan = library()
    model = load_model(kerasgan, source)
    if not hasattr(model, "upscale"):
        raise ValueError(f"SOURCE must enlarge images. Received: {source!r}, a {type(model).__name__}")
    read = kerasgan.data.read_images(list(images), channels=model.channels)
    refuse_out(kerasgan, out, read)
    _write(kerasgan, read, [model.upscale(image[None], tile=tile)[0] for _, image in read], out)


def _write(kerasgan, read, made, out):
    for path in kerasgan.plots.save_images(made, out, names_of(read)):
        click.echo(path)
