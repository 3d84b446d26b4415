# %% [markdown]
# # A DCGAN on images of your own
#
# Radford et al. (2016, https://arxiv.org/abs/1511.06434) found the convolutional networks with which GANs train
# reliably. `kerasgan.DCGAN` has them for image sizes that are 4, 5, 6 or 7 times a power of two, such as 28, 32, 64, 96
# or 256. Here they learn letters, which kerasgan renders itself. At the end you use a folder of your own photos.

# %%
import keras

import kerasgan

EPOCHS = 12
NUM_IMAGES = 10_000
FOLDER = "letters"

# %% [markdown]
# ## Data
#
# `load` gives batches of float32 images in [-1, 1], shuffled anew in each epoch. Everything in kerasgan uses that
# range; images in [0, 1] or [0, 255] are refused before the first step with the line that mends them.

# %%
dataset = kerasgan.data.load("glyphs", image_size=28, channels=1, batch_size=64, num_images=NUM_IMAGES)

# %% [markdown]
# ## Model
#
# `compile()` without arguments is the paper's training: Adam with rate 2e-4 and beta_1 0.5 for both networks, and the
# non-saturating loss. `ema_decay` adds what nearly every later paper has: an exponential moving average of the
# generator's weights. `generate`, the sample grids and `export` use it.

# %%
model = kerasgan.DCGAN(image_size=28, channels=1, width=32, seed=0)
model.compile(ema_decay=0.995, steps_per_execution=10)

# %% [markdown]
# ## Training
#
# These callbacks are useful in every training: a grid of samples after each epoch, from the same latents; the complete
# state of the run on disk, so that the script can be killed and started again; a stop at the first NaN; and a log.

# %%
history = model.fit(
    dataset,
    epochs=EPOCHS,
    callbacks=[
        kerasgan.callbacks.SampleGrid(f"{FOLDER}/samples", log_dir=f"{FOLDER}/tensorboard"),
        kerasgan.callbacks.Checkpoint(f"{FOLDER}/checkpoints"),
        kerasgan.callbacks.StopOnNonFinite(),
        keras.callbacks.CSVLogger(f"{FOLDER}/log.csv", append=True),
    ],
    verbose=2,
)
kerasgan.plots.history(history, f"{FOLDER}/curves.png")

# %% [markdown]
# ![Losses, D(x) and D(G(z)) by epoch](pictures/02_curves.png)
#
# `letters/samples` now holds `real.png`, a grid for every epoch, and `training.gif`. `tensorboard --logdir letters`
# shows curves and grids, while the training runs too; `pandas.read_csv("letters/log.csv", index_col="epoch").plot()`
# draws the log, and `kerasgan report letters` makes one page of it all.
#
# ## Sampling
#
# The same seed gives the same images, here, after loading, and in the exported model.

# %%
images = model.generate(100, seed=1)
kerasgan.plots.save_png(f"{FOLDER}/samples.png", kerasgan.plots.image_grid(images))
model.save(f"{FOLDER}/model.keras")
print("exported to", model.export(f"{FOLDER}/served"))

# %% [markdown]
# ![A hundred letters that the generator has drawn](pictures/02_samples.png)
#
# ## Your own folder
#
# ```python
# dataset = kerasgan.data.load("./photos", image_size=64, batch_size=64)
# model = kerasgan.DCGAN(image_size=64, channels=3)
# model.compile(ema_decay=0.999, augment="diffaugment")
# ```
#
# All images are read and checked before training begins; broken ones are named. With fewer than about ten thousand
# images the discriminator memorizes them, and `augment="diffaugment"` (Zhao et al. 2020) helps most.
