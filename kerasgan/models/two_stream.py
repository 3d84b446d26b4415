"""The two-stream generator: draws an image and its mask from class, view and transformation."""

import math

import tensorflow as tf
from keras import Input, Model, layers, saving

from kerasgan.convolutions import Conv2D
from kerasgan.layers import ClippedSamples, LeakyReLU, Unpooling
from kerasgan.models.resumable import ResumableModel
from kerasgan.models.tasks import FromViews
from kerasgan.optimizers import Adam
from kerasgan.shapes import as_size


def two_stream_network(image_size, channels, num_classes, view_dim, transform_dim, width, units):
    """The network of the paper's figure 1: three dense inputs, a shared part, and a stream each for image and mask.

    Each layer that doubles the size unpools to the upper left of 2x2 pixels, followed by a 5x5 convolution
    (section 3.1). All layers but the last are followed by LeakyReLU.

    Args:
        width: int. Channels of the smallest features. The next two layers have 92 / 256 and 48 / 256 of these.
        units: int. Units of the dense layers of each input. The following ones have twice as many.
        image_size, channels, num_classes, view_dim, transform_dim: see `TwoStreamGenerator`.

    Returns:
        A `keras.Model`: [classes (batch, num_classes), views (batch, view_dim), transforms (batch, transform_dim)] -> a
        dict of `"image"` (batch, height, width, channels), about in [-1, 1], and `"mask"` (batch, height, width, 1),
        about in [0, 1].
    """
    size = as_size(image_size)
    small = [-(-side // 16) for side in size]
    dims = {"classes": num_classes, "views": view_dim, "transforms": transform_dim}
    inputs = [Input((dim,), name=name) for name, dim in dims.items()]
    known = []
    for x in inputs:
        for _ in range(2):
            x = LeakyReLU(0.2)(layers.Dense(units)(x))
        known.append(x)
    x = layers.Concatenate()(known)
    for outputs in (2 * units, 2 * units, math.prod(small) * width):
        x = LeakyReLU(0.2)(layers.Dense(outputs)(x))
    x = layers.Reshape((*small, width))(x)
    for filters in (width, max(1, width * 92 // 256), max(1, width * 48 // 256)):
        x = LeakyReLU(0.2)(Conv2D(filters, 5, padding="same")(Unpooling()(x)))
    x = layers.Cropping2D([(0, 16 * few - side) for few, side in zip(small, size)])(Unpooling()(x))
    image = Conv2D(channels, 5, padding="same")(x)
    mask = layers.Activation("linear", dtype="float32", name="mask")(Conv2D(1, 5, padding="same")(x))
    return Model(
        inputs, {"image": ClippedSamples(dtype="float32", name="image")(image), "mask": mask}, name="generator"
    )


@saving.register_keras_serializable("kerasgan")
class TwoStreamGenerator(FromViews, ResumableModel):
    """Learning to generate chairs with convolutional networks (Dosovitskiy et al. 2015).

    https://arxiv.org/abs/1411.5928. A network draws the image and the mask of an object, given its class, the view, and
    a transformation such as a shift, a zoom, or another hue. It minimises (equation 1)

        |T(x s) - u_image|^2 + mask_weight |T s - u_mask|^2

    for images x of [0, 1], masks s and transformations T: sums over pixels, means over images.

    `fit` takes `((classes, views, transforms), (images, masks))`: int classes (n,), float vectors (n, view_dim) and
    (n, transform_dim), float32 images T(x s) in [-1, 1], black where there is no object, and their masks
    (n, height, width, 1) in [0, 1]. `kerasgan.data.load("chairs")` and `kerasgan.data.turntable_folder` make such data.

    `compile()` trains with Adam(5e-4).

    Args:
        image_size: int or (height, width). Size of the images. Defaults to 128.
        channels: int. Defaults to 3.
        num_classes: int. Defaults to 809, the paper's chairs.
        view_dim: int. Length of a view. Defaults to 4: sine and cosine of azimuth and elevation.
        transform_dim: int. Length of a transformation. Defaults to 12.
        width: int. Channels of the smallest features. Defaults to 256.
        units: int. Units of the dense layers of each input. Defaults to 512.
        generator: `keras.Model`. Defaults to `two_stream_network`, of 22,971,792 weights.
        seed: int. Seed of random layers.

    Logs `loss`, and its terms `image_loss` and `mask_loss`, the latter without its weight.

    Example:

    >>> model = kerasgan.TwoStreamGenerator(image_size=32, num_classes=3, width=16, units=8)
    >>> model.generate([0, 2], kerasgan.data.view_vectors([0, 90], 20)).shape
    (2, 32, 32, 3)
    """

    loss_names = ("loss", "image_loss", "mask_loss")
    sampling_networks = ("generator",)

    def __init__(
        self,
        image_size=128,
        channels=3,
        num_classes=809,
        view_dim=4,
        transform_dim=12,
        width=256,
        units=512,
        generator=None,
        **kwargs,
    ):
        if generator is None:
            generator = two_stream_network(image_size, channels, num_classes, view_dim, transform_dim, width, units)
        super().__init__(generator=generator, **kwargs)
        self.image_size, self.channels, self.num_classes = image_size, channels, num_classes
        self.view_dim, self.transform_dim = view_dim, transform_dim

    def compile(
        self,
        optimizer=None,
        mask_weight=0.1,
        ema_decay=None,
        run_eagerly=False,
        steps_per_execution=1,
        jit_compile="auto",
    ):
        """Configures training. The defaults are the paper's.

        Args:
            optimizer: `keras.optimizers.Optimizer`, a name or a config. Defaults to Adam(5e-4, 0.9, 0.999, 1e-6).
            mask_weight: float, lambda. Defaults to 0.1. 0 leaves the masks out of the training.
            ema_decay: float in [0, 1). Per-step decay of an averaged network, which `generate` then uses. Defaults to
                that of an existing average, or none. 0 drops it.
            run_eagerly, steps_per_execution, jit_compile: as in `keras.Model.compile`.

        Raises:
            ValueError: if an argument is out of range.
        """
        if not mask_weight >= 0:
            raise ValueError(f"`mask_weight` must be at least 0. Received: {mask_weight!r}")
        execution = {"run_eagerly": run_eagerly, "steps_per_execution": steps_per_execution}
        self.start_compiling(ema_decay, jit_compile=jit_compile, **execution)
        self.mask_weight = float(mask_weight)
        self.optimizer = self._optimizer(optimizer or Adam(5e-4, epsilon=1e-6), self.trainable_variables)

    def train_step(self, data):
        """Makes one optimizer step on equation 1."""
        known, (images, masks) = data
        with tf.GradientTape() as tape:
            drawn = self.generator(self.known_inputs(*known), training=True)
            logs = self.losses_of(drawn, images, masks)
        self.descend(tape, logs["loss"], self.trainable_variables, self.optimizer)
        self.update_ema()
        return self.track(**logs)

    def losses_of(self, drawn, images, masks):
        """Computes equation 1 and its terms."""
        image_loss = _squares((images - drawn["image"]) / 2)  # of [0, 1], as in the paper
        mask_loss = _squares(masks - drawn["mask"])
        return {"loss": image_loss + self.mask_weight * mask_loss, "image_loss": image_loss, "mask_loss": mask_loss}

    def test_step(self, data):
        """Computes the same losses without training, of the averaged network if there is one."""
        known, (images, masks) = data
        drawn = self.sampler("generator")(self.known_inputs(*known), training=False)
        return self.track(images, **self.losses_of(drawn, images, masks))


def _squares(differences):
    """Returns squares summed over the pixels of an image, averaged over images."""
    return tf.reduce_mean(tf.reduce_sum(tf.square(differences), axis=(1, 2, 3)))
