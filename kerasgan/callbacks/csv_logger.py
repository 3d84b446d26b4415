"""Logs of all epochs as a CSV table."""

import contextlib
import csv
import warnings
from pathlib import Path

import keras

from kerasgan.callbacks.checkpoint import is_chief
from kerasgan.files import naming, put_aside, reading, replacing
from kerasgan.plots.curves import number


class CSVLogger(keras.callbacks.CSVLogger):
    """Writes one line per epoch, like Keras's `CSVLogger`, and omits columns that have no value in any epoch.

    Keras's adds a `val_` column of "NA" for each log where there are no `validation_data`.

    A log that appears in a later epoch gets a new column, with "NA" in the epochs before. With `append`, the lines
    follow the columns of the file. An incomplete last line of a killed process is removed with a warning. Epochs that
    are repeated after an interruption replace their old lines. If that would replace all lines, the file is the log of
    another training, and is renamed: `old_1_log.csv`. With several workers only the chief writes.

    An OSError of a full disk names the file.

    Args:
        filename, separator, append: as in `keras.callbacks.CSVLogger`.

    Raises:
        ValueError: if the file to append to is not a log, or has lines of several lengths.

    Example:

    >>> model.fit(dataset, callbacks=[CSVLogger("log.csv")])  # doctest: +SKIP
    """

    _writes = True

    def set_model(self, model):
        super().set_model(model)
        self._writes = is_chief(model)

    def on_train_begin(self, logs=None):
        if not self._writes:
            return
        header = self._header() if self.append else None
        super().on_train_begin(logs)
        self.append_header = header is None
        self._continues = header is not None
        self.keys = header and header[1:]

    def on_epoch_end(self, epoch, logs=None):
        if not self._writes:
            return
        logs = logs or {}
        try:
            with naming(self.filename):
                if self._continues:
                    self._replace_from(epoch)
                if self.keys is None:  # Keras's looks for `val_` columns only where it chooses the columns itself
                    self.keys = sorted(logs)
                if not set(logs) <= set(self.keys):
                    self._change_columns(logs)
                super().on_epoch_end(epoch, logs)
        except OSError:
            with contextlib.suppress(OSError):
                self.csv_file.close()  # otherwise Python tries again at exit
            raise

    def on_train_end(self, logs=None):
        if self._writes:
            super().on_train_end(logs)

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

    def _replace_from(self, epoch):
        """Removes the lines from this epoch on, or puts the file aside if it has no others."""
        self._continues = False
        header, *rows = self._rows()
        kept = [row for row in rows if not number(row[0]) >= epoch]
        if len(kept) == len(rows):
            return
        self.csv_file.close()
        if kept:
            self._rewrite(header[1:], [dict(zip(header, row)) for row in kept])
            return
        (name,) = put_aside([Path(self.filename)])
        warnings.warn(f"{self.filename} holds the log of another training. It is now {name}.", stacklevel=3)
        self.csv_file = open(self.filename, "a", encoding="utf-8")
        self.keys, self.append_header = None, True

    def _change_columns(self, logs):
        """Adds the columns of new logs. Columns that had no value in any epoch and ended are left out."""
        self.csv_file.close()
        header, *rows = self._rows()
        rows = [dict(zip(header, row)) for row in rows]
        used = [name for name in self.keys if name in logs or any(row[name] not in ("NA", "nan") for row in rows)]
        self.keys = used + sorted(set(logs) - set(used))
        self._rewrite(self.keys, rows)

    def _rewrite(self, columns, rows):
        """Replaces the content of the closed file by `rows`, a list of dicts, and opens it for the next lines."""
        with replacing(self.filename) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, ["epoch", *columns], "NA", extrasaction="ignore", delimiter=self.sep)
            writer.writeheader()
            writer.writerows(rows)
        self.csv_file = open(self.filename, "a", encoding="utf-8")
        self.writer, self.append_header = None, False
