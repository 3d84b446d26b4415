"""Compares runs."""

from pathlib import Path

import click

from kerasgan_cli.common import errors_without_traceback, library, say

FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("compare")
@click.argument("runs", nargs=-1, required=True, metavar="RUN RUN ...", type=click.Path(exists=True, file_okay=False))
@click.option("--csv", "csv_path", type=FILE, help="Also write the table as CSV.")
@click.option("--html", "html_path", type=FILE, help="Also write a page with the curves.")
@errors_without_traceback
def command(runs, csv_path, html_path):
    """Print the options that differ between RUNS, the last values of their logs, and their scores.

    Only scores with the same protocol are compared: that of the first run with scores.

    \b
    Example:
        kerasgan compare runs/digits runs/wide --csv runs.csv --html runs.html
    """
    kerasgan = library()
    rows = [("", "", runs), *kerasgan.comparison.compare(runs)]
    lines = [[f"{kind} {name}".strip(), *map(_short, values)] for kind, name, values in rows]
    widths = [max(map(len, column)) for column in zip(*lines)]
    for line in lines:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())
    for path, write in ((csv_path, kerasgan.comparison.write_csv), (html_path, kerasgan.comparison.write_html)):
        if path:
            write(runs, path)
            say(f"written: {path}")


def _short(value):
    try:
        return f"{float(value):.4g}"
    except (TypeError, ValueError):
        return "" if value is None else str(value)
