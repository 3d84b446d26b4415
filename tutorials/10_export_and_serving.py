# %% [markdown]
# # Export and serving
#
# A trained generator is often used without Keras: on a model server, in a browser, or on a phone. `export` writes it
# in three formats. It uses the averaged weights if there are any, and leaves out everything that only training needs.

# %%
import json
import pathlib

import numpy as np
import tensorflow as tf

import kerasgan

NUM_IMAGES = 16
FOLDER = pathlib.Path("served")
model = kerasgan.zoo.load("dcgan_mnist")  # its weights come with the package; any model of yours does as well

# %% [markdown]
# ## SavedModel, for model servers
#
# Servers look for numbered folders and load the one with the highest number. `export` writes the next number
# atomically, so a server never loads an incomplete model.

# %%
path = model.export(FOLDER / "digits")
print("written:", path)
for file in sorted(pathlib.Path(path).rglob("*")):
    print("  ", file.relative_to(FOLDER))

# %% [markdown]
# It has two signatures. `serving_default` takes the generator's inputs by name: `latents`, and `labels` or `text` if
# the model has them. `generate` takes `num_images` and `seed`, and returns the same images as `model.generate`.

# %%
served = tf.saved_model.load(path).signatures
for name, function in served.items():
    inputs = {key: spec.shape.as_list() for key, spec in function.structured_input_signature[1].items()}
    print(f"{name}: {inputs} -> {list(function.structured_outputs)}")
images = served["generate"](num_images=tf.constant(NUM_IMAGES), seed=tf.constant(1))["images"].numpy()
print("largest difference to Keras:", np.abs(images - model.generate(NUM_IMAGES, seed=1)).max())
kerasgan.plots.save_png("served.png", kerasgan.plots.image_grid(images))

# %% [markdown]
# ![Sixteen digits that the served signature drew](pictures/10_served.png)
#
# The commands of the usual servers, with their container images:
#
# ```sh
# # TensorFlow Serving
# docker run -p 8501:8501 -v "$PWD/served/digits:/models/digits" -e MODEL_NAME=digits tensorflow/serving
# # OpenVINO Model Server; it has no random numbers of TensorFlow's, so it serves `serving_default`
# docker run -p 9000:9000 -v "$PWD/served/digits:/models/digits" openvino/model_server \
#     --model_name digits --model_path /models/digits --rest_port 9000
# ```
#
# For a conditional model, `generate` also takes the conditions, one value per image: `labels` for classes, or the
# names in `num_classes` and `attributes`; `text` (vectors) for text-to-image models. An example for
# `kerasgan.zoo.load("cgan_glyphs")` is `{"num_images": 2, "seed": 1, "letter": [0, 1], "color": [3, 3], "slant":
# [[0.5], [0.5]]}`. An unknown label is an error of the request, and no image is drawn.
#
# A request to TensorFlow Serving, and its answer:

# %%
request = {"signature_name": "generate", "inputs": {"num_images": 2, "seed": 1}}
print("POST http://localhost:8501/v1/models/digits:predict")
print(json.dumps(request))
answer = {"outputs": images[:2, :1, :2].astype(float).round(3).tolist()}
print(json.dumps(answer)[:40], "... the images as nested lists")

# %% [markdown]
# ## LiteRT, for phones, and ONNX, for browsers and most other runtimes
#
# Each file holds one function. Neither format has TensorFlow's random numbers, so the latents are an input. Draw them
# in your program. (In Pix2Pix, noise is part of the network. Its file has an input `noise`, uniform on [-1, 1).)

# %%
latents = model.sample_latents(NUM_IMAGES, seed=1)
path = model.export(FOLDER / "digits.tflite", format="litert")
try:
    from ai_edge_litert.interpreter import Interpreter
except ImportError:
    print("pip install ai-edge-litert to run LiteRT files")
else:
    run = Interpreter(model_path=path).get_signature_runner("serving_default")
    print("LiteRT differs by at most", np.abs(run(latents=latents)["images"] - images).max())

try:
    import onnxruntime

    path = model.export(FOLDER / "digits.onnx", format="onnx")  # needs the extra: pip install 'kerasgan[export]'
except (ImportError, ValueError) as error:
    print("no ONNX:", error)
else:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    print("ONNX differs by at most", np.abs(session.run(["images"], {"latents": latents})[0] - images).max())

# %% [markdown]
# The output of an image-to-image model such as CycleGAN is named `output_images` in ONNX, as names must be unique.
# Its other direction is `endpoint="to_a"`. On the command line:
#
# ```sh
# kerasgan export dcgan_mnist --out served/digits
# kerasgan export dcgan_mnist --out digits.onnx
# kerasgan export dcgan_mnist --out digits.tflite
# ```
