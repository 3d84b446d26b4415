# %% [markdown]
# # Measuring GANs honestly
#
# No single number measures the quality of a generator, and two computations of "the FID" are often not comparable. This
# tutorial trains nothing. It degrades real images in known ways, and shows how the scores respond.

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
# ## Choose the features
#
# The Fréchet distance compares means and covariances of a network's features. Published FIDs use Inception-v3, which
# was trained on photographs. For digits, the MNIST classifier of the zoo is a better choice. Its weights are part of
# the package.

# %%
real = digits(NUM_IMAGES, seed=0)
judge = metrics.get_extractor("mnist")


def scores(fake, names=("fd", "pr")):
    found = metrics.score_images(real, fake, metrics=list(names), extractor=judge, dataset="glyphs", seed=1)
    return {name: score.value for name, score in found.items()}


# %% [markdown]
# ## A distance needs its floor
#
# The distance between two halves of the same data is not 0, as the estimate is biased upwards for few images. Do not
# compare distances of different numbers of images, and always state the distance between real images and real images,
# the floor.

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
# Here are three simulated "generators". The first one blurs, the second one draws only seven of the ten digits, and the
# third one repeats the same hundred good images. Precision is the share of generated images within the real
# distribution, and recall is the share of real images within the generated distribution (Kynkäänniemi et al. 2019,
# https://arxiv.org/abs/1904.06991).


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
# The missing digits and the hundred images reduce recall but not precision. The blur reduces both. By the distance
# alone, the hundred images would be the best of the three.
#
# ## A score has a protocol
#
# A score returned by `score_images` stores how it was measured. Comparing it with a score of another protocol raises an
# error.

# %%
all_images = metrics.score_images(real, others, metrics=["fd"], extractor=judge, dataset="glyphs")
half = metrics.score_images(real[::2], others[::2], metrics=["fd"], extractor=judge, dataset="glyphs")
print(all_images["frechet_distance"])
try:
    print(all_images["frechet_distance"] < half["frechet_distance"])
except ValueError as error:
    print("refused:", error)

# %% [markdown]
# ## Memorized images
#
# A generator that copies its training images gets perfect scores. Therefore, look at the nearest training images of
# samples. Here, the first row is a copy with a little noise, and the second row is an image that is not in the training
# set. `ratios`, the smallest distance divided by the mean of the five smallest distances, is near 0 for a copy.

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
# ![Two images, each with its five nearest training images](pictures/08_neighbours.png)
#
# In a report, state the distance with its number of images, extractor and floor, as well as precision and recall. Show
# samples that were not selected, and the nearest neighbours of some of them.
# `kerasgan evaluate SOURCE --against DATA --metrics fd,kd,is,pr` prints the scores with their protocols for a run, a
# model of the zoo, or any folder of images.
