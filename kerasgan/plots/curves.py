"""Training curves."""

import csv
import math
from pathlib import Path

import numpy as np

from kerasgan.files import reading, replacing
from kerasgan.plots.figures import figure_class

# The palette of Okabe and Ito, which colour-blind readers can distinguish.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
PROBABILITIES = {"d_real": "D(x)", "d_fake": "D(G(z))"}


def history(log, path=None):
    """Draws training curves: losses, probabilities, and one panel for every other logged value.

    The panel of D(x) and D(G(z)) has a line at 1/2, the value at the optimum (Goodfellow et al. 2014, section 4.1).
    `val_` curves are dashed.

    Args:
        log: dict of name -> list with a value per epoch (`model.fit(...).history`; "epoch" may hold the numbers of the
            epochs), the `History` itself, or the path of a file of `keras.callbacks.CSVLogger`. In a file, the last row
            of each epoch counts. NaN marks an epoch without a value.
        path: path of the figure (PNG, SVG or PDF by its ending), or None to write no file.

    Returns:
        The `matplotlib.figure.Figure`. It has no window and need not be closed.

    Raises:
        ValueError: if there is nothing to draw.

    Example:

    >>> history({"d_loss": [1.3, 1.2], "g_loss": [0.8, 0.9], "d_real": [0.6, 0.5]}, "curves.png")  # doctest: +ELLIPSIS
    <Figure ...>
    """
    epochs, curves = read_log(log)
    panels = _panels(curves)
    if not panels:
        raise ValueError(f"`log` must hold at least one finite value. Received: {log!r}")
    columns = 2 if len(panels) == 4 else min(len(panels), 3)
    rows = math.ceil(len(panels) / columns)
    figure = figure_class()(figsize=(4.4 * columns, 3.1 * rows), dpi=110, layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat[len(panels) :]:
        axes.remove()
    for axes, (title, names) in zip(grid.flat, panels.items()):
        _draw_panel(axes, title, epochs, {name: curves[name] for name in names})
    if path is not None:
        with replacing(path) as temporary:
            figure.savefig(temporary)
    return figure


def _panels(curves):
    """Returns a dict of panel titles -> names of curves."""
    panels = {"losses": [], "probabilities": []}
    for name in curves:
        plain = name.removeprefix("val_")
        if plain in PROBABILITIES:
            panels["probabilities"].append(name)
        elif plain.endswith("loss"):
            panels["losses"].append(name)
        else:
            panels.setdefault(plain, []).append(name)
    return {title: names for title, names in panels.items() if names}


def _draw_panel(axes, title, epochs, curves):
    if title == "probabilities":
        axes.axhline(0.5, color="#888888", linewidth=1, linestyle=":", label="1/2")
        axes.set_ylim(0, 1)
    plain_names = list(dict.fromkeys(name.removeprefix("val_") for name in curves))
    for name, curve in curves.items():
        plain = name.removeprefix("val_")
        finite = np.isfinite(curve)
        axes.plot(
            epochs[finite],
            curve[finite],
            color=COLORS[plain_names.index(plain) % len(COLORS)],
            linestyle="-" if plain == name else "--",
            linewidth=1.6,
            marker="o" if finite.sum() <= 30 else None,
            markersize=3,
            label=("" if plain == name else "val ") + PROBABILITIES.get(plain, plain),
        )
    axes.set_title(title, fontsize=10, loc="left")
    axes.set_xlabel("epoch", fontsize=9)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.tick_params(labelsize=8)
    axes.grid(True, color="#e6e6e6", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    if len(curves) > 1 or title in ("probabilities", "losses"):
        axes.legend(fontsize=8, frameon=False)


def rows_of(path):
    """Returns the rows of a file of `keras.callbacks.CSVLogger`, dicts of str, without an incomplete last row."""
    with reading(path, "a file of `keras.callbacks.CSVLogger`"), open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return rows[:-1] if rows and None in rows[-1].values() else rows  # the process was killed while writing


def read_log(log):
    """Reads the log of a training.

    Args:
        log: see `history`.

    Returns:
        float array of the numbers of the epochs (the first is 1), and a dict of the curves that have a finite value:
        arrays with a value per epoch, NaN for epochs without a value.
    """
    if isinstance(log, (str, Path)):
        rows = rows_of(log)
        with reading(log, "a file of `keras.callbacks.CSVLogger`"):
            if rows and "epoch" in rows[0]:  # an epoch repeated after an interruption has several rows
                rows = list({number(row["epoch"]): row for row in rows}.values())
            log = {name: [row[name] for row in rows] for name in (rows[0] if rows else ()) if name is not None}
            epochs = [float(epoch) + 1 for epoch in log.pop("epoch", range(len(rows)))]
    else:
        log = dict(getattr(log, "history", log))
        epochs = log.pop("epoch", None) or range(1, 1 + max((len(values) for values in log.values()), default=0))
    curves = {}
    for name, values in log.items():
        curve = np.full(len(epochs), np.nan)
        curve[: len(values)] = [number(value) for value in values]
        if np.isfinite(curve).any():
            curves[name] = curve
    return np.asarray(epochs, float), curves


def number(value):
    """Returns the content of a cell as a float, or NaN if it is not a number."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan
