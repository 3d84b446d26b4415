"""CycleGAN between letters with the cycle loss, without it, and with an added identity loss.

Command:   python -m kerasgan.zoo.cyclegan_glyphs.ablation runs
"""

import sys

from kerasgan.zoo import recipes
from kerasgan.zoo.cyclegan_glyphs import recipe

VARIANTS = {"cycle": {}, "no cycle": {"cycle_weight": 0.0}, "cycle and identity": {"identity_weight": 0.5}}

if __name__ == "__main__":
    recipes.main(sys.modules[__name__], lambda _, folder: recipes.ablate(recipe, VARIANTS, folder))
