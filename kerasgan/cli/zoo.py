"""Commands for the pretrained models."""

import json
import sys

import click

from kerasgan_cli.common import errors_without_traceback, library, say
from kerasgan_cli.names import Commands


@click.group("zoo", cls=Commands)
def command():
    """List, show and verify the pretrained models.

    \b
    Example:
        kerasgan zoo list
    """


@command.command("list")
@click.argument("pattern", default="*")
@errors_without_traceback
def zoo_list(pattern):
    """List the models with names that match PATTERN.

    \b
    Example:
        kerasgan zoo list 'dcgan_*'
    """
    zoo = library().zoo
    found = zoo.list_models(pattern, details=True)
    if not found:
        wider = f" '*{pattern}*'" if zoo.list_models(f"*{pattern}*") else ""
        raise ValueError(
            f"PATTERN must match the names of models. Received: {pattern!r}, which matches none. Remedy: kerasgan zoo "
            f"list{wider}"
        )
    for entry in found:
        size = f"{entry['size'] / 1e6:.1f} MB"
        click.echo(f"{entry['name']:28} {size:>8}  {entry['metric']} {entry['value']:.4g}  {entry['description']}")


@command.command("show")
@click.argument("name")
@errors_without_traceback
def zoo_show(name):
    """Print the card of the model NAME: data, training, scores, files.

    \b
    Example:
        kerasgan zoo show dcgan_mnist
    """
    click.echo(json.dumps(library().zoo.card(name), indent=2))


@command.command("verify")
@click.argument("name")
@click.option("--scores", is_flag=True, help="Also recompute the scores. Needs the data; takes minutes.")
@click.option("--dry-run", is_flag=True, help="Print what would be checked, without checking.")
@errors_without_traceback
def zoo_verify(name, scores, dry_run):
    """Check the files, the recorded sample and, with --scores, the scores of the model NAME.

    \b
    Examples:
        kerasgan zoo verify dcgan_mnist --scores
        kerasgan zoo verify dcgan_mnist --scores --dry-run
    """
    if dry_run:
        card = library().zoo.card(name)
        click.echo(f"the SHA-256 of {', '.join(card['files'])}, and the recorded sample")
        if scores:
            click.echo(f"{', '.join(score['metric'] for score in card['scores'])} on {card['data']['name']}")
        return
    if scores:
        say(f"Computing {', '.join(score['metric'] for score in library().zoo.card(name)['scores'])}: minutes ...")
    report = library().zoo.verify(name, scores=scores)
    click.echo(json.dumps(report, indent=2))
    if not report["holds"]:
        sys.exit(1)
