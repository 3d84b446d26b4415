"""The task of drawing images from noise."""

import math

import numpy as np
import tensorflow as tf

from kerasgan.arguments import whole
from kerasgan.data import checks
from kerasgan.models.tasks.standing import take_statistics, trainable_norms


def join_inputs(x, condition):
    """Joins the main input `x` of a network and a tuple of further inputs."""
    return [x, *condition] if condition else x


def stateless_latents(prior, num_images, latent_dim, seed):
    """Draws Philox numbers, which for a seed are the same on every device and in an exported model."""
    draw = tf.random.stateless_uniform if prior == "uniform" else tf.random.stateless_normal
    span = {"minval": -1.0, "maxval": 1.0} if prior == "uniform" else {}
    return draw((num_images, latent_dim), seed=tf.stack([seed, 0]), alg="philox", **span)


def truncate(latents, threshold, prior="normal"):
    """Truncates latents: samples become more typical and less diverse.

    The truncation trick (Brock et al. 2019, https://arxiv.org/abs/1809.11096, section 3.1) samples from a normal
    distribution cut off at +-`threshold`. They resample values outside. This function maps each value to the same
    quantile of the truncated distribution. The distribution is the same, and an image changes gradually with the
    threshold. As in the paper, some generators draw poor images from truncated latents.

    Args:
        latents: float array, from the model's prior.
        threshold: float, at least 0. 0 gives zeros. 2 has little effect on a normal prior.
        prior: `"normal"`, or `"uniform"` on [-1, 1), which becomes uniform on [-threshold, threshold). See
            `model.prior`. Defaults to `"normal"`.

    Returns:
        float32 array of the same shape. To plot a row for each threshold:
        `plots.labelled_grid(decode(model, [truncate(latents, t) for t in rows]), rows=rows)`.

    Raises:
        ValueError: if an argument is out of range.

    Example:

    >>> truncate([-0.5, 0.0, 3.0], 1.0).round(2)
    array([-0.33,  0.  ,  1.  ], dtype=float32)
    """
    latents = np.asarray(latents, "float64")
    if threshold < 0:
        raise ValueError(f"`threshold` must be at least 0. Received: {threshold!r}")
    if prior == "uniform":
        return np.asarray(latents * min(threshold, 1.0), "float32")
    if prior != "normal":
        raise ValueError(f"`prior` must be 'normal' or 'uniform'. Received: {prior!r}")
    inside = tf.math.erf(np.float64(threshold) / np.sqrt(2))  # the probability within the threshold
    moved = tf.math.erfinv(inside * tf.math.erf(latents / np.sqrt(2))) * np.sqrt(2)
    return np.clip(moved, -threshold, threshold).astype("float32")


def random_seed():
    """Returns a random seed."""
    return int(np.random.default_rng().integers(2**31))


class FromNoise:
    """Mixin for models that draw images from noise. `fit` takes images and drops labels.

    The constructor sets `image_size`, `channels` and `latent_dim`. `prior` is the distribution of the noise, `"normal"`
    or `"uniform"`. A task with a condition overrides `unpack`, `condition_specs` and, if the network has inputs besides
    the condition, `further_inputs`.
    """

    # Data ------------------------------------------------------------------------------------------------------------

    def unpack(self, data):
        """Splits a dataset element into (real images, empty condition) and drops labels."""
        if isinstance(data, (tuple, list)) and len(data) > 2:
            raise ValueError(
                f"{type(self).__name__} expected batches of images, or of `(images, labels)` whose labels it leaves "
                f"out; weights of samples cannot be given. Received: {len(data)} parts"
            )
        return (data[0] if isinstance(data, (tuple, list)) else data), ()

    def check_batch(self, batch, check_range=True):
        images, *_ = self.unpack(batch)
        checks.check_images(images, image_size=self.image_size, channels=self.channels, check_range=check_range)

    def real_images(self, batch):
        """Returns the real images of a dataset element."""
        return np.asarray(batch[0] if isinstance(batch, (tuple, list)) else batch)

    # Sampling --------------------------------------------------------------------------------------------------------

    def sample_latents(self, num_images, seed=None, truncation=None):
        """Draws z for sampling. The noise of the training does not change.

        Args:
            num_images: int.
            seed: int. The first rows do not depend on `num_images`. Defaults to a random one.
            truncation: float. All values of z are within +-`truncation`: see `kerasgan.latent.truncate`. Defaults to
                none.

        Returns:
            float32 array (num_images, latent_dim).
        """
        if whole(num_images) is None:
            raise ValueError(f"`num_images` must be an int of at least 1. Received: {num_images!r}")
        seed = random_seed() if seed is None else seed
        latents = stateless_latents(self.prior, int(num_images), self.latent_dim, seed).numpy()
        return latents if truncation is None else truncate(latents, truncation, self.prior)

    def decode(self, latents, condition=(), batch_size=64):
        """Maps latents to images with the sampling network.

        Args:
            latents: (n, latent_dim).
            condition: tuple of the further inputs of a conditional generator, n rows each. Defaults to none.
            batch_size: int. Defaults to 64.

        Returns:
            float32 array (n, height, width, channels) in [-1, 1].
        """
        inputs = join_inputs(np.asarray(latents, "float32"), condition)
        return self.sampler().predict(inputs, batch_size=batch_size, verbose=0)

    def generate(self, num_images, seed=None, batch_size=64, truncation=None):
        """Draws images, from the averaged generator if there is one.

        Args:
            num_images: int.
            seed: int. The same seed gives the same images for all batch sizes. Defaults to a random one.
            batch_size: int. Defaults to 64.
            truncation: float. Less gives more typical and less diverse images: see `kerasgan.latent.truncate`.
                Defaults to none.

        Returns:
            float32 array (num_images, height, width, channels) in [-1, 1].
        """
        return self.decode(self.sample_latents(num_images, seed, truncation), batch_size=batch_size)

    def sampling_inputs(self, num_images, seed=None, truncation=None):
        """Returns the generator's inputs for `generate` with the same arguments, as a list."""
        return [self.sample_latents(num_images, seed, truncation)]

    def standing_statistics(self, passes=100, batch_size=64, seed=None, truncation=None):
        """Recomputes the statistics of batch normalization for sampling, from many batches.

        Standing statistics (Brock et al. 2019, https://arxiv.org/abs/1809.11096, appendix B) are the average of the
        means and variances of the batches of many passes of G in training mode. Moving averages instead include
        earlier weights of G. Call this after training and before scoring. Further training updates the moving averages
        again. Frozen normalizations keep their statistics.

        Args:
            passes: int. Number of batches. Defaults to 100, as in the paper.
            batch_size: int. Images per batch. The paper uses the batch size of the training. Defaults to 64.
            seed: int. The same seed gives the same statistics. Defaults to a random one.
            truncation: float. Use the value that images are drawn with. Defaults to none.

        Raises:
            ValueError: if an argument is below 1, or G has no batch normalization that is not frozen.

        Example:

        >>> model = kerasgan.DCGAN(image_size=16, width=2)
        >>> model.standing_statistics(passes=4, batch_size=16, seed=0)
        """
        self._take_statistics(passes, batch_size, lambda count: self.sampling_inputs(count, seed, truncation))

    def _take_statistics(self, passes, batch_size, inputs_of):
        if None in (whole(passes), whole(batch_size)):
            raise ValueError(
                f"`passes` and `batch_size` must be ints of at least 1. Received: {passes!r}, {batch_size!r}"
            )
        norms = trainable_norms(self.sampler(), self.generator)
        if not norms:
            raise ValueError(
                "`standing_statistics` needs a generator with a batch normalization that is not frozen. Received: that "
                f"of {type(self).__name__}, which has none"
            )
        take_statistics(self.sampler(), norms, inputs_of(int(passes) * int(batch_size)), int(batch_size))

    def preview(self, batch, num_images=64, seed=0):
        """Returns the samples of a sample grid, (rows, columns, height, width, channels)."""
        rows = max(1, math.isqrt(num_images))
        columns = num_images // rows
        images = self.generate(rows * columns, seed=seed)
        return images.reshape((rows, columns, *images.shape[1:]))

    # Serving ---------------------------------------------------------------------------------------------------------

    def condition_specs(self):
        """Returns the `tf.TensorSpec`s of the condition in an exported model."""
        return []

    def refuse_unknown(self, condition):
        """Adds the check of a condition to the graph of an exported model."""

    def further_inputs(self, condition, num_images, seed):
        """Returns the network's inputs after z, as tensors, for the condition of an exported model."""
        return condition

    def serving_functions(self):
        """Returns the endpoints of a SavedModel, as {name: (function, list of `tf.TensorSpec`)}."""
        network = self.sampler()

        def serve(latents, *further):
            self.refuse_unknown(further)
            return {"images": network(join_inputs(latents, further), training=False)}

        def generate(num_images, seed, *condition):
            latents = stateless_latents(self.prior, num_images, self.latent_dim, seed)
            return serve(latents, *self.further_inputs(condition, num_images, seed))

        conditions = self.condition_specs()
        latents = tf.TensorSpec((None, self.latent_dim), tf.float32, "latents")
        noise = [tf.TensorSpec(x.shape, x.dtype, x.name) for x in network.inputs[1 + len(conditions) :]]
        count, seed = tf.TensorSpec((), tf.int32, "num_images"), tf.TensorSpec((), tf.int32, "seed")
        return {
            "serving_default": (serve, [latents, *conditions, *noise]),
            "generate": (generate, [count, seed, *conditions]),
        }
