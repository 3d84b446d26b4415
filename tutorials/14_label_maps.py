# %% [markdown]
# # Label maps: from classes of pixels to photos
#
# A label map gives the class of each pixel of a photo: sky, road, car. pix2pixHD (Wang et al. 2018,
# https://arxiv.org/abs/1711.11585) generates photos from such maps. This tutorial makes a folder of photos and label
# maps, trains on it as on a folder of your own, and scores the result with a segmentation network.

# %%
from pathlib import Path

import numpy as np
from PIL import Image

import kerasgan
from kerasgan.data import moving_glyphs

EPOCHS = 12
SCENES = 160
BATCH = 4
FOLDER = Path("label_maps")

# %% [markdown]
# ## A folder of your own
#
# `images/` holds the photos. `labels/` holds a PNG of the same name for each photo; its pixels are the numbers of the
# classes. `classes.json` has the names of the classes. Optionally, `instances/` holds PNGs of the same names, in
# which all pixels of one object have the same number. Here, the photos are rendered scenes with letters, so the maps
# are exact.

# %%
for split, count in (("train", SCENES), ("test", 8)):
    for i in range(count):
        film = moving_glyphs.render(moving_glyphs.scene(i, split), frames=1, image_size=64)
        for part, name in (("images", "frames"), ("labels", "labels"), ("instances", "instances")):
            path = FOLDER / "data" / split / part / f"{i:04d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(film[name][0]).save(path)
(FOLDER / "data" / "classes.json").write_text('{"names": ["ground", "A", "B", "C", "D", "E"]}')
dataset = kerasgan.data.label_folder(FOLDER / "data" / "train", 64, batch_size=BATCH, mirror=True)
(labels, instances), photos = next(
    iter(kerasgan.data.label_folder(FOLDER / "data" / "test", 64, batch_size=8, shuffle=False))
)
print(f"{dataset.num_images} scenes of {dataset.num_classes} classes: {dataset.class_names}")

# %% [markdown]
# Files that cannot be used are named before the first step, such as a map of another size, or with a number that is
# not a class.
#
# ## Three phases
#
# First, a global generator learns at half the size. Then an enhancer learns to process its features at the full size,
# while the global generator is frozen. Finally, both are trained together. Each phase is a `compile` and a `fit`.

# %%
model = kerasgan.Pix2PixHD(
    image_size=64,
    num_classes=dataset.num_classes,
    width=16,
    blocks=3,
    downsamplings=3,
    scales=2,
    receptive_field=34,
    seed=0,
)
for phase, epochs in (("global", EPOCHS), ("enhancer", max(1, EPOCHS // 4)), ("both", EPOCHS)):
    model.compile(phase=phase, steps_per_execution=10)
    history = model.fit(dataset, epochs=epochs, verbose=2)
kerasgan.plots.history(history, FOLDER / "curves.png")

# %%
painted = model.translate(labels, instances)
columns = [kerasgan.plots.color_labels(labels), painted, photos]
grid = kerasgan.plots.image_grid(np.stack(columns, axis=1)[:3])
kerasgan.plots.save_png(FOLDER / "painted.png", grid)
print(f"L1 to the truth {float(np.mean(np.abs(painted - photos))):.3f}")

# %% [markdown]
# ![Label maps, generated scenes, and true scenes](pictures/14_painted.png)
#
# From left to right: the label map, the generated scene, the true scene. Their L1 distance is 0.274. The letters have
# the colours of their classes. The map does not tell the colour of the background, so the model uses a common one.
#
# ## Does it show the right classes?
#
# A segmentation network is trained on real photos, and applied to the generated ones and to real ones. Its mean IoU
# is 0.507 on the generated and 0.582 on the real photos, and 92 % and 93 % of the pixels are right.

# %%
(train_labels, _), train_photos = next(
    iter(kerasgan.data.label_folder(FOLDER / "data" / "train", 64, batch_size=SCENES, shuffle=False))
)
reader = kerasgan.metrics.train_segmenter(train_photos, train_labels, 6, width=8, epochs=EPOCHS)
for name, images in (("painted", painted), ("real", photos)):
    read = reader.predict(images, verbose=0).argmax(axis=-1)
    scores = kerasgan.metrics.segmentation_scores(labels, read, 6)
    print(f"{name:8} mean IoU {scores.mean_iou:.3f}, pixels right {scores.pixel_accuracy:.3f}")

# %% [markdown]
# `kerasgan train pix2pixhd --data FOLDER` does the same. With `style_dim=3`, an encoder learns the differences
# between instances of a class. `model.find_styles(dataset)` clusters them, and `translate(labels, instances,
# style=1)` uses one of them. This needs more scenes and epochs than here.
