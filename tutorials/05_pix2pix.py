# %% [markdown]
# # pix2pix: one image to another
#
# With pairs at hand (outline and drawing, map and photo) a network can learn to turn one into the other. Isola et al.
# (2017, https://arxiv.org/abs/1611.07004) train it with two losses: the mean absolute difference to the true image
# (L1), which gets the large shapes right but averages where it is unsure, and a discriminator that looks at patches of
# (source, result) and punishes what looks averaged.

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
# The built-in pairs are the outline of a letter and the letter filled, in any colours. Of your own,
# `kerasgan.data.paired_folder` reads images that show both halves side by side, `paired_folders` two folders of files
# with equal names.

# %%
options = {"image_size": 32, "characters": "ABDOPQR0689", "colors": ("red", "blue", "green")}
dataset = glyphs.pairs(num_images=NUM_IMAGES, batch_size=BATCH_SIZE, **options)
sources, targets = next(iter(glyphs.pairs("test", num_images=128, batch_size=128, shuffle=False, **options)))

# %% [markdown]
# ## Model
#
# The generator is a U-Net: skip connections carry what the outline shows at a position to the same position of the
# result. For 32 pixels a discriminator with a receptive field of 16 is enough; the paper's 70 is for 256 pixels. The
# paper trains with batches of one image; with larger batches use the moving statistics of batch normalization.

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
# ## How good is it?
#
# These are pairs that were not in the training set: the difference to the truth, and for comparison the scores of
# returning the source and of the untrained network. A number without such a comparison says nothing.

# %%
translated = model.translate(sources, seed=1)
for name, images in (("source itself", sources), ("untrained", untrained), ("translated", translated)):
    l1, similarity = (float(np.mean(f(targets, images))) for f in (kerasgan.metrics.l1, kerasgan.metrics.ssim))
    print(f"{name:14} L1 {l1:.3f}  SSIM {similarity:.3f}")

# %% [markdown]
# ## Pictures
#
# The noise of this model is dropout, so one source has several translations; as in the paper they differ little,
# because pairs leave little to choose.

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
# The run of this picture scored L1 0.075 (source itself 0.187, untrained 0.775) and SSIM 0.72, and its two seeds differ
# by 0.026. The third row is where it fails: thin strokes on a coloured ground.
#
# On 256x256 photos take the defaults, `kerasgan.Pix2Pix()` with batches of one.
#
# ## What each loss is for
#
# `compile(l1_weight=0)` leaves the discriminator alone with the task, `compile(adversarial_weight=0)` is L1 alone: the
# rows of table 1 of the paper. `python -m kerasgan.zoo.pix2pix_edges2shoes.ablation runs` trains all three by the
# zoo's recipe, from drawings to shoes at 128 pixels, and scores 200 validation pairs (distances of the features of
# EfficientNet-Lite0; those of 200 photos of the training set are 66 and 0.017):
#
# | | L1 | SSIM | Fréchet distance | kernel distance |
# |---|---|---|---|---|
# | L1 | 0.171 | 0.700 | 206 | 0.299 |
# | cGAN | 0.319 | 0.520 | 228 | 0.316 |
# | L1 + cGAN | 0.179 | 0.680 | 182 | 0.226 |
#
# ![Drawings, as shoes by L1, by the GAN, by both, and the photo](pictures/05_ablation.png)
#
# As in the paper, L1 alone is the best by L1 and blurs, and both together look most like photos. The discriminator
# alone gets outlines, and colours beside them.
