"""`metadata.jsonl` and `metadata.csv`: a row for each image of a folder, as in the imagefolder convention."""

import csv
import pathlib

from kerasgan.files import parse_json, reading

NAMES = ("metadata.jsonl", "metadata.csv")
# The splits that may be scored against, in the order of preference.
SPLITS = ("test", "val", "valid", "validation", "train")


def is_in(path):
    """Returns whether the folder `path` holds metadata."""
    return _file(path) is not None


def _file(path):
    return next((path / name for name in NAMES if (path / name).is_file()), None)


def rows(path):
    """Returns the rows of the metadata of a folder as dicts. Each has at least `file_name`.

    Raises:
        ValueError: if there is no such file, or it has no rows, or a row has no file in this folder.
    """
    file = _file(path)
    if file is None:
        raise ValueError(f"{str(path)!r} must hold a metadata.jsonl or metadata.csv with a `file_name` in every row.")
    with reading(file, "a list of images in UTF-8"), open(file, encoding="utf-8-sig", newline="") as stream:
        if file.suffix == ".csv":
            found = list(csv.DictReader(stream))
        else:
            lines = ((number, line) for number, line in enumerate(stream, 1) if line.strip())
            found = [parse_json(line, f"{file}, line {number},") for number, line in lines]
        for number, row in enumerate(found, 1):
            name = row.get("file_name")
            if not isinstance(name, str) or not name:
                raise ValueError(f"{file}, row {number}, has no `file_name`. Received: {list(row)[:10]}")
            if "\0" in name or not (path / name).resolve().is_relative_to(path.resolve()):
                raise ValueError(f"{file}, row {number}, points outside of the folder: {name[:200]!r}")
        if not found:
            raise ValueError(f"{file} has no rows.")
        return found


def split_of(row):
    """Returns the split of a row: its `split`, or else the sub-folder of its image if that is named like a split."""
    if row.get("split"):
        return row["split"]
    parts = pathlib.PurePath(row["file_name"]).parts
    return parts[0] if len(parts) > 1 and parts[0] in SPLITS else None


def in_split(found, split):
    """Returns the indices of the rows of a split. None means all rows.

    Raises:
        ValueError: if no row is in the split.
    """
    if split is None:
        return list(range(len(found)))
    chosen = [i for i, row in enumerate(found) if split_of(row) == split]
    if not chosen:
        raise ValueError(f"`split` must be one of {sorted({str(split_of(row)) for row in found})}. Received: {split!r}")
    return chosen
