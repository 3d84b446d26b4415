# %% [markdown]
# # Style-based generators
#
# A DCGAN gives its latent z to the first layer alone. StyleGAN (Karras et al. 2019) maps z to another latent, w, and
# gives w to every layer, as the *style* in which that layer works. This tutorial trains a small StyleGAN2 on one letter
# in many fonts and colours, drawn by the library, so nothing is downloaded. Then it takes images apart: which layer
# decides about what, which directions of w change the image most, and which w gives back a given image.
#
# All of it takes less than five minutes on two cores: the training took 302 seconds of processor time.

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
# The *mapping* network turns z into w; it has dense layers only. The *synthesis* network begins with a constant, the
# same for every image. At each layer the style scales the input channels of the convolution (StyleGAN2 calls this
# modulation). The layers come in sizes: here 4, 8, 16 and 32 pixels, two styles each. Besides, every layer adds a
# picture of noise, for what no latent should have to decide.
#
# `channel_base=512` gives 16 channels at 32 pixels. The default, 32768, is the paper's.

# %%
model = kerasgan.StyleGAN2(image_size=32, latent_dim=32, style_dim=32, mapping_layers=4, channel_base=512, seed=0)
for part in (model.generator.get_layer("mapping"), model.generator.get_layer("synthesis"), model.discriminator):
    print(f"{part.name}: {part.count_params():,} weights")
print(f"{model.num_layers} layers take a style, each of {model.style_dim} numbers")

# %% [markdown]
# ## Training
#
# StyleGAN2 needs two penalties. R1 keeps D's slope at real images small; the authors' rule of thumb for its weight is
# 0.0002 image_size^2 / batch size, here 0.013, and we take more for a stable short training. *Path length*
# regularization makes steps of one length in w change the image by one amount, everywhere and in every direction. Both
# cost a second gradient, so they are computed once in 16 and once in 4 steps, and `lazy_adam` corrects Adam for that.
# The images below are drawn by an average of the generator's weights (`ema_decay`).

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
# Where z is rare, w lies far from its mean, and G has seen little of it. `truncation` moves w towards the mean: 0 gives
# the one average image, 1 changes nothing. Between them images become safer, and more alike.

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
# Each layer may take the w of another image. Here every image of the left column is drawn with some layers' styles of
# the image above: first those of the small sizes, then those of the large ones. While it trains, StyleGAN mixes the
# styles of two latents for 90 % of the images, so that no layer relies on what another layer's style says.

# %%
w = model.truncate(model.map(model.sample_latents(8, seed=4)), 0.8)[:, 0]
coarse, fine = range(0, 4), range(4, model.num_layers)
grids = [latent.mixing_grid(model, w[:5], w[5:], layers=layers) for layers in (coarse, fine)]
plots.save_png(f"{FOLDER}/mixing.png", plots.image_grid(np.concatenate(grids, axis=1)))

# %% [markdown]
# ![Left: the small sizes have the styles of the image above. Right: the large sizes have them](pictures/19_mixing.png)
#
# Left, the layers of 4 and 8 pixels have the styles of the image above, and with them the strength of the strokes and
# whether the letter is green or not come from above. Right, those of 16 and 32 pixels have them: each row keeps its
# shape, and its green too, but pink turns to white or violet. A larger model, trained for longer, separates this
# better: of faces the small sizes decide about pose and shape, the large ones about colours.
#
# ## Directions of w
#
# Which directions of w change the image most? SeFa (Shen and Zhou 2021) reads them off the weights: they are the
# eigenvectors of A^T A, where A stacks the matrices that turn w into the styles of all layers. No data and no training
# are needed. A step is a standard deviation of w in that direction.

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
# In this run the first direction goes from blurred to clear, the second from a thin small letter to a bold large one.
# The third changes little: SeFa looks for the largest change of the styles, and not all of that reaches the image.
#
# `directions(model, layers=range(4))` looks at some layers only. `kerasgan playground` has these directions as sliders.
#
# ## From an image back to w
#
# Given an image that the model has not seen, `project_to_styles` searches the w from which G draws it, by gradient
# descent from the mean of w. It also searches the pictures of noise, but a regularizer keeps them noise, so that w has
# to explain the letter.

# %%
test = next(kerasgan.data.load("glyphs", "test", batch_size=6, shuffle=False, seed=1, **letters).as_numpy_iterator())
found = latent.project_to_styles(model, test, steps=200, seed=0)
plots.labelled_grid(np.stack([test, found.images]), rows=["image", "from its w"], path=f"{FOLDER}/projected.png")
errors = np.abs(found.images - test).mean(axis=(1, 2, 3))
print("mean difference of each:", errors.round(3))

# %% [markdown]
# ![Letters that the model has not seen, and what G draws of the w found](pictures/19_projected.png)
#
# The mean differences lie between 0.06 and 0.15, where images have values from -1 to 1. Three of the six can be read as
# an R. Of the others a blurred shape and the place come back, and of some the colour: G draws little like them, so no w
# gives them. The longer it trains, the more it draws.
#
# ## How smooth is w?
#
# The *perceptual path length* says how much the image changes along a path between two latents, divided by the square
# of the step; less is smoother. The change is measured in the features of a network, here of the zoo's classifier of
# letters. In z the paths are arcs, in w straight lines.

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
# In this run it is 5047 in z and 2015 in w: w is smoother. It is what path length regularization asks for, and a walk
# from image to image in w has fewer jumps. The numbers compare models only where features and step are the same.
#
# ## Where to go on
#
# - On the command line: `kerasgan generate SOURCE --truncation 0.7`; `kerasgan interpolate SOURCE --seeds 1,5,9` walks
#   in w, `kerasgan project SOURCE image.png` searches w, and `kerasgan playground SOURCE` writes a page with sliders.
# - With few images add `augment="bgc"`, ADA's augmentation, to `compile`.
# - With classes: `StyleGAN2(num_classes=...)`, and `fit` on `(images, labels)`.
# - The papers: StyleGAN (https://arxiv.org/abs/1812.04948), StyleGAN2 (https://arxiv.org/abs/1912.04958), ADA
#   (https://arxiv.org/abs/2006.06676), SeFa (https://arxiv.org/abs/2007.06600).
