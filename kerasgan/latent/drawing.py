"""Latents from seeds, and images from latents."""

import numpy as np


def decode(model, latents, condition=None, batch_size=64):
    """Draws images from latents and other inputs of the model, such as labels.

    Args:
        model: a model that draws images from latents.
        latents: (..., latent_dim).
        condition: the condition of a conditional model. For label models: a label, labels (n,), or a dict of these by
            name. For text models: a string, strings or text vectors, which are used in turn. Defaults to none.
        batch_size: int. Defaults to 64.

    Returns:
        float32 array (..., height, width, channels) in [-1, 1]. To plot it: `plots.image_grid(it)`.

    Raises:
        ValueError: for a translator, a missing or unexpected condition, or latents of another length.

    Example:

    >>> model = kerasgan.DCGAN(image_size=16, width=2, latent_dim=4)
    >>> decode(model, np.zeros((2, 3, 4))).shape
    (2, 3, 16, 16, 3)
    """
    check_has_latents(model)
    latents = np.asarray(latents, "float32")
    if latents.ndim < 1 or latents.shape[-1] != model.latent_dim:
        raise ValueError(f"`latents` must have shape (..., {model.latent_dim}). Received: {latents.shape}")
    rows = latents.reshape((-1, model.latent_dim))
    inputs = [rows, *condition_inputs(model, condition, len(rows))]
    network = model.sampler()
    images = network.predict(inputs if len(inputs) > 1 else rows, batch_size=batch_size, verbose=0)
    return images.reshape((*latents.shape[:-1], *images.shape[1:]))


def check_has_latents(model):
    if hasattr(model, "translate"):
        raise ValueError(
            f"`model` must draw images from latents. Received: {type(model).__name__}, which changes images"
        )


def condition_inputs(model, condition, count):
    """Returns the generator's inputs after the latents, `count` rows each."""
    if hasattr(model, "embed"):
        if condition is None:
            raise ValueError(f"`condition` must be a text for {type(model).__name__}. Received: None")
        return model.sampling_inputs(condition, count, seed=0)[1:]
    if not getattr(model, "condition_names", ()):
        if condition is not None:
            raise ValueError(f"`condition` must be None for {type(model).__name__}. Received: {condition!r}")
        return []
    if condition is None:
        raise ValueError(f"`condition` must give {model.condition_names}. Received: None")

    def rows(values):
        values = np.asarray(values)
        values = values.astype("int32" if values.dtype.kind in "iub" else "float32")
        return np.broadcast_to(values, (count, *values.shape[1:]))

    # `rows` has repeated single values. Other numbers of rows must match the latents.
    _, condition = model.unpack((None, {k: rows(v) for k, v in _by_name(model, condition).items()}))
    model._check_condition(condition)
    return list(condition)


def _by_name(model, condition):
    return condition if isinstance(condition, dict) else dict.fromkeys(model.condition_names[:1], condition)


def map_to_styles(model, latents, condition=None):
    """Maps latents (n, latent_dim) to w (n, style_dim). `condition` is as in `decode`."""
    return model.map(latents, tuple(condition_inputs(model, condition, len(latents))))


def of_seeds(model, seeds):
    """Returns the first latent of each seed, which `model.generate(1, seed=seed)` uses.

    Args:
        model: a model that draws images from latents.
        seeds: list of ints.

    Returns:
        float32 array (len(seeds), latent_dim). To plot it: `plots.image_grid(decode(model, it))`.
    """
    check_has_latents(model)
    return np.concatenate([model.sample_latents(1, seed) for seed in seeds])
