"""Writes a page about a run."""

from pathlib import Path

import click

from kerasgan_cli.common import errors_without_traceback, library


@click.command("report")
@click.argument("run", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="The page.  [default: report.html in RUN]")
@errors_without_traceback
def command(run, out):
    """Write a page about the run in the folder RUN: curves, samples, scores, options, and warnings.

    The page is a single file and needs no network. The run may still be in progress, or may come from Python.

    \b
    Example:
        kerasgan report runs/digits --out digits.html
    """
    click.echo(library().report.write(run, out))
