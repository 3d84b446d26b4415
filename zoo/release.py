"""The weights of all entries under the names by which they are fetched: what a release of them holds.

Command: python -m kerasgan.zoo.release FOLDER

Writes a copy of each file that FOLDER does not have yet. Every file is held against its card first.
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
        folder: where to; it is made if it is missing.

    Returns:
        list of pathlib.Path, the files that it did not have yet.

    Raises:
        WeightFileError: (a ValueError) a file is not what its card says.
        FileNotFoundError: a file is neither here nor to be had.
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
