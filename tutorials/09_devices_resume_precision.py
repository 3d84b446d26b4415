# %% [markdown]
# # Several devices, interruptions, precision
#
# Three things that one does to a training without wanting to change what it learns: spread it over devices, continue it
# where it was killed, and compute in half precision. Each is a line or two. What takes longer is to believe that the
# result is the same, so here it is measured.

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

# Without two GPUs the processor plays two devices; TensorFlow must be told before it is asked for anything.
processor = tf.config.list_physical_devices("CPU")[0]
if tf.config.get_logical_device_configuration(processor) is None:
    tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)


def data():
    """The data as a program that has just started reads them."""
    options = {"characters": "AHO", "image_size": 28, "channels": 1, "num_images": NUM_IMAGES}
    return kerasgan.data.load("glyphs", batch_size=BATCH_SIZE, seed=1, **options)


class EveryLoss(keras.callbacks.Callback):
    """Keeps d_loss of every step; what Keras logs is its mean since the beginning of the epoch."""

    def on_train_begin(self, logs=None):
        self.steps, self.losses = [], []

    def on_epoch_begin(self, epoch, logs=None):
        self.count, self.sum = 0, 0.0

    def on_train_batch_end(self, batch, logs=None):
        if "d_loss" not in logs:  # an earlier run has made this step
            return
        self.count += 1
        self.steps.append(int(self.model.step.numpy()))
        self.losses.append(logs["d_loss"] * self.count - self.sum)
        self.sum = logs["d_loss"] * self.count


def small_gan(**optimizers):
    keras.utils.set_random_seed(0)  # of the first weights
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
# The model is made and compiled in the scope of a strategy; `fit` is the same. `kerasgan.distribute.strategy()` takes
# what the machine has: one device, all its GPUs, or all machines that `TF_CONFIG` names. The batch is that of all
# devices together: here each of two computes half of it.
#
# Training on two devices is training on one, up to the order in which numbers are added. With plain gradient descent
# that order is the whole difference. (Adam's first steps are the signs of gradients: where one is zero but for
# rounding, a sign turns, and the two go slowly apart, as any two runs do that are not equal to the last bit.)

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
# ## Killed, and continued
#
# `callbacks.Checkpoint` saves everything that decides what comes next: the networks, both optimizers' moments, the
# averaged weights, the state of the random numbers, and the place in the stream of data. The program that was killed is
# started again as it is. Here a callback plays the power cut, in the middle of an epoch.


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
    """What a script would do: make the model, and fit. It knows nothing of earlier runs."""
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
    print(f"cut off in step {cut}; the newest checkpoint is {saved}")
continued, after = program()
print(f"went on with step {after.steps[0]}, ended with step {after.steps[-1]}")
difference = np.abs(weights(whole) - weights(continued)).max()
print(f"largest difference of any weight to the undisturbed run: {difference:.1e}")

# %% [markdown]
# A difference of 0 is equality to the last bit. On GPUs it needs `tf.config.experimental.enable_op_determinism()`,
# without which sums may be added in another order from run to run. On the command line it is
# `kerasgan train ... --resume`; SIGTERM, which schedulers send before they take a machine, saves and ends by itself.
#
# ## Half the bits
#
# Under `mixed_bfloat16` the layers compute in 16 bits while the weights, and the sums that update them, stay in 32. The
# logits and the images are to be computed in 32 bits too: the last layers above say so, as those of all models of
# kerasgan do. `mixed_float16`, for older GPUs, needs its losses scaled, which `compile` sees to.

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
# It pays where the hardware multiplies such numbers natively (GPUs from compute capability 8.0 on, some processors;
# `kerasgan doctor` says which) and the network is large. Elsewhere it is slower.
#
# ## The three in one picture

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
# Where this picture was made, the largest difference of a weight was 3e-4 between one device and two after 30 steps
# (2e-8 after 5: a training makes differences of the last digit grow), and exactly 0 between the undisturbed and the
# continued run. Half precision stays on the line for these few steps too; it rounds every product, so a long run ends
# elsewhere, as another seed would.
#
# ## Several machines
#
# Start the same program on each, with the environment variable `TF_CONFIG` naming all of them and the number of this
# one; the first line of the program that asks TensorFlow for anything must be the strategy:
#
# ```python
# with kerasgan.distribute.strategy("multi_worker").scope():
#     model = kerasgan.DCGAN(image_size=64)
#     model.compile()
# model.fit(dataset, callbacks=[kerasgan.callbacks.Checkpoint("/shared/run/checkpoints")], epochs=100)
# ```
#
# or `kerasgan train dcgan --devices multi_worker ...`. One machine writes, all restore from the one folder, which they
# must share; a machine that dies ends the others within 45 seconds, and started again all continue. The guide
# [Several devices, several machines](scaling.md) has the files for Slurm and Kubernetes, says what does not work, and
# for which models and batches a second machine pays at all: for the small networks of these tutorials it never does.
