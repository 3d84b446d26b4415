"""Choice of a `tf.distribute` strategy, and the start of a cluster."""

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

    Make the model and call its `compile` in the strategy's scope; everything else is the same on any number of
    devices. The batch size of the dataset is that of all devices together, and must be a multiple of their number.

    With several workers this must be the first thing that a process asks of TensorFlow after its import, and every
    worker must run the same program on the same data. Each computes its own rows of every batch. The folders of
    `kerasgan.callbacks` must be shared: only the first worker (the chief) writes, and all resume from there. When a
    worker dies, `fit` and `evaluate` end in the others within 45 seconds, by a `ConnectionError` with its address.

    Args:
        devices: str. "default": one device. "mirrored": all GPUs of this machine, in one strategy for the whole
            process. "multi_worker": the machines that the environment variable `TF_CONFIG` lists, with all GPUs of
            each. "auto" (default): "multi_worker" where `TF_CONFIG` is set, "mirrored" where there are several GPUs,
            else "default".
        timeout: float, the seconds to wait for the other workers to appear. Default 300.

    Returns:
        A `tf.distribute.Strategy`.

    Raises:
        ValueError: if `devices` is unknown, or `TF_CONFIG` does not describe a cluster.
        TimeoutError: if a worker does not appear; it names the address.

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
    """Prepares a dataset of global batches, so that every device gets its own rows of each; `fit` calls this.

    Every worker reads the whole dataset and keeps its rows: worker 0 the first ones, and so on. Sharing out files
    instead, as TensorFlow does where it can, would give other batches than one device sees.

    Args:
        dataset: `tf.data.Dataset` of batches.
        strategy: `tf.distribute.Strategy`.
        steps_per_execution: int. As the model was compiled. Default 1.

    Returns:
        `tf.data.Dataset`.

    Raises:
        ValueError: if the rows of a batch cannot be shared evenly: the devices would then draw other noise than one
            does, and one without any row would make every weight NaN. Or if several workers are to make several steps
            at once: Keras puts these under a condition, where TensorFlow cannot run what the workers do together.
    """
    replicas = strategy.num_replicas_in_sync
    if replicas == 1:
        return dataset
    if steps_per_execution > 1 and strategy.cluster_resolver is not None:
        raise ValueError(f"With several workers `steps_per_execution` must be 1. Received: {steps_per_execution}.")
    for spec in tf.nest.flatten(dataset.element_spec):
        if spec.shape.rank == 0 or spec.shape[0] is None or spec.shape[0] % replicas:
            raise ValueError(
                f"On {replicas} devices the batch size must be fixed and a multiple of {replicas}. "
                f"Received: batches of the shape {spec.shape} (use `.batch(n, drop_remainder=True)`)"
            )
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return dataset.with_options(options)


@contextlib.contextmanager
def naming_the_dead(strategy):
    """Lets TensorFlow's error about workers that died become a ConnectionError that names their addresses.

    Args:
        strategy: the `tf.distribute.Strategy` under which the block trains.
    """
    try:
        yield
    except tf.errors.OpError as error:
        dead = _dead(error.message) if strategy.extended._in_multi_worker_mode() else []
        if not dead:
            raise
        raise ConnectionError(
            f"The training has lost {' and '.join(dead)}, without which the others cannot go on. Start all workers "
            "again: a training with a `Checkpoint` (on the command line by --resume) goes on from the newest one."
        ) from None  # a hundred lines, of which none names an address


def _dead(message):
    """Returns, as "worker 1 at host:port", those that TensorFlow calls unhealthy, or else those that do not answer."""
    members, addresses, own = _cluster(os.environ.get("TF_CONFIG", ""))
    unhealthy = re.findall(r"/job:(\w+)/(?:replica:0/)?task:(\d+)", message.partition("unhealthy")[2])
    silent = {members.index((job, int(index))) for job, index in unhealthy if (job, int(index)) in members} - {own}
    if not silent:
        silent = {number for number, address in enumerate(addresses) if number != own and not _answers(address)}
    return [f"worker {number} at {addresses[number]}" for number in sorted(silent)]


@functools.cache
def _mirrored():
    """Makes one strategy for the whole process: TensorFlow 2.21 gives a second one the keys of the first.

    Its sums over devices then fail with "Shape mismatch in the collective instance".
    """
    return tf.distribute.MirroredStrategy()


def _multi_worker(timeout):
    _, addresses, own = _cluster(os.environ.get("TF_CONFIG", ""))
    _meet(addresses, own, timeout)
    return tf.distribute.MultiWorkerMirroredStrategy()


def _cluster(description):
    """Reads `TF_CONFIG`: all workers' jobs and indices, the chief first, their addresses, and this process's place."""
    try:
        config = json.loads(description)
        jobs, task = config["cluster"], config["task"]
        members = [(job, index) for job in ("chief", "worker") for index in range(len(jobs.get(job, ())))]
        addresses = [jobs[job][index] for job, index in members]
        own = members.index((task["type"], int(task["index"])))
        ports = [int(address.rpartition(":")[2]) for address in addresses]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            "The environment variable `TF_CONFIG` must describe the workers and which of them this process is, as in "
            '{"cluster": {"worker": ["first.host:12345", "second.host:12345"]}, "task": {"type": "worker", "index": '
            f"0}}}}. Received: {description!r}"
        ) from error
    if len(set(addresses)) < len(addresses) or not all(0 < port < 65536 for port in ports):
        raise ValueError(f"The workers' addresses in `TF_CONFIG` must differ, as host:port. Received: {addresses}")
    return members, addresses, own


def _meet(addresses, own, timeout):
    """Returns once every worker has a listener at its address.

    TensorFlow waits an hour for one that is missing, and then names its number only. Each process listens at its own
    port until it has reached all the others; from then on TensorFlow's server does, so that those who are still
    looking find that instead.
    """
    deadline = time.monotonic() + timeout
    try:
        door = socket.create_server(("", int(addresses[own].rpartition(":")[2])))
    except OSError as error:
        reason = f"This worker cannot listen at its port: {error.strerror}"
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
