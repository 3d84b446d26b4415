"""Compares runs: different options, last values of the logs, scores, curves."""

import base64
import csv
import html
import io
import json
from pathlib import Path

from kerasgan import plots
from kerasgan.files import replacing
from kerasgan.metrics import Score
from kerasgan.plots.curves import COLORS, rows_of


def compare(runs):
    """Compares the options, logs and scores of runs.

    Args:
        runs: at least two folders of runs, such as those of `kerasgan train`.

    Returns:
        list of rows (kind, name, values), with one value per run, or "" if the run has none. Kinds are "option" (only
        options that differ), "log" (the last whole row of log.csv) and "score". A score with another protocol than that
        of the first run is "other protocol".

    Raises:
        ValueError: for fewer than two runs, or a folder without options.json and log.csv.

    Example:

    >>> import pathlib
    >>> for name, width in (("a", 16), ("b", 32)):
    ...     pathlib.Path(name).mkdir()
    ...     _ = pathlib.Path(name, "options.json").write_text(f'{{"model": "dcgan", "width": {width}}}')
    >>> compare(["a", "b"])
    [('option', 'width', [16, 32])]
    """
    runs = [Path(run) for run in runs]
    if len(runs) < 2:
        raise ValueError(f"`runs` must name at least two folders. Received: {[str(run) for run in runs]}")
    options = [_read(run / "options.json") for run in runs]
    logs = [_log(run / "log.csv") for run in runs]
    for run, found, log in zip(runs, options, logs):
        if not found and not log:
            raise ValueError(f"`runs` must be folders of runs, with options.json or log.csv. Received: {str(run)!r}")
    rows = [("option", *row) for row in _table(options) if any(value != row[1][0] for value in row[1])]
    ends = _table([log[-1] if log else {} for log in logs])
    rows += [("log", *row) for row in ends if set(row[1]) - {"NA", ""}]
    return rows + [("score", *row) for row in _scores([_read(run / "score.json") for run in runs])]


def _table(records):
    """Returns (name, values) for every name in any of the dicts."""
    names = dict.fromkeys(name for record in records for name in record)
    return [(name, [record.get(name, "") for record in records]) for name in names]


def _read(path):
    if not path.exists():
        return {}
    try:
        found = json.loads(path.read_text())
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not a JSON file: {error}") from None
    if not isinstance(found, dict):
        raise ValueError(f"{path} must hold a JSON object. Received: {type(found).__name__}")
    return found


def _log(path):
    return rows_of(path) if path.exists() else []


def _scores(files):
    """Returns (metric, values), where all values have the protocol of the first run with this metric."""
    records = []
    for file in files:
        scores = file.get("scores", [file] if "metric" in file else [])
        fields = [{name: value for name, value in score.items() if name != "floor"} for score in scores]
        records.append({score["metric"]: Score.from_json(json.dumps(score)) for score in fields})
    rows = []
    for metric, values in _table(records):
        protocol = next(score for score in values if score != "").protocol()
        rows.append(
            (metric, [v and (f"{v.value:.4g}" if v.protocol() == protocol else "other protocol") for v in values])
        )
    return rows


def write_csv(runs, path):
    """Writes `compare(runs)` as CSV: kind, name, and a column for each run.

    Args:
        runs: folders of runs.
        path: path of the file.
    """
    with replacing(path) as temporary, open(temporary, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["kind", "name", *runs])
        writer.writerows([kind, name, *values] for kind, name, values in compare(runs))


def write_html(runs, path):
    """Writes an HTML page with the table of `compare(runs)` and the curves of all runs.

    Args:
        runs: folders of runs.
        path: path of the page. It needs no other files, no network and no scripts.
    """
    cells = [["", "", *map(str, runs)], *([kind, name, *values] for kind, name, values in compare(runs))]
    rows = "".join(f"<tr>{''.join(f'<td>{html.escape(str(cell))}</td>' for cell in row)}</tr>\n" for row in cells)
    drawn = io.BytesIO()
    figure = curves(runs)
    picture = ""
    if figure is not None:
        figure.savefig(drawn, format="svg")
        source = base64.b64encode(drawn.getvalue()).decode()
        picture = f'<img src="data:image/svg+xml;base64,{source}" alt="Curves of all runs by epoch">'
    page = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{len(runs)} runs</title>
<style>body {{ font: 15px sans-serif; margin: 2em }} td {{ padding: .2em .8em; border-bottom: 1px solid #ddd }}</style>
</head>
<body>
<table>
{rows}</table>
{picture}
</body>
</html>
"""
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def curves(runs):
    """Draws each logged value of all runs into one panel.

    Args:
        runs: folders of runs.

    Returns:
        The `matplotlib.figure.Figure`, or None if no run has a log.
    """
    read = {str(run): plots.read_log(Path(run) / "log.csv") for run in runs if _log(Path(run) / "log.csv")}
    names = list(dict.fromkeys(name for _, found in read.values() for name in found))
    if not names:
        return None
    figure = plots.figure_class()(figsize=(8, 2.6 * len(names)), layout="constrained")
    for axes, name in zip(figure.subplots(len(names), squeeze=False)[:, 0], names):
        for color, (run, (epochs, found)) in zip(COLORS * len(read), read.items()):
            if name in found:
                axes.plot(epochs, found[name], color=color, label=run)
        axes.set(title=name, xlabel="epoch")
        axes.legend(fontsize=8)
    return figure
