"""Progress bars of long computations."""

import sys

import keras

QUIET = 10.0  # seconds between two updates in a file or a pipe


def progress_bar(total, unit_name, verbose=1):
    """Returns a `keras.utils.Progbar`, with the time left. In a file or a pipe it is updated every ten seconds.

    Args:
        total: int, or None if it is unknown.
        unit_name: str, what is counted.
        verbose: 1, or 0 for none. Defaults to 1.
    """
    lively = sys.stdout.isatty() or "ipykernel" in sys.modules
    return keras.utils.Progbar(total, verbose=verbose, interval=0.05 if lively else QUIET, unit_name=unit_name)
