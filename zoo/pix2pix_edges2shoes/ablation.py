"""Table 1 of the Pix2Pix paper on edges2shoes: L1 alone, the conditional GAN alone, and both.

Command:   KERASGAN_DATA_DIR=... python -m kerasgan.zoo.pix2pix_edges2shoes.ablation runs
"""

import sys

from kerasgan.zoo import recipes
from kerasgan.zoo.pix2pix_edges2shoes import recipe

VARIANTS = {"L1": {"adversarial_weight": 0.0}, "cGAN": {"l1_weight": 0.0}, "L1 + cGAN": {}}

if __name__ == "__main__":
    recipes.main(sys.modules[__name__], lambda _, folder: recipes.ablate(recipe, VARIANTS, folder))
