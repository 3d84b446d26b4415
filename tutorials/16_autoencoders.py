# %% [markdown]
# # Autoencoders: PCA, noise, sparsity
#
# An autoencoder squeezes an image into a code and makes the image again from it. What the code is good for depends on
# what keeps the network from copying: too few units, noise on its input, or a bound on how many units may be active.
# Each is tried here, on digits drawn from fonts, so nothing is downloaded.

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
# ## Too few units: principal components
#
# Without sigmoids, and with the squared error, the best that 8 units can do is known: principal component analysis. It
# keeps the 8 directions in which images vary most, and its error is the sum of the variances in all others. The
# autoencoder finds the same subspace by gradient descent (Baldi and Hornik 1989), but not the directions themselves:
# any mixture of them serves as well.

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
    """Vectors of 784 numbers as images, each scaled to its largest number."""
    vectors = vectors / np.abs(vectors).max(axis=-1, keepdims=True)
    return vectors.reshape((-1, 28, 28, 1))


drawn = linear.decoder.trainable_variables[0].numpy()
components = np.stack([as_images(directions.T[:8]), as_images(drawn)])
plots.labelled_grid(components, rows=["principal\ncomponents", "what a unit\ndraws"], path=f"{FOLDER}/pca.png")

# %% [markdown]
# ![Eight principal components, and what each unit of the code draws: mixtures of them](pictures/16_pca.png)
#
# ## Noise on the input, and a bound on activity
#
# Three autoencoders of 200 sigmoid units. The plain one sees clean images. The second one sees digits with 40 % of
# their pixels black and has to restore them (Vincent et al. 2008, https://doi.org/10.1145/1390156.1390294): the error
# is against the clean image. The third one pays for every unit whose mean activation is not 5 %
# (`regularizers.Sparse`). The decay of weights, the same for all, removes what the random start leaves of noise in
# them.

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
# Each picture is what one unit looks for; of each autoencoder the ten units are shown that differ most from digit to
# digit. With half of their units active for any image, the plain and the denoising autoencoder share the work among
# all, and no filter means much alone. Noise makes filters broader: to fill a hole, a unit must use the pixels around
# it. With 8 % of the units active, a unit of the sparse one has to say more, and loops, arcs and strokes appear.
#
# ![Digits, with holes, and restored by the three](pictures/16_holes.png)
#
# In the run of these pictures the mean squared error of digits with holes was 0.150. The plain autoencoder brought it
# to 0.103, and left the strokes grey, since it has seen no holes; the denoising one to 0.089. On clean digits the order
# is the other one, 0.064 against 0.077: it pays for what it learned. The sparse one had 0.089 and 0.138.
#
# ## What it is worth to a classifier
#
# Vincent et al. (2010) train layers as denoising autoencoders, each on the codes of the previous one, and then train
# all of them with labels. `python -m kerasgan.zoo.experiments.stacked_autoencoders runs` does this on MNIST with
# three layers of 1,000 units, first on 60,000 images without labels. With 1,000 labels, the test error is then 8.1 %
# (mean of three seeds), and 10.7 % from random weights with the same training. With 60,000 labels it is 1.43 and 1.75
# % (one seed). The more labels there are, the less pretraining helps.
#
# The zoo has both on MNIST, `denoising_ae_mnist` and `sparse_ae_mnist`. `regularizers.KeepsDistances` makes a map of
# the codes, `networks="conv"` and `"pooling"` code larger images, and an autoencoder whose encoder is a frozen network
# inverts its features, as the tutorial on looking inside networks shows.
