"""Gradient accumulation: one update with the mean gradient of several batches."""

import threading

import keras
import tensorflow as tf

# Several devices run their steps in threads of their own, by turns.
_OF_THREAD = threading.local()


class HeldGradients:
    """Adds the gradients of several batches and returns their mean.

    Args:
        count: int. Number of batches.
    """

    def __init__(self, count):
        self.count, self.added, self.sums = count, 0, None

    def add(self, gradients):
        """Returns the mean after the last batch, and None before."""
        parts = [None if g is None else tf.convert_to_tensor(g) for g in gradients]
        if self.sums is not None:
            parts = [s if g is None else g if s is None else s + g for s, g in zip(self.sums, parts, strict=True)]
        self.sums, self.added = parts, self.added + 1
        return [s if s is None else s / self.count for s in parts] if self.added == self.count else None


def held_gradients():
    """Returns the `HeldGradients` of the update that this thread makes, or None."""
    return getattr(_OF_THREAD, "held", None)


def update_once(update, batches):
    """Calls `update(batch)` for each batch. Only the last call makes an optimizer step, with the mean gradient.

    Control dependencies run the batches one after the other, so the memory has the activations of one batch only.

    Returns:
        The means of the logs that `update` returns.
    """
    held, logs = HeldGradients(len(batches)), []
    _OF_THREAD.held = held
    try:
        for batch in batches:
            with tf.control_dependencies([g for g in held.sums or () if g is not None]):
                logs.append(update(batch))
    finally:
        _OF_THREAD.held = None
    return {name: keras.ops.mean(keras.ops.stack([log[name] for log in logs])) for name in logs[0]}
