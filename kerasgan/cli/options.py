"""The options of a training: those of a file, of the run that goes on, and of the command line, which win."""

import json
from pathlib import Path

import click
from click.core import ParameterSource

from kerasgan_cli.names import nearest

# Those that say where and how, and are no part of what a run is.
NOT_STORED = ("out", "devices", "resume", "dry_run", "config", "debug")


class Size(click.ParamType):
    """The size of images: 64, or HEIGHTxWIDTH; a list of two from a file of options."""

    name = "size"

    def convert(self, value, param, ctx):
        sides = list(value) if isinstance(value, (list, tuple)) else str(value).lower().split("x")
        try:
            sides = [int(side) for side in sides]
        except ValueError:
            sides = []
        if len(sides) not in (1, 2) or min(sides) < 1:
            self.fail(f"must be a side, such as 64, or HEIGHTxWIDTH, such as 48x64. Received: {value!r}", param, ctx)
        return sides[0] if len(set(sides)) == 1 else tuple(sides)


def parse_assignments(context, parameter, values):
    """Reads NAME=VALUE: the value as JSON where it is JSON, else as a string."""
    found = {}
    for text in values:
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            raise click.BadParameter(f"must be NAME=VALUE. Received: {text!r}")
        try:
            found[name] = json.loads(value)
        except json.JSONDecodeError:
            found[name] = value
    return found


def read_run(out):
    """Returns the options of the run in the folder `out`, or None."""
    path = out / "options.json"
    return _read_json(path) if path.exists() else None


def read_file(path):
    """Returns the options of a JSON or YAML file, such as a run's options.json."""
    if path.suffix.lower() not in (".yaml", ".yml"):
        return _read_json(path)
    try:
        import yaml
    except ImportError:
        raise ImportError("A YAML file needs PyYAML: pip install pyyaml. JSON needs nothing.") from None
    try:
        return _checked(path, yaml.safe_load(path.read_text()))
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is no YAML: {error}") from None


def _read_json(path):
    try:
        return _checked(path, json.loads(path.read_text()))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is no JSON: {error}") from None


def _checked(path, found):
    if not isinstance(found, dict):
        raise ValueError(f"{path} must hold options by name. Received: a {type(found).__name__}")
    return found


def merge(context, config=None, run=None):
    """Returns the options of a training: defaults, then those of `config`, of the run, and of the command line.

    Args:
        context: click's, of the command `train`.
        config: path of a file of options, or None.
        run: the options of the run that goes on, or None. The command line may then change the number of epochs only.

    Returns:
        dict of options by name, without those of `NOT_STORED`.

    Raises:
        ValueError: for an unknown name in the file, or another option than the run's.
    """
    parameters = {parameter.name: parameter for parameter in context.command.params}
    stored = [name for name in parameters if name not in NOT_STORED]
    given = {
        name: context.params[name]
        for name in stored
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT and context.params[name] is not None
    }
    options = {name: context.params[name] for name in stored}
    for source, found in (("--config", read_file(config) if config else {}), ("the run", run or {})):
        for name, value in found.items():
            if name not in stored:
                raise ValueError(f"{source} has an unknown option {name!r}.{nearest(name, stored)}")
            options[name] = _converted(context, parameters[name], value)
    if run is not None:
        _check_unchanged(options, given)
    return options | given


def _converted(context, parameter, value):
    if value is None or isinstance(value, dict) or parameter.name == "set":
        return value
    return parameter.type_cast_value(context, value)


def _check_unchanged(run, given):
    changed = {name: value for name, value in given.items() if run[name] != value and name != "epochs"}
    if changed:
        lines = [f"  {name}: {run[name]!r} in the run, {value!r} asked for" for name, value in changed.items()]
        raise ValueError("--resume needs the run's own options:\n" + "\n".join(lines))


def default_folder(model, data):
    """Returns runs/MODEL_DATA."""
    return Path("runs") / f"{model}_{Path(data).name.replace(':', '_')}"
