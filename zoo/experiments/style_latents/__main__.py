"""What does the latent space w of a style-based generator hold?

With the zoo's StyleGAN2 of faces: its styles are mixed, faces that it has not seen are projected to w, and the path
lengths in z and w are measured.

Command:   KERASGAN_DATA_DIR=... python -m kerasgan.zoo.experiments.style_latents runs
Time:      20 minutes of processor time
"""

import functools
import sys

import numpy as np
import tensorflow as tf

from kerasgan import latent, metrics, plots, zoo
from kerasgan.networks.efficientnet import efficientnet_maps
from kerasgan.zoo.experiments import runs, small_images
from kerasgan.zoo.stylegan2_celeba import recipe

SETTINGS = {"num_faces": 24, "project_steps": 500, "num_training": recipe.NUM_TRAIN, "num_paths": 400, "shown": 8}
RUNS = ["mixing 0", "projection 0", "path length 0"]
NEEDS = recipe.DATA
JUDGE = "efficientnet_lite1"
EPSILON = 1e-2
COARSE = range(0, 4)  # the layers of 4 and 8 pixels


@functools.cache
def eyes():
    """Returns the feature maps of EfficientNet-Lite0 for images of 128 pixels."""
    return efficientnet_maps(size=128)


def described(images):
    """Returns vectors whose mean squared difference is LPIPS without learned weights, of the three shallowest maps."""
    maps = eyes()(tf.image.resize(images, (128, 128)), training=False)[:3]
    vectors = []
    for x in maps:
        size = float(x.shape[1] * x.shape[2]) ** 0.5
        vectors.append(tf.reshape(tf.math.l2_normalize(x, axis=-1) / size, (-1, np.prod(x.shape[1:]))))
    joined = tf.concat(vectors, axis=1)
    return joined * float(joined.shape[1]) ** 0.5


def mixing():
    """Draws faces with the styles of the small sizes taken from other faces, and all others kept."""
    model = zoo.load("stylegan2_celeba")
    w = model.truncate(model.map(model.sample_latents(9, seed=7)), 0.8)[:, 0]
    grid = latent.mixing_grid(model, w[:5], w[5:], layers=COARSE)
    return {"samples": small_images.as_png(grid.reshape(-1, *grid.shape[2:]), columns=6)}


def projection():
    """Compares held-out faces with what G draws from their projections, and with the nearest training images."""
    model, count = zoo.load("stylegan2_celeba"), SETTINGS["num_faces"]
    faces = next(recipe.dataset(9_000, shuffle=False, num_images=None).as_numpy_iterator())
    unseen, training = faces[recipe.NUM_TRAIN :][:count], faces[: SETTINGS["num_training"]]
    found = latent.project_to_styles(model, unseen, described, steps=SETTINGS["project_steps"]).images
    judge = metrics.get_extractor(JUDGE)
    near = latent.nearest_neighbours(unseen, training, k=1, extractor=judge)
    wanted, drawn = (metrics.extract_features(np.clip(images, -1, 1), judge) for images in (unseen, found))
    projected, nearest = np.linalg.norm(wanted - drawn, axis=1), near.distances[:, 0]
    rows = [images[: SETTINGS["shown"]] for images in (unseen, found, near.images[:, 0])]
    return {
        "projected": float(projected.mean()),
        "nearest": float(nearest.mean()),
        "others": float(np.linalg.norm(wanted - np.roll(wanted, 1, axis=0), axis=1).mean()),
        "closer": float(np.mean(projected < nearest)),
        "samples": small_images.as_png(np.concatenate(rows), columns=len(rows[0])),
    }


def path_length():
    """Measures the perceptual path length in z and in w."""
    model = zoo.load("stylegan2_celeba")

    def distance(one, other):
        return np.mean(np.square(described(one) - described(other)), axis=1)

    options = {"latent_dim": model.latent_dim, "distance": distance, "epsilon": EPSILON}
    options["num_samples"] = SETTINGS["num_paths"]
    in_z = metrics.perceptual_path_length(model.decode, **options)
    in_w = metrics.perceptual_path_length(model.synthesize, mapping=model.map, **options)
    return {"in_z": float(in_z), "in_w": float(in_w)}


def run(name):
    """Returns the numbers and the picture of one of the three parts."""
    return {"mixing 0": mixing, "projection 0": projection, "path length 0": path_length}[name]()


def table(results):
    faces, paths = (results.get(name, {}) for name in ("projection 0", "path length 0"))
    words = {
        "distance of unseen faces from their projections": (faces, "projected", "{:.2f}"),
        "from the nearest training image": (faces, "nearest", "{:.2f}"),
        "from another unseen face": (faces, "others", "{:.2f}"),
        "projections that are nearer than all training images": (faces, "closer", "{:.0%}"),
        "path length in z": (paths, "in_z", "{:.1f}"),
        "path length in w": (paths, "in_w", "{:.1f}"),
    }
    rows = [[word, form.format(found[key]) if key in found else "–"] for word, (found, key, form) in words.items()]
    return runs.markdown(["", "value"], rows)


def picture(results):
    figure = plots.figure_class()(figsize=(9, 3.4), layout="constrained")
    titles = {
        "mixing 0": "pose and shape of the column,\ncolours and details of the row",
        "projection 0": "unseen faces, their projections,\nthe nearest training images",
    }
    for axes, (name, title) in zip(figure.subplots(1, 2), titles.items()):
        small_images.draw_row(axes, results.get(name, {}), title)
    return figure


if __name__ == "__main__":
    runs.main(sys.modules[__name__])
