"""Networks of style-based generators: the mapping from latents to w, and the synthesis from the w of each layer.

The layers have explicit names. TensorFlow's graph optimizer sorts sums by name. With the numbered names of Keras, two
models of one process would round differently.
"""

import keras
import tensorflow as tf

from kerasgan.layers import EqualizedDense, PixelNormalization, Resample, TrackedMean
from kerasgan.networks.parts import pyramid


def mapping_network(latent_dim, style_dim, num_layers, num_classes=None, track=True):
    """The mapping f: z -> w: dense layers on normalized latents and an embedding of the class.

    The layers have a hundredth of the learning rate (Karras et al. 2019, appendix C). Labels are used as in the code of
    Karras et al. (2020b). Computes in float32.

    Args:
        latent_dim: int. 0 for a mapping of labels only, as in conditional discriminators.
        style_dim: int. Length of w.
        num_layers: int.
        num_classes: int or None.
        track: bool. Whether the network keeps the moving mean of w. Defaults to True.

    Returns:
        A `keras.Model` called `"mapping"`, latents, labels or [latents, labels] -> (batch, style_dim) float32.
    """
    inputs, parts = [], []
    if latent_dim:
        inputs.append(keras.Input((latent_dim,), name="latents"))
        parts.append(PixelNormalization(dtype="float32", name="unit_latents")(inputs[0]))
    if num_classes:
        inputs.append(keras.Input((), dtype="int32", name="labels"))
        classes = keras.ops.one_hot(inputs[-1], num_classes)
        embedded = EqualizedDense(style_dim, activate=False, dtype="float32", name="embedding")(classes)
        parts.append(PixelNormalization(dtype="float32", name="unit_embedding")(embedded))
    x = keras.layers.Concatenate(dtype="float32", name="joined")(parts) if len(parts) > 1 else parts[0]
    for number in range(num_layers):
        x = EqualizedDense(style_dim, rate=0.01, dtype="float32", name=f"dense_{number}")(x)
    if track:
        x = TrackedMean(dtype="float32", name="average")(x)
    return keras.Model(inputs if len(inputs) > 1 else inputs[0], x, name="mapping")


def style_stages(image_size, channel_base, channel_max):
    """Returns the sizes (height, width) from the smallest to the image, and their channels: base / side, up to max.

    Raises:
        ValueError: if the image cannot be halved down to 4 to 7 pixels, or a layer would have no channels.
    """
    base, levels = pyramid(image_size, 1)
    depth = len(levels) + 1
    if min(channel_base, channel_max) < 1 or channel_base < 2 ** (depth + 1):
        raise ValueError(
            f"`channel_base` must be at least {2 ** (depth + 1)} for {image_size} pixels, and `channel_max` at least 1."
            f" Received: {channel_base!r} and {channel_max!r}"
        )
    sizes = [tuple(side * 2**level for side in base) for level in range(depth)]
    return sizes, [min(channel_base // 2 ** (level + 2), channel_max) for level in range(depth)]


def style_generator(mapping, synthesis):
    """Joins a mapping network and a synthesis network: each layer gets the same w.

    Returns:
        A `keras.Model`, latents or [latents, labels] -> (batch, image_size, image_size, channels).
    """
    inputs = [keras.Input(x.shape[1:], dtype=x.dtype, name=x.name) for x in mapping.inputs]
    inputs = inputs if len(inputs) > 1 else inputs[0]
    w = keras.layers.RepeatVector(synthesis.input_shape[1], dtype="float32", name="each_layer")(mapping(inputs))
    return keras.Model(inputs, synthesis(w), name="generator")


def layer_styles(number, style_dim):
    """Returns the input of a synthesis network, (batch, number, style_dim), and the w of each layer."""
    styles = keras.Input((number, style_dim), name="styles")
    return styles, [styles[:, i] for i in range(number)]


def add_picture(picture, shown):
    """Doubles the size of the image so far, if there is one, and adds the output of a layer at the next size."""
    if picture is None:
        return shown
    size = shown.shape[1]
    picture = Resample(up=2, dtype="float32", name=f"picture_{size}")(picture)
    return keras.layers.Add(dtype="float32", name=f"sum_{size}")([picture, shown])


def mix(w, other, crossover):
    """Takes the styles of the layers before `crossover` from `w`, and the rest from `other` (Karras et al. 2019).

    https://arxiv.org/abs/1812.04948, section 3.1.

    Args:
        w, other: (batch, layers, style_dim).
        crossover: int, or int (batch,), from 0 to the number of layers. With 0, all styles are from `other`.

    Returns:
        A tensor (batch, layers, style_dim).

    Example:

    >>> kerasgan.networks.mix(np.zeros((1, 4, 1)), np.ones((1, 4, 1)), 3)[0, :, 0].numpy()
    array([0., 0., 0., 1.])
    """
    crossover = tf.reshape(tf.convert_to_tensor(crossover), (-1, 1, 1))
    return tf.where(tf.range(w.shape[1])[None, :, None] < crossover, w, other)
