"""Whatever is read, what leaves the reader is a configuration or a ``ConfigError``, in time."""

import os
import socket
import threading
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quaich.config import remote, sources
from quaich.config.resolve import read_compatible
from quaich.config.sources import Host
from quaich.errors import ConfigError
from tests.unit.config.conftest import FakeHost

KEYS = st.sampled_from(
    ["a", "b", "master", "threads", "socket", "for", "for-times", "endfor", "if-env", "else", "end",
     "set", "set-ph", "declare-option", "include", "ini", "inherit", "blacklist", "whitelist",
     "env", "end-blacklist", "inject-after", "print", "resolve", "early-envdir", "strict", "exit"]
)  # fmt: skip
LETTERS = st.sampled_from("ab%$@() =+-*/\n\\:;#[]{}'\"19.,<>&\t") | st.characters()
TEXT = st.text(LETTERS, max_size=40)
LINES = st.lists(st.builds(lambda key, text: f"{key} = {text}", KEYS, TEXT), max_size=20)
FORMATS = ["ini", "json", "yml", "xml", "toml"]
BOUNDS = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def read(name: str, content: bytes) -> None:
    host = FakeHost({name: content})
    try:
        read_compatible(["quaich", "--module=x", name], {"A": "%(a)"}, host, [])
    except ConfigError as error:
        assert str(error)


@BOUNDS
@given(st.binary(max_size=300), st.sampled_from(FORMATS))
def test_bytes(content: bytes, extension: str) -> None:
    read(f"x.{extension}", content)


@BOUNDS
@given(LINES)
def test_ini_lines(lines: list[str]) -> None:
    read("x.ini", "\n".join(["[uwsgi]", *lines]).encode("utf-8", "surrogatepass"))


@BOUNDS
@given(TEXT, st.sampled_from(FORMATS))
def test_documents(text: str, extension: str) -> None:
    frame = {
        "ini": "[uwsgi]\n{}",
        "json": '{{"uwsgi": {{{}}}}}',
        "yml": "uwsgi:\n  a: x\n  {}",
        "xml": "<uwsgi><a>{}</a></uwsgi>",
        "toml": "[uwsgi]\n{}",
    }[extension]
    read(f"x.{extension}", frame.format(text).encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("x.ini", "[uwsgi]\nfor-times = 1000000\nx = 1\nendfor\n", "more than 100000 repetitions"),
        ("x.ini", "[uwsgi]\nfor-times = 9999\n" + "x = 1\n" * 9999, "more than 100000 settings"),
        ("x.ini", "[uwsgi]\n" + "x = 1\n" * 200_000, "more than 100000 settings"),
        ("x.ini", "[uwsgi]\nini = x.ini\n", "includes itself"),
        ("x.ini", "[uwsgi]\ninherit = x.ini\n", "more than 100 files inherited"),
        ("x.ini", "[uwsgi]\nx = z%(x)\n", "brings in itself without end"),
        ("x.ini", "[uwsgi]\nx = 1z%(x)\nini = z%(x)\n", "brings in itself without end"),
        ("x.ini", "[uwsgi]\ndeclare-option = d=d=1\nd = 1\n", "declared by each other"),
        ("x.ini", "[uwsgi]\nb = " + "x" * 90_000 + "\n" + "y = %(b)\n" * 500, "too long together"),
        ("x.ini", b"[uwsgi]\nx = \x00\n", "binary data"),
        ("x.json", '{"uwsgi":' + '{"a":' * 100_000, "nested too deeply"),
        ("x.json", '{"uwsgi": {"a": ' + "[" * 100_000, "nested too deeply"),
        ("x.yml", "uwsgi:\n  a: " + "[" * 100_000, "nested too deeply"),
        ("x.xml", "<uwsgi>" + "<a>" * 100_000, "nested too deeply"),
    ],
)
def test_bombs(name: str, content: str | bytes, said: str) -> None:
    started = time.monotonic()
    host = FakeHost({name: content})
    with pytest.raises(ConfigError, match=said) as refused:
        read_compatible(["quaich", "--module=x", name], {}, host, [])
    assert "\n" not in str(refused.value)
    assert time.monotonic() - started < 20


def test_invalid_utf_8_is_latin_1() -> None:
    host = FakeHost({"x.ini": b"[uwsgi]\ncallable = caf\xe9\n"})
    config = read_compatible(["quaich", "--module=x", "x.ini"], {}, host).config
    assert config.callable == "caf\xe9"
    assert "QX130" in [note.code for note in config.notes]


def failing(scheme: str, name: str) -> str:
    with pytest.raises(ConfigError) as refused:
        Host().fetch(scheme, name)
    return str(refused.value)


def test_a_directory(tmp_path: Path) -> None:
    assert failing("", str(tmp_path)).endswith("Is a directory")


def test_a_large_file(tmp_path: Path) -> None:
    path = tmp_path / "large.ini"
    with path.open("wb") as file:
        file.truncate(100 * 1024 * 1024)
    assert "larger than 4 MiB" in failing("", str(path))


def test_a_fifo_that_never_closes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "PIPE_SECONDS", 0.2)
    path = tmp_path / "fifo.ini"
    os.mkfifo(path)
    writer = os.open(path, os.O_RDWR)
    try:
        assert "no end of file" in failing("", str(path))
    finally:
        os.close(writer)


def test_a_command() -> None:
    fetched = Host().fetch("exec", "exec://echo a; echo b")
    assert fetched.data == b"a\nb\n"
    assert not fetched.remark
    assert "failed with status 3" in Host().fetch("exec", "exec://exit 3").remark


def test_a_command_that_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "PIPE_SECONDS", 0.2)
    assert "no end of file" in failing("exec", "exec://sleep 60")
    assert "larger than 4 MiB" in failing("exec", "exec://head -c 9000000 /dev/zero")


def test_a_descriptor(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("content")
    fd = os.open(path, os.O_RDONLY)
    try:
        assert Host().fetch("fd", f"fd://{fd}").data == b"content"
    finally:
        os.close(fd)
    assert "expected a descriptor" in failing("fd", "fd://x")
    assert "fd://999999: Bad file descriptor" in failing("fd", "fd://999999")


class Answering:
    """A server that answers every connection with the same bytes, and closes or not."""

    def __init__(self, answer: bytes, closes: bool = True) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.socket.getsockname()[1]}"
        self.answer = answer.replace(b"ADDRESS", self.address.encode())
        self.closes = closes
        self.kept: list[socket.socket] = []
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.kept.append(connection)
            try:
                connection.settimeout(5)
                connection.recv(65536)
                connection.sendall(self.answer)
            except OSError:
                # Who has read enough closes, here an answer that is too large.
                pass
            if self.closes:
                connection.close()

    def __enter__(self) -> "Answering":
        self.thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join(10)
        for connection in self.kept:
            connection.close()


def test_an_address() -> None:
    with Answering(b"HTTP/1.0 200 OK\r\n\r\n[uwsgi]\nx = 1\n") as server:
        assert Host().fetch("http", f"http://{server.address}/x.ini").data == b"[uwsgi]\nx = 1\n"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.0 404 Not Found\r\n\r\n", "Not Found"),
        (b"nonsense\r\n\r\n", ""),
        (b"", ""),
        (b"HTTP/1.0 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n", "not allowed"),
        (b"HTTP/1.0 302 Found\r\nLocation: ftp://x/y\r\n\r\n", "redirects to ftp://"),
        (b"HTTP/1.0 302 Found\r\nLocation: http://ADDRESS/\r\n\r\n", "infinite loop"),
        (b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * 5_000_000, "larger than 4 MiB"),
    ],
)
def test_an_address_that_answers_badly(answer: bytes, said: str) -> None:
    with Answering(answer) as server:
        assert said in failing("http", f"http://{server.address}/x.ini")


def test_an_address_that_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "SECONDS", 0.3)
    with Answering(b"HTTP/1.0 200 OK\r\n", closes=False) as server:
        assert failing("http", f"http://{server.address}/x.ini")
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = f"127.0.0.1:{closed.getsockname()[1]}"
    assert "refused" in failing("http", f"http://{address}/x.ini")
