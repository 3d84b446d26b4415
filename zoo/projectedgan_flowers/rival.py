"""Scores `sagan_flowers` by the protocol of `projectedgan_flowers`: the same test images and the same extractor.

Command:   KERASGAN_DATA_DIR=... python -m kerasgan.zoo.projectedgan_flowers.rival rival.json
"""

import json
import sys
from pathlib import Path

import numpy as np

from kerasgan import zoo
from kerasgan.files import replacing
from kerasgan.zoo.projectedgan_flowers import recipe


class Drawing:
    """`sagan_flowers` with the `generate` that the recipe's `score` calls: classes are drawn from seed 1."""

    def __init__(self):
        self.model = zoo.load("sagan_flowers")

    def generate(self, num_images, seed):
        labels = np.random.default_rng(1).integers(0, self.model.num_classes, num_images).astype("int32")
        return self.model.generate(num_images, labels=labels, seed=seed)


def main(path):
    """Writes the scores as JSON."""
    scores = {score["metric"]: score["value"] for score in recipe.score(Drawing())}
    about = {"entry": "sagan_flowers", "extractor": recipe.EXTRACTOR, "seed": 1}
    with replacing(Path(path)) as temporary:
        temporary.write_text(json.dumps(about | {"scores": scores}, indent=2) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
