"""The task of drawing images by styles: a mapping from noise to w, and a synthesis from one w per layer."""

import numpy as np
import tensorflow as tf

from kerasgan.models.tasks.labels import FromLabels
from kerasgan.models.tasks.noise import join_inputs


class FromStyles(FromLabels):
    """Mixin for models that draw images from noise and optional labels with styles w.

    The generator is a `kerasgan.networks.style_generator`. The constructor also calls `set_styles`.
    """

    def set_styles(self):
        """Sets the number of layers with styles and the length of w from the generator."""
        if not {"mapping", "synthesis"} <= {layer.name for layer in self.generator.layers}:
            raise ValueError("`generator` must be a `kerasgan.networks.style_generator`. Received: another model")
        self.num_layers, self.style_dim = self.generator.get_layer("synthesis").input_shape[1:]

    def map(self, latents, condition=(), batch_size=64):
        """Maps latents to w, (n, latent_dim) -> float32 array (n, style_dim); `condition` as in `decode`."""
        inputs = join_inputs(np.asarray(latents, "float32"), condition)
        return self.sampler().get_layer("mapping").predict(inputs, batch_size=batch_size, verbose=0)

    def truncate(self, w, truncation, cutoff=None):
        """Moves w towards its mean: mean + truncation (w - mean) (appendix B). Images get more typical, less diverse.

        Args:
            w: (n, style_dim), or (n, layers, style_dim).
            truncation: float, psi in the paper. 0 gives the mean, 1 changes nothing.
            cutoff: int. Only the layers before it are truncated. The paper's figures use psi 0.7 before layer 8.
                Defaults to all layers.

        Returns:
            float32 array (n, layers, style_dim).
        """
        w = self._of_each_layer(w)
        mean = np.asarray(self.sampler().get_layer("mapping").get_layer("average").mean)
        moved = mean + truncation * (w - mean)
        layer = np.arange(self.num_layers)[:, None]
        return np.where(layer < (self.num_layers if cutoff is None else cutoff), moved, w).astype("float32")

    def synthesize(self, w, batch_size=64):
        """Maps w to images.

        Args:
            w: (n, style_dim), or (n, layers, style_dim) for a different style at each layer.
            batch_size: int. Defaults to 64.

        Returns:
            float32 array (n, image_size, image_size, channels) in [-1, 1].
        """
        network = self.sampler().get_layer("synthesis")
        return network.predict(self._of_each_layer(w), batch_size=batch_size, verbose=0)

    def _of_each_layer(self, w):
        w, shapes = np.asarray(w, "float32"), ((self.style_dim,), (self.num_layers, self.style_dim))
        if w.shape[1:] not in shapes:
            expected = " or ".join(f"(n, {', '.join(map(str, shape))})" for shape in shapes)
            raise ValueError(f"`w` must have shape {expected}. Received: {w.shape}")
        return np.repeat(w[:, None], self.num_layers, axis=1) if w.ndim == 2 else w

    def generate(self, num_images=None, seed=None, labels=None, truncation=1.0, cutoff=None, batch_size=64):
        """Draws images, from the averaged generator if there is one.

        Args:
            num_images, seed, labels, batch_size: as in other models. `labels` needs a model with `num_classes`.
            truncation, cutoff: as in `truncate`. Default to no truncation.

        Returns:
            float32 array (num_images, image_size, image_size, channels) in [-1, 1].
        """
        condition = self.sampling_condition(num_images, seed, labels)
        latents = self.sample_latents(len(condition[0]) if condition else num_images, seed)
        w = self.truncate(self.map(latents, condition, batch_size), truncation, cutoff)
        return self.synthesize(w, batch_size)

    def serving_functions(self):
        """Returns the endpoints of a SavedModel: the endpoints of `FromNoise`, and `styled`.

        `styled` takes the inputs of `serving_default`, the float `truncation` (see `truncate`), and `shift`, float32
        (n, style_dim). It adds `shift` to w, for example a multiple of a direction of `kerasgan.latent.directions`.
        """
        functions = super().serving_functions()
        inputs = functions["serving_default"][1]
        mapping, synthesis = (self.sampler().get_layer(name) for name in ("mapping", "synthesis"))

        def styled(latents, *further):
            *condition, truncation, shift = further
            self.refuse_unknown(condition)
            w = mapping(join_inputs(latents, condition), training=False)
            mean = tf.convert_to_tensor(mapping.get_layer("average").mean)
            w = mean + truncation * (w - mean) + shift
            return {"images": synthesis(tf.repeat(w[:, None], self.num_layers, axis=1), training=False)}

        more = [tf.TensorSpec((), tf.float32, "truncation"), tf.TensorSpec((None, self.style_dim), tf.float32, "shift")]
        return functions | {"styled": (styled, [*inputs, *more])}
