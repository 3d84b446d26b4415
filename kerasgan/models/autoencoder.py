"""Autoencoders: plain, denoising, sparse, and with convolutions or pooling indices."""

import keras
import tensorflow as tf

from kerasgan import corruptions, regularizers
from kerasgan.models.resumable import ResumableModel
from kerasgan.models.tasks import ThroughACode
from kerasgan.networks.codes import conv_networks, dense_networks, pooling_networks
from kerasgan.optimizers import Adam

NETWORKS = ("dense", "linear", "conv", "pooling")
LOSSES = ("squared_error", "cross_entropy", "absolute_error")


@keras.saving.register_keras_serializable("kerasgan")
class Autoencoder(ThroughACode, ResumableModel):
    """Autoencoder, denoising (Vincent et al. 2008, https://arxiv.org/abs/1206.5538 reviews them), sparse or embedding.

    An encoder f maps an image x to a code, and a decoder g maps the code back. Both minimise the reconstruction error
    E L(x, g(f(x~))) plus the terms of `regularizer`, where x~ is the image after `corruption`, which is applied only in
    training. Errors are sums over the pixels of an image and means over images. `fit` takes images and drops labels.

    The default is the denoising autoencoder of the authors' tutorial without its noise: 500 sigmoid units, trained by
    `compile()` with SGD(0.1) on the cross-entropy of pixels, with (x + 1) / 2 as probabilities. A linear autoencoder
    (`networks="linear"`, squared error) finds the subspace of principal component analysis.

    Args:
        image_size: int or (height, width). Size of the images. Defaults to 28.
        channels: int. Defaults to 1.
        code: int. Length of the code. Defaults to 500.
        networks: `"dense"`, one sigmoid layer each for encoder and decoder; `"linear"`, the same without sigmoids;
            `"conv"`, strided convolutions; or `"pooling"`, max pooling and unpooling, where the code is a dict of
            `"code"` and the places of the maxima. Defaults to `"dense"`.
        tied: bool. Whether the dense decoder's kernel is the encoder's transposed. Defaults to False.
        width: int. Channels next to the image, of `"conv"` and `"pooling"`. Defaults to 32.
        encoder: `keras.Model`, images -> codes. Defaults to that of `networks`. With a frozen encoder, the decoder
            learns to invert its features.
        decoder: `keras.Model`, codes -> images. Defaults to that of `networks`.
        seed: int. Seed of the corruptions.

    Logs `loss`, and `reconstruction`, the error without the regularisers.

    Example:

    >>> model = kerasgan.Autoencoder(code=32)
    >>> model.compile(corruption="masking", regularizer=kerasgan.regularizers.Sparse(weight=0.1))
    >>> model.reconstruct(-np.ones((2, 28, 28, 1), "float32")).shape
    (2, 28, 28, 1)
    """

    loss_names = ("loss", "reconstruction")
    sampling_networks = ("encoder", "decoder")

    def __init__(
        self,
        image_size=28,
        channels=1,
        code=500,
        networks="dense",
        tied=False,
        width=32,
        encoder=None,
        decoder=None,
        **kwargs,
    ):
        if networks not in NETWORKS:
            raise ValueError(f"`networks` must be one of {NETWORKS}. Received: {networks!r}")
        if tied and (networks not in ("dense", "linear") or encoder or decoder):
            raise ValueError("`tied` needs the dense networks of this class. Received: other networks and `tied=True`")
        if networks in ("conv", "pooling"):
            make = conv_networks if networks == "conv" else pooling_networks
            made = make(image_size, channels, code, width)
        else:
            made = dense_networks(image_size, channels, code, "sigmoid" if networks == "dense" else None, tied)
        super().__init__(encoder=encoder or made[0], decoder=decoder or made[1], **kwargs)
        self.image_size, self.channels, self.networks, self.tied = image_size, channels, networks, tied

    def compile(
        self,
        optimizer=None,
        loss=None,
        corruption=None,
        regularizer=None,
        ema_decay=None,
        metrics=(),
        run_eagerly=False,
        steps_per_execution=1,
        jit_compile="auto",
    ):
        """Configures training.

        Args:
            optimizer: `keras.optimizers.Optimizer`, a name or a config. Defaults to SGD(0.1) for `networks="dense"`,
                else Adam(1e-3).
            loss: `"squared_error"`, `"cross_entropy"`, `"absolute_error"`, or a callable from (images, output) to a
                scalar. Defaults to `"cross_entropy"` for `networks="dense"`, else `"squared_error"`.
            corruption: see `kerasgan.corruptions.get`. Defaults to none.
            regularizer: see `kerasgan.regularizers.get`. Defaults to none.
            ema_decay: float in [0, 1). Per-step decay of averaged networks, which `encode` and `decode` then use.
                Defaults to that of existing averages, or none. 0 drops them.
            metrics: list of `keras.metrics.Metric`s over (images, reconstructions), for `evaluate`.
            run_eagerly, steps_per_execution, jit_compile: as in `keras.Model.compile`.

        Raises:
            ValueError: if an argument is out of range.
        """
        dense = self.networks == "dense"
        loss = loss or ("cross_entropy" if dense else "squared_error")
        if loss not in LOSSES and not callable(loss):
            raise ValueError(f"`loss` must be one of {LOSSES}, or a callable. Received: {loss!r}")
        self._replace("corruption", corruptions.get(corruption))
        self.regularizer = regularizers.get(regularizer)
        execution = {"run_eagerly": run_eagerly, "steps_per_execution": steps_per_execution}
        self.start_compiling(ema_decay, metrics, jit_compile=jit_compile, **execution)
        self.loss = loss
        default = keras.optimizers.SGD(0.1) if dense else Adam(1e-3)
        self.optimizer = self._optimizer(optimizer or default, self.trainable_variables)

    def train_step(self, data):
        """One gradient step on the reconstruction error and the regularizers."""
        images = self.unpack(data)
        spoiled = self.spoil(images)
        with tf.GradientTape() as tape:
            logs = self.losses_of(images, spoiled, self.encoder, self.decoder, training=True)
        self.descend(tape, logs["loss"], self.trainable_variables, self.optimizer)
        self.update_ema()
        return self.track(**logs)

    def losses_of(self, images, spoiled, encoder, decoder, training):
        """The reconstruction error of the clean images from the spoiled ones, and the sum with the regularisers."""
        code = encoder(spoiled, training=training)
        output = tf.cast(self._decoded(code, encoder, decoder, training), tf.float32)
        error = reconstruction_error(self.loss, tf.cast(images, tf.float32), output)
        numbers = code["code"] if isinstance(code, dict) else code
        terms = (term(images, numbers, output) for term in self.regularizer)
        return {"loss": sum(terms, start=error), "reconstruction": error}

    def spoil(self, images):
        """Returns `images` with the corruptions of training."""
        for layer in self.corruption:
            images = layer(images, training=True)
        return images

    def decoded(self, code):
        """Returns the images of codes, by the averaged networks if there are any."""
        return self._decoded(code, self.sampler("encoder"), self.sampler("decoder"))

    def _decoded(self, code, encoder, decoder, training=False):
        if self.tied:
            kernel = encoder.get_layer("code").kernel
            code = keras.ops.matmul(code, keras.ops.transpose(keras.ops.cast(kernel, code.dtype)))
        return decoder(code, training=training)

    def test_step(self, data):
        """Computes the same errors without corruption and training, and the compiled metrics."""
        images = self.unpack(data)
        encoder, decoder = self.sampler("encoder"), self.sampler("decoder")
        logs = self.losses_of(images, images, encoder, decoder, training=False)
        self.compare(images, self(images))
        return self.track(images, **logs)

    def call(self, inputs, training=False):
        """Maps images to their reconstructions, with the averaged weights if there are any."""
        encoder, decoder = self.sampler("encoder"), self.sampler("decoder")
        return self._decoded(encoder(inputs, training=training), encoder, decoder, training)


def reconstruction_error(loss, images, output):
    """Returns the error `compile(loss=...)`, summed over the pixels of an image, averaged over images."""
    if callable(loss):
        return loss(images, output)
    if loss == "cross_entropy":
        truth, chance = (images + 1) / 2, tf.clip_by_value((output + 1) / 2, 1e-7, 1 - 1e-7)
        errors = -truth * tf.math.log(chance) - (1 - truth) * tf.math.log1p(-chance)
    else:
        errors = tf.square(images - output) if loss == "squared_error" else tf.abs(images - output)
    return tf.reduce_mean(tf.reduce_sum(errors, axis=list(range(1, len(errors.shape)))))
