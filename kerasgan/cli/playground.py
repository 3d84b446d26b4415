"""A page in which a model draws."""

from pathlib import Path

import click

from kerasgan_cli.common import errors_without_traceback, library, load_model


@click.command("playground")
@click.argument("source")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="A new folder.")
@click.option("--title", help="[default: SOURCE]")
@click.option("--text", "texts", multiple=True, help="A text to choose from, for models of texts; several times.")
@click.option("--class", "classes", multiple=True, help="The name of a class, for models of labels; once for each.")
@click.option("--runtime", type=click.Path(path_type=Path), help="Files of onnxruntime-web.  [default: by npm]")
@errors_without_traceback
def command(source, out, title, texts, classes, runtime):
    """Write a page in which a model draws in the browser: static files, no request leaves them.

    SOURCE is the folder of a finished run or a preset, a .keras file, or the name of a model of the zoo (kerasgan zoo
    list). Needs the extra kerasgan[export], and npm or --runtime.

    \b
    Examples:
        kerasgan playground dcgan_mnist --out page && python -m http.server --directory page
        kerasgan playground runs/digits --out page --title "My digits"
        kerasgan playground runs/pets --out page --class cat --class dog
    """
    kerasgan = library()
    model = load_model(kerasgan, source)
    title = title or Path(source).name
    folder = kerasgan.playground.write(model, out, title, classes, texts, runtime)
    click.echo(f"{folder}: python -m http.server --directory {folder}")
