"""Checks the installation."""

import sys

import click

from kerasgan_cli.common import errors_without_traceback


@click.command("doctor")
@errors_without_traceback
def command():
    """Print versions, devices, precision, folders, and what is missing. Exits with 1 if something is missing.

    \b
    Example:
        kerasgan doctor
    """
    from kerasgan_cli.machine import examine

    sections, missing = examine()
    for title, rows in sections.items():
        click.secho(title, bold=True)
        for name, value in rows:
            click.echo(f"  {name:34} {value}")
    click.secho("Missing", bold=True)
    for sentence in missing or ["nothing that kerasgan needs"]:
        click.echo(f"  {sentence}")
    if missing:
        sys.exit(1)
