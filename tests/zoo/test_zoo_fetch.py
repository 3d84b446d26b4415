"""Fetching an entry's file: only the stated bytes ever get the final name, and failures say what to do."""

import hashlib
import http.server
import subprocess
import sys
import threading

import pytest

from kerasgan.zoo import WeightFileError
from kerasgan.zoo._fetch import locate

CONTENT = bytes(range(256)) * 64


@pytest.fixture
def server():
    """A loopback server that answers every path with `server.content` and counts."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            server.requests += 1
            self.send_response(200)
            self.end_headers()
            self.wfile.write(server.content)

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.requests, server.content = 0, CONTENT
    server.url = f"http://127.0.0.1:{server.server_port}/generator.weights.h5"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("KERASGAN_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("KERASGAN_OFFLINE", raising=False)
    return tmp_path / "home"


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "dcgan_faces"
    folder.mkdir()
    return folder


def record(url=None, content=CONTENT):
    about = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    return about | {"url": url} if url else about


def get(folder, about):
    return locate(folder, "generator.weights.h5", about)


def files(home):
    return sorted(p.relative_to(home).as_posix() for p in home.rglob("*") if p.is_file())


def test_a_shipped_file_is_used_where_it_lies(folder, home, server):
    (folder / "generator.weights.h5").write_bytes(CONTENT)
    assert get(folder, record(server.url)) == folder / "generator.weights.h5"
    assert server.requests == 0


def test_a_damaged_shipped_file_is_refused_and_kept(folder, home):
    (folder / "generator.weights.h5").write_bytes(CONTENT[:-1] + b"x")
    with pytest.raises(WeightFileError, match="SHA-256"):
        get(folder, record())
    assert (folder / "generator.weights.h5").exists()


def test_a_missing_shipped_file_says_to_install_again(folder, home):
    with pytest.raises(FileNotFoundError, match="Install kerasgan again"):
        get(folder, record())


def test_a_file_is_fetched_once(folder, home, server):
    path = get(folder, record(server.url))
    assert path == home / "zoo" / "dcgan_faces" / "generator.weights.h5"
    assert path.read_bytes() == CONTENT
    assert get(folder, record(server.url)) == path
    assert server.requests == 1
    assert files(home) == ["zoo/dcgan_faces/generator.weights.h5"]


def test_a_file_url_works_too(folder, home, tmp_path):
    (tmp_path / "mirror").write_bytes(CONTENT)
    assert get(folder, record((tmp_path / "mirror").as_uri())).read_bytes() == CONTENT


@pytest.mark.parametrize(
    "answer", [CONTENT[:-1], CONTENT + b"x", CONTENT[:-1] + b"x", b""], ids=["short", "long", "altered", "empty"]
)
def test_a_wrong_answer_leaves_nothing_behind(folder, home, server, answer):
    server.content = answer
    with pytest.raises(WeightFileError, match="nothing was kept"):
        get(folder, record(server.url))
    assert files(home) == []
    server.content = CONTENT
    assert get(folder, record(server.url)).read_bytes() == CONTENT


def test_a_damaged_cached_file_is_named_removed_and_fetched_again(folder, home, server):
    path = get(folder, record(server.url))
    path.write_bytes(CONTENT[:-1])
    with pytest.raises(WeightFileError, match="removed from the cache") as caught:
        get(folder, record(server.url))
    assert str(path) in str(caught.value)
    assert not path.exists()
    assert get(folder, record(server.url)).read_bytes() == CONTENT


def test_offline_says_where_to_put_the_file_and_takes_it_there(folder, home, server, monkeypatch):
    monkeypatch.setenv("KERASGAN_OFFLINE", "1")
    place = home / "zoo" / "dcgan_faces" / "generator.weights.h5"
    with pytest.raises(FileNotFoundError, match="KERASGAN_OFFLINE") as caught:
        get(folder, record(server.url))
    assert f"{server.url} as {place}" in str(caught.value)
    assert server.requests == 0
    place.parent.mkdir(parents=True)
    place.write_bytes(CONTENT)
    assert get(folder, record(server.url)) == place


def test_a_server_that_does_not_answer_says_where_to_put_the_file(folder, home):
    with pytest.raises(FileNotFoundError, match="by hand"):
        get(folder, record("http://127.0.0.1:9/generator.weights.h5"))


def test_other_schemes_are_refused(folder, home):
    with pytest.raises(ValueError, match="`url` must begin with"):
        get(folder, record("ftp://127.0.0.1/generator.weights.h5"))


def test_threads_at_once_fetch_once(folder, home, server):
    results = []
    threads = [threading.Thread(target=lambda: results.append(get(folder, record(server.url)))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [path.read_bytes() == CONTENT for path in results] == [True] * 8
    assert server.requests == 1


@pytest.mark.slow
def test_two_processes_at_once_both_get_the_file(folder, home, server):
    code = (
        "import pathlib, sys; from kerasgan.zoo._fetch import locate; "
        "about = {'size': int(sys.argv[2]), 'sha256': sys.argv[3], 'url': sys.argv[4]}; "
        "print(len(locate(pathlib.Path(sys.argv[1]), 'generator.weights.h5', about).read_bytes()))"
    )
    about = record(server.url)
    command = [sys.executable, "-c", code, str(folder), str(about["size"]), about["sha256"], about["url"]]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [int(process.communicate()[0]) for process in running] == [len(CONTENT)] * 2
    assert files(home) == ["zoo/dcgan_faces/generator.weights.h5"]
