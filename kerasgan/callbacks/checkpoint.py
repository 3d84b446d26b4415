"""Checkpoints of the complete training state, from which training resumes exactly."""

import contextlib
import errno
import os
import platform
import signal
import threading
import time
import warnings
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.eager import context

from kerasgan.arguments import KnowsItsArguments, positive_int
from kerasgan.callbacks.checkpoint_files import STATE, first_non_finite_weight, newest, prune, weights_in_memory, write
from kerasgan.callbacks.identity import differences, first_batch_hash, identity_of
from kerasgan.callbacks.stopping import first_non_finite
from kerasgan.files import sweep
from kerasgan.locks import FolderLock
from kerasgan.version import __version__

# The key of the signal of a worker other than the chief, in the store of TensorFlow's coordination service. This store
# has no public name. Unlike a collective operation, it costs the steps nothing.
STOP = "kerasgan/stop"


class Checkpoint(KnowsItsArguments, keras.callbacks.Callback):
    """Saves the complete state of a training, and resumes an interrupted training exactly.

    A checkpoint is a folder `step_00000120` with `state.weights.h5` (networks, averaged weights, both optimizers,
    seed generators, the step: `model.save_weights` of a compiled model) and `manifest.json` (step, epoch, start of the
    training, configurations of the model and its `compile()`, hash of the first batch, state of other callbacks,
    versions, and SHA-256 hashes). The folder is renamed into place after all data have been written to the disk.

    `fit` of a kerasgan model calls `restore_into` before training, so that the same script, run again, continues. The
    checkpoint stores the step and the epoch at which the training in its folder began, which may be those of a loaded
    model or of a second `fit`; `epochs` means the same in a run and in its continuation. For callbacks that set the
    model's weights, see `fit`.

    A state with a non-finite weight or log is never saved. With several workers only the chief writes, and all restore
    from the same shared folder.

    While a training runs, another process that trains into the same folder is refused with an error that names the
    running process. The folder is held by a system lock (`kerasgan.locks`), which ends with the process.

    A training continues only with the same options and data. The data are compared by their first batch, so `shuffle`
    needs a seed; the datasets of `kerasgan.data` have one. A `tf.data` object that shuffles gives each `fit` another
    order, so a script that calls `fit` twice must create a new dataset for each call.

    SIGTERM and SIGINT (Ctrl-C) save at the next step boundary and then raise `SystemExit` with status 143 or 130; a
    second signal acts immediately. With several workers the chief saves and ends, whichever of them gets the signal.
    Another worker that gets it goes on until the chief has ended, and then raises `SystemExit`. Workers that do not get
    it end with an error.

    Args:
        directory: folder of the checkpoints of one run.
        every_n_steps: int, saves after at least this many steps, or None (default).
        every_n_epochs: int, default 1, or None. The end of training is always saved.
        keep: int, the number of newest checkpoints to keep. Default 3.
        handle_signals: bool, default True; only in Python's main thread and only while `fit` runs.
        same_data: bool, default True. False also continues with other data of the same shape, then not bit for bit.

    Raises:
        BlockingIOError: when another process trains into the folder; it names the process.
        OSError: when a checkpoint cannot be written (it names the path; those written before are untouched), or when
            there are checkpoints and all are damaged.
        ValueError: from `restore_into`, when model, compile arguments or data differ from the checkpoint's; it lists
            what differs.

    Example:

    >>> model.fit(dataset, epochs=50, callbacks=[Checkpoint("run/checkpoints")])  # doctest: +SKIP
    """

    def __init__(self, directory, every_n_steps=None, every_n_epochs=1, keep=3, handle_signals=True, same_data=True):
        super().__init__()
        for name, value in (("every_n_steps", every_n_steps), ("every_n_epochs", every_n_epochs), ("keep", keep)):
            if value is not None or name == "keep":
                positive_int(name, value)
        self.directory = Path(directory)
        self.every_n_steps = every_n_steps
        self.every_n_epochs = every_n_epochs
        self.keep = keep
        self.handle_signals = handle_signals
        self.same_data = same_data
        self._identity = None
        self._first_batch_hash = None
        self._stateful = {}
        self._saved_step = None
        self._began = None
        self._epoch = 0
        self._finite = True
        self._due = False
        self._signal = None
        self._told = False
        self._asked = 0.0
        self._old_handlers = {}
        self._lock = None

    @staticmethod
    def latest(directory):
        """Finds the newest undamaged checkpoint.

        Args:
            directory: the folder given to `Checkpoint`.

        Returns:
            `Path` of its folder, or None when there is no checkpoint.

        Raises:
            OSError: when there are checkpoints and all are damaged.
        """
        return newest(Path(directory), move_damaged=False)[0]

    def restore_into(self, model, callbacks=()):
        """Loads the newest undamaged checkpoint into a compiled model. `fit` calls this before training.

        Args:
            model: a built and compiled model that was made with the same arguments as the saved one.
            callbacks: the other callbacks; those that have `get_state()` and `set_state(state)` are saved and restored.

        Returns:
            The checkpoint's manifest (dict), or None when there is none yet.

        Raises:
            ValueError: when the model, its compile arguments or its data differ from the saved ones.
            OSError: when all checkpoints are damaged.
        """
        # Recorded before training changes anything, such as a learning rate.
        self._identity = identity_of(model)
        self._first_batch_hash = first_batch_hash(model)
        self._stateful = {}
        self._saved_step = self._began = None
        for callback in callbacks:
            if hasattr(callback, "get_state") and hasattr(callback, "set_state"):
                name = type(callback).__name__
                same = sum(type(other) is type(callback) for other in self._stateful.values())
                self._stateful[f"{name}_{same}" if same else name] = callback
        self._take_folder(model)
        folder, manifest = newest(self.directory, move_damaged=is_chief(model))
        _agree(model, -1 if folder is None else manifest["step"], self.directory)
        if folder is None:
            return None
        self._refuse_another_training(model, folder, manifest)
        model.load_weights(folder / STATE)
        if int(model.step.numpy()) != manifest["step"]:
            raise ValueError(
                f"The checkpoint {str(folder)!r} must restore step {manifest['step']}. "
                f"Received: step {int(model.step.numpy())}. Compile the model before it is restored."
            )
        self._first_batch_hash = manifest["first_batch_sha256"]
        for name, callback in self._stateful.items():
            if name in manifest["state"]:
                callback.set_state(manifest["state"][name])
        self._identity = manifest["identity"]
        self._saved_step, self._epoch, self._began = manifest["step"], manifest["epoch"], _began(manifest)
        return manifest

    def _refuse_another_training(self, model, folder, manifest):
        """Raises an error if this model cannot continue the checkpoint in `folder` on these data."""
        step = int(model.step.numpy())
        if step > manifest["step"]:
            raise ValueError(
                f"The model is at step {step}, after the newest checkpoint {str(folder)!r}, which would undo steps. "
                "Use another folder for this training."
            )

        found = list(differences(manifest["identity"], self._identity))
        if not self._identity["first_batch"]:
            # Without `fit`, there are no data to compare.
            found = [difference for difference in found if difference[0] != "first_batch"]
        if step > _began(manifest)["step"]:
            # If the model has been trained, a schedule may have changed its rate in the configuration.
            found = [difference for difference in found if not difference[0].endswith("learning_rate")]
        elif self._first_batch_hash not in (None, manifest["first_batch_sha256"]) and self.same_data:
            found.append(("first_batch_sha256", manifest["first_batch_sha256"], self._first_batch_hash))
        if found:
            raise ValueError(
                f"The checkpoint {str(folder)!r} belongs to another training. It differs in:\n  "
                + "\n  ".join(f"{name}: expected {ours!r}, found {theirs!r}" for name, theirs, ours in found)
                + "\nContinue with the checkpoint's options and data (a `shuffle` needs a seed). "
                "`Checkpoint(..., same_data=False)` accepts other data of the same shape, but is not exact. With other "
                "options, such as another batch size or learning rate, it is a new training, which can start from "
                "these weights:\n"
                "  model.compile(...)  # with the checkpoint's options\n"
                f"  model.load_weights({str(folder / STATE)!r})\n"
                "  model.compile(...)  # with the other options, and new optimizers\n"
                "and use another folder for its `Checkpoint`."
            )

    def on_train_begin(self, logs=None):
        if self._identity is None:
            self._identity = identity_of(self.model)
            self._first_batch_hash = first_batch_hash(self.model)
        self._take_folder(self.model)
        if self._saved_step is None:
            self._saved_step = int(self.model.step.numpy())
        self._finite = True
        if self.handle_signals and threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._old_handlers[number] = signal.signal(number, self._on_signal)

    def on_epoch_begin(self, epoch, logs=None):
        if self._began is None:
            self._began = {
                "step": int(self.model.step.numpy()),
                "epoch": epoch,
                "steps_per_execution": self.model.steps_per_execution,  # each epoch has a multiple of them
            }
        if self._due:
            self._save()
        self._epoch = epoch
        self._obey_signal()

    def on_train_batch_end(self, batch, logs=None):
        self._finite = first_non_finite(logs) is None
        if batch + 1 == self.params.get("steps"):
            return  # see `on_epoch_end`
        if self._steps_are_due():
            self._save()
        self._obey_signal()

    def on_epoch_end(self, epoch, logs=None):
        # The state is saved after all callbacks have processed the end of the epoch. Otherwise, a run that is killed in
        # between and resumed would not log, score or draw this epoch.
        self._epoch = epoch + 1
        epochs_are_due = self.every_n_epochs is not None and (epoch + 1) % self.every_n_epochs == 0
        self._due = epochs_are_due or self._steps_are_due()

    def on_train_end(self, logs=None):
        try:
            self._save()
            self._obey_signal(trained=True)
        finally:
            self._release_signals()
            self._leave_folder()

    def _take_folder(self, model):
        """Locks the folder against other processes, and removes incomplete files of dead ones."""
        if self._lock is None and is_chief(model):
            self._lock = FolderLock(self.directory)
            sweep(self.directory)

    def _leave_folder(self):
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def _steps_are_due(self):
        # Not `step % n == 0`, as steps_per_execution may skip multiples of n.
        n = self.every_n_steps
        return n is not None and int(self.model.step.numpy()) // n > self._saved_step // n

    def _save(self):
        self._due = False
        step = int(self.model.step.numpy())
        if not self._finite or step == self._saved_step:
            return
        folder = self.directory / f"step_{step:08d}"
        state = weights_in_memory(self.model)
        if not is_chief(self.model):
            self._saved_step = step
            return
        bad = first_non_finite_weight(state)
        if bad is not None:
            warnings.warn(f"No checkpoint at step {step}: {bad} is not finite.", stacklevel=2)
            return
        try:
            write(folder, state, self._manifest())
            prune(self.directory, folder, self.keep)
        except OSError as error:
            raise OSError(
                error.errno or errno.EIO,
                f"Could not write a checkpoint ({error}); earlier checkpoints are unchanged",
                str(folder),
            ) from error
        self._saved_step = step

    def _manifest(self):
        return {
            "step": int(self.model.step.numpy()),
            "epoch": self._epoch,
            "began": self._began,
            "identity": self._identity,
            "first_batch_sha256": self._first_batch_hash,
            "state": {name: callback.get_state() for name, callback in self._stateful.items()},
            "versions": {
                "kerasgan": __version__,
                "keras": keras.__version__,
                "tensorflow": tf.__version__,
                "numpy": np.__version__,
                "python": platform.python_version(),
            },
        }

    def _on_signal(self, number, frame):
        # After an exception, Keras does not call `on_train_end`, so the handlers are still installed.
        while frame is not None:
            if frame.f_code.co_name == "fit" and frame.f_locals.get("self") is self.model:
                break
            frame = frame.f_back
        self._release_signals()
        if frame is None:
            signal.raise_signal(number)
            return
        self._signal = number
        does = "saving after this step"
        if not is_chief(self.model):
            does = "the chief saves after its step, and this worker ends with it"
        # `print` is not reentrant, and a progress bar may be printing.
        os.write(2, f"\n{signal.Signals(number).name}: {does}; repeat it to stop at once.\n".encode())

    def _obey_signal(self, trained=False):
        if _in_cluster(self.model):
            self._share_signal()
        if self._signal is None or not (trained or is_chief(self.model)):
            return  # without this worker, the chief could not end its step: see `on_lost_workers`
        number, self._signal = self._signal, None
        self._save()
        self._release_signals()
        self._leave_folder()
        raise SystemExit(128 + number)

    def _share_signal(self):
        """Tells the chief of the signal of another worker."""
        if not is_chief(self.model):
            if self._signal is not None and not self._told:
                self._told = True
                with contextlib.suppress(tf.errors.AlreadyExistsError):  # that of a third worker
                    context.context().set_config_key_value(STOP, str(self._signal))
        elif self._old_handlers and time.monotonic() - self._asked > 1:
            with contextlib.suppress(tf.errors.OpError):  # there is none
                self._signal = int(context.context().get_config_key_value(STOP, timeout_in_ms=1))
                os.write(2, f"\n{signal.Signals(self._signal).name} of another worker: saving.\n".encode())
            self._asked = time.monotonic()

    def on_lost_workers(self):
        """Ends a worker that has received a signal. `fit` calls this if the training has lost others."""
        if self._signal is not None and not is_chief(self.model):
            number, self._signal = self._signal, None
            raise SystemExit(128 + number) from None

    def _release_signals(self):
        while self._old_handlers:
            number, handler = self._old_handlers.popitem()
            # None is a handler that was not installed from Python.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def _began(manifest):
    """Returns the step and the epoch at which the training started, and its steps per execution if they are known."""
    return manifest.get("began", {"step": 0, "epoch": 0})


def is_chief(model):
    """Returns whether this process writes files: it is the only one, or the first of several workers."""
    return model.distribute_strategy.extended.should_checkpoint


def _in_cluster(model):
    """Returns whether this process is one of several workers."""
    return model.distribute_strategy.extended._in_multi_worker_mode()


def _agree(model, step, directory):
    """Raises an error unless all workers have found the same newest checkpoint."""
    strategy = model.distribute_strategy
    if not _in_cluster(model):
        return
    total = strategy.reduce(tf.distribute.ReduceOp.SUM, tf.constant(step, tf.int64), axis=None)
    if int(total) != step * strategy.num_replicas_in_sync:
        found = f"step {step}" if step >= 0 else "none"
        raise ValueError(
            f"The newest checkpoint in {str(directory)!r} must be the same for every worker. Received: {found}. Give "
            "`Checkpoint` a folder that all workers share."
        )
