# %% [markdown]
# # Several devices, interruptions, precision
#
# A training can be distributed over devices, resumed after an interruption, and computed in half precision. None of
# these should change what the model learns. Each takes a line or two. This tutorial measures that the results agree.

# %%
import keras
import matplotlib.figure
import numpy as np
import tensorflow as tf

import kerasgan

STEPS = 120
NUM_IMAGES = 4096
BATCH_SIZE = 32
FOLDER = "devices"

# Without two GPUs, the CPU is split into two logical devices. This must be done before TensorFlow is used.
processor = tf.config.list_physical_devices("CPU")[0]
if tf.config.get_logical_device_configuration(processor) is None:
    tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)


def data():
    """Creates the dataset, as a new program would."""
    options = {"characters": "AHO", "image_size": 28, "channels": 1, "num_images": NUM_IMAGES}
    return kerasgan.data.load("glyphs", batch_size=BATCH_SIZE, seed=1, **options)


class EveryLoss(keras.callbacks.Callback):
    """Records d_loss of every step. Keras logs its mean since the beginning of the epoch."""

    def on_train_begin(self, logs=None):
        self.steps, self.losses = [], []

    def on_epoch_begin(self, epoch, logs=None):
        self.count, self.sum = 0, 0.0

    def on_train_batch_end(self, batch, logs=None):
        if "d_loss" not in logs:  # this step was made by an earlier run
            return
        self.count += 1
        self.steps.append(int(self.model.step.numpy()))
        self.losses.append(logs["d_loss"] * self.count - self.sum)
        self.sum = logs["d_loss"] * self.count


def small_gan(**optimizers):
    keras.utils.set_random_seed(0)  # the seed of the initial weights
    generator = keras.Sequential(
        [
            keras.Input((32,)),
            keras.layers.Dense(256, activation="relu"),
            keras.layers.Dense(28 * 28),
            keras.layers.Reshape((28, 28, 1)),
            keras.layers.Activation("tanh", dtype="float32"),
        ]
    )
    discriminator = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(256, activation="leaky_relu"),
            keras.layers.Dense(1, dtype="float32"),
        ]
    )
    model = kerasgan.GAN(latent_dim=32, generator=generator, discriminator=discriminator, seed=0)
    model.compile(**optimizers)
    return model


def weights(model):
    return np.concatenate([weight.numpy().ravel() for weight in model.trainable_variables])


# %% [markdown]
# ## Two devices
#
# The model is created and compiled in the scope of a strategy. `fit` does not change. `kerasgan.distribute.strategy()`
# uses the available devices: one device, all GPUs, or all machines in `TF_CONFIG`. The batch size is the global batch
# size, so here each of two devices computes half of the batch.
#
# Training on two devices gives the same result as training on one, up to the order of additions. With plain gradient
# descent, this order is the only difference. (The first steps of Adam are the signs of the gradients. If a gradient is
# zero except for rounding, its sign can flip, and the two runs slowly diverge, as any two runs that are not bitwise
# equal.)

# %%
gpus = len(tf.config.list_physical_devices("GPU"))
strategies = {
    "one device": kerasgan.distribute.strategy("default"),
    "two devices": tf.distribute.MirroredStrategy(None if gpus > 1 else ["CPU:0", "CPU:1"]),
}
ends, losses = {}, {}
for name, strategy in strategies.items():
    with strategy.scope():
        model = small_gan(g_optimizer=keras.optimizers.SGD(0.05), d_optimizer=keras.optimizers.SGD(0.05))
    model.fit(data(), steps_per_epoch=STEPS // 4, epochs=1, callbacks=[watch := EveryLoss()], verbose=0)
    ends[name], losses[name] = weights(model), watch.losses
    print(f"{name:12} {strategy.num_replicas_in_sync} replica(s), d_loss at last {losses[name][-1]:.6f}")
difference = np.abs(ends["one device"] - ends["two devices"]).max()
print(f"largest difference of any weight after {STEPS // 4} steps: {difference:.1e}")

# %% [markdown]
# ## Interrupted and resumed
#
# `callbacks.Checkpoint` saves the complete state: the networks, the state of both optimizers, the averaged weights, the
# random states, and the position in the data. After an interruption, run the same program again. Here, a callback
# simulates a power cut in the middle of an epoch.


# %%
class PowerCut(keras.callbacks.Callback):
    def __init__(self, step):
        super().__init__()
        self.step = step

    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.step.numpy()) == self.step:
            raise KeyboardInterrupt


EPOCH = STEPS // 4
saving = {"every_n_steps": EPOCH // 3, "every_n_epochs": None}


def program(*more):
    """A training script: it creates the model and calls `fit`. It does not depend on earlier runs."""
    model, watch = small_gan(), EveryLoss()
    callbacks = [kerasgan.callbacks.Checkpoint(f"{FOLDER}/checkpoints", **saving), watch, *more]
    model.fit(data(), steps_per_epoch=EPOCH, epochs=4, callbacks=callbacks, verbose=0)
    return model, watch


whole, undisturbed = small_gan(), EveryLoss()
whole.fit(data(), steps_per_epoch=EPOCH, epochs=4, callbacks=[undisturbed], verbose=0)

cut = EPOCH + EPOCH // 2
try:
    program(PowerCut(cut))
except KeyboardInterrupt:
    saved = kerasgan.callbacks.Checkpoint.latest(f"{FOLDER}/checkpoints")
    print(f"interrupted in step {cut}; the newest checkpoint is {saved}")
continued, after = program()
print(f"resumed with step {after.steps[0]}, ended with step {after.steps[-1]}")
difference = np.abs(weights(whole) - weights(continued)).max()
print(f"largest difference of any weight to the undisturbed run: {difference:.1e}")

# %% [markdown] A difference of 0 means that the runs are bitwise equal. On GPUs this needs
# `tf.config.experimental.enable_op_determinism()`, as otherwise the order of additions can differ between runs. On the
# command line, use `kerasgan train ... --resume`. On SIGTERM, which schedulers send before they stop a job, the
# training saves its state and ends.
#
# ## Half precision
#
# Under `mixed_bfloat16`, layers compute in 16 bits, while the weights and their updates stay in 32 bits. Logits and
# images should also be computed in 32 bits. The last layers above are therefore float32, as in all models of kerasgan.
# `mixed_float16`, for older GPUs, needs loss scaling, which `compile` adds.

# %%
losses["float32"] = undisturbed.losses
keras.config.set_dtype_policy("mixed_bfloat16")
model = small_gan()
keras.config.set_dtype_policy("float32")
model.fit(data(), steps_per_epoch=EPOCH, epochs=4, callbacks=[watch := EveryLoss()], verbose=0)
losses["mixed_bfloat16"] = watch.losses
layer = model.generator.layers[0]
print(f"a layer of G computes in {layer.compute_dtype} and keeps {layer.variable_dtype}")
for name in ("float32", "mixed_bfloat16"):
    print(f"{name:15} d_loss over the last quarter {np.mean(losses[name][-EPOCH:]):.3f}")

# %% [markdown]
# Half precision is faster if the network is large and the hardware supports it (GPUs from compute capability 8.0 on,
# and some CPUs; see `kerasgan doctor`). Otherwise it is slower.
#
# ## All three in one figure

# %%
figure = matplotlib.figure.Figure(figsize=(9, 3), layout="constrained")
left, middle, right = figure.subplots(1, 3, sharey=True)
left.plot(losses["one device"], linewidth=4, alpha=0.4, label="one device")
left.plot(losses["two devices"], color="black", linewidth=1, label="two devices")
left.set(title="devices (plain SGD)", xlabel="step", ylabel="d_loss")
middle.plot(undisturbed.steps, undisturbed.losses, linewidth=4, alpha=0.4, label="undisturbed")
middle.plot(after.steps, after.losses, color="black", linewidth=1, label="continued")
middle.axvline(cut, color="#D55E00", linestyle=":", label="power cut")
middle.set(title="interruption", xlabel="step")
right.plot(undisturbed.steps, losses["float32"], linewidth=4, alpha=0.4, label="float32")
right.plot(watch.steps, losses["mixed_bfloat16"], color="black", linewidth=1, label="mixed_bfloat16")
right.set(title="precision", xlabel="step")
for axes in (left, middle, right):
    axes.legend(fontsize=8)
figure.savefig(f"{FOLDER}/three.png")

# %% [markdown]
# ![d_loss by step: devices, interruption, precision](pictures/09_three.png)
#
# In the run of this figure, the largest difference of a weight between one and two devices was 3e-4 after 30 steps. It
# was 2e-8 after 5 steps, as training amplifies rounding differences. Between the undisturbed and the continued run, it
# was exactly 0. Half precision stays close for these few steps. As it rounds every product, a long run gives another
# result, as another seed would.
#
# ## Several machines
#
# Start the same program on each machine. The environment variable `TF_CONFIG` lists all machines and gives the number
# of this one. The strategy must be the first use of TensorFlow in the program:
#
# ```python
# with kerasgan.distribute.strategy("multi_worker").scope():
#     model = kerasgan.DCGAN(image_size=64)
#     model.compile()
# model.fit(dataset, callbacks=[kerasgan.callbacks.Checkpoint("/shared/run/checkpoints")], epochs=100)
# ```
#
# On the command line, use `kerasgan train dcgan --devices multi_worker ...`. One machine writes the checkpoints, and
# all restore from the same folder, which they must share. If a machine dies, the others stop within 45 seconds. Start
# all again to continue. The guide [Several devices, several machines](scaling.md) has job files for Slurm and
# Kubernetes, and lists what is not supported. It also gives the models and batch sizes for which a second machine is
# worthwhile. For the small networks of these tutorials, it is not.
