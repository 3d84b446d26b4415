"""The command line. One module per command; a command imports TensorFlow only if it needs it."""

import click

from kerasgan_cli import (
    compare,
    doctor,
    evaluate,
    export,
    generate,
    interpolate,
    playground,
    prepare,
    project,
    report,
    train,
    translate,
    zoo,
)
from kerasgan_cli.names import Commands


def _version(context, parameter, value):
    if value:
        from importlib.metadata import version

        click.echo(f"kerasgan {version('kerasgan')}")
        context.exit()


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, callback=_version, expose_value=False, is_eager=True, help="Print the version."
)
@click.option("--debug", is_flag=True, help="Show tracebacks of errors.")
def main(debug):
    """Train, sample, score and export generative adversarial networks.

    \b
    Examples:
        kerasgan doctor
        kerasgan train dcgan --data mnist --out runs/digits
        kerasgan report runs/digits
        kerasgan generate runs/digits --out digits.png

    \b
    Exit codes: 0 for success, 1 for an error, 2 for a wrong command line. When `train` is interrupted, it saves its
    state and exits with 130 or 143. For shell completion, add a line to ~/.bashrc, ~/.zshrc or
    ~/.config/fish/config.fish:
        eval "$(_KERASGAN_COMPLETE=bash_source kerasgan)"
        eval "$(_KERASGAN_COMPLETE=zsh_source kerasgan)"
        _KERASGAN_COMPLETE=fish_source kerasgan | source
    """


for room in (
    train,
    generate,
    interpolate,
    translate,
    project,
    evaluate,
    compare,
    report,
    export,
    playground,
    prepare,
    doctor,
    zoo,
):
    main.add_command(room.command)
main.add_command(translate.upscale)


if __name__ == "__main__":
    main()
