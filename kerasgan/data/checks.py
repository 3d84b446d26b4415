"""Checks of the first batch before the first training step."""

import numpy as np

from kerasgan.shapes import as_size, spelled

_TOLERANCE = 1e-3


def _received(array):
    text = f"shape {array.shape}, dtype {array.dtype}"
    if array.size and array.dtype.kind in "biuf":
        text += f", min {array.min():.6g}, max {array.max():.6g}"
    return text


def _as_numpy(values):
    array = np.asarray(values)
    # NumPy has no native bfloat16 (kind "V"), which min and max need.
    return array.astype("float32") if array.dtype.name == "bfloat16" else array


def check_images(images, *, image_size=None, channels=None, name="images", check_range=True):
    """Checks one batch of images: rank, size, channels, type, finite values and range.

    Args:
        images: Array or tensor `(batch, height, width, channels)`; expected float32 in [-1, 1].
        image_size: Int or (height, width). `None` accepts any size.
        channels: Int. `None` accepts any number.
        name: The name of the batch in messages.
        check_range: Bool, default True. False accepts any finite values.

    Raises:
        ValueError: If a check fails. The message gives the expected and the received shape, dtype, min and max, and a
            remedy.

    Example:

    >>> check_images(np.random.uniform(-1, 1, (4, 28, 28, 1)).astype("float32"), image_size=28, channels=1)
    """
    images = _as_numpy(images)
    side = lambda value, other: other if value is None else value  # noqa: E731
    size = ("height", "width") if image_size is None else as_size(image_size)
    shape = f"(batch, {size[0]}, {size[1]}, {side(channels, 'channels')})"

    def fail(problem, remedy):
        raise ValueError(
            f"`{name}` must be float32 images of shape {shape} with values in [-1, 1]. {problem} "
            f"Received: {_received(images)}. Remedy: {remedy}"
        )

    if images.ndim != 4:
        remedy = "batch the dataset: `dataset.batch(64)`."
        if images.ndim == 3 and (images.shape[-1] > 4 or channels is None):
            remedy = "add the channel axis: `images[..., None]` (or, for single images, `dataset.batch(64)`)."
        fail(f"The rank is {images.ndim}, not 4.", remedy)
    if 0 in images.shape:
        fail("The batch is empty.", "check the dataset: it must yield at least one full batch.")
    if image_size is not None and images.shape[1:3] != size:
        remedy = f"resize the images: `tf.image.resize(images, {size}, antialias=True)`"
        remedy += f", or build the model with `image_size={spelled(images.shape[1:3])}`"
        fail(f"The size is {images.shape[1]}x{images.shape[2]}, not {size[0]}x{size[1]}.", remedy + ".")
    if channels is not None and images.shape[-1] != channels:
        convert = {1: "`tf.image.rgb_to_grayscale(images)`", 3: "`tf.image.grayscale_to_rgb(images)`"}
        remedy = f"build the model with `channels={images.shape[-1]}`"
        if channels in convert and images.shape[-1] in convert:
            remedy += f", or convert: {convert[channels]}"
        fail(f"There are {images.shape[-1]} channels, not {channels}.", remedy + ".")
    if images.dtype.kind in "biu":
        fail("The type is not floating point.", "scale the images: `tf.cast(images, 'float32') / 127.5 - 1`.")
    if images.dtype.kind != "f" or images.dtype.itemsize > 4:
        fail("The type is not float32.", "cast the images: `tf.cast(images, 'float32')`.")
    if not np.isfinite(images).all():
        bad = images.size - int(np.isfinite(images).sum())
        fail(f"{bad} of {images.size} values are NaN or infinite.", "find the broken images and leave them out.")
    if not check_range:
        return
    low, high = float(images.min()), float(images.max())
    if low >= 0 and 1 + _TOLERANCE < high <= 255 + _TOLERANCE:
        fail("The values look like [0, 255].", "scale the images: `images / 127.5 - 1`.")
    if low < -1 - _TOLERANCE or high > 1 + _TOLERANCE:
        fail(
            "Values lie outside [-1, 1].",
            "scale the images to [-1, 1], or pass `check_inputs=False` if this range is intended.",
        )
    # Drawings on white may have no negative values either, but they have no values near 0.
    if 0 <= low < 0.05:
        fail(
            "No value is negative and the lowest is near 0, so they look like [0, 1].",
            "scale the images: `images * 2 - 1`, or pass `check_inputs=False` if this range is intended.",
        )


def check_labels(labels, *, num_classes, name="labels"):
    """Checks one batch of class labels: integers `(batch,)` in [0, num_classes).

    Args:
        labels: Array or tensor `(batch,)` of any integer type.
        num_classes: Int, the number of classes.
        name: The name of the labels in messages.

    Raises:
        ValueError: If a check fails. The message gives the expected and the received labels, and a remedy.

    Example:

    >>> check_labels(np.array([0, 9]), num_classes=10)
    """
    labels = _as_numpy(labels)

    def fail(problem, remedy):
        raise ValueError(
            f"`{name}` must be integers of shape (batch,) from 0 to {num_classes - 1}. {problem} "
            f"Received: {_received(labels)}. Remedy: {remedy}"
        )

    if labels.ndim != 1:
        remedy = "pass one integer per image."
        if labels.ndim == 2 and labels.shape[1] == 1:
            remedy = "drop the last axis: `tf.squeeze(labels, -1)`."
        elif labels.ndim == 2 and labels.shape[1] == num_classes:
            remedy = "turn one-hot rows into integers: `tf.argmax(labels, -1)`."
        fail(f"The rank is {labels.ndim}, not 1.", remedy)
    if labels.dtype.kind not in "iu":
        fail("The type is not an integer.", "cast the labels: `tf.cast(labels, 'int32')`.")
    if labels.size and (labels.min() < 0 or labels.max() >= num_classes):
        remedy = f"number the classes from 0, or build the model with `num_classes={int(labels.max()) + 1}`."
        fail("Some labels are out of range.", remedy)


def check_vectors(vectors, *, dim, name="vectors"):
    """Checks one batch of vectors (text embeddings, real-valued attributes): finite float32 `(batch, dim)`.

    Args:
        vectors: Array or tensor `(batch, dim)`. `(batch,)` is accepted if `dim` is 1.
        dim: Int, the length of a vector. `None` accepts any length.
        name: The name of the vectors in messages.

    Raises:
        ValueError: If a check fails. The message gives the expected and the received vectors, and a remedy.

    Example:

    >>> check_vectors(np.zeros((4, 384), "float32"), dim=384)
    """
    vectors = _as_numpy(vectors)

    def fail(problem, remedy):
        raise ValueError(
            f"`{name}` must be finite float32 vectors of shape (batch, {'dim' if dim is None else dim}). {problem} "
            f"Received: {_received(vectors)}. Remedy: {remedy}"
        )

    if vectors.ndim != 2 and not (dim == 1 and vectors.ndim == 1):
        fail(f"The rank is {vectors.ndim}, not 2.", "pass one vector per image, and batch the dataset.")
    if vectors.ndim == 2 and dim is not None and vectors.shape[1] != dim:
        fail(
            f"The vectors have {vectors.shape[1]} entries, not {dim}.",
            f"build the model for vectors of length {vectors.shape[1]}, or use the encoder that it was built for.",
        )
    if vectors.dtype.kind != "f" or vectors.dtype.itemsize > 4:
        fail("The type is not float32.", "cast the vectors: `tf.cast(vectors, 'float32')`.")
    if not np.isfinite(vectors).all():
        fail("Some values are NaN or infinite.", "find the broken vectors and leave them out.")


def check_pair(batch, first, second):
    """Checks that a dataset element has two parts with the same number of rows.

    Args:
        batch: The element.
        first, second: The names of its parts in messages.

    Returns:
        The two parts as arrays.

    Raises:
        ValueError: If it does not.

    Example:

    >>> source, target = check_pair((np.zeros((4, 8, 8, 3)), np.zeros((4, 8, 8, 3))), "source", "target")
    """
    if not isinstance(batch, (tuple, list)) or len(batch) != 2:
        got = f"{len(batch)} parts" if isinstance(batch, (tuple, list)) else type(batch).__name__
        raise ValueError(
            f"A dataset element must be a pair ({first}, {second}). Received: {got}. "
            f"Remedy: `tf.data.Dataset.zip({first}s, {second}s)`, or `fit(({first}, {second}))` with arrays."
        )
    a, b = (_as_numpy(part) for part in batch)
    if a.shape[:1] != b.shape[:1]:
        raise ValueError(
            f"`{first}` and `{second}` must have the same number of rows. Received: shapes {a.shape} and {b.shape}"
        )
    return a, b


def check_label_maps(labels, *, num_classes=None, image_size=None, name="labels"):
    """Checks one batch of label maps: integers `(batch, height, width)` in [0, num_classes).

    Args:
        labels: Array or tensor `(batch, height, width)` of any integer type.
        num_classes: Int, the number of classes. `None` accepts any integers, as in instance maps.
        image_size: Int or (height, width). `None` accepts any size.
        name: The name of the maps in messages.

    Raises:
        ValueError: If a check fails. The message gives the expected and the received maps, and a remedy.

    Example:

    >>> check_label_maps(np.zeros((4, 32, 48), "uint8"), num_classes=12)
    """
    labels = _as_numpy(labels)
    size = ("height", "width") if image_size is None else as_size(image_size)
    span = "" if num_classes is None else f" from 0 to {num_classes - 1}"

    def fail(problem, remedy):
        raise ValueError(
            f"`{name}` must be integers of shape (batch, {size[0]}, {size[1]}){span}. {problem} "
            f"Received: {_received(labels)}. Remedy: {remedy}"
        )

    if labels.ndim != 3:
        remedy = "pass one integer per pixel, and batch the dataset: `dataset.batch(1)`."
        if labels.ndim == 4 and labels.shape[-1] == 1:
            remedy = "drop the last axis: `tf.squeeze(labels, -1)`."
        elif labels.ndim == 4 and labels.shape[-1] == num_classes:
            remedy = "turn one-hot pixels into integers: `tf.argmax(labels, -1)`."
        fail(f"The rank is {labels.ndim}, not 3.", remedy)
    if image_size is not None and labels.shape[1:] != size:
        fail(
            f"The size is {labels.shape[1]}x{labels.shape[2]}, not {size[0]}x{size[1]}.",
            "resize them by nearest neighbours: `tf.image.resize(labels[..., None], size, 'nearest')[..., 0]`.",
        )
    if labels.dtype.kind not in "iu":
        fail("The type is not an integer.", "cast the labels: `tf.cast(labels, 'int32')`.")
    if num_classes is not None and labels.size and (labels.min() < 0 or labels.max() >= num_classes):
        fail(
            "Some labels are out of range.",
            f"number all classes (also void) from 0, or build the model with `num_classes={int(labels.max()) + 1}`.",
        )
