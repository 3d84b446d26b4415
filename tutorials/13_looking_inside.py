# %% [markdown]
# # Looking inside networks
#
# What does a network still know of an image at its third layer, and at its last? Mahendran and Vedaldi (2015,
# https://arxiv.org/abs/1412.0035) ask for an image whose features there are those of the given one. `latent.invert`
# finds it by gradient descent from noise. Where two such images differ, the layer does not tell.
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
print("The classifier reads", network.predict(digits, verbose=0).argmax(1))

# %% [markdown]
# ## What a neuron can see
#
# A neuron of the first convolution sees 3x3 pixels, and each layer behind widens this. `networks.receptive_fields`
# adds it up.

# %%
for name, field in kerasgan.networks.receptive_fields(network).items():
    print(f"{name:16} sees {field.size[0]:2} pixels, its neighbours lie {field.stride[0]} apart")

# %% [markdown]
# ## Images from every layer
#
# The weight of total variation, `tv_weight`, says how smooth the image shall be, and `alpha_weight` how much its pixels
# are kept in their range. The paper's weights are for photographs of 227 pixels. Digits are all edges and reach both
# ends of the range, so both weights are smaller here, and `contrast` is higher. Each layer gets two restarts, from
# noises of their own. Deep layers react to small changes of the image, so they need small rates: where a descent runs
# away, `invert` says so.

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
# The convolutions lose all but nothing. Each pooling keeps the largest of four values and forgets where it was, so the
# strokes fray. The images for the ten logits have these within about a tenth, and nobody sees a digit in them: what the
# classifier answers does not tell what its image looked like. The 128 features are matched worse than all others.
#
# ## The neurons in the middle
#
# `region=3` counts the 3x3 neurons in the centre alone. What comes back is what these see together; the rest stays
# noise, which total variation smooths.

# %%
middle = latent.invert(network, digits, 3, region=3, stages=[(0.01, STEPS)], **options)
grid = np.concatenate([digits[:, None], middle.images], axis=1)
plots.labelled_grid(grid, columns=["image", "3x3 neurons", "again"], path=f"{FOLDER}/middle.png")

# %% [markdown]
# ![Three digits, and images of which only the middle is the same](pictures/13_middle.png)
#
# ## An inverse that was learned
#
# A decoder can learn to invert a layer for images of one kind (Dosovitskiy and Brox 2016,
# https://arxiv.org/abs/1506.02753): an `Autoencoder` whose encoder is the network, frozen. It answers at once, and it
# answers with what such images are like on average where the features leave it open.

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
# ![Digits, images searched for their 128 features, and what a decoder makes of these](pictures/13_learned.png)
#
# The decoder draws digits where the search found textures: what it adds it knows from other digits, not from the
# features.
