# %% [markdown]
# # Video: label maps that move
#
# A translator that draws each frame of a film by itself flickers: small changes of the label map change all details.
# Vid2Vid (Wang et al. 2018, https://arxiv.org/abs/1808.06601) also gets its last two frames. It moves the last one by
# an estimated flow, and draws only what this frame does not show.
#
# This tutorial trains both kinds on films of moving letters, and measures the flicker. It takes about two minutes on
# two idle cores (about three minutes of processor time).

# %%
from pathlib import Path

import numpy as np

import kerasgan
from kerasgan.data import moving_glyphs

EPOCHS = 40
FILMS = 40
SIZE = 32
FOLDER = Path("video")
FOLDER.mkdir(exist_ok=True)

# %% [markdown]
# ## The data
#
# A film of Vid2Vid has a label map for each frame. `kerasgan.data.load("moving_glyphs")` renders such films: letters
# move and turn over a still background. The data set also has the flow, which says where each pixel was in the frame
# before. For your own films, without flow: `kerasgan.data.video_folders("train_A", "train_B")` and
# `Vid2Vid(with_flow=False)`.

# %%
dataset = kerasgan.data.load("moving_glyphs", image_size=SIZE, num_sequences=FILMS, frames=12, seed=0)
classes = 1 + len(moving_glyphs.LETTERS)
tests = [moving_glyphs.render(moving_glyphs.scene(i, "test"), 24, SIZE) for i in range(8)]
names = ("labels", "frames", "flow", "visible")
labels, frames, flow, visible = (np.stack([film[name] for film in tests]) for name in names)
labels, frames = labels.astype("int32"), (frames / 127.5 - 1).astype("float32")

# %% [markdown]
# ## Frame by frame
#
# `Pix2PixHD` translates single label maps. It learns from all frames of all films.

# %%
options = {"image_size": SIZE, "num_classes": classes, "width": 16, "blocks": 2, "downsamplings": 2}
options |= {"receptive_field": 16, "scales": 1, "seed": 0}
single = kerasgan.Pix2PixHD(instances=False, enhancer=False, **options)
single.compile(steps_per_execution=5)
pairs = dataset.unbatch().map(lambda labels, frames, flow: (labels, frames)).unbatch()
single.fit(pairs.shuffle(1000, seed=0).batch(12, drop_remainder=True), epochs=EPOCHS, verbose=2)
by_frame = np.stack([single.translate(film) for film in labels])

# %% [markdown]
# ## With the frames before
#
# `Vid2Vid` trains on a whole film per step. Its first discriminator judges frames, and the others judge three
# consecutive frames, at two frame rates. `length` says how many frames of a film a step may draw.

# %%
model = kerasgan.Vid2Vid(**options)
model.compile(length=kerasgan.schedules.Doubling(8, steps=FILMS * EPOCHS // 2), steps_per_execution=5)
history = model.fit(dataset, epochs=EPOCHS, verbose=2)
kerasgan.plots.history(history, FOLDER / "curves.png")
in_turn = model.translate_video(labels, frames[:, :2])

# %% [markdown]
# ## Does it flicker?
#
# The warping error is the mean difference between each frame and the frame before, moved by the exact flow. For the
# true films it is not 0, since moving by parts of pixels blurs.

# %%
for name, films in (("truth", frames), ("frame by frame", by_frame), ("Vid2Vid", in_turn)):
    error = kerasgan.metrics.warping_error(films, flow, visible).mean()
    distance = np.abs(films - frames)[:, 2:].mean()
    print(f"{name:15} warping error {error:.3f}, L1 to the truth {distance:.3f}")

# %%
rows = [kerasgan.plots.color_labels(labels[0]), by_frame[0], in_turn[0], frames[0]]
grid = kerasgan.plots.image_grid(np.stack([row[2::3] for row in rows]))
kerasgan.plots.save_png(FOLDER / "frames.png", grid.repeat(3, axis=0).repeat(3, axis=1))
kerasgan.plots.film(np.stack(rows, axis=1)[:, None], FOLDER / "film.gif", 0.1, scale=3)  # side by side

# %% [markdown]
# ![Every third frame of a film](pictures/15_video.png)
#
# From top to bottom: the label map, frame by frame, Vid2Vid, the truth. In the run of this picture, the warping error
# was 0.098 frame by frame, 0.038 with Vid2Vid, and 0.011 for the true films. The L1 distances were 0.292 and 0.229.
# The waves of the background are not in the label map, so the frame-by-frame model draws other ones for each frame.
# Vid2Vid keeps those of the two given frames. After 20 frames its background is blurred, as it was trained on films
# of 12 frames, for two minutes. `film.gif` shows the same as an animation.
# `kerasgan.zoo.load("vid2vid_glyphs")` is a larger model of 64 pixels, after 46 minutes on one core.
#
# ## Your own films
#
# `train_A/NAME/` holds the label maps of a film, and `train_B/NAME/` its frames, as PNGs of the same names:
#
# ```sh
# kerasgan train vid2vid --data FOLDER --image-size 64x128 --out runs/films
# kerasgan translate runs/films ./test_A/walk --first ./test_B/walk --out walk.gif
# ```
#
# Vid2Vid needs the first two frames, real ones or those of a `Pix2PixHD`: `translate_video(labels,
# first_frames)` takes both. Use a larger `width` and the paper's three scales if there is a GPU.
