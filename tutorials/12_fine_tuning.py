# %% [markdown]
# # A trained model and a few hundred images of your own
#
# A GAN from nothing needs thousands of images. A trained one has learnt strokes and edges already, and a few hundred
# images are enough to bend it to another subject. Here the zoo's DCGAN of handwritten digits learns to draw one letter.

# %%
import kerasgan

EPOCHS = 250
NUM_IMAGES = 300
FOLDER = "fine_tuning"

letters = {"characters": "R", "colors": ["white"], "backgrounds": ["black"]}
dataset = kerasgan.data.load("glyphs", image_size=28, channels=1, num_images=NUM_IMAGES, batch_size=32, **letters)

# %% [markdown]
# The images must have the size and the channels of the trained model; for a folder of your own write
# `kerasgan.data.load("./photos", image_size=28, channels=1, batch_size=32)`. The letters here are white on black, as
# the digits are.
#
# ## Freezing the first layers of D
#
# On few images D soon knows each of them by heart, and then tells G nothing more. FreezeD (Mo et al. 2020,
# https://arxiv.org/abs/2002.10964) holds D's first layers as they are: they see edges, which all images have, and fewer
# weights remain to learn by heart. `layers` counts those with weights from the image on. What is frozen is decided
# before `compile()`, and is saved with the model and its checkpoints. Differentiable augmentation helps too.

# %%
model = kerasgan.zoo.load("dcgan_mnist")
before = model.generate(32, seed=1)
model.freeze("discriminator", layers=1)
Adam = kerasgan.optimizers.Adam
model.compile(Adam(2e-4, beta_1=0.5), Adam(2e-4, beta_1=0.5), augment="diffaugment", ema_decay=0.99)
trained = sum(v.shape.num_elements() for v in model.d_variables)
print(f"{trained} of the {model.discriminator.count_params()} weights of D are trained")

# %% [markdown]
# Compiling again changes the training and leaves the model: the average of G, which the zoo's model has, is kept.
# `compile(ema_decay=0)` would drop it.

# %%
model.fit(dataset, epochs=EPOCHS, callbacks=[kerasgan.callbacks.Checkpoint(f"{FOLDER}/checkpoints")], verbose=2)
images = [*before, *model.generate(32, seed=1)]
kerasgan.plots.save_png(f"{FOLDER}/before_and_after.png", kerasgan.plots.image_grid(images, 8))
model.save(f"{FOLDER}/model.keras")

# %% [markdown]
# This takes about two minutes on two cores. Above are the digits, below what the same 32 latents have become:
#
# ![Digits of the zoo's DCGAN, and the letters that their latents give afterwards](pictures/12_fine_tuning.png)
#
# To go on with all of D, call `model.unfreeze("discriminator")` and `compile()` again.
