"""What the recipes of generative entries share: a training that keeps its best weights, and the publishing of an entry.

A recipe defines `SEED`, `ABOUT` (the description, paper, data and headline of its card), `model()`, `dataset()`,
`train(directory, dataset=None, ...)` and `score(model)`. It may define

- `examples()`, a batch that the picture of its entry shows (default: the first of `dataset()`), or `pictures(model)`,
  the images of that picture;
- `sample(model)`, the call whose answer the entry records (default: `generate` one image for seed 1, of class 0 where
  there are classes);
- `NETWORKS`, the names of those that the entry stores (default: all);
- `PRECISION`, the dtype policy in which the functions here train it (default: that which is set).

It ends with

    if __name__ == "__main__":
        recipes.main(sys.modules[__name__])
"""

import json
import os
import sys
import time
from pathlib import Path

import keras
import numpy as np

from kerasgan import plots
from kerasgan.callbacks import Checkpoint, CSVLogger, SampleGrid, ScoreMonitor, StopOnNonFinite
from kerasgan.files import replacing
from kerasgan.metrics import FrechetDistance
from kerasgan.optimizers import Adam
from kerasgan.schedules import LinearDecay
from kerasgan.zoo._card import card_score, machine, training_record, write_card, write_entry

ABOUT_FOLDER = """What is trained, drawn and scored goes into FOLDER. Interrupted and started again, it continues.
Data sets come from TFDS_DATA_DIR, and those that nobody may pass on from KERASGAN_DATA_DIR."""


def data_folder(name):
    """Returns the folder or file `name` of `KERASGAN_DATA_DIR`, where recipes find data that nobody may pass on.

    Raises:
        ValueError: the variable is not set.
    """
    if "KERASGAN_DATA_DIR" not in os.environ:
        raise ValueError(f"KERASGAN_DATA_DIR must name the folder that holds {name}. Received: nothing")
    return Path(os.environ["KERASGAN_DATA_DIR"]) / name


def train(
    directory,
    model,
    dataset,
    epochs,
    steps_per_epoch=None,
    metrics=(),
    every_n_epochs=None,
    num_images=5_000,
    data=None,
    every_n_steps=None,
):
    """Trains a compiled model, interruptible, and leaves it with the weights of the best score.

    Started again with the same directory it continues. In `directory` stand `log.csv`, `checkpoints/`, `samples/`,
    `scores/` and `clock.json`, the time spent and the machines. Of 100 epochs and more, one in two or in
    several is drawn and kept.

    Args:
        directory: folder of the run.
        model: the model of a recipe.
        dataset: tf.data.Dataset that the model trains on.
        epochs: int.
        steps_per_epoch: int or None; None is one pass over the data.
        metrics: list of metrics for `kerasgan.callbacks.ScoreMonitor`, the first of which chooses the weights, lower
            being better. They see training images, so that the test images stay unseen. None: the last weights stay.
        every_n_epochs: int, epochs between scores. Default: 1, or as many as leave at least twenty scores.
        num_images: int, images a score compares.
        data: str, name of the data set, for the stamps of the scores.
        every_n_steps: int, steps between checkpoints inside an epoch that takes long. Default: none inside.

    Returns:
        The model.
    """
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    callbacks = [
        StopOnNonFinite(),
        Checkpoint(directory / "checkpoints", every_n_steps, every_n_epochs=max(1, epochs // 50), keep=2),
        SampleGrid(directory / "samples", every_n_epochs=max(1, epochs // 50)),
        _Clock(directory / "clock.json"),
    ]
    if metrics:
        monitor = ScoreMonitor(
            metrics,
            dataset,
            every_n_epochs or max(1, epochs // 20),
            num_images=num_images,
            directory=directory / "scores",
            verbose=0,
            data=data,
            split="train",
        )
        callbacks.insert(0, monitor)
    log = CSVLogger(directory / "log.csv", append=True)
    model.fit(dataset, epochs=epochs, steps_per_epoch=steps_per_epoch, callbacks=[*callbacks, log], verbose=2)
    if metrics:
        model.load_weights(directory / "scores" / "best.weights.h5")
    return model


def falling_adams(steps, rate=2e-4):
    """Returns optimizers for G and D as DCGAN's, whose rate stays for half of `steps` and falls to 0 in the other."""
    half = steps // 2
    rates = [LinearDecay(rate, half, half) for _ in range(2)]
    return [Adam(rate, beta_1=0.5) for rate in rates]


def train_by_distance(recipe, directory, data, epochs, steps_per_epoch):
    """Trains by a recipe whose `DATA` has a shipped classifier, and keeps the weights of the best Fréchet distance.

    Args:
        recipe: the recipe's module.
        directory, epochs, steps_per_epoch: as in `train`.
        data: tf.data.Dataset to train on without scores, or None: `recipe.dataset()`.

    Returns:
        The model.
    """
    keras.utils.set_random_seed(recipe.SEED)
    metrics = [FrechetDistance(recipe.DATA)] if data is None else []
    data = recipe.dataset() if data is None else data
    return train(directory, recipe.model(), data, epochs, steps_per_epoch, metrics, data=recipe.DATA)


def publish(folder, model, recipe, clocks):
    """Writes the entry of a trained model by what its recipe says of it.

    Args:
        folder: the entry's folder; its name becomes the entry's.
        model: the trained model; `model.step` says how long.
        recipe: the recipe's module.
        clocks: list of what the training's `clock.json` say, one for each stage of it.

    Returns:
        dict, the card.
    """
    hours = sum(clock["seconds"] for clock in clocks) / 3600
    machines = " and ".join(_machines(clocks))
    precision = getattr(recipe, "PRECISION", model.dtype_policy.name)
    batch = next(recipe.dataset().as_numpy_iterator())
    batch_size = len(model.real_images(batch)) * getattr(model, "batches_per_step", 1)
    if hasattr(recipe, "examples"):
        batch = recipe.examples()
    return write_entry(
        folder,
        model,
        **recipe.ABOUT,
        training=training_record(model.step, batch_size, recipe.SEED, hours, precision, machines),
        # Of the weights as they are stored, in half precision, since that is what a user loads.
        scores=recipe.score,
        pictures=recipe.pictures(model) if hasattr(recipe, "pictures") else model.preview(batch, num_images=64, seed=0),
        sample=getattr(recipe, "sample", _first_image)(model),
        networks=getattr(recipe, "NETWORKS", None),
    )


def _first_image(model):
    labels = {"labels": np.zeros(1, "int32")} if getattr(model, "num_classes", None) else {}
    return {"method": "generate", "arguments": {"num_images": 1, "seed": 1} | labels}


def _trained(recipe, directory, **options):
    """Trains by a recipe in its `PRECISION`; the model that is returned computes in the policy that is set."""
    if not hasattr(recipe, "PRECISION"):
        return recipe.train(directory, **options)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(recipe.PRECISION)
    try:
        trained = recipe.train(directory, **options)
    finally:
        keras.config.set_dtype_policy(before)
    model = recipe.model()
    model.set_weights(trained.get_weights())
    model.step.assign(trained.step)
    return model


def reproduce(recipe, directory):
    """Trains by a recipe and writes its entry into `directory/<name>`."""
    directory = Path(directory)
    model = _trained(recipe, directory / "run")
    return publish(directory / Path(recipe.__file__).parent.name, model, recipe, _clocks(directory / "run"))


def main(recipe, act=reproduce):
    """Does what the command line asks of a recipe: without a folder, or with --help, says what it does.

    Args:
        recipe: the module that is run, `sys.modules[__name__]`; its docstring says the paper, the command, the score
            to expect and the time.
        act: function of the module and a folder. Default `reproduce`.
    """
    path = Path(recipe.__file__)
    answer(recipe, f"kerasgan.zoo.{path.parent.name}.{path.stem}", ABOUT_FOLDER, act)


def answer(module, name, about_folder, act):
    """Calls `act(module, FOLDER)`; without a folder, or with --help, prints the module's docstring and the usage.

    Args:
        module: the module that is run.
        name: str, by which `python -m` runs it.
        about_folder: str, what is written into the folder.
        act: function of the module and a folder.
    """
    given = sys.argv[1:]
    usage = f"Usage:     python -m {name} FOLDER"
    if not given or {"-h", "--help"} & set(given):
        print(f"{module.__doc__}\n{usage}\n\n{about_folder}")
    elif len(given) > 1 or given[0].startswith("-"):
        raise SystemExit(f"{usage}\nReceived:  {' '.join(given)}")
    else:
        act(module, given[0])


def ablate(recipe, variants, directory):
    """Trains, scores and draws variants of a recipe of a translation. Interrupted and started again, it continues.

    Writes `ablation.json`, the scores of each, and `ablation.png`, examples as input | one column a variant | truth,
    into `directory`, beside the runs.

    Args:
        recipe: the recipe's module; its `train` takes options of `compile`, and `examples()` gives (inputs, truths).
        variants: dict of names to such options.
        directory: folder of the runs.
    """
    directory = Path(directory)
    inputs, truths = recipe.examples()
    scores, columns, clocks = {}, [inputs], []
    for name, options in variants.items():
        folder = directory / name.replace(" ", "")
        model = _trained(recipe, folder, **options)
        clocks += _clocks(folder)
        scores[name] = {score["metric"]: score["value"] for score in recipe.score(model)}
        print(name, scores[name], flush=True)
        call = recipe.sample(model)
        columns.append(getattr(model, call["method"])(**call["arguments"] | {"images": inputs}))
    about = {"epochs": recipe.EPOCHS, "seed": recipe.SEED, "machines": _machines(clocks)}
    with replacing(directory / "ablation.json") as temporary:
        temporary.write_text(json.dumps(about | {"scores": scores}, indent=2) + "\n")
    rows = np.stack([*columns, truths], axis=1)
    plots.save_png(directory / "ablation.png", plots.image_grid(rows))


def score_a_tenth(recipe, directory, folder):
    """Trains for the first tenth of a recipe's epochs, and adds to the card of its entry what the model then scores.

    Rates that fall in the whole training have not begun to. Interrupted and started again, it continues.

    Args:
        recipe: the recipe's module; its `EPOCHS` is an int, or a dict of those of each stage.
        directory: folder of the run.
        folder: the entry's.

    Raises:
        ValueError: a tenth is no whole number of epochs.
    """
    if any(count % 10 for count in keras.tree.flatten(recipe.EPOCHS)):
        raise ValueError(f"`EPOCHS` must be a multiple of 10 for a tenth to be scored. Received: {recipe.EPOCHS}")
    model = _trained(recipe, directory, epochs=keras.tree.map_structure(lambda count: count // 10, recipe.EPOCHS))
    tenth = {
        "steps": int(model.step),
        "machine": " and ".join(_machines(_clocks(directory))),
        "scores": {score["metric"]: score["value"] for score in map(card_score, recipe.score(model))},
    }
    write_card(folder, json.loads((Path(folder) / "card.json").read_text()) | {"tenth": tenth})


def _clocks(directory):
    """Returns what the `clock.json` of a training say, one for each stage of it."""
    return [json.loads(path.read_text()) for path in sorted(Path(directory).rglob("clock.json"))]


def _machines(clocks):
    return list(dict.fromkeys(machine for clock in clocks for machine in clock["machines"]))


class _Clock(keras.callbacks.Callback):
    """Adds up the seconds of a training, those before an interruption included, and says on which machines."""

    def __init__(self, path):
        super().__init__()
        self.path = path

    def on_train_begin(self, logs=None):
        goes_on = self.path.exists() and int(self.model.step)
        earlier = json.loads(self.path.read_text()) if goes_on else {"seconds": 0.0, "machines": []}
        self.start = time.monotonic() - earlier["seconds"]
        self.machines = list(dict.fromkeys([*earlier["machines"], machine()]))

    def on_epoch_end(self, epoch, logs=None):
        with replacing(self.path) as temporary:
            seconds = round(time.monotonic() - self.start, 1)
            temporary.write_text(json.dumps({"seconds": seconds, "machines": self.machines}))
