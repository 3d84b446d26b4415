# %% [markdown]
# # Looking inside networks
#
# How much information about an image is left at the third layer of a network, and at the last one? Mahendran and
# Vedaldi (2015, https://arxiv.org/abs/1412.0035) search for another image with the same features at a layer.
# `latent.invert` finds it by gradient descent from noise. If two such images differ, the layer does not encode the
# difference.
#
# The network is the zoo's classifier of handwritten digits. The digits are drawn from fonts, so nothing is downloaded.

# %%
import keras
import numpy as np

import kerasgan
from kerasgan import latent, plots

STEPS = 150
NUM_IMAGES = 2000
EPOCHS = 6
FOLDER = "looking_inside"

network = kerasgan.zoo.load("classifier_mnist")
glyphs = {"characters": "0123456789", "image_size": 28, "channels": 1, "seed": 3}
digits = next(kerasgan.data.load("glyphs", num_images=64, **glyphs).as_numpy_iterator())[:3]
print("The classifier predicts", network.predict(digits, verbose=0).argmax(1))

# %% [markdown]
# ## Receptive fields
#
# A neuron of the first convolution sees 3x3 pixels. Each further layer enlarges this receptive field.
# `networks.receptive_fields` computes it for all layers.

# %%
for name, field in kerasgan.networks.receptive_fields(network).items():
    print(f"{name:16} sees {field.size[0]:2} pixels, neighbouring neurons are {field.stride[0]} pixels apart")

# %% [markdown]
# ## Images from every layer
#
# The weight of the total variation, `tv_weight`, controls the smoothness of the image. `alpha_weight` keeps the pixels
# in their range. The paper's weights are for photographs of 227 pixels. Digits have many edges and use both ends of the
# range, so both weights are smaller here, and `contrast` is higher. Each layer gets two restarts from different noise.
# Deep layers are sensitive to small changes of the image, so they need small rates. If the descent diverges, `invert`
# raises an error.

# %%
LAYERS = {"conv 1": (1, 0.02), "pooling 1": (2, 0.02), "conv 2": (3, 0.02), "pooling 2": (4, 0.01)}
LAYERS |= {"features": (6, 0.003), "logits": (8, 0.003)}
options = {"tv_weight": 0.03, "alpha_weight": 8e-12, "contrast": 0.95, "restarts": 2, "verbose": 0}

columns, names, searched = [digits], ["image"], {}
for layer, (index, rate) in LAYERS.items():
    found = latent.invert(network, digits, index, stages=[(rate, STEPS), (rate / 10, STEPS)], **options)
    apart = np.sqrt(np.square(found.images - digits[:, None]).mean())
    print(f"{layer:16} features off by {found.errors.mean():.3f}, pixels by {apart:.3f}")
    searched[layer] = found.images
    columns += [found.images[:, 0], found.images[:, 1]]
    names += [f"{layer}\n{'again' if i else ''}" for i in range(2)]
plots.labelled_grid(np.stack(columns, axis=1), columns=names, path=f"{FOLDER}/layers.png")

# %% [markdown]
# ![Three digits, and two images for each of six layers, found for the digits' features there](pictures/13_layers.png)
#
# The convolutions lose almost nothing. Each pooling layer keeps the largest of four values but not its position, so the
# strokes become irregular. The images for the ten logits match them within about a tenth, but show no recognizable
# digit: the logits do not determine what the image looks like. The 128 features are matched worse than all others.
#
# ## The central neurons
#
# `region=3` matches only the 3x3 central neurons. The result shows the part of the image that they see. The rest stays
# noise, smoothed by the total variation.

# %%
middle = latent.invert(network, digits, 3, region=3, stages=[(0.01, STEPS)], **options)
grid = np.concatenate([digits[:, None], middle.images], axis=1)
plots.labelled_grid(grid, columns=["image", "3x3 neurons", "again"], path=f"{FOLDER}/middle.png")

# %% [markdown]
# ![Three digits, and images that agree with them only in the middle](pictures/13_middle.png)
#
# ## A learned inverse
#
# A decoder can learn to invert a layer for one kind of images (Dosovitskiy and Brox 2016,
# https://arxiv.org/abs/1506.02753). It is an `Autoencoder` with the frozen network as its encoder. It needs no search,
# and where the features do not determine the image, it returns the average of plausible images.

# %%
encoder = keras.Model(network.inputs[0], network.get_layer("features").output, name="encoder")
encoder.trainable = False
code = x = keras.Input((128,), name="code")
x = keras.layers.Dense(256, activation="relu")(x)
x = keras.layers.Dense(784, activation="tanh")(x)
decoder = keras.Model(code, keras.layers.Reshape((28, 28, 1))(x), name="decoder")
model = kerasgan.Autoencoder(encoder=encoder, decoder=decoder, seed=0)
model.compile(kerasgan.optimizers.Adam(1e-3), loss="squared_error", steps_per_execution=10)
model.fit(kerasgan.data.load("glyphs", num_images=NUM_IMAGES, batch_size=50, **glyphs), epochs=EPOCHS, verbose=2)
both = np.stack([digits, searched["features"][:, 0], np.clip(model.reconstruct(digits), -1, 1)], axis=1)
plots.labelled_grid(both, columns=["image", "searched", "learned"], path=f"{FOLDER}/learned.png")

# %% [markdown]
# ![Digits, images found for their 128 features, and reconstructions by a decoder](pictures/13_learned.png)
#
# The decoder draws digits, while the search found textures. The decoder adds knowledge from other digits that is not in
# the features.
