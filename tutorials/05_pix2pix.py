# %% [markdown]
# # pix2pix: one image to another
#
# With pairs of images (outline and drawing, map and photo), a network can learn to translate one into the other.
# Isola et al. (2017, https://arxiv.org/abs/1611.07004) train it with two losses. The mean absolute difference to the
# true image (L1) gives the right large shapes, but averages all plausible images. A discriminator judges patches of
# (source, result), and rejects averaged ones.

# %%
import numpy as np

import kerasgan
from kerasgan.data import glyphs

EPOCHS = 8
NUM_IMAGES = 4000
BATCH_SIZE = 16
FOLDER = "pix2pix"

# %% [markdown]
# ## Pairs
#
# The built-in pairs are the outline of a letter and the filled letter, in random colours. For pairs of your own,
# `kerasgan.data.paired_folder` reads images with both halves side by side, and `paired_folders` reads two folders
# with files of the same names.

# %%
options = {"image_size": 32, "characters": "ABDOPQR0689", "colors": ("red", "blue", "green")}
dataset = glyphs.pairs(num_images=NUM_IMAGES, batch_size=BATCH_SIZE, **options)
sources, targets = next(iter(glyphs.pairs("test", num_images=128, batch_size=128, shuffle=False, **options)))

# %% [markdown]
# ## Model
#
# The generator is a U-Net: skip connections carry the details of the outline to the same position of the result. For
# 32 pixels, a discriminator with a receptive field of 16 is sufficient. The paper's 70 is for 256 pixels. The paper
# trains with batches of one image. For larger batches, use the moving statistics of batch normalization.

# %%
model = kerasgan.Pix2Pix(image_size=32, channels=3, width=16, receptive_field=16, sampling_statistics="moving", seed=0)
model.compile(steps_per_execution=10)
untrained = model.translate(sources, seed=1)
history = model.fit(
    dataset,
    epochs=EPOCHS,
    callbacks=[kerasgan.callbacks.SampleGrid(f"{FOLDER}/samples", num_images=36)],
    verbose=2,
)
kerasgan.plots.history(history, f"{FOLDER}/curves.png")

# %% [markdown]
# ## Scores
#
# The scores are those of pairs that were not used in training. Compare them with the scores of the unchanged source
# and of the untrained network. A score without such a comparison has no meaning.

# %%
translated = model.translate(sources, seed=1)
for name, images in (("source itself", sources), ("untrained", untrained), ("translated", translated)):
    l1, similarity = (float(np.mean(f(targets, images))) for f in (kerasgan.metrics.l1, kerasgan.metrics.ssim))
    print(f"{name:14} L1 {l1:.3f}  SSIM {similarity:.3f}")

# %% [markdown]
# ## Pictures
#
# The noise of this model is dropout, so each source has several translations. As in the paper they are similar,
# because the pairs leave little choice.

# %%
columns = [sources[:6], model.translate(sources[:6], seed=1), model.translate(sources[:6], seed=2), targets[:6]]
kerasgan.plots.labelled_grid(
    np.stack(columns, axis=1), columns=["source", "seed 1", "seed 2", "truth"], path=f"{FOLDER}/translated.png"
)
difference = np.abs(columns[1] - columns[2]).mean()
print(f"two seeds differ by {difference:.4f} on average, in images from -1 to 1")

# %% [markdown]
# ![Outlines, two translations of each, and the truth](pictures/05_translated.png)
#
# In the run of this picture, L1 is 0.075 (unchanged source 0.187, untrained 0.775), SSIM is 0.72, and the
# translations of two seeds differ by 0.026. The third row shows a failure: thin strokes on a coloured background.
#
# For photos of 256x256 pixels, use the defaults: `kerasgan.Pix2Pix()` with batches of one.
#
# ## The effect of each loss
#
# `compile(l1_weight=0)` trains only against the discriminator, and `compile(adversarial_weight=0)` only with L1.
# These are the rows of table 1 of the paper. `python -m kerasgan.zoo.pix2pix_edges2shoes.ablation runs` trains all
# three variants, from drawings to shoes at 128 pixels, and scores 200 validation pairs. The distances use the
# features of EfficientNet-Lite0; for 200 photos of the training set they are 66 and 0.017.
#
# | | L1 | SSIM | Fréchet distance | kernel distance |
# |---|---|---|---|---|
# | L1 | 0.171 | 0.700 | 206 | 0.299 |
# | cGAN | 0.319 | 0.520 | 228 | 0.316 |
# | L1 + cGAN | 0.179 | 0.680 | 182 | 0.226 |
#
# ![Drawings, as shoes by L1, by the GAN, by both, and the photo](pictures/05_ablation.png)
#
# As in the paper, L1 alone has the best L1 and blurs. Both losses together give the images most similar to photos.
# With the discriminator alone, outlines are right, but colours do not stay inside them.
