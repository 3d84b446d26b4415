"""Logs of all epochs as a CSV table."""

import contextlib
import csv
import warnings
from pathlib import Path

import keras

from kerasgan.files import naming, reading, replacing


class CSVLogger(keras.callbacks.CSVLogger):
    """Writes one line per epoch, like Keras's `CSVLogger`, and omits columns that have no value in any epoch.

    Keras's adds a `val_` column of "NA" for each log where there are no `validation_data`.

    A log that appears in a later epoch gets a new column, with "NA" in the epochs before. With `append`, the lines
    follow the columns of the file. An incomplete last line of a killed process is removed with a warning.

    An OSError of a full disk names the file.

    Args:
        filename, separator, append: as in `keras.callbacks.CSVLogger`.

    Raises:
        ValueError: if the file to append to is not a log, or has lines of several lengths.

    Example:

    >>> model.fit(dataset, callbacks=[CSVLogger("log.csv")])  # doctest: +SKIP
    """

    def on_train_begin(self, logs=None):
        header = self._header() if self.append else None
        super().on_train_begin(logs)
        self.append_header = header is None
        self.keys = header and header[1:]

    def on_epoch_end(self, epoch, logs=None):
        logs = logs or {}
        if self.keys is None:  # Keras's looks for `val_` columns only where it chooses the columns itself
            self.keys = sorted(logs)
        try:
            with naming(self.filename):
                if not set(logs) <= set(self.keys):
                    self._change_columns(logs)
                super().on_epoch_end(epoch, logs)
        except OSError:
            with contextlib.suppress(OSError):
                self.csv_file.close()  # otherwise Python tries again at exit
            raise

    def _header(self):
        """Returns the header of the file to append to, or None if it is new. Removes an incomplete last line."""
        path = Path(self.filename)
        if not path.exists():
            return None
        content = path.read_bytes()
        end = content.rfind(b"\n") + 1
        if end < len(content):
            left_out = content[end:].decode("utf-8", "replace")
            warnings.warn(f"{path}: the incomplete last line {left_out!r} is removed.", stacklevel=3)
            with replacing(path) as temporary:
                temporary.write_bytes(content[:end])
        rows = self._rows()
        return rows[0] if rows else None

    def _rows(self):
        """Returns the lines of the file as lists of cells, the header first."""
        with reading(self.filename, "a log of `CSVLogger`"), open(self.filename, newline="", encoding="utf-8") as file:
            rows = [row for row in csv.reader(file, delimiter=self.sep) if row]
        remedy = "Remedy: repair or rename the file, or write another one"
        if rows and rows[0][0] != "epoch":
            raise ValueError(
                f"{self.filename} must be a log whose first column is 'epoch', with the separator {self.sep!r}. "
                f"Received: the header {self.sep.join(rows[0])!r}. {remedy}."
            )
        for row in rows:
            if len(row) != len(rows[0]):
                raise ValueError(
                    f"{self.filename} must have the {len(rows[0])} columns of its header in each line. "
                    f"Received: {len(row)} in the line {self.sep.join(row)!r}. {remedy}."
                )
        return rows

    def _change_columns(self, logs):
        """Adds the columns of new logs. Columns that had no value in any epoch and ended are left out."""
        self.csv_file.close()
        header, *rows = self._rows()
        rows = [dict(zip(header, row)) for row in rows]
        used = [name for name in self.keys if name in logs or any(row[name] not in ("NA", "nan") for row in rows)]
        self.keys = used + sorted(set(logs) - set(used))
        with replacing(self.filename) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, ["epoch", *self.keys], "NA", extrasaction="ignore", delimiter=self.sep)
            writer.writeheader()
            writer.writerows(rows)
        self.csv_file = open(self.filename, "a", encoding="utf-8")
        self.writer, self.append_header = None, False
