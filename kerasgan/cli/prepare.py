"""Writes a data set at the size used for training."""

from pathlib import Path

import click

from kerasgan_cli import options
from kerasgan_cli.common import errors_without_traceback, library

TASKS = ("images", "labels", "pairs", "super_resolution")


@click.command("prepare")
@click.argument("data")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to write to.")
@click.option("--image-size", type=options.Size(), metavar="SIZE", help="64, or HEIGHTxWIDTH.  [default: the data's]")
@click.option("--task", type=click.Choice(TASKS), help="The kind of data.  [default: by the folder's layout]")
@click.option("--split", type=click.Choice(["train", "test"]), default="train", show_default=True)
@click.option("--channels", type=click.IntRange(1), help="1 for grey, 3 for colour.  [default: the data's]")
@click.option("--resize", type=click.Choice(["crop", "pad", "stretch"]), help="As in kerasgan train.  [default: crop]")
@click.option("--skip-broken", is_flag=True, help="Leave out images that cannot be read.")
@errors_without_traceback
def command(data, out, image_size, task, split, channels, resize, skip_broken):
    """Decode and resize DATA once, and write it to --out. `kerasgan train --data OUT` then reads it in random order.

    DATA is a folder, or a name that kerasgan train accepts. If the command is interrupted, run it again to continue.

    \b
    Examples:
        kerasgan prepare ./photos --image-size 128 --out ./small && kerasgan train dcgan --data ./small
    """
    kerasgan = library()
    asked = {"image_size": image_size, "channels": channels, "resize": resize}
    asked = {name: value for name, value in asked.items() if value is not None}
    if skip_broken:
        asked["on_error"] = "skip"
    folder = kerasgan.data.prepare(data, out, task, split, **asked)
    click.echo(f"{kerasgan.data.find_layout(folder)} in {folder}")
