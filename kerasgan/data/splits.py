"""Finds the files of a split in a folder: its sub-folders, or the rows of its metadata."""

import pathlib

from kerasgan.data import _files, metadata


def splits_of(path):
    """Returns the names in `metadata.SPLITS` that a folder has, in this order."""
    path = pathlib.Path(path).expanduser()
    return [split for split in metadata.SPLITS if _folders_of(path, split) or rows_of(path, split)]


def files_of(path, split):
    """Finds the image files of a split.

    Args:
        path: `pathlib.Path` of the folder.
        split: the name of the split. A folder without this split is read as a whole.

    Returns:
        the folder that the names are relative to, and a `Found` of the files.
    """
    parts = _folders_of(path, split)
    if len(parts) == 1:
        return parts[0], _files.image_files(parts[0])
    if parts:
        found = [_files.image_files(part) for part in parts]
        names = dict.fromkeys(ending for each in found for ending in each.skipped)
        skipped = {ending: sum(each.skipped.get(ending, 0) for each in found) for ending in names}
        return path, _files.Found(sum(map(list, found), []), skipped)
    if rows := rows_of(path, split):
        return path, _files.Found(sorted({path / row["file_name"] for row in rows}), {})
    return path, _files.image_files(path)


def _folders_of(path, split):
    """Returns the sub-folder of a split, its two domains, or the frames of its films; or an empty list."""
    if (path / split).is_dir():
        return [path / split]
    for ends in ("A", "B"), ("_A", "_B"):
        parts = [path / f"{split}{end}" for end in ends]
        if all(part.is_dir() for part in parts):
            return parts if ends[0] == "A" else parts[1:]
    return []


def rows_of(path, split):
    """Returns the rows of the metadata of a folder that belong to a split."""
    if not metadata.is_in(path):
        return []
    return [row for row in metadata.rows(path) if metadata.split_of(row) == split]
