"""Merges the options of a training from a file, a run that is resumed, and the command line."""

import json
from pathlib import Path

import click
from click.core import ParameterSource

from kerasgan_cli.names import nearest

# Options that are not stored with a run.
NOT_STORED = ("out", "devices", "resume", "dry_run", "config", "debug")
# Arguments of `compile` for the execution, as in `kerasgan.callbacks.identity`. A run that is resumed may change them.
EXECUTION = ("jit_compile", "run_eagerly", "steps_per_execution")


class Size(click.ParamType):
    """The size of images: 64, or HEIGHTxWIDTH, or a list of two in a file of options."""

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
    """Parses NAME=VALUE. The value is parsed as JSON if possible, else it is a string."""
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
        raise ValueError(f"{path} is not a YAML file: {error}") from None


def _read_json(path):
    try:
        return _checked(path, json.loads(path.read_text()))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not a JSON file: {error}") from None


def _checked(path, found):
    if not isinstance(found, dict):
        raise ValueError(f"{path} must hold options by name. Received: a {type(found).__name__}")
    return found


def merge(context, config=None, run=None):
    """Returns the options of a training.

    Options of the command line override those of the run, of `config`, and the defaults, in this order.

    Args:
        context: click's context of the command `train`.
        config: path of a file of options, or None.
        run: the options of the run to resume, or None. The command line and `config` may then change only the number
            of epochs and how steps are executed, and --set keeps what it does not name.

    Returns:
        dict of options by name, without those in `NOT_STORED`.

    Raises:
        ValueError: if the file has an unknown option or an unsuitable value, if an option differs from that of the run,
            or if it is also among those of --set.
    """
    parameters = {parameter.name: parameter for parameter in context.command.params}
    stored = [name for name in parameters if name not in NOT_STORED]
    defaults = context.command.make_context(None, [], resilient_parsing=True).params
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
            value = defaults[name] if value is None else _converted(context, parameters[name], value, source)
            if run is not None and source == "--config":
                given.setdefault(name, value)
            else:
                options[name] = value
    if run is not None:
        if "set" in given:
            given["set"] = options["set"] | given["set"]
        _check_unchanged(options, given)
    options |= given
    for name, value in options["set"].items():
        if name in stored and options[name] != defaults[name]:
            flag = max(parameters[name].opts, key=len)
            raise ValueError(
                f"{flag} and --set {name} must not both be given. Received: {options[name]!r} and {value!r}. "
                f"Remedy: leave out --set {name}"
            )
    return options


def _converted(context, parameter, value, source):
    """Returns a value of a file as the command line would give it."""
    kinds = {"set": (dict, "NAME: VALUE pairs"), "skip_broken": (bool, "true or false")}
    kind, expected = kinds.get(parameter.name, ((str, int, float), "a single value"))
    if isinstance(parameter.type, click.types.IntParamType):
        kind, expected = int, "an integer"
    elif isinstance(parameter.type, Size):
        kind, expected = (str, int, list, tuple), "a size, such as 64 or [48, 64]"
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise ValueError(f"{source} must have {expected} as {parameter.name!r}. Received: {value!r}")
    return value if kind is dict else parameter.type_cast_value(context, value)


def _check_unchanged(run, given):
    def training(name, options):
        value = options[name]
        return {key: value[key] for key in value if key not in EXECUTION} if name == "set" else value

    free = ("epochs", *EXECUTION)
    changed = [name for name in given if name not in free and training(name, given) != training(name, run)]
    if changed:
        lines = [f"  {name}: {run[name]!r} in the run, {given[name]!r} received" for name in changed]
        raise ValueError(
            "--resume cannot change options other than --epochs and --steps-per-execution:\n" + "\n".join(lines)
        )


def default_folder(model, data):
    """Returns runs/MODEL_DATA."""
    return Path("runs") / f"{model}_{Path(data).name.replace(':', '_')}"
