"""The pipeline from decoded uint8 images to a `tf.data.Dataset` of float32 batches."""

import numpy as np
import tensorflow as tf

from kerasgan.arguments import positive_int, whole
from kerasgan.data.resize import resize_matrix
from kerasgan.shapes import as_size

# Decoded sets up to this size are kept in memory. Larger ones are read again in every epoch.
MEMORY_LIMIT = 4 * 2**30


def on_cpu(array):
    """Returns a tensor in host memory, as a plain constant would be placed in GPU memory."""
    with tf.device("CPU:0"):
        return tf.constant(array)


def to_float(images):
    """Scales uint8 or float [0, 255] to float32 [-1, 1], as x / 127.5 - 1."""
    return tf.cast(images, tf.float32) / 127.5 - 1.0


def images_to_float(*batch):
    """Scales the first member of a batch to [-1, 1], and returns the others (labels) unchanged."""
    return to_float(batch[0]) if len(batch) == 1 else (to_float(batch[0]), *batch[1:])


def without_tuner(dataset):
    """Turns off tf.data's tuner of a dataset, unless its options have turned it on.

    With TensorFlow 2.21 the end of an iterator waits until the tuner's thread wakes up. This doubles the time of a
    short pass, and costs up to a minute after a long one. Without the tuner, `AUTOTUNE` means one call per core.
    """
    if dataset.options().autotune.enabled is not None:
        return dataset
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)


def whole_seed(seed):
    """Returns a seed as an int. Raises a ValueError if it is not an integer."""
    if (number := whole(seed, least=-(2**63))) is None:
        raise ValueError(f"`seed` must be an integer. Received: {seed!r}. Remedy: 0, the default")
    return number


def checked_batch(size, batch_size, drop_remainder):
    """Returns the batch size as an int. Raises a ValueError if it is not positive, or no batch can be filled."""
    batch_size = positive_int("batch_size", batch_size)
    if drop_remainder and size < batch_size:
        raise ValueError(
            f"`batch_size` must be at most {size}, the number of images, or no full batch exists. Received: "
            f"batch_size={batch_size}. Remedy: a smaller `batch_size`, or `drop_remainder=False`."
        )
    return batch_size


def make_dataset(
    size, fetch, *, batch_size, shuffle, seed, drop_remainder=None, augment=None, finish=images_to_float, stream=False
):
    """Builds a dataset: indices -> shuffle (the whole set) -> batch -> fetch -> finish -> prefetch.

    Indices are shuffled instead of images, which makes a full shuffle cheap at any image size.

    The order of a shuffled and repeated dataset depends only on `seed`, so any two iterators yield the same batches. In
    contrast, tf.data's shuffle keeps a counter that advances with every pass. A resumed training, or a callback that
    reads the data, would then change the order.

    The dataset has the attributes `num_images` and `left_out`, the number of images per epoch that do not fill a batch.
    Its method `part(start, stop)` returns a dataset of the elements from `start` to `stop`, unshuffled.

    Args:
        size: Int, the number of elements.
        fetch: Function from an index (a vector of indices without `augment` and `stream`) to the stored element.
        batch_size: Int.
        shuffle: Bool. Draws a new order from `seed` in every epoch.
        seed: Int.
        drop_remainder: Bool. Defaults to `shuffle`, so that training batches have one size.
        augment: Function `(element, seed of shape (2,)) -> element` for single elements. If the data are shuffled, the
            seeds differ in every epoch.
        finish: Function from a batch to the elements of the dataset.
        stream: Bool. True fetches single elements in parallel (to read files), False gathers a whole batch at once.
    """
    drop_remainder = shuffle if drop_remainder is None else drop_remainder
    batch_size, seed = checked_batch(size, batch_size, drop_remainder), whole_seed(seed)

    @tf.autograph.experimental.do_not_convert  # which takes tenths of a second at each start
    def epoch(number):
        key = tf.stack([tf.constant(seed, tf.int64), tf.cast(number, tf.int64)])
        order = tf.range(size, dtype=tf.int64)
        if shuffle:
            order = tf.random.experimental.stateless_shuffle(order, seed=key)
        return elements(order, key, drop_remainder)

    def part(start, stop):
        return elements(tf.range(start, stop, dtype=tf.int64), tf.constant([seed, 0], tf.int64), False)

    def elements(order, key, drop_remainder):
        dataset = tf.data.Dataset.from_tensor_slices(order)
        if augment is not None:
            draws = tf.random.stateless_uniform((size, 2), key, minval=None, maxval=None, dtype=tf.int32)
            draws = draws if shuffle else tf.gather(draws, order)
            dataset = tf.data.Dataset.zip(dataset, tf.data.Dataset.from_tensor_slices(draws))
            dataset = dataset.map(lambda index, draw: augment(fetch(index), draw), num_parallel_calls=tf.data.AUTOTUNE)
        elif stream:
            dataset = dataset.map(fetch, num_parallel_calls=tf.data.AUTOTUNE)
        dataset = dataset.batch(batch_size, drop_remainder=drop_remainder)
        if augment is None and not stream:
            dataset = dataset.map(fetch, num_parallel_calls=tf.data.AUTOTUNE)
        return dataset.map(finish, num_parallel_calls=tf.data.AUTOTUNE)

    left_out = size % batch_size if drop_remainder else 0
    if not shuffle:
        dataset = without_tuner(epoch(0).prefetch(tf.data.AUTOTUNE))
        dataset.num_images, dataset.left_out, dataset.part = size, left_out, part
        return dataset
    length = size // batch_size if drop_remainder else -(-size // batch_size)
    once = tf.data.Dataset.random(seed=seed, rerandomize_each_iteration=True).take(1).flat_map(epoch)
    once = once.apply(tf.data.experimental.assert_cardinality(length))
    dataset = without_tuner(once.prefetch(tf.data.AUTOTUNE))

    def repeat(count=None, name=None):
        endless = count is None or count < 0
        epochs = tf.data.Dataset.counter().take(-1 if endless else count).flat_map(epoch)
        cardinality = tf.data.INFINITE_CARDINALITY if endless else count * length
        epochs = epochs.apply(tf.data.experimental.assert_cardinality(cardinality))
        return without_tuner(epochs.prefetch(tf.data.AUTOTUNE))

    dataset.repeat = repeat
    dataset.num_images, dataset.left_out, dataset.part = size, left_out, part
    return dataset


def zip_unpaired(a, b):
    """Combines batches of two independent datasets. The shorter dataset is repeated until the longer one ends.

    Use it for domain adaptation and `kerasgan.SemiSupervisedGAN`.

    Args:
        a, b: finite `tf.data.Dataset`s of batches, such as those of `kerasgan.data.load`.

    Returns:
        A `tf.data.Dataset` of (element of a, element of b), as long as the longer one.

    Example:

    >>> images = np.zeros((8, 28, 28, 1), "float32")
    >>> few = kerasgan.data.from_arrays((images[:4], np.arange(4)), batch_size=4)
    >>> dataset = kerasgan.data.zip_unpaired(few, kerasgan.data.from_arrays(images, batch_size=4))
    >>> len(dataset)
    2
    """
    if int(a.cardinality()) < int(b.cardinality()):
        once = tf.data.Dataset.zip(a.repeat(), b)
    else:
        once = tf.data.Dataset.zip(a, b.repeat())
    length = int(once.cardinality())
    once.repeat = lambda count=None, name=None: tf.data.Dataset.zip(a.repeat(), b.repeat()).take(
        -1 if count is None else count * length
    )
    return once


def low_and_high(images, size, scale):
    """Returns (bicubically shrunk, original) of uint8 images of `size`, both float32 in [-1, 1]."""
    rows, columns = (tf.constant(resize_matrix(side, 1 / scale), tf.float32) for side in as_size(size))
    low = tf.einsum("oh,bhwc,pw->bopc", rows, tf.cast(images, tf.float32), columns)
    # Rounded, as a stored 8-bit image is.
    low = tf.clip_by_value(tf.floor(low + 0.5), 0.0, 255.0)
    return to_float(low), to_float(images)


def crop_pair(image, draw, size):
    """Crops a random part of `size`, (height, width), from a uint8 image, with a seed of shape (2,)."""
    place = tf.random.stateless_uniform((2,), draw)
    room = tf.cast(tf.shape(image)[:2] - size + 1, tf.float32)
    top, left = tf.unstack(tf.cast(tf.floor(place * room), tf.int32))
    return image[top : top + size[0], left : left + size[1]]


def jitter(image, draw):
    """Enlarges by 286/256, crops a random part of the old size, mirrors half of the images (Isola et al. 2017, 6.2)."""
    *size, channels = image.shape
    enlarged = tf.image.resize(image, [round(side * 286 / 256) for side in size])
    part = tf.ensure_shape(crop_pair(enlarged, draw, size), (*size, channels))
    mirror = tf.random.stateless_uniform((), draw + 1) < 0.5
    return tf.where(mirror, part[:, ::-1], part)


def text_elements(images_and_ids, strings, vectors, text):
    """Converts a batch `(uint8 images, caption ids, *others)` to (images, vectors and/or strings, *others)."""
    images, ids, *others = images_and_ids
    parts = {
        "embeddings": lambda: [tf.gather(vectors, ids)],
        "strings": lambda: [tf.gather(strings, ids)],
        "both": lambda: [tf.gather(vectors, ids), tf.gather(strings, ids)],
    }[text]()
    return (to_float(images), *parts, *others)


def text_tables(captions, embeddings, text):
    """Checks the arguments and returns (text, strings, vectors), the latter two as tensors in host memory.

    Args:
        captions: List of n strings.
        embeddings: None, an array `(n, dim)`, or a callable from a list of strings to such an array.
        text: "embeddings", "strings", "both", or None. None means embeddings if there are any, else strings.
    """
    known = ("embeddings", "strings", "both")
    text = ("strings" if embeddings is None else "embeddings") if text is None else text
    if text not in known:
        raise ValueError(f"`text` must be one of {known} or None. Received: {text!r}")
    vectors = None
    if text != "strings":
        if embeddings is None:
            raise ValueError(
                f"`text`={text!r} needs `embeddings`: an array with a row for each of {len(captions)} captions, or a "
                "callable from a list of strings to such an array."
            )
        vectors = np.asarray(embeddings(list(captions)) if callable(embeddings) else embeddings, "float32")
        if vectors.ndim != 2 or len(vectors) != len(captions) or not np.isfinite(vectors).all():
            raise ValueError(
                f"`embeddings` must be finite, of shape ({len(captions)}, dim): a row for each caption. Received: "
                f"shape {vectors.shape}"
            )
        vectors = on_cpu(vectors)
    return text, on_cpu(np.array(captions, dtype=object)), vectors
