"""Logs of all epochs as a CSV table."""

import contextlib

import keras

from kerasgan.files import naming


class CSVLogger(keras.callbacks.CSVLogger):
    """Writes one line per epoch, like Keras's `CSVLogger`, and omits columns that have no value in any epoch.

    Keras's adds a `val_` column of "NA" for each log where there are no `validation_data`.

    An OSError of a full disk names the file.

    Args:
        filename, separator, append: as in `keras.callbacks.CSVLogger`.

    Example:

    >>> model.fit(dataset, callbacks=[CSVLogger("log.csv")])  # doctest: +SKIP
    """

    def on_epoch_end(self, epoch, logs=None):
        # Keras's looks for `val_` columns only where it chooses the columns itself.
        self.keys = self.keys or sorted(logs or {})
        try:
            with naming(self.filename):
                super().on_epoch_end(epoch, logs)
        except OSError:
            with contextlib.suppress(OSError):
                self.csv_file.close()  # otherwise Python tries again at exit
            raise
