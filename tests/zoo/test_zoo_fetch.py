"""Fetching an entry's file: only the stated bytes ever get the final name, and failures say what to do."""

import fcntl
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
from kerasgan import zoo
from kerasgan.downloads import no_downloads
from kerasgan.metrics import inception
from kerasgan.zoo import WeightFileError, _fetch
from kerasgan.zoo._fetch import locate

CONTENT = bytes(range(256)) * 64


@pytest.fixture
def server(monkeypatch):
    """A loopback server that answers every path with `server.content`; its faults are attributes."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked = self.headers.get("Range")
            server.requests.append((self.path, asked))
            content = server.content
            start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and server.ranges else 0
            if server.status != 200 or start >= max(1, len(content)):
                self.send_error(416 if server.status == 200 else server.status)
                return
            self.send_response(206 if start else 200)
            if start:
                first = start + server.shift
                self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
            if server.lengths:
                self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            cut = server.cuts.pop(0) if server.cuts else len(content)
            self.wfile.write(content[start : start + cut])

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.requests, server.content, server.status = [], CONTENT, 200
    # Whether it knows ranges and tells lengths; bytes after which the next connections break; where it lies a range is.
    server.ranges, server.lengths, server.cuts, server.shift = True, True, [], 0
    server.url = f"http://127.0.0.1:{server.server_port}/weights"
    monkeypatch.setenv("KERASGAN_ZOO_URL", server.url)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("KERASGAN_HOME", str(tmp_path / "home"))
    for name in ("OFFLINE", "ZOO_DIR", "ZOO_URL"):
        monkeypatch.delenv(f"KERASGAN_{name}", raising=False)
    return tmp_path / "home"


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "dcgan_faces"
    folder.mkdir()
    return folder


def record(content=CONTENT):
    return {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


ABOUT = record()
NAME = f"dcgan_faces-generator-{ABOUT['sha256'][:8]}.weights.h5"


def get(folder, about=ABOUT, filename="generator.weights.h5"):
    return locate(folder, filename, about)


def files(home):
    return sorted(p.relative_to(home).as_posix() for p in home.rglob("*") if p.is_file())


def test_a_file_beside_the_card_is_used_where_it_lies(folder, home, server):
    (folder / "generator.weights.h5").write_bytes(CONTENT)
    assert get(folder) == folder / "generator.weights.h5"
    assert server.requests == []


def test_a_damaged_file_beside_the_card_is_refused_and_kept(folder, home, server):
    (folder / "generator.weights.h5").write_bytes(CONTENT[:-1] + b"x")
    with pytest.raises(WeightFileError, match="SHA-256"):
        get(folder)
    assert (folder / "generator.weights.h5").exists() and server.requests == []


def test_what_is_no_weights_ships_with_the_package(folder, home, server):
    with pytest.raises(FileNotFoundError, match="sample.npz is missing.*Install kerasgan again"):
        get(folder, filename="sample.npz")
    assert server.requests == []


def test_a_folder_that_the_environment_names_is_used_where_it_lies(folder, home, server, tmp_path, monkeypatch):
    place = tmp_path / "clone" / "zoo" / "dcgan_faces" / "generator.weights.h5"
    monkeypatch.setenv("KERASGAN_ZOO_DIR", str(place.parents[1]))
    monkeypatch.setenv("KERASGAN_OFFLINE", "1")
    with pytest.raises(FileNotFoundError, match="KERASGAN_ZOO_DIR must name a folder"):
        get(folder)
    place.parent.mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match="by hand"):  # it has none of this entry
        get(folder)
    place.write_bytes(CONTENT)
    assert get(folder) == place
    place.write_bytes(CONTENT[:-1] + b"x")
    with pytest.raises(WeightFileError, match=str(place)):
        get(folder)
    assert place.exists() and not home.exists() and server.requests == []


def test_a_file_is_fetched_once(folder, home, server):
    path = get(folder)
    assert path == home / "zoo" / NAME
    assert path.read_bytes() == CONTENT
    assert get(folder) == path
    assert server.requests == [(f"/weights/{NAME}", None)]
    assert files(home) == [f"zoo/{NAME}"] and not (home / "zoo" / f"{NAME}.part").exists()


def test_weights_trained_anew_are_fetched_beside_the_old_ones(folder, home, server):
    old = get(folder)
    server.content = CONTENT[::-1]
    new = get(folder, record(server.content))
    assert (old.read_bytes(), new.read_bytes()) == (CONTENT, CONTENT[::-1])
    assert get(folder) == old and len(server.requests) == 2


def test_a_folder_may_take_the_place_of_a_server(folder, home, tmp_path, monkeypatch):
    monkeypatch.setenv("KERASGAN_ZOO_URL", (tmp_path / "mirror").as_uri() + "/")
    with pytest.raises(FileNotFoundError, match="could not be downloaded.*by hand"):
        get(folder)
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / NAME).write_bytes(CONTENT)
    assert get(folder) == home / "zoo" / NAME


@pytest.mark.parametrize("lengths", [True, False])
@pytest.mark.parametrize(
    "answer", [CONTENT[:-1], CONTENT + b"x", CONTENT[:-1] + b"x", b""], ids=["short", "long", "altered", "empty"]
)
def test_a_wrong_answer_leaves_nothing_behind(folder, home, server, answer, lengths):
    server.content, server.lengths = answer, lengths
    with pytest.raises(WeightFileError, match=f"{len(CONTENT)} bytes.*Received: {len(answer)} bytes.*nothing was kept"):
        get(folder)
    assert files(home) == [] and len(server.requests) == 1
    server.content = CONTENT
    assert get(folder).read_bytes() == CONTENT


def test_of_an_answer_without_end_no_more_than_a_byte_too_much_is_read(folder, home, server):
    server.content = CONTENT * 1000
    with pytest.raises(WeightFileError, match=f"Received: {len(CONTENT) + 1} bytes or more"):
        get(folder)


# Broken connections


def test_a_broken_connection_goes_on_where_it_broke(folder, home, server):
    server.cuts = [5000, 4000]
    assert get(folder).read_bytes() == CONTENT
    assert [asked for _, asked in server.requests] == [None, "bytes=5000-", "bytes=9000-"]
    assert files(home) == [f"zoo/{NAME}"]


def test_a_connection_that_always_breaks_is_continued_by_the_next_call(folder, home, server):
    server.cuts = [1000, 1000, 1000]
    with pytest.raises(FileNotFoundError, match=r"ended 13,384 bytes early; the next call continues at byte 3,000 of"):
        get(folder)
    assert files(home) == [f"zoo/{NAME}.part/content"]
    assert get(folder).read_bytes() == CONTENT
    assert [asked for _, asked in server.requests][3:] == ["bytes=3000-"]
    assert files(home) == [f"zoo/{NAME}"] and not (home / "zoo" / f"{NAME}.part").exists()


def test_a_connection_that_breaks_without_a_byte_is_not_tried_again(folder, home, server):
    server.cuts = [0]
    with pytest.raises(FileNotFoundError, match="ended 16,384 bytes early"):
        get(folder)
    assert len(server.requests) == 1 and files(home) == []


@pytest.mark.parametrize("lengths", [True, False])
def test_a_server_without_ranges_begins_anew(folder, home, server, lengths):
    keep(home, CONTENT[:5000])
    server.ranges, server.lengths = False, lengths
    assert get(folder).read_bytes() == CONTENT
    assert [asked for _, asked in server.requests] == ["bytes=5000-"]


def test_a_server_that_gives_another_part_is_refused(folder, home, server):
    keep(home, CONTENT[:5000])
    server.shift = 1
    with pytest.raises(FileNotFoundError, match="expected bytes from 5000 on, received bytes 5001-"):
        get(folder)
    server.shift = 0
    assert get(folder).read_bytes() == CONTENT


def keep(home, content):
    """Leaves the beginning of a download behind."""
    for folder in (home, home / "zoo", home / "zoo" / f"{NAME}.part"):
        folder.mkdir(mode=0o700)
    (folder / "content").write_bytes(content)


@pytest.mark.parametrize(
    "kept, asked",
    [
        (b"x" * 5000, ["bytes=5000-", None]),  # of something else: only the whole file's hash tells
        (CONTENT[:-1] + b"x", [None]),  # as long as the file
        (CONTENT + b"x", [None]),
        (CONTENT, []),
    ],
    ids=["altered", "whole but altered", "too long", "whole"],
)
def test_a_beginning_that_is_damaged_is_fetched_anew(folder, home, server, kept, asked):
    keep(home, kept)
    assert get(folder).read_bytes() == CONTENT
    assert [each for _, each in server.requests] == asked
    assert files(home) == [f"zoo/{NAME}"]


def test_a_file_that_is_shorter_than_its_beginning_is_refused(folder, home, server):
    keep(home, CONTENT[:5000])
    server.content = CONTENT[:3000]
    with pytest.raises(WeightFileError, match="Received: 3000 bytes,.*nothing was kept"):
        get(folder)
    # A server says that there is no such part; then the file is asked for, and asked for anew without a beginning.
    assert [asked for _, asked in server.requests] == ["bytes=5000-", None, None]
    assert files(home) == []


@pytest.mark.parametrize("status", [404, 403, 500])
def test_a_file_that_the_server_does_not_have(folder, home, server, status):
    server.status = status
    with pytest.raises(
        FileNotFoundError, match=f"could not be downloaded.*HTTP Error {status}.*by hand: {server.url}/{NAME}"
    ):
        get(folder)
    assert len(server.requests) == 1 and files(home) == []
    keep_folder = home / "zoo"
    assert [path.name for path in keep_folder.iterdir()] == []


def test_progress_is_shown(folder, home, server, capfd):
    server.cuts = [5000]
    get(folder)
    shown = capfd.readouterr()
    assert shown.out == ""
    assert "dcgan_faces-generator" in shown.err and "16.4k/16.4k" in shown.err and "100%" in shown.err
    get(folder)
    assert capfd.readouterr().err == ""


def test_a_damaged_cached_file_is_named_removed_and_fetched_again(folder, home, server):
    path = get(folder)
    path.write_bytes(CONTENT[:-1])
    with pytest.raises(WeightFileError, match="removed from the cache") as caught:
        get(folder)
    assert str(path) in str(caught.value)
    assert not path.exists()
    assert get(folder).read_bytes() == CONTENT


def test_offline_says_where_to_put_the_file_and_takes_it_there(folder, home, server, monkeypatch):
    monkeypatch.setenv("KERASGAN_OFFLINE", "1")
    place = home / "zoo" / NAME
    with pytest.raises(FileNotFoundError, match="KERASGAN_OFFLINE") as caught:
        get(folder)
    assert f"{server.url}/{NAME} as {place}" in str(caught.value)
    assert server.requests == [] and not home.exists()
    place.parent.mkdir(parents=True, mode=0o700)
    home.chmod(0o700)
    place.write_bytes(CONTENT)
    assert get(folder) == place


# Where from


def test_without_an_address_the_message_says_how_to_set_one(folder, home):
    with pytest.raises(FileNotFoundError, match="Set KERASGAN_ZOO_URL to .*, or KERASGAN_ZOO_DIR to .*") as caught:
        get(folder)
    assert f"by hand: {NAME} as {home / 'zoo' / NAME}" in str(caught.value)


def test_the_address_is_what_is_set_then_the_environments_then_that_of_the_source(home, tmp_path, monkeypatch):
    assert _fetch.base_url() is None  # setup.cfg names no repository
    about = tmp_path / "kerasgan-9.dist-info"
    about.mkdir()
    links = "Project-URL: Tracker, https://example.org/issues\nProject-URL: Source, https://example.org/me/kerasgan/\n"
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: kerasgan\nVersion: 9\n{links}")
    monkeypatch.syspath_prepend(tmp_path)
    assert _fetch.base_url() == "https://example.org/me/kerasgan/releases/download/zoo"
    monkeypatch.setenv("KERASGAN_ZOO_URL", "https://a.org/zoo")
    assert _fetch.base_url() == "https://a.org/zoo"
    zoo.set_url("https://b.org/zoo")
    try:
        assert _fetch.base_url() == "https://b.org/zoo"
    finally:
        zoo.set_url(None)
    assert _fetch.base_url() == "https://a.org/zoo"


def test_an_address_that_was_set_is_fetched_from(folder, home, server, monkeypatch):
    monkeypatch.setenv("KERASGAN_ZOO_URL", "http://127.0.0.1:9/")
    zoo.set_url(server.url + "/")
    try:
        assert get(folder).read_bytes() == CONTENT
    finally:
        zoo.set_url(None)
    assert server.requests == [(f"/weights/{NAME}", None)]


def test_a_server_that_does_not_answer_says_where_to_put_the_file(folder, home, monkeypatch):
    monkeypatch.setenv("KERASGAN_ZOO_URL", "http://127.0.0.1:9/")
    with pytest.raises(FileNotFoundError, match="by hand"):
        get(folder)


def test_other_schemes_are_refused(folder, home, monkeypatch):
    monkeypatch.setenv("KERASGAN_ZOO_URL", "ftp://127.0.0.1/")
    with pytest.raises(ValueError, match="`url` must begin with"):
        get(folder)
    with pytest.raises(ValueError, match="`url` must begin with"):
        zoo.set_url("/mirror")
    assert files(home) == []


def test_a_file_that_is_loaded_may_not_cause_a_download(folder, home, server):
    with no_downloads("x.keras"), pytest.raises(ValueError, match="x.keras must not cause a download"):
        get(folder)
    assert server.requests == []


@pytest.mark.parametrize(
    "entry, filename, digest",
    [
        ("dcgan_faces", "../../evil.weights.h5", ABOUT["sha256"]),
        ("dcgan_faces", "/evil.weights.h5", ABOUT["sha256"]),
        ("dcgan_faces", "..weights.h5", ABOUT["sha256"]),
        ("dcgan_faces", "evil\\.weights.h5", ABOUT["sha256"]),
        ("..", "generator.weights.h5", ABOUT["sha256"]),
        ("dcgan?faces", "generator.weights.h5", ABOUT["sha256"]),
        ("dcgan_faces", "generator.weights.h5", "../../ab" + ABOUT["sha256"][8:]),
        ("dcgan_faces", "generator.weights.h5", ABOUT["sha256"][:8]),
    ],
)
def test_names_stay_in_the_cache(home, server, tmp_path, entry, filename, digest):
    with pytest.raises(ValueError, match="(without folders|must be named by letters).*Received"):
        locate(tmp_path / "entries" / entry, filename, {"size": len(CONTENT), "sha256": digest})
    assert server.requests == [] and files(tmp_path) == []


# Several at once


def test_threads_at_once_fetch_once(folder, home, server):
    results = []
    threads = [threading.Thread(target=lambda: results.append(get(folder))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [path.read_bytes() == CONTENT for path in results] == [True] * 8
    assert len(server.requests) == 1


@pytest.mark.slow
def test_processes_at_once_fetch_once(folder, home, server):
    code = (
        "import pathlib, sys; from kerasgan.zoo._fetch import locate; "
        "about = {'size': int(sys.argv[2]), 'sha256': sys.argv[3]}; print('ready', flush=True); input(); "
        "print(len(locate(pathlib.Path(sys.argv[1]), 'generator.weights.h5', about).read_bytes()))"
    )
    command = [sys.executable, "-c", code, str(folder), str(ABOUT["size"]), ABOUT["sha256"]]
    pipes = dict.fromkeys(("stdin", "stdout"), subprocess.PIPE)
    running = [subprocess.Popen(command, **pipes, text=True) for _ in range(3)]
    for process in running:
        assert process.stdout.readline() == "ready\n"
    outputs = []
    threads = [threading.Thread(target=lambda p=p: outputs.append(p.communicate("go\n")[0])) for p in running]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outputs == [f"{len(CONTENT)}\n"] * 3
    assert len(server.requests) == 1
    assert files(home) == [f"zoo/{NAME}"]


def test_a_file_is_waited_for_while_another_process_fetches_it(folder, home, server):
    """The other process is this one: a lock that was opened elsewhere excludes it just the same."""
    keep(home, CONTENT[:5000])
    place = home / "zoo" / f"{NAME}.part"
    other = os.open(place / ".lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(other, fcntl.LOCK_EX)
    results = []
    thread = threading.Thread(target=lambda: results.append(get(folder)))
    thread.start()
    thread.join(0.5)
    assert thread.is_alive() and server.requests == []
    (place / "content").rename(home / "zoo" / NAME)  # what the other one does when it is done
    (home / "zoo" / NAME).write_bytes(CONTENT)
    os.close(other)
    thread.join(30)
    assert results == [home / "zoo" / NAME] and server.requests == []
    assert files(home) == [f"zoo/{NAME}"]


# A server that lies, and a cache that is not the user's own


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
def test_a_server_that_answers_nonsense_is_named(folder, home, liar, answer, reason, reader, tmp_path, monkeypatch):
    liar.answer = answer
    if reader == "zoo":
        with pytest.raises(FileNotFoundError, match=f"could not be downloaded.*({reason}).*by hand") as error:
            monkeypatch.setenv("KERASGAN_ZOO_URL", liar.url)
            get(folder)
    else:
        with pytest.raises(ValueError, match=f"could not be downloaded.*({reason}).*KERASGAN_INCEPTION") as error:
            inception._download(liar.url, tmp_path / "weights.pth", "00000000")
    assert liar.url in str(error.value)
    assert files(tmp_path) == []
    del error
    gc.collect()


def test_a_planted_link_is_not_written_through(folder, home, server, tmp_path):
    (tmp_path / "precious").write_text("precious")
    keep(home, b"")
    (home / "zoo" / NAME).symlink_to(tmp_path / "absent")
    assert get(folder).read_bytes() == CONTENT
    assert not (tmp_path / "absent").exists() and not (home / "zoo" / NAME).is_symlink()
    (home / "zoo" / NAME).unlink()
    part = home / "zoo" / f"{NAME}.part"
    part.mkdir(mode=0o700)
    (part / "content").symlink_to(tmp_path / "precious")
    with pytest.raises(OSError, match="symbolic links"):
        get(folder)
    assert (tmp_path / "precious").read_text() == "precious"


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


@pytest.mark.parametrize("part", ["", "zoo"])
@pytest.mark.parametrize("mode", [0o770, 0o702, 0o1777])
def test_a_cache_that_others_may_write_to_is_refused(folder, home, server, part, mode):
    (home / "zoo").mkdir(parents=True)
    for each in ("", "zoo"):
        (home / each).chmod(0o700)
    assert get(folder).exists()
    (home / part).chmod(mode)
    with pytest.raises(PermissionError, match=r"others may write to it \(`chmod go-w .*KERASGAN_HOME") as error:
        get(folder)
    assert error.value.filename == str(home / part)
    (home / part).chmod(0o755)  # which others may read
    assert get(folder).exists()


def test_a_cache_of_another_user_is_refused(folder, home, server, monkeypatch):
    home.mkdir(mode=0o700)
    monkeypatch.setattr(os, "getuid", lambda: home.stat().st_uid + 1)
    with pytest.raises(PermissionError, match="it belongs to the user"):
        get(folder)
    assert server.requests == []


def test_a_new_cache_is_the_users_alone(folder, home, server):
    old = os.umask(0)
    try:
        get(folder)
    finally:
        os.umask(old)
    assert {path.stat().st_mode & 0o777 for path in (home, home / "zoo")} == {0o700}
    assert get(folder).exists()


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
