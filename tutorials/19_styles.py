# %% [markdown]
# # Style-based generators
#
# A DCGAN uses its latent z only in the first layer. StyleGAN (Karras et al. 2019) maps z to another latent, w, and
# uses w in every layer, as the *style* of this layer. This tutorial trains a small StyleGAN2 on one letter in many
# fonts and colours, which the library renders, so nothing is downloaded. Then it shows what the layers control, which
# directions of w change the image most, and which w gives a certain image.
#
# It takes less than five minutes on two cores.

# %%
import keras
import numpy as np

import kerasgan
from kerasgan import latent, optimizers, penalties, plots, schedules

STEPS = 2400
NUM_IMAGES = 8000
BATCH_SIZE = 16
FOLDER = "styles"

keras.utils.set_random_seed(0)
letters = {"characters": "R", "backgrounds": ["black"], "image_size": 32, "channels": 3}
dataset = kerasgan.data.load("glyphs", num_images=NUM_IMAGES, batch_size=BATCH_SIZE, seed=0, **letters)

# %% [markdown]
# ## Two networks in the generator
#
# The *mapping* network turns z into w. It has dense layers only. The *synthesis* network starts from a constant,
# which is the same for all images. In each layer, the style scales the input channels of the convolution (modulation,
# in StyleGAN2). There are layers of 4, 8, 16 and 32 pixels, with two styles per size. Each layer also adds noise, for
# details that do not depend on w.
#
# `channel_base=512` gives 16 channels at 32 pixels. The default is the paper's 32768.

# %%
model = kerasgan.StyleGAN2(image_size=32, latent_dim=32, style_dim=32, mapping_layers=4, channel_base=512, seed=0)
for part in (model.generator.get_layer("mapping"), model.generator.get_layer("synthesis"), model.discriminator):
    print(f"{part.name}: {part.count_params():,} weights")
print(f"{model.num_layers} layers take a style, each of {model.style_dim} numbers")

# %% [markdown]
# ## Training
#
# StyleGAN2 has two penalties. R1 keeps the slope of D at real images small. The authors' rule of thumb for its weight
# is 0.0002 image_size^2 / batch size, which is 0.013 here. We use a larger weight, which is more stable in a short
# training. *Path length* regularization makes steps of the same length in w change the image by the same amount,
# everywhere and in all directions. Both need a second gradient, so they are computed only in every 16th and every 4th
# step, and `lazy_adam` corrects Adam for that. The images below are drawn with averaged weights (`ema_decay`).

# %%
model.compile(
    g_optimizer=optimizers.lazy_adam(0.003, every=4),
    d_optimizer=optimizers.lazy_adam(0.003, every=16),
    penalty=[penalties.R1(0.1, every=16), penalties.PathLength(2.0, every=4)],
    ema_decay=schedules.HalfLife(3000, batch_size=BATCH_SIZE),
    steps_per_execution=5,
)
model.fit(dataset, epochs=4, steps_per_epoch=STEPS // 4, verbose=2)

# %% [markdown]
# ## Truncation
#
# Where z is rare, w is far from its mean, and G is less well trained. `truncation` moves w towards the mean: 0 gives
# the average image, and 1 changes nothing. Values in between give better but more similar images.

# %%
z = model.sample_latents(8, seed=3)
w = model.map(z)
strengths = [0.0, 0.5, 0.7, 1.0]
rows = [model.synthesize(model.truncate(w, strength)) for strength in strengths]
plots.labelled_grid(np.stack(rows), rows=strengths, path=f"{FOLDER}/truncation.png")

# %% [markdown]
# ![The same eight latents at four strengths of truncation](pictures/19_truncation.png)
#
# `model.generate(8, seed=3, truncation=0.7)` does the same in one call.
#
# ## Mixing styles
#
# Each layer can use the w of another image. Below, some layers of each image in the left column get the styles of the
# image above: first the layers of the small sizes, then those of the large sizes. In training, StyleGAN mixes the
# styles of two latents for 90 % of the images, so a layer does not rely on the styles of other layers.

# %%
w = model.truncate(model.map(model.sample_latents(8, seed=4)), 0.8)[:, 0]
coarse, fine = range(0, 4), range(4, model.num_layers)
grids = [latent.mixing_grid(model, w[:5], w[5:], layers=layers) for layers in (coarse, fine)]
plots.save_png(f"{FOLDER}/mixing.png", plots.image_grid(np.concatenate(grids, axis=1)))

# %% [markdown]
# ![Left: the small sizes have the styles of the image above. Right: the large sizes have them](pictures/19_mixing.png)
#
# On the left, the layers of 4 and 8 pixels have the styles of the image above. They determine the weight of the
# strokes, and whether the letter is green. On the right, the layers of 16 and 32 pixels have these styles. Each row
# keeps its shape and its green, but pink changes to white or violet. A larger model with longer training separates
# this better: for faces, the small sizes determine pose and shape, and the large sizes colours.
#
# ## Directions of w
#
# SeFa (Shen and Zhou 2021) computes the directions of w that change the image most. They are the eigenvectors of A^T
# A, where A stacks the matrices that map w to the styles of all layers. No data and no training are needed. A step is
# a standard deviation of w in this direction.

# %%
directions = latent.directions(model, count=3)
spread = (model.map(model.sample_latents(1000, seed=0)) @ directions.T).std(axis=0)
steps = np.linspace(-3, 3, 7)
start = model.map(model.sample_latents(1, seed=5))
rows = [model.synthesize(start + steps[:, None] * size * direction) for direction, size in zip(directions, spread)]
names = [f"direction {number}" for number in (1, 2, 3)]
plots.labelled_grid(np.stack(rows), rows=names, columns=[f"{step:+.0f}" for step in steps], path=f"{FOLDER}/sefa.png")

# %% [markdown]
# ![From left to right an image moves along each of three directions](pictures/19_sefa.png)
#
# In this run, the first direction changes blurred letters to sharp ones, and the second thin small letters to bold
# large ones. The third changes little: SeFa finds the largest change of the styles, and some of it has no effect on
# the image.
#
# `directions(model, layers=range(4))` uses only some of the layers. `kerasgan playground` has sliders for these
# directions.
#
# ## From an image back to w
#
# `project_to_styles` finds the w of an image that the model has not seen, by gradient descent from the mean of w. It
# also optimizes the noise, with a regularizer that keeps it random, so that w must represent the letter.

# %%
test = next(kerasgan.data.load("glyphs", "test", batch_size=6, shuffle=False, seed=1, **letters).as_numpy_iterator())
found = latent.project_to_styles(model, test, steps=200, seed=0)
plots.labelled_grid(np.stack([test, found.images]), rows=["image", "from its w"], path=f"{FOLDER}/projected.png")
errors = np.abs(found.images - test).mean(axis=(1, 2, 3))
print("mean difference of each:", errors.round(3))

# %% [markdown]
# ![Letters that the model has not seen, and what G draws of the w found](pictures/19_projected.png)
#
# The mean differences are between 0.06 and 0.15, for images in [-1, 1]. Three of the six images can be read as an R.
# Of the others, only the place, a blurred shape, and sometimes the colour are restored. G cannot draw these letters,
# so no w gives them. With longer training, it can draw more.
#
# ## How smooth is w?
#
# The *perceptual path length* is the change of the image along a path between two latents, divided by the square of
# the step. Smaller is smoother. The change is measured by the features of a network, here the zoo's classifier of
# letters. The paths are arcs in z, and straight lines in w.

# %%
judge = kerasgan.zoo.classifier("glyphs")
features = keras.Model(judge.input, judge.get_layer("features").output)


def distance(one, other):
    """Squared differences of the features of a classifier of letters."""
    one, other = (features.predict(images, verbose=0) for images in (one, other))
    return np.square(one - other).sum(axis=-1)


options = {"latent_dim": model.latent_dim, "distance": distance, "num_samples": 400, "epsilon": 1e-2}
in_z = kerasgan.metrics.perceptual_path_length(model.decode, **options)
in_w = kerasgan.metrics.perceptual_path_length(model.synthesize, mapping=model.map, **options)
print(f"perceptual path length in z {in_z:.0f}, in w {in_w:.0f}")

# %% [markdown]
# In this run it is 5047 in z and 2015 in w, so w is smoother. This is the effect of path length regularization:
# interpolation in w has fewer jumps. The numbers of two models can only be compared if features and step are the
# same.
#
# ## Next steps
#
# - On the command line: `kerasgan generate SOURCE --truncation 0.7`; `kerasgan interpolate SOURCE --seeds 1,5,9` walks
#   in w; `kerasgan project SOURCE image.png` finds w; `kerasgan playground SOURCE` writes a page with sliders.
# - With few images, add `augment="bgc"`, the augmentation of ADA, to `compile`.
# - With classes: `StyleGAN2(num_classes=...)`, and `fit` on `(images, labels)`.
# - The papers: StyleGAN (https://arxiv.org/abs/1812.04948), StyleGAN2 (https://arxiv.org/abs/1912.04958), ADA
#   (https://arxiv.org/abs/2006.06676), SeFa (https://arxiv.org/abs/2007.06600).
