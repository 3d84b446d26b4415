"""Table 1 of the Pix2Pix paper on edges2shoes: L1 alone, the conditional GAN alone, and both, by one recipe.

Command:   KERASGAN_DATA_DIR=... python -m kerasgan.zoo.pix2pix_edges2shoes.ablation runs

Writes `ablation.json`, the scores of each on the 200 validation pairs, and `ablation.png`, validation images as edges | L1
| cGAN | L1 + cGAN | photo. Interrupted and started again, it continues.
"""  # noqa: E501

import json
import sys
from pathlib import Path

import numpy as np

from kerasgan import plots
from kerasgan.files import replacing
from kerasgan.zoo.pix2pix_edges2shoes import recipe

VARIANTS = {"L1": {"adversarial_weight": 0.0}, "cGAN": {"l1_weight": 0.0}, "L1 + cGAN": {}}


def main(directory):
    """Trains, scores and draws the three."""
    directory = Path(directory)
    edges, photos = recipe.examples()
    scores, columns = {}, [edges]
    for name, options in VARIANTS.items():
        model = recipe.train(directory / name.replace(" ", ""), **options)
        scores[name] = {score["metric"]: score["value"] for score in recipe.score(model)}
        print(name, scores[name], flush=True)
        columns.append(model.translate(edges, seed=1))
    with replacing(directory / "ablation.json") as temporary:
        temporary.write_text(json.dumps({"epochs": recipe.EPOCHS, "seed": recipe.SEED, "scores": scores}, indent=2))
    rows = np.stack([*columns, photos], axis=1)
    plots.save_png(directory / "ablation.png", plots.image_grid(rows))


if __name__ == "__main__":
    main(sys.argv[1])
