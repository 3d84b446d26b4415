import json
import os
import signal
import socket
import subprocess
import sys

import pytest

from kerasgan import locks
from kerasgan.locks import FolderLock

HOLDER = """
import importlib.util, os, sys
specification = importlib.util.spec_from_file_location("locks", {path!r})  # without TensorFlow
locks = importlib.util.module_from_spec(specification)
specification.loader.exec_module(locks)
lock = locks.FolderLock({folder!r})
if {fork}:
    reader, writer = os.pipe()
    ready, done = os.pipe()
    if not os.fork():
        os.write(done, b".")  # it has left the lock to its parent
        os.read(reader, 1)  # until the test's end
    os.read(ready, 1)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """Gives a function that starts a process which holds the folder until its standard input ends."""
    running = []

    def start(fork=False):
        script = HOLDER.format(path=locks.__file__, folder=str(tmp_path), fork=fork)
        pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True)
        running.append(subprocess.Popen([sys.executable, "-c", script], **pipes))
        assert running[-1].stdout.readline() == "held\n"
        return running[-1]

    yield start
    for process in running:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.communicate()


def test_the_second_process_is_told_who_holds_the_folder(tmp_path, holder):
    process = holder()
    named = f"Another training writes into this folder: process {process.pid} on {socket.gethostname()}, since 20"
    with pytest.raises(BlockingIOError) as error:
        FolderLock(tmp_path)
    assert named in str(error.value) and error.value.filename == str(tmp_path)
    assert os.listdir(tmp_path) == [".lock"]  # the refused one has taken nothing away
    process.communicate()  # its end
    with FolderLock(tmp_path):
        assert json.loads((tmp_path / ".lock").read_text())["process"] == os.getpid()
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("fork", [False, True], ids=["alone", "with a fork that lives on"])
def test_a_killed_process_holds_nothing(tmp_path, holder, fork):
    process = holder(fork)
    process.kill()
    process.wait()
    assert os.listdir(tmp_path) == [".lock"]
    with FolderLock(tmp_path):
        assert json.loads((tmp_path / ".lock").read_text())["process"] == os.getpid()


def test_one_process_may_hold_a_folder_twice(tmp_path):
    first, second = FolderLock(tmp_path / "run"), FolderLock(tmp_path / "run")
    first.release()
    first.release()  # once only
    assert os.listdir(tmp_path / "run") == [".lock"]
    del second
    assert os.listdir(tmp_path) == []  # made for the lock, and of no use


def test_a_folder_that_is_removed_and_made_anew_is_locked_anew(tmp_path):
    old = FolderLock(tmp_path / "run")
    (tmp_path / "run" / ".lock").unlink()
    (tmp_path / "run").rmdir()
    with FolderLock(tmp_path / "run"):
        assert os.listdir(tmp_path / "run") == [".lock"]
        old.release()
        assert os.listdir(tmp_path / "run") == [".lock"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "a process that has not yet written its name into '.*lock'"),
        (b"[1]", "a process that has not yet written its name"),
        (
            b'{"process": 7, "host": "far.away", "since": "2020-01-01 00:00:00+00:00"}',
            r"process 7 on far.away, since 2020-01-01 00:00:00\+00:00 \(if that machine is gone, remove '.*lock'\)",
        ),
    ],
    ids=["nothing", "something else", "another machine"],
)
def test_what_is_said_of_a_holder(tmp_path, holder, content, said):
    holder()
    (tmp_path / ".lock").write_bytes(content)
    with pytest.raises(BlockingIOError, match=said):
        FolderLock(tmp_path)


def test_a_file_system_without_locks_is_named(tmp_path, monkeypatch):
    def flock(*_):
        raise OSError(locks.errno.ENOLCK, "No locks available")

    monkeypatch.setattr(locks.fcntl, "flock", flock)
    with pytest.warns(UserWarning, match=f"{tmp_path}.*has no locks .No locks available"):
        FolderLock(tmp_path)


def test_a_link_in_the_place_of_the_lock_is_not_followed(tmp_path):
    (tmp_path / "mine").write_text("precious")
    (tmp_path / ".lock").symlink_to(tmp_path / "mine")
    with pytest.raises(OSError, match="lock"):
        FolderLock(tmp_path)
    assert (tmp_path / "mine").read_text() == "precious"
