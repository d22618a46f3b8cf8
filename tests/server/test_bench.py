"""The benchmark measures: one short round of it, which says nothing about speed."""

import json
import shutil
import socket
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from bench import figures, measure

from tests.support.ports import free_port
from tests.support.server import Server, run

ROOT = Path(__file__).parents[2]


@pytest.mark.wrk
@pytest.mark.slow
@pytest.mark.usefixtures("wrk")
@pytest.mark.skipif(shutil.which("gcc") is None, reason="the floor is compiled")
def test_a_round_of_quaich_and_the_floor() -> None:
    done = run(
        [
            *(sys.executable, str(ROOT / "bench" / "run.py"), "--only", "hello,json"),
            *("--peers", "quaich,floor", "--rounds", "1", "--json", "--no-results"),
        ],
        cwd=ROOT,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    rows = {name: [row["name"] for row in each] for name, each in found["scenarios"].items()}
    # The floor answers the paths that it knows, and is not asked for others.
    assert sorted(rows["hello"]) == ["floor", "quaich"]
    assert rows["json"] == ["quaich"]
    for each in (*found["scenarios"]["hello"], *found["scenarios"]["json"]):
        assert "problem" not in each
        assert each["server_us"]["median"] > 0
        assert each["requests_per_second"]["median"] > 0
        assert each["pss_mib"] > 0


def test_an_unknown_name_is_told_before_anything_runs() -> None:
    argv = [sys.executable, str(ROOT / "bench" / "run.py"), "--no-results"]
    done = run([*argv, "--only", "helo"], cwd=ROOT, timeout=60)
    assert done.returncode == 2
    assert "--only helo: no such scenario; there are hello, json" in done.stderr
    done = run([*argv, "--peers", "uwsgy"], cwd=ROOT, timeout=60)
    assert done.returncode == 2
    assert "--peers uwsgy: no such server; there are quaich, uwsgi" in done.stderr


def test_the_corpus_over_real_connections() -> None:
    argv = [sys.executable, str(ROOT / "bench" / "conformance.py"), "--peers", "quaich"]
    done = run([*argv, "--show", "quaich"], cwd=ROOT, timeout=120)
    assert done.returncode == 0, done.stderr
    assert " | 0 | 0 | 0 | 0 | 0 |\n" in done.stdout


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with what is compiled for a measurement."""
    if shutil.which("gcc") is None:
        pytest.skip("the floors are compiled")
    directory = tmp_path_factory.mktemp("made")
    for name in ("floor", "paced"):
        measure.compile_c(name, directory)
    return directory


@contextmanager
def served(argv: list[str], port: int, directory: Path) -> Iterator[None]:
    server = Server(argv, cwd=directory, output=directory / f"output-{port}")
    try:
        server.wait_listening(("127.0.0.1", port))
        yield
    finally:
        server.kill()


def test_the_gathering_floor_answers_once_it_has_the_whole_body(made: Path) -> None:
    port = free_port()
    body = bytes(300_000)
    with (
        served([str(made / "floor"), "gather", str(port)], port, made),
        socket.create_connection(("127.0.0.1", port), timeout=10) as client,
    ):
        # The last is larger than what the connection kept until then.
        for sent in (body[:100], body, body * 2):
            head = f"POST /post HTTP/1.1\r\nHost: x\r\nContent-Length: {len(sent)}\r\n\r\n"
            client.sendall(head.encode() + sent[:-1])
            client.settimeout(0.1)
            with pytest.raises(TimeoutError):
                client.recv(4096)
            client.settimeout(10)
            client.sendall(sent[-1:])
            assert client.recv(4096).endswith(b"\r\n\r\nHello world")


def test_the_paced_load_tells_what_it_was_answered(made: Path) -> None:
    port = free_port()
    with served([str(made / "floor"), str(port)], port, made):
        done = run([str(made / "paced"), str(port), "/", "200", "1", "4"], cwd=made, timeout=60)
    found = figures.paced(done.stdout, 1.0)
    assert found.requests == 200
    assert 0 < found.p50_us <= found.p99_us
    assert 0 <= found.late_us <= found.p99_us


def test_the_floor_of_pages_calls_an_application(made: Path) -> None:
    headers = Path(sysconfig.get_path("include"))
    if not (headers / "Python.h").exists():
        pytest.skip("the interpreter's headers are not here")
    measure.compile_c("floor_wsgi", made, str(headers))
    port = free_port()
    code = """
import floor_wsgi, sys

class Pieces:
    def __init__(self, size):
        self.pieces = iter([b"a", b"", b"b" * size])
    def __iter__(self):
        return self.pieces
    def close(self):
        closed.append(self)

def application(environ, start_response):
    assert environ["wsgi.input"].read() == b"" and environ.setdefault("seen", 1) == 1
    fields = [("X-Closed", str(len(closed)))]
    if len(closed) == 1:
        fields.append(("content-length", "6"))
    start_response("200 Fine", fields)
    environ["seen"] = 2
    return Pieces(5 if len(closed) < 2 else 1 / 0)

closed = []
floor_wsgi.serve(application, {"PATH_INFO": "/"}, int(sys.argv[1]))
"""
    with served([sys.executable, "-c", code, str(port)], port, made):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
            for fields in (
                b"X-Closed: 0\r\nContent-Length: 6\r\n",
                b"X-Closed: 1\r\ncontent-length: 6\r\n",
            ):
                # Nothing is answered before the head is whole.
                client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
                client.sendall(b"\r\n")
                assert client.recv(4096) == b"HTTP/1.1 200 Fine\r\n" + fields + b"\r\nabbbbb"
            client.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert client.recv(4096) == b""
        output = (made / f"output-{port}").read_text()
        assert "ZeroDivisionError: division by zero" in output
