"""CycleGAN between shoes and bags with the cycle loss, without it, and with an added identity loss.

Command:   KERASGAN_DATA_DIR=... python -m kerasgan.zoo.cyclegan_shoes2bags.ablation runs
"""

import sys

from kerasgan.zoo import recipes
from kerasgan.zoo.cyclegan_glyphs.ablation import VARIANTS
from kerasgan.zoo.cyclegan_shoes2bags import recipe

if __name__ == "__main__":
    recipes.main(sys.modules[__name__], lambda _, folder: recipes.ablate(recipe, VARIANTS, folder))
