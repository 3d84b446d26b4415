"""Chooses a `tf.distribute` strategy and starts a cluster."""

import contextlib
import functools
import json
import os
import re
import socket
import time

import tensorflow as tf

from kerasgan.arguments import did_you_mean


def strategy(devices="auto", timeout=300):
    """Returns the strategy for one device, all GPUs, or several machines.

    Create the model and call its `compile` in the scope of the strategy. Everything else is the same on any number of
    devices. The batch size of the dataset is the global batch size, and must be a multiple of the number of devices.

    With several workers, call this function before any other use of TensorFlow. Every worker must run the same program
    on the same data. Each computes its own rows of every batch. The folders of `kerasgan.callbacks` must be shared, as
    only the first worker (the chief) writes, and all workers resume from there. If a worker dies, `fit` and `evaluate`
    end in the others within 45 seconds, with a `ConnectionError` that names its address.

    Args:
        devices: str. "default": one device. "mirrored": all GPUs of this machine, in one strategy for the whole
            process. "multi_worker": the machines in the environment variable `TF_CONFIG`, with all GPUs of each. "auto"
            (default): "multi_worker" if `TF_CONFIG` is set, "mirrored" if there are several GPUs, else "default".
        timeout: float, the seconds to wait for the other workers. Default 300.

    Returns:
        A `tf.distribute.Strategy`.

    Raises:
        ValueError: if `devices` is unknown, or `TF_CONFIG` does not describe a cluster.
        TimeoutError: if a worker does not appear. The message names its address.

    Example:

    >>> with kerasgan.distribute.strategy().scope():
    ...     model = kerasgan.DCGAN(image_size=28, channels=1, width=16)
    ...     model.compile()
    """
    if devices == "auto":
        several = len(tf.config.list_physical_devices("GPU")) > 1
        devices = "multi_worker" if os.environ.get("TF_CONFIG") else "mirrored" if several else "default"
    makers = {
        "default": tf.distribute.get_strategy,
        "mirrored": _mirrored,
        "multi_worker": lambda: _multi_worker(timeout),
    }
    if devices not in makers:
        known = ["auto", *makers]
        raise ValueError(f"`devices` must be one of {known}. Received: {devices!r}.{did_you_mean(devices, known)}")
    return makers[devices]()


def share(dataset, strategy, steps_per_execution=1):
    """Distributes a dataset of global batches, so that every device gets its own rows of each batch. `fit` calls it.

    Every worker reads the whole dataset and keeps its rows: worker 0 the first ones, and so on. TensorFlow's default is
    to shard files if possible, which would change the batches.

    Args:
        dataset: `tf.data.Dataset` of batches.
        strategy: `tf.distribute.Strategy`.
        steps_per_execution: int, as in `compile`. Default 1.

    Returns:
        `tf.data.Dataset`.

    Raises:
        ValueError: if the batch size is not a multiple of the number of devices. Uneven devices would draw other noise,
            and a device without rows would make all weights NaN. Also if `steps_per_execution` is not 1: Keras
            makes these steps inside a condition, where TensorFlow cannot combine the devices.
    """
    replicas = strategy.num_replicas_in_sync
    if replicas == 1:
        return dataset
    if steps_per_execution > 1:
        raise ValueError(f"On {replicas} devices `steps_per_execution` must be 1. Received: {steps_per_execution}.")
    for spec in tf.nest.flatten(dataset.element_spec):
        if spec.shape.rank == 0 or spec.shape[0] is None or spec.shape[0] % replicas:
            raise ValueError(
                f"On {replicas} devices the batch size must be fixed and a multiple of {replicas}. "
                f"Received: batches of the shape {spec.shape}. Remedy: `.batch(n, drop_remainder=True)`, or, to "
                "evaluate arrays, a `batch_size` that divides the number of images"
            )
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return dataset.with_options(options)


@contextlib.contextmanager
def naming_the_dead(strategy):
    """A context that converts TensorFlow's error about dead workers to a ConnectionError with their addresses.

    Args:
        strategy: the `tf.distribute.Strategy` of the training.
    """
    try:
        yield
    except tf.errors.OpError as error:
        dead = _dead(error.message) if strategy.extended._in_multi_worker_mode() else []
        if not dead:
            raise
        raise ConnectionError(
            f"The training has lost {' and '.join(dead)}, and cannot continue. Start all workers again: a training "
            "with a `Checkpoint` (on the command line, with --resume) continues from the newest checkpoint."
        ) from None  # TensorFlow's long traceback does not contain addresses


def _dead(message):
    """Returns dead workers as "worker 1 at host:port": those reported by TensorFlow, or those that do not answer."""
    members, addresses, own = _cluster(os.environ.get("TF_CONFIG", ""))
    unhealthy = re.findall(r"/job:(\w+)/(?:replica:0/)?task:(\d+)", message.partition("unhealthy")[2])
    silent = {members.index((job, int(index))) for job, index in unhealthy if (job, int(index)) in members} - {own}
    if not silent:
        silent = {number for number, address in enumerate(addresses) if number != own and not _answers(address)}
    return [f"worker {number} at {addresses[number]}" for number in sorted(silent)]


@functools.cache
def _mirrored():
    """Returns the only strategy of the process.

    In TensorFlow 2.21, a second one would reuse the keys of the first, and its sums over devices would fail with "Shape
    mismatch in the collective instance".
    """
    return tf.distribute.MirroredStrategy()


def _multi_worker(timeout):
    _, addresses, own = _cluster(os.environ.get("TF_CONFIG", ""))
    _meet(addresses, own, timeout)
    return tf.distribute.MultiWorkerMirroredStrategy()


def _cluster(description):
    """Parses `TF_CONFIG`: jobs and indices of all workers, chief first, their addresses, this process's position."""
    try:
        config = json.loads(description)
        jobs, task = config["cluster"], config["task"]
        members = [(job, index) for job in ("chief", "worker") for index in range(len(jobs.get(job, ())))]
        addresses = [jobs[job][index] for job, index in members]
        own = members.index((task["type"], int(task["index"])))
        ports = [int(address.rpartition(":")[2]) for address in addresses]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            "The environment variable `TF_CONFIG` must list the workers and the role of this process, as in "
            '{"cluster": {"worker": ["first.host:12345", "second.host:12345"]}, "task": {"type": "worker", "index": '
            f"0}}}}. Received: {description!r}"
        ) from error
    if len(set(addresses)) < len(addresses) or not all(0 < port < 65536 for port in ports):
        raise ValueError(f"The workers in `TF_CONFIG` must have different host:port addresses. Received: {addresses}")
    return members, addresses, own


def _meet(addresses, own, timeout):
    """Waits until every worker listens at its address.

    TensorFlow waits an hour for a missing worker, and then names only its number. Here, each process listens at its
    port until it has reached all others. After that, TensorFlow's server listens at the same port.
    """
    deadline = time.monotonic() + timeout
    try:
        door = socket.create_server(("", int(addresses[own].rpartition(":")[2])))
    except OSError as error:
        reason = f"This worker cannot listen on its port: {error.strerror}"
        raise OSError(error.errno, reason, addresses[own]) from error
    with door:
        for number, address in enumerate(addresses):
            while number != own and not _answers(address):
                if time.monotonic() > deadline:
                    raise TimeoutError(
                        f"Worker {number} did not appear at {address} within {timeout} seconds. Start it, or correct "
                        "its address in `TF_CONFIG`."
                    )
                time.sleep(0.2)


def _answers(address):
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=2).close()
    except OSError:
        return False
    return True
