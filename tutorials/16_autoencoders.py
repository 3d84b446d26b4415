# %% [markdown]
# # Autoencoders: PCA, noise, sparsity
#
# An autoencoder encodes an image and reconstructs it from the code. It must not learn to copy its input. This
# tutorial compares three ways to prevent that: few units, noise on the input, and a limit on the activity of the
# units. The digits are drawn from fonts, so nothing is downloaded.

# %%
import keras
import numpy as np

import kerasgan
from kerasgan import corruptions, plots, regularizers
from kerasgan.optimizers import Adam

NUM_IMAGES = 10000
EPOCHS = 20
FOLDER = "autoencoders"

glyphs = {"characters": "0123456789", "image_size": 28, "channels": 1, "seed": 0}
dataset = kerasgan.data.load("glyphs", num_images=NUM_IMAGES, batch_size=100, **glyphs)
images = np.concatenate(list(dataset.as_numpy_iterator()))
test = next(kerasgan.data.load("glyphs", "test", batch_size=500, shuffle=False, **glyphs).as_numpy_iterator())

# %% [markdown]
# ## Few units: principal components
#
# For a linear autoencoder with 8 units and the squared error, the optimum is known: principal component analysis
# (PCA). It keeps the 8 directions in which the images vary most. Its error is the sum of the variances in all other
# directions. Gradient descent finds the same subspace (Baldi and Hornik 1989), but not the directions themselves, as
# any mixture of them is equally good.

# %%
centred = (images - images.mean(axis=0)) / 2
variances, directions = np.linalg.eigh(np.cov(centred.reshape((len(images), -1)).T, bias=True))
variances, directions = variances[::-1], directions[:, ::-1]

linear = kerasgan.Autoencoder(code=8, networks="linear", seed=0)
linear.compile(Adam(keras.optimizers.schedules.CosineDecay(1e-2, EPOCHS * len(dataset))), steps_per_execution=5)
linear.fit(kerasgan.data.from_arrays(centred, batch_size=100), epochs=EPOCHS, verbose=0)
found = linear.evaluate(centred, batch_size=100, return_dict=True, verbose=0)["reconstruction"]
print(f"squared error an image: autoencoder {found:.2f}, principal components {variances[8:].sum():.2f}")

span = np.linalg.qr(linear.decoder.trainable_variables[0].numpy().T)[0]
cosines = np.linalg.svd(span.T @ directions[:, :8], compute_uv=False)
print(f"largest angle between the two subspaces: {np.degrees(np.arccos(cosines.min().clip(-1, 1))):.1f} degrees")


# %%
def as_images(vectors):
    """Returns vectors of 784 numbers as images, each scaled by its largest absolute value."""
    vectors = vectors / np.abs(vectors).max(axis=-1, keepdims=True)
    return vectors.reshape((-1, 28, 28, 1))


drawn = linear.decoder.trainable_variables[0].numpy()
components = np.stack([as_images(directions.T[:8]), as_images(drawn)])
plots.labelled_grid(components, rows=["principal\ncomponents", "what a unit\ndraws"], path=f"{FOLDER}/pca.png")

# %% [markdown]
# ![Eight principal components, and what each unit of the code draws: mixtures of them](pictures/16_pca.png)
#
# ## Noise on the input, and a limit on activity
#
# Now we train three autoencoders with 200 sigmoid units. The plain one gets clean images. The denoising one gets
# digits with 40 % of their pixels black, and reconstructs the clean image (Vincent et al. 2008,
# https://doi.org/10.1145/1390156.1390294). The sparse one has a penalty on each unit whose mean activation is not 5 %
# (`regularizers.Sparse`). All have the same weight decay, which removes the initial noise from the weights.

# %%
ways = {
    "plain": {},
    "denoising": {"corruption": corruptions.MaskingCorruption(0.4, seed=0)},
    "sparse": {"regularizer": regularizers.Sparse(rate=0.05, weight=3.0)},
}
holes = corruptions.MaskingCorruption(0.4, seed=1)(test, training=True).numpy()
filters, rows, restored = [], [], [test[:8], holes[:8]]
for name, options in ways.items():
    keras.utils.set_random_seed(0)
    model = kerasgan.Autoencoder(code=200, seed=0)
    model.compile(Adam(1e-3, weight_decay=2.0), steps_per_execution=5, **options)
    model.fit(dataset, epochs=EPOCHS, verbose=0)
    code, clean, mended = model.encode(test), model.reconstruct(test), model.reconstruct(holes)
    errors = [np.square(each - test).mean() for each in (clean, mended)]
    active = (code > 0.5).mean()
    print(f"{name:10} error {errors[0]:.3f}, with holes {errors[1]:.3f}, units above 1/2: {active:.0%}")
    busy = code.std(axis=0).argsort()[::-1][:10]  # the units that differ most from digit to digit
    filters.append(as_images(model.encoder.get_layer("code").kernel.numpy().T[busy]))
    restored.append(mended[:8])
print(f"error of the images with holes themselves: {np.square(holes - test).mean():.3f}")
plots.labelled_grid(np.stack(filters), rows=list(ways), path=f"{FOLDER}/filters.png")
names = ["image", "with holes", *(f"by the {name} one" for name in ways)]
plots.labelled_grid(np.clip(np.stack(restored), -1, 1), rows=names, path=f"{FOLDER}/holes.png")

# %% [markdown]
# ![Ten filters each: broad ones of the first two, loops and strokes of the sparse autoencoder](pictures/16_filters.png)
#
# Each image shows the weights of one unit, for the ten units of each autoencoder that vary most between digits. In
# the plain and the denoising autoencoder, half of the units are active for each image, so they share the work, and a
# single filter has little meaning. Noise makes filters broader: to fill a hole, a unit must use the pixels around it.
# In the sparse autoencoder, 8 % of the units are active. Each unit must represent more, so its filters show loops,
# arcs and strokes.
#
# ![Digits, with holes, and restored by the three](pictures/16_holes.png)
#
# The mean squared error of digits with holes is 0.150. The plain autoencoder reduces it to 0.103 and leaves the
# strokes grey, as it was not trained with holes. The denoising one reduces it to 0.089. On clean digits, the plain
# one is better (0.064, and 0.077 for the denoising one). The errors of the sparse one are 0.089 on clean digits and
# 0.138 on digits with holes.
#
# ## Pretraining a classifier
#
# Vincent et al. (2010) train layers as denoising autoencoders, each on the codes of the previous one, and then train
# all of them with labels. `python -m kerasgan.zoo.experiments.stacked_autoencoders runs` does this on MNIST with
# three layers of 1,000 units, first on 60,000 images without labels. With 1,000 labels, the test error is then 8.1 %
# (mean of three seeds), and 10.7 % from random weights with the same training. With 60,000 labels it is 1.43 and 1.75
# % (one seed). The more labels there are, the less pretraining helps.
#
# The zoo has both kinds for MNIST: `denoising_ae_mnist` and `sparse_ae_mnist`. `regularizers.KeepsDistances`
# preserves distances in the codes. `networks="conv"` and `"pooling"` encode larger images. An autoencoder with a
# frozen network as its encoder inverts the features of this network, see tutorial 13.
