"""One worker of a cluster, for the tests: trains a tiny GAN and leaves behind what it has become.

Arguments: the kind of networks, a folder of the worker's own, the folder that all share, the number of epochs, and the
step at which this worker kills itself (or waits for a signal: a negative one), or 0.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

import keras
import numpy as np
from keras import layers

import kerasgan

STEPS = 4


def data():
    return np.random.default_rng(0).uniform(-1, 1, (40, 16, 16, 1)).astype("float32")


def dense():
    """Networks that compile in a second, with what is hard to spread: synchronised BatchNormalization."""
    latents = keras.Input((4,))
    images = layers.Reshape((16, 16, 1))(layers.Dense(256, activation="tanh")(latents))
    x = real_or_fake = keras.Input((16, 16, 1))
    x = layers.BatchNormalization(synchronized=True)(layers.Dense(4)(layers.Flatten()(x)))
    networks = {
        "generator": keras.Model(latents, images),
        "discriminator": keras.Model(real_or_fake, layers.Dense(1)(x)),
    }
    return kerasgan.GAN(image_size=16, latent_dim=4, seed=0, **networks)


def convolutional():
    return kerasgan.DCGAN(image_size=16, channels=1, latent_dim=4, width=2, seed=0)


def tiny_model(kind, strategy):
    """A compiled GAN with averaged weights. Its descent is linear in the gradient, or nearly: epsilon is large."""
    keras.utils.set_random_seed(0)
    with strategy.scope():
        model = {"dense": dense, "convolutional": convolutional}[kind]()
        d_optimizer = kerasgan.optimizers.Adam(0.05, beta_1=0.5, epsilon=1.0)
        model.compile(g_optimizer=keras.optimizers.SGD(0.05), d_optimizer=d_optimizer, ema_decay=0.9)
    return model


def state(model):
    """Returns the weights, the random states, and those of both optimizers."""
    return [np.array(v) for v in (*model.variables, *model.g_optimizer.variables, *model.d_optimizer.variables)]


class Kill(keras.callbacks.Callback):
    """Dies at a step as a machine does that loses its power, or shows at which step it is and goes on."""

    def __init__(self, step, sign):
        super().__init__()
        self.step, self.sign = step, sign

    def on_train_batch_end(self, batch, logs=None):
        if self.step > 0 and int(self.model.step.numpy()) == self.step:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.step < 0 and int(self.model.step.numpy()) >= -self.step:
            self.sign.with_suffix(".new").write_text(str(int(self.model.step.numpy())))
            self.sign.with_suffix(".new").rename(self.sign)
            time.sleep(0.2)


def main(kind, own, shared, epochs, step):
    own, shared = Path(own), Path(shared)
    model = tiny_model(kind, kerasgan.distribute.strategy("auto", timeout=60))
    callbacks = [
        kerasgan.callbacks.Checkpoint(shared / "checkpoints"),
        kerasgan.callbacks.SampleGrid(shared / "samples", num_images=4),
        kerasgan.callbacks.ScoreMonitor(
            [keras.metrics.MeanAbsoluteError(name="distance")],
            kerasgan.data.from_arrays(data(), 8, shuffle=False),
            num_images=16,
            directory=shared / "scores",
            verbose=0,
        ),
        kerasgan.callbacks.CSVLogger(shared / "log.csv", append=True),
        Kill(int(step), own / "training"),
    ]
    history = model.fit(data(), batch_size=8, epochs=int(epochs), steps_per_epoch=STEPS, verbose=0, callbacks=callbacks)
    np.savez(own / "state.npz", *state(model))
    logs = model.evaluate(data(), batch_size=8, verbose=0, return_dict=True)
    (own / "logs.json").write_text(json.dumps({"history": history.history, "evaluate": logs}))


if __name__ == "__main__":
    main(*sys.argv[1:])
