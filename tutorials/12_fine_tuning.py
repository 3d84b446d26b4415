# %% [markdown]
# # A trained model and a few hundred images of your own
#
# Training a GAN from scratch needs thousands of images. A trained GAN has already learned strokes and edges, and a few
# hundred images are enough to adapt it to another subject. Here, the zoo's DCGAN of handwritten digits learns to draw
# one letter.

# %%
import kerasgan

EPOCHS = 250
NUM_IMAGES = 300
FOLDER = "fine_tuning"

letters = {"characters": "R", "colors": ["white"], "backgrounds": ["black"]}
dataset = kerasgan.data.load("glyphs", image_size=28, channels=1, num_images=NUM_IMAGES, batch_size=32, **letters)

# %% [markdown]
# The images must have the size and the channels of the trained model. For your own folder, write
# `kerasgan.data.load("./photos", image_size=28, channels=1, batch_size=32)`. The letters here are white on black, as
# the digits.
#
# ## Freezing the first layers of D
#
# With few images, D soon memorizes all of them, and G learns nothing more from it. FreezeD (Mo et al. 2020,
# https://arxiv.org/abs/2002.10964) freezes the first layers of D. They detect edges, which all images have, and fewer
# weights remain for memorizing. `layers` is the number of layers with weights, counted from the image. Freeze layers
# before `compile()`. The choice is saved with the model and its checkpoints. Differentiable augmentation also helps.

# %%
model = kerasgan.zoo.load("dcgan_mnist")
before = model.generate(32, seed=1)
model.freeze("discriminator", layers=1)
Adam = kerasgan.optimizers.Adam
model.compile(Adam(2e-4, beta_1=0.5), Adam(2e-4, beta_1=0.5), augment="diffaugment", ema_decay=0.99)
trained = sum(v.shape.num_elements() for v in model.d_variables)
print(f"{trained} of the {model.discriminator.count_params()} weights of D are trained")

# %% [markdown]
# `compile` changes the training but not the model: the moving average of G in the zoo's model is kept.
# `compile(ema_decay=0)` would drop it.

# %%
model.fit(dataset, epochs=EPOCHS, callbacks=[kerasgan.callbacks.Checkpoint(f"{FOLDER}/checkpoints")], verbose=2)
images = [*before, *model.generate(32, seed=1)]
kerasgan.plots.save_png(f"{FOLDER}/before_and_after.png", kerasgan.plots.image_grid(images, 8))
model.save(f"{FOLDER}/model.keras")

# %% [markdown] This takes about two minutes on two cores. The upper rows show the digits before, the lower rows the
# images of the same 32 latents after fine-tuning:
#
# ![Digits of the zoo's DCGAN, and the letters that their latents give afterwards](pictures/12_fine_tuning.png)
#
# To continue with all layers of D, call `model.unfreeze("discriminator")` and `compile()` again.
