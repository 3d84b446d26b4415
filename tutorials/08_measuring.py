# %% [markdown]
# # Measuring GANs honestly
#
# No single number says how good a generator is, and two people who compute "the FID" seldom compute the same thing.
# This tutorial trains nothing. It damages real images in ways that are known, and watches what the scores make of it.

# %%
import numpy as np

import kerasgan
from kerasgan import latent, metrics

NUM_IMAGES = 2000
rng = np.random.default_rng(0)


def digits(count, seed, characters="0123456789"):
    """Built-in digits, as an array in [-1, 1]."""
    options = {"characters": characters, "image_size": 28, "channels": 1, "num_images": count, "seed": seed}
    dataset = kerasgan.data.load("glyphs", shuffle=False, drop_remainder=False, **options)
    return np.concatenate(list(dataset.as_numpy_iterator()))


# %% [markdown]
# ## The features decide what is seen
#
# The Fréchet distance compares means and covariances of a network's features. Published FIDs use Inception-v3, which
# knows photographs. These are digits, so the MNIST classifier of the zoo is the better judge: its weights come with
# kerasgan.

# %%
real = digits(NUM_IMAGES, seed=0)
judge = metrics.get_extractor("mnist")


def scores(fake, names=("fd", "pr")):
    found = metrics.score_images(real, fake, metrics=list(names), extractor=judge, dataset="glyphs", seed=1)
    return {name: score.value for name, score in found.items()}


# %% [markdown]
# ## A distance needs its floor
#
# Two halves of the same data do not have the distance 0: with few images the estimate is too large. Never compare
# distances of different numbers of images, and always state the distance of real images from real ones.

# %%
others = digits(NUM_IMAGES, seed=1)
floors = {}
for count in (NUM_IMAGES // 8, NUM_IMAGES // 4, NUM_IMAGES // 2, NUM_IMAGES):
    features = [metrics.extract_features(images[:count], judge) for images in (real, others)]
    floors[count] = metrics.frechet_distance_from_features(*features)
print("real against real:", {count: round(value, 1) for count, value in floors.items()})

# %% [markdown]
# ## One number hides what is wrong
#
# Three kinds of "generators": one that blurs, one that makes seven of the ten digits only, and one that makes the same
# hundred good images over and over. Precision is the share of generated images that lie among the real ones, recall the
# share of real images that lie among the generated ones (Kynkäänniemi et al. 2019, https://arxiv.org/abs/1904.06991).


# %%
def blurred(images):
    shifted = [np.roll(images, (dy, dx), axis=(1, 2)) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    return np.mean(shifted, axis=0, dtype="float32")


candidates = {
    "real (other)": others,
    "blurred": blurred(others),
    "seven digits": digits(NUM_IMAGES, seed=1, characters="0123456"),
    "100 images": others[rng.integers(min(100, NUM_IMAGES), size=NUM_IMAGES)],
}
for name, images in candidates.items():
    values = scores(images)
    print(f"{name:14}", "  ".join(f"{metric} {value:.2f}" for metric, value in values.items()))

# %% [markdown]
# The missing digits and the hundred images cost recall and leave precision as it is; the blur costs both. By the
# distance alone the hundred images would be the best of the three.
#
# ## A score carries its protocol
#
# What `score_images` returns knows how it was measured, and refuses to be compared with what was measured differently.

# %%
all_images = metrics.score_images(real, others, metrics=["fd"], extractor=judge, dataset="glyphs")
half = metrics.score_images(real[::2], others[::2], metrics=["fd"], extractor=judge, dataset="glyphs")
print(all_images["frechet_distance"])
try:
    print(all_images["frechet_distance"] < half["frechet_distance"])
except ValueError as error:
    print("refused:", error)

# %% [markdown]
# ## Learned by heart?
#
# A generator that copies its training images gets perfect scores. So look at the nearest training images of samples.
# The first row is a copy with a little noise, the second an image that was not in the training set: `ratios`, the
# nearest distance over the mean of the nearest five, is near 0 for a copy.

# %%
suspects = np.stack([np.clip(real[3] + rng.normal(0, 0.02, real[3].shape), -1, 1), others[3]]).astype("float32")
found = latent.nearest_neighbours(suspects, real, k=5)
print("ratios:", found.ratios.round(2))
kerasgan.plots.labelled_grid(
    np.concatenate([suspects[:, None], found.images], axis=1),
    rows=["copy", "new"],
    columns=["sample", *(f"nearest {i}" for i in range(1, 6))],
    path="neighbours.png",
)

# %% [markdown]
# ![Two suspects, each with its five nearest training images](pictures/08_neighbours.png)
#
# What to report, then: the distance with its number of images, extractor and floor; precision and recall; samples that
# were not chosen; and the neighbours of some of them. `kerasgan evaluate SOURCE --against DATA --metrics fd,kd,is,pr`
# prints the scores with their protocols for a run, a model of the zoo, or a folder of images that anything made.
