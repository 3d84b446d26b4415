"""Collects the weights of all entries for a release, with the file names used for downloads.

Command: python -m kerasgan.zoo.release FOLDER

Copies each file that FOLDER does not have yet, after checking it against its card.
"""

import shutil
import sys
from pathlib import Path

from kerasgan import zoo
from kerasgan.files import replacing
from kerasgan.zoo._fetch import SUFFIX, locate, released_name


def prepare(folder):
    """Copies the weights of all entries into `folder`.

    Args:
        folder: the target folder. It is created if it is missing.

    Returns:
        list of pathlib.Path, the new files.

    Raises:
        WeightFileError: (a ValueError) if a file does not match its card.
        FileNotFoundError: if a file is missing and cannot be downloaded.
    """
    new = []
    for name in zoo.list_models():
        for filename, record in zoo.card(name)["files"].items():
            if not filename.endswith(SUFFIX):
                continue
            source, target = (
                locate(zoo.FOLDER / name, filename, record),
                Path(folder) / released_name(name, filename, record),
            )
            if not target.exists():
                with replacing(target) as temporary:
                    shutil.copyfile(source, temporary)
                new.append(target)
    return new


if __name__ == "__main__":
    for path in prepare(sys.argv[1]):
        print(path)
