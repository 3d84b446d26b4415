"""Writes a page that draws images with a model."""

from pathlib import Path

import click

from kerasgan_cli.common import errors_without_traceback, library, load_model
from kerasgan_cli.conditions import class_names, encoder_of


@click.command("playground")
@click.argument("source")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="A new folder.")
@click.option("--title", help="[default: SOURCE]")
@click.option("--text", "texts", multiple=True, help="A text to choose from, for text-to-image models. Repeatable.")
@click.option(
    "--class",
    "classes",
    multiple=True,
    help="A class name, for class-conditional models; SET=NAME if there are several sets. Repeatable.  [default: the "
    "class names of the run, or numbers]",
)
@click.option(
    "--seed", type=click.IntRange(0), help="The first seed of the page.  [default: that of the zoo's sample, or 1]"
)
@click.option(
    "--example",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="An image of the training data, shown on the canvas. Its lines set the width of the pen.  [default: the "
    "zoo's sample, or a simple drawing]",
)
@click.option("--runtime", type=click.Path(path_type=Path), help="Folder of onnxruntime-web.  [default: from npm]")
@errors_without_traceback
def command(source, out, title, texts, classes, seed, example, runtime):
    """Write a web page that runs a model in the browser. The page is static and sends no requests to other hosts.

    SOURCE is the folder of a finished run or a preset, a .keras file, or the name of a model of the zoo (kerasgan zoo
    list). The command needs the extra kerasgan[export], and npm or --runtime.

    \b
    Examples:
        kerasgan playground dcgan_mnist --out page && python -m http.server --directory page
        kerasgan playground runs/digits --out page --title "My digits"
        kerasgan playground runs/pets --out page --class cat --class dog
    """
    kerasgan = library()
    model = load_model(kerasgan, source)
    recorded = kerasgan.zoo.sample(source)[0] if source in kerasgan.zoo.list_models() else {}
    opens = {
        "seed": recorded.get("seed", 1) if seed is None else seed,
        "labels": recorded.get("labels") if getattr(model, "condition_names", ()) else None,
        "example": _read(kerasgan, model, example) if example else _recorded(model, recorded),
    }
    sets = getattr(model, "label_sets", {})
    if len(sets) > 1:
        classes = _by_set(sets, classes)
    elif sets or hasattr(model, "maps"):
        classes = classes or class_names(source)
    if texts and hasattr(model, "embed") and model.encoder is None:
        model.set_encoder(encoder_of(kerasgan, source))
    texts = texts or tuple(text for text in [recorded.get("text")] if isinstance(text, str))
    folder = kerasgan.playground.write(model, out, title or Path(source).name, classes, texts, runtime, **opens)
    click.echo(f"{folder}: python -m http.server --directory {folder}")


def _by_set(sets, classes):
    """Returns the names of the classes by set."""
    named = {}
    for text in classes:
        label_set, _, name = text.partition("=")
        if label_set not in sets:
            raise ValueError(f"--class must be SET=NAME, with one of the sets {list(sets)}. Received: {text!r}")
        named.setdefault(label_set, []).append(name)
    return named


def _recorded(model, recorded):
    """Returns what lay before the model when its sample was recorded, or None."""
    known = recorded.get("labels" if hasattr(model, "maps") else "images")
    return None if known is None else known[0]


def _read(kerasgan, model, example):
    """Returns the picture of a file, or the label map, as the page takes it."""
    if hasattr(model, "maps"):
        return kerasgan.data.read_label_maps(example, num_classes=model.num_classes)[0][1]
    return kerasgan.data.read_images(
        example, channels=getattr(model, "source_channels", getattr(model, "channels", 3))
    )[0][1]
