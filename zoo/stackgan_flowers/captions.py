"""Images of the entry for custom captions: colours, both stages, and interpolation between two captions.

Command:   python -m kerasgan.zoo.stackgan_flowers.captions captions.png
Needs:     pip install 'kerasgan[text]', the encoder that made the entry's vectors
"""

import sys

import numpy as np

import kerasgan
from kerasgan.zoo.stackgan_flowers import recipe

COLORS = ("yellow", "red", "purple", "white", "orange", "pink")
SENTENCE = "this flower is {} in color"
ENDS = ("yellow", "purple")


def main(path):
    """Draws a row for each colour, with Stage-I and Stage-II of the same four latents, and a row of interpolated texts.

    Also prints the share of images with the requested colour, see `recipe.colors_of`.

    Args:
        path: path of the picture.
    """
    model = kerasgan.zoo.load("stackgan_flowers")
    model.set_encoder(kerasgan.text.SentenceEncoder())
    rows = []
    for color in COLORS:
        small, large = model.generate(SENTENCE.format(color), num_images=64, seed=3)
        rows.append(np.concatenate([recipe.enlarge(small[:4]), large[:4]]))
        print(f"{color}: {np.mean(recipe.colors_of(large) == color):.0%} of 64 by pixels")
    # The latents are the same, only the text changes.
    first, last = model.stage2.embed([SENTENCE.format(color) for color in ENDS])
    between = [model.generate(((1 - t) * first + t * last)[None], seed=3)[1] for t in np.linspace(0, 1, 8)]
    rows.append(np.concatenate(between))
    names = [*COLORS, f"{ENDS[0]} to\n{ENDS[1]},\nStage-II"]
    columns = ["", "Stage-I", "", "", "", "Stage-II", "", ""]
    kerasgan.plots.labelled_grid(np.stack(rows), rows=names, columns=columns, path=path)


if __name__ == "__main__":
    main(sys.argv[1])
