"""Estimates the duration of a training."""

import math
import time

import click
import keras


class TimeLeft(keras.callbacks.Callback):
    """Prints the estimated duration of an epoch after the first steps, and the time left after each epoch.

    The first execution is not measured, as TensorFlow builds the graph in it.
    """

    SECONDS = 1.0  # duration of the measurement

    def __init__(self, epochs):
        super().__init__()
        self.epochs, self.first, self.start = epochs, None, None
        self.measured_from, self.told = None, False

    def on_epoch_begin(self, epoch, logs=None):
        now = time.monotonic()
        if self.first is None:  # not 0 in a resumed run
            self.first, self.start = epoch, now
            return
        self.told = True
        left = (self.epochs - epoch) * (now - self.start) / (epoch - self.first)
        click.echo(f"about {duration(left)} left")

    def on_train_batch_end(self, batch, logs=None):
        now = time.monotonic()
        if self.measured_from is None:
            self.measured_from = batch, now
        first, start = self.measured_from
        if self.told or now - start < self.SECONDS:
            return
        self.told = True
        epoch = (now - start) / (batch - first) * self.params["steps"]
        whole = (self.epochs - self.first) * epoch
        click.echo(f"\nabout {duration(epoch)} an epoch, {duration(whole)} in all")  # below the progress bar


def duration(seconds):
    """Formats a number of seconds as seconds, minutes or hours.

    >>> duration(9000)
    '2 h 30 min'
    """
    minutes = round(seconds / 60)
    if minutes < 1:
        return f"{math.ceil(seconds)} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
