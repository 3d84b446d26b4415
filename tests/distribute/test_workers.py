"""Real clusters of two processes on this machine."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import cases
import numpy as np
import pytest
import tensorflow as tf
import worker

from kerasgan import testing
from kerasgan.callbacks import Checkpoint

# TensorFlow's heartbeats tell of a dead worker after 10 seconds; the rest is the time in which Python ends.
DEADLINE = 45


def free_ports(count):
    doors = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [door.getsockname()[1] for door in doors]
    for door in doors:
        door.close()
    return ports


def start(commands, folders):
    """Starts a cluster of one worker a command; each writes into the file `output` of its folder."""
    addresses = [f"127.0.0.1:{port}" for port in free_ports(len(commands))]
    processes = []
    for index, (command, folder) in enumerate(zip(commands, folders)):
        folder.mkdir(exist_ok=True)
        task = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
        threads = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "2"}
        env = os.environ | threads | {"TF_CONFIG": json.dumps(task)}
        with open(folder / "output", "w") as out:
            command = [sys.executable, *map(str, command)]
            processes.append(subprocess.Popen(command, env=env, stdout=out, stderr=subprocess.STDOUT))
    return processes


@pytest.fixture
def cluster(tmp_path):
    """Gives a function that starts two workers; what is left of them ends with the test."""
    running = []

    def run(epochs, steps=(0, 0), kind="dense", shared=True):
        owns = [tmp_path / f"worker_{index}" for index in range(len(steps))]
        folders = [tmp_path / "shared" if shared else own for own in owns]
        commands = [
            [worker.__file__, kind, own, folder, epochs, step] for own, folder, step in zip(owns, folders, steps)
        ]
        running.extend(start(commands, owns))
        return running[-len(commands) :]

    yield run
    for process in running:
        process.kill()
        process.wait()


def ends(processes, timeout=300):
    """Returns the exit statuses."""
    return [process.wait(timeout) for process in processes]


def output(tmp_path, index):
    return (tmp_path / f"worker_{index}" / "output").read_text()


def single(kind, epochs):
    """The same training in this process, on one device."""
    model = worker.tiny_model(kind, tf.distribute.get_strategy())
    history = model.fit(worker.data(), batch_size=8, epochs=epochs, steps_per_epoch=worker.STEPS, verbose=0)
    return (
        worker.state(model),
        history.history,
        model.evaluate(worker.data(), batch_size=8, verbose=0, return_dict=True),
    )


def results(tmp_path):
    states = []
    for index in range(2):
        with np.load(tmp_path / f"worker_{index}" / "state.npz") as file:
            states.append([file[name] for name in file.files])
    return states, [json.loads((tmp_path / f"worker_{index}" / "logs.json").read_text()) for index in range(2)]


def assert_equal_to_single(tmp_path, epochs, kind="dense", history=True):
    (first, second), (first_logs, second_logs) = results(tmp_path)
    state, single_history, logs = single(kind, epochs)
    for ours, others in zip(first, second, strict=True):
        np.testing.assert_array_equal(ours, others)
    for ours, alone in zip(first, state, strict=True):
        np.testing.assert_allclose(ours, alone, rtol=0, atol=1e-5)
    assert first_logs["evaluate"] == second_logs["evaluate"]
    for name, values in single_history.items() if history else ():
        assert first_logs["history"][name] == second_logs["history"][name]
        np.testing.assert_allclose(first_logs["history"][name], values, rtol=0, atol=1e-5, err_msg=name)
    for name in ("d_loss", "g_loss", "d_real", "d_fake"):
        assert first_logs["evaluate"][name] == pytest.approx(logs[name], abs=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["dense", "convolutional"])
def test_two_workers_equal_one_process(tmp_path, cluster, kind):
    """Four steps an epoch, two epochs: weights, logs, the files that one of them writes."""
    assert ends(cluster(epochs=2, kind=kind)) == [0, 0], output(tmp_path, 0) + output(tmp_path, 1)
    assert_equal_to_single(tmp_path, 2, kind)
    shared = tmp_path / "shared"
    assert sorted(path.name for path in (shared / "checkpoints").iterdir()) == ["step_00000004", "step_00000008"]
    grids = [f"epoch_{epoch:04d}.png" for epoch in range(3)]
    assert sorted(path.name for path in (shared / "samples").iterdir()) == [*grids, "real.png", "training.gif"]
    scores = [json.loads(line) for line in (shared / "scores" / "scores.jsonl").read_text().splitlines()]
    assert [(record["step"], record["num_real"]) for record in scores] == [(4, 16), (8, 16)]
    assert [line.split(",")[0] for line in (shared / "log.csv").read_text().splitlines()] == ["epoch", "0", "1"]
    # What the chief wrote is what one process would have: it restores on one device.
    model = worker.tiny_model(kind, tf.distribute.get_strategy())
    callbacks = [Checkpoint(shared / "checkpoints")]
    model.fit(worker.data(), batch_size=8, epochs=2, steps_per_epoch=4, verbose=0, callbacks=callbacks)
    for ours, saved in zip(results(tmp_path)[0][0], worker.state(model), strict=True):
        np.testing.assert_array_equal(ours, saved)


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1])
def test_a_killed_worker_ends_the_other_and_both_resume(tmp_path, cluster, victim):
    steps = [0, 0]
    steps[victim] = 6  # inside the second epoch
    processes = cluster(epochs=1000, steps=steps)
    assert processes[victim].wait(300) == -signal.SIGKILL, output(tmp_path, victim)
    begin = time.monotonic()
    assert processes[1 - victim].wait(DEADLINE) not in (0, -signal.SIGKILL)
    assert time.monotonic() - begin < DEADLINE
    survivor = output(tmp_path, 1 - victim)
    named = rf"ConnectionError: The training has lost worker {victim} at 127\.0\.0\.1:\d+, and cannot continue"
    assert re.match(named, survivor.splitlines()[-1]), survivor
    assert "Graph execution error" not in survivor and survivor.count("Traceback") == 1
    assert Checkpoint.latest(tmp_path / "shared" / "checkpoints").name == "step_00000004"

    assert ends(cluster(epochs=3)) == [0, 0], output(tmp_path, 0) + output(tmp_path, 1)
    assert_equal_to_single(tmp_path, epochs=3, history=False)
    scores = [json.loads(line)["step"] for line in (tmp_path / "shared/scores/scores.jsonl").read_text().splitlines()]
    assert scores == [4, 8, 12]


@pytest.mark.slow
@pytest.mark.parametrize("signalled", [(0, 1), (1, 0), (1,)], ids=["chief first", "chief last", "not the chief"])
def test_sigterm_saves_and_ends_all(tmp_path, cluster, signalled):
    processes = cluster(epochs=1000, steps=(-6, -6))
    for index, process in enumerate(processes):
        while not (tmp_path / f"worker_{index}" / "training").exists():
            assert process.poll() is None, output(tmp_path, index)
            time.sleep(0.1)
    step = int((tmp_path / "worker_0" / "training").read_text())
    for index in signalled:
        processes[index].send_signal(signal.SIGTERM)
        time.sleep(0.3)  # more than a step
    statuses = ends(processes, timeout=DEADLINE)
    said = output(tmp_path, 0) + output(tmp_path, 1)
    assert statuses == [143, 143], said
    assert int(Checkpoint.latest(tmp_path / "shared" / "checkpoints").name[5:]) >= step >= 6, said
    assert "SIGTERM: the chief saves after its step, and this worker ends with it" in output(tmp_path, 1)


@pytest.mark.slow
def test_folders_that_are_not_shared_are_refused_on_resume(tmp_path, cluster):
    assert ends(cluster(epochs=1, shared=False)) == [0, 0], output(tmp_path, 0)
    assert not Path(tmp_path / "worker_1" / "checkpoints").exists()
    assert 0 not in ends(cluster(epochs=2, shared=False), timeout=2 * DEADLINE)
    assert "must be the same for every worker. Received: step 4" in output(tmp_path, 0)


@pytest.fixture(scope="module")
def trained_on_two_workers(request, tmp_path_factory):
    """One cluster trains every model of the contract that is asked for; gives the folders of its workers."""
    asked = [item.callspec.params["name"] for item in request.session.items if "on_two_workers" in item.name]
    folders = [tmp_path_factory.mktemp("worker") for _ in range(2)]
    script = Path(__file__).with_name("models_worker.py")
    processes = start([[script, folder, *asked] for folder in folders], folders)
    yield folders, processes
    for process in processes:
        process.kill()
        process.wait()


@pytest.mark.slow
@pytest.mark.parametrize("name", cases.CASES)
def test_each_model_trains_on_two_workers_as_on_one_device(name, trained_on_two_workers):
    """Four steps of plain descent with half of each batch a worker."""
    case = cases.CASES[name]
    if case.differs_by_device:
        pytest.skip(case.differs_by_device)
    folders, processes = trained_on_two_workers
    model, history = testing.train(case, optimizers=testing.plain_descent)
    alone = testing.state(model) | {f"log {key}": np.asarray(values) for key, values in history.items()}
    for folder, process in zip(folders, processes):
        while not (folder / f"{name}.npz").exists():
            assert process.poll() is None, (folder / "output").read_text()[-3000:]
            time.sleep(0.5)
        with np.load(folder / f"{name}.npz") as ours:
            assert len(ours.files) == len(alone)
            for key, value in zip(ours.files, alone.values()):
                np.testing.assert_allclose(ours[key], value, err_msg=key, rtol=1e-4, atol=1e-5)
