"""Fetching an entry's file: only the stated bytes ever get the final name, and failures say what to do."""

import gc
import hashlib
import http.server
import os
import socket
import subprocess
import sys
import threading
import types

import pytest

import kerasgan.files
from kerasgan.metrics import inception
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


@pytest.fixture
def liar():
    """A loopback server that answers with `liar.answer`, whatever is asked."""
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(0.1)
    about = types.SimpleNamespace(answer=b"", url=f"http://127.0.0.1:{server.getsockname()[1]}/x", ends=False)

    def serve():
        while not about.ends:
            try:
                connection = server.accept()[0]
            except TimeoutError:
                continue
            with connection:
                connection.recv(1 << 16)
                connection.sendall(about.answer)

    thread = threading.Thread(target=serve)
    thread.start()
    yield about
    about.ends = True
    thread.join()
    server.close()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"nonsense\r\n\r\n", "BadStatusLine"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nshort", "IncompleteRead"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "IncompleteRead"),
        (b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200 + b"\r\n", "HTTPException"),
        (b"HTTP/1.1 302 Found\r\nLocation: ftp://127.0.0.1/x\r\n\r\n", ""),
        (b"HTTP/1.1 302 Found\r\nLocation: http://[\r\n\r\n", ""),
        (b"", "closed connection|reset"),
    ],
)
@pytest.mark.parametrize("reader", ["zoo", "inception"])
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # urllib leaves a socket open when it is redirected to nonsense
def test_a_server_that_answers_nonsense_is_named(folder, home, liar, answer, reason, reader, tmp_path):
    liar.answer = answer
    if reader == "zoo":
        with pytest.raises(FileNotFoundError, match=f"could not be fetched.*({reason}).*by hand") as error:
            get(folder, record(liar.url))
    else:
        with pytest.raises(ValueError, match=f"could not be downloaded.*({reason}).*KERASGAN_INCEPTION") as error:
            inception._download(liar.url, tmp_path / "weights.pth", "00000000")
    assert liar.url in str(error.value)
    assert files(tmp_path) == []
    del error
    gc.collect()


def test_a_planted_link_is_not_written_through(folder, home, server, tmp_path):
    (tmp_path / "precious").write_text("precious")
    place = home / "zoo" / "dcgan_faces"
    place.mkdir(parents=True, mode=0o700)
    for name in (f".tmp-{os.getpid()}-generator.weights.h5", "generator.weights.h5"):
        (place / name).symlink_to(tmp_path / "precious" if name.startswith(".") else tmp_path / "absent")
    assert get(folder, record(server.url)).read_bytes() == CONTENT
    assert (tmp_path / "precious").read_text() == "precious" and not (tmp_path / "absent").exists()


def test_a_temporary_name_that_exists_is_not_used(tmp_path, monkeypatch):
    monkeypatch.setattr(kerasgan.files.secrets, "token_hex", lambda size: "00")
    (tmp_path / "precious").write_text("precious")
    kerasgan.files.sweep(tmp_path)  # of what dead processes left, which it would take the link for
    link = kerasgan.files.temporary_for(tmp_path / "a")
    link.symlink_to(tmp_path / "precious")
    with pytest.raises(FileExistsError, match=link.name), kerasgan.files.replacing(tmp_path / "a") as temporary:
        temporary.write_text("evil")
    assert (tmp_path / "precious").read_text() == "precious" and link.is_symlink()


def test_temporary_names_cannot_be_foreseen(tmp_path):
    names = {kerasgan.files.temporary_for(tmp_path / "a.h5").name for _ in range(100)}
    assert len(names) == 100 and all(name.startswith(f".tmp-{os.getpid()}@") for name in names)
    assert all(name.endswith("-a.h5") and len(name) > 30 for name in names)


@pytest.mark.parametrize("part", ["", "zoo", "zoo/dcgan_faces"])
@pytest.mark.parametrize("mode", [0o770, 0o702, 0o1777])
def test_a_cache_that_others_may_write_to_is_refused(folder, home, server, part, mode):
    (home / "zoo" / "dcgan_faces").mkdir(parents=True)
    for each in ("", "zoo", "zoo/dcgan_faces"):
        (home / each).chmod(0o700)
    assert get(folder, record(server.url)).exists()
    (home / part).chmod(mode)
    with pytest.raises(PermissionError, match="others may write to it; `chmod go-w .*KERASGAN_HOME") as error:
        get(folder, record(server.url))
    assert error.value.filename == str(home / part)
    (home / part).chmod(0o755)  # which others may read
    assert get(folder, record(server.url)).exists()


def test_a_cache_of_another_user_is_refused(folder, home, server, monkeypatch):
    home.mkdir(mode=0o700)
    monkeypatch.setattr(os, "getuid", lambda: home.stat().st_uid + 1)
    with pytest.raises(PermissionError, match="it belongs to the user"):
        get(folder, record(server.url))
    assert server.requests == 0


def test_a_new_cache_is_the_users_alone(folder, home, server):
    old = os.umask(0)
    try:
        get(folder, record(server.url))
    finally:
        os.umask(old)
    assert {path.stat().st_mode & 0o777 for path in (home, home / "zoo", home / "zoo" / "dcgan_faces")} == {0o700}
    assert get(folder, record(server.url)).exists()


def test_the_weights_of_inception_are_sought_in_the_cache(home, monkeypatch):
    monkeypatch.delenv(inception.WEIGHTS_VARIABLE, raising=False)
    monkeypatch.setenv("KERASGAN_OFFLINE", "1")
    with pytest.raises(ValueError, match=f"{home / inception.WEIGHTS_NAME} is not in the cache and KERASGAN_OFFLINE"):
        inception.inception_v3()
    assert not home.exists()
    home.mkdir(mode=0o700)
    (home / inception.WEIGHTS_NAME).write_bytes(b"altered")
    with pytest.raises(ValueError, match="must have a SHA-256 that begins with 6726825d. Received: .*; remove it"):
        inception.inception_v3()
    home.chmod(0o777)
    with pytest.raises(PermissionError, match="others may write"):
        inception.inception_v3()
