"""The one way from decoded uint8 images to a tf.data.Dataset of float32 batches."""

import tensorflow as tf

# Decoded sets up to this size are held in memory; larger ones are read again every epoch.
MEMORY_LIMIT = 4 * 2**30


def on_cpu(array):
    """A tensor in host memory: with a GPU present a plain constant would fill the GPU's."""
    with tf.device("CPU:0"):
        return tf.constant(array)


def to_float(images):
    """uint8 or float [0, 255] -> float32 [-1, 1], as x / 127.5 - 1."""
    return tf.cast(images, tf.float32) / 127.5 - 1.0


def make_dataset(
    size, fetch, *, batch_size, shuffle, seed, drop_remainder=None, augment=None, finish=None, stream=False
):
    """Indices -> shuffle (the whole set) -> batch -> fetch -> finish -> prefetch.

    Shuffling indices instead of images makes a full shuffle free at any image size.

    Args:
        size: Int, the number of elements.
        fetch: Function from an index (a vector of indices when there is no `augment`) to the stored element.
        batch_size: Int.
        shuffle: Bool; a new order every epoch, drawn from `seed`.
        seed: Int.
        drop_remainder: Bool; by default as `shuffle`, so that training batches have one size.
        augment: Function `(element, seed of shape (2,)) -> element`, applied to single elements, with fresh draws
            every epoch when shuffling, the same ones otherwise.
        finish: Function from a batch to the element that models see.
        stream: Bool; True fetches single elements in parallel (reading files), False gathers a whole batch at once.
    """
    drop_remainder = shuffle if drop_remainder is None else drop_remainder
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
        raise ValueError(f"`batch_size` must be a positive integer. Received: {batch_size!r}")
    if drop_remainder and size < batch_size:
        raise ValueError(
            f"`batch_size` must be at most {size}, the number of images, or no full batch exists. Received: "
            f"batch_size={batch_size}. Remedy: a smaller `batch_size`, or `drop_remainder=False`."
        )
    dataset = tf.data.Dataset.range(size)
    if shuffle:
        dataset = dataset.shuffle(size, seed=seed, reshuffle_each_iteration=True)
    if augment is not None:
        draws = tf.data.Dataset.random(seed=seed, rerandomize_each_iteration=shuffle)
        dataset = tf.data.Dataset.zip(dataset, draws.batch(2, drop_remainder=True))
        dataset = dataset.map(lambda index, draw: augment(fetch(index), draw), num_parallel_calls=tf.data.AUTOTUNE)
        dataset = dataset.batch(batch_size, drop_remainder=drop_remainder)
    elif stream:
        dataset = dataset.map(fetch, num_parallel_calls=tf.data.AUTOTUNE)
        dataset = dataset.batch(batch_size, drop_remainder=drop_remainder)
    else:
        dataset = dataset.batch(batch_size, drop_remainder=drop_remainder)
        dataset = dataset.map(fetch, num_parallel_calls=tf.data.AUTOTUNE)
    if finish is not None:
        dataset = dataset.map(finish, num_parallel_calls=tf.data.AUTOTUNE)
    return dataset.prefetch(tf.data.AUTOTUNE)


def images_to_float(*batch):
    """The first member of a batch to [-1, 1]; the others (labels) as they are."""
    return to_float(batch[0]) if len(batch) == 1 else (to_float(batch[0]), *batch[1:])
