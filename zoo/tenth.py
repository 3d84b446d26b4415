"""Scores an entry's model after a tenth of its epochs, to compare with the scores on its card.

Command:   KERASGAN_DATA_DIR=... python -m kerasgan.zoo.tenth zoo/NAME runs
"""

import importlib
import sys
from pathlib import Path

from kerasgan.zoo import recipes

if __name__ == "__main__":
    folder, runs = map(Path, sys.argv[1:])
    name = folder.resolve().name
    recipe = importlib.import_module(f"kerasgan.zoo.{name}.recipe")
    recipes.score_a_tenth(recipe, runs / name / "tenth", folder)
