"""Loggers of a running server: where lines arrive, and that no sink can hold up a request."""

import json
import os
import pwd
import re
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.support import http
from tests.support.ports import free_port
from tests.support.processes import stat, wait_until
from tests.support.server import START, Server, command, run

APP = """
import os, sys

def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/print":
        print("printed to stdout", flush=True)
        print("printed to stderr", file=sys.stderr, flush=True)
        os.system("echo printed by a child")
    if path == "/flood":
        for _ in range(1600):
            os.write(1, b"x" * 63 * 1024 + b"\\n")
    if path == "/raise":
        raise ValueError("out of tea")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]
"""


class Place:
    def __init__(self, start: StartServer, directory: Path, *options: str, **more: object) -> None:
        (directory / "logged.py").write_text(APP)
        self.directory = directory
        self.address = ("127.0.0.1", free_port())
        self.server: Server = start(
            "--http-socket", f"127.0.0.1:{self.address[1]}", "-w", "logged", *options, **more
        )  # type: ignore[arg-type]
        self.server.wait_listening(self.address)

    def get(self, target: str = "/") -> int:
        return http.get(self.address, target, timeout=30.0).status

    def text(self, name: str) -> str:
        path = self.directory / name
        return path.read_text(errors="replace") if path.exists() else ""

    def wait(self, name: str, pattern: str) -> str:
        wait_until(
            lambda: re.search(pattern, self.text(name), re.MULTILINE) is not None,
            START,
            f"{pattern!r} in {name}",
        )
        return self.text(name)


@pytest.fixture
def place(start: StartServer, tmp_path: Path) -> Callable[..., Place]:
    return lambda *options, **more: Place(start, tmp_path, *options, **more)


def couriers(server: Server) -> list[int]:
    """The children of the master that lead a session of their own."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            now = stat(int(name))
            if now and now.parent == server.pid and now.session == int(name) and now.state != "Z":
                found.append(int(name))
    return found


def test_one_file_is_written_without_a_courier(place) -> None:
    running = place("--logger", "file:a.log")
    running.wait("a.log", "serves workers=1")
    running.get("/print")
    text = running.wait("a.log", r"GET /print")
    assert text.startswith("quaich=")
    assert "printed to stdout\nprinted to stderr\nprinted by a child\n" in text
    assert couriers(running.server) == []
    assert running.server.log == ""


def test_request_lines_have_a_place_of_their_own(place) -> None:
    running = place("--logger", "file:a.log", "--req-logger", "file:b.log")
    running.get("/raise")
    assert running.wait("b.log", r"GET /raise").count("\n") == 1
    assert "GET /raise =>" not in running.text("a.log")
    assert "ValueError: out of tea" in running.wait("a.log", "out of tea")
    running.server.stop()
    assert running.text("a.log").endswith("generation=1\n")


def test_routes_and_those_that_match_none(place) -> None:
    running = place(
        "--logger", "mine file:a.log", "--log-route", "mine GET /raise",
        "--req-logger", "file:b.log", "--req-logger", "odd file:c.log",
        "--log-req-route", "odd odd",
    )  # fmt: skip
    running.get("/raise")
    running.get("/odd")
    running.wait("c.log", "GET /odd")
    running.server.stop()
    assert running.text("a.log").startswith("the application raised: GET /raise")
    assert "GET /odd" not in running.text("b.log")
    assert running.server.log.startswith("quaich="), "as in uWSGI, the others stay on stderr"


def test_encoders_filters_and_drains(place) -> None:
    running = place(
        "--logger", "stdio", "--log-drain", "health", "--log-filter", "GET",
        "--log-encoder", 'json {"t":${unix},"m":"${msg}"}', "--log-encoder", "nl",
    )  # fmt: skip
    running.get('/a?"b"')
    running.get("/health")
    running.server.wait_line(r"GET /a\?")
    running.server.stop()
    (line,) = running.server.log.splitlines()
    found = json.loads(line)
    assert 'GET /a?"b" =>' in found["m"]
    assert abs(found["t"] - time.time()) < 3600


def test_syslog_by_udp(place) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(START)
        where = f"127.0.0.1:{receiver.getsockname()[1]}"
        running = place("--logger", f"syslog5424:{where},shop,local1", "--req-logger", "file:b.log")
        running.get("/raise")
        got = b""
        while b"out of tea" not in got:
            got = receiver.recv(65536)
        head, _, text = got.partition(b" server - ")
        assert re.fullmatch(rb"<139>1 \d{4}-\d\d-\d\dT[0-9:.]+Z \S+ shop \d+", head)
        assert text.startswith(b"the application raised: GET /raise\\nTraceback")


def test_a_socket_that_nobody_reads_holds_up_nothing(place, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "full.sock"))
        running = place("--logger", "stdio", "--req-logger", f"socket:{tmp_path}/full.sock")
        with http.Client(running.address) as client:
            for _ in range(3000):
                assert client.request("/").status == 200
    running.server.stop()


def test_a_full_disk_is_counted_and_said(place) -> None:
    running = place("--logger", "stdio", "--req-logger", "file:/dev/full")
    assert running.get() == 200
    running.server.wait_line(r"^warning: log sink=file:/dev/full dropped=\d+$")
    assert running.get() == 200


def test_a_flood_of_output(place) -> None:
    running = place("--logger", "file:a.log", "--logger", "fd:2", "--req-logger", "file:b.log")
    assert running.get("/flood") == 200
    assert running.get("/") == 200
    running.wait("b.log", "GET / =>")


def test_a_courier_that_is_killed(place) -> None:
    running = place("--logger", "stdio", "--req-logger", "file:b.log", "--log-worker-output")
    running.server.wait_ready()
    (first,) = couriers(running.server)
    os.kill(first, signal.SIGKILL)
    running.get("/between")
    running.wait("b.log", "GET /between")
    running.server.wait_line(rf"^error: courier pid={first} died signal=SIGKILL$")
    running.server.wait_line(r"^courier pid=\d+ started again$")
    running.get("/print")
    running.server.wait_line("^worker=1 printed by a child$")
    running.server.stop()


def test_worker_output(place) -> None:
    running = place("--log-worker-output", "-p", "2")
    running.server.wait_ready(2)
    running.get("/print")
    for text in ("printed to stdout", "printed to stderr", "printed by a child"):
        running.server.wait_line(rf"^worker=[12] {text}$")
    assert running.server.stop() == 0


def test_the_end_loses_no_line(place) -> None:
    running = place("--logger", "pipe:sleep 0.5; cat > out.log", "--logger", "stdio")
    for number in range(50):
        running.get(f"/number-{number}")
    # A line follows its reply.
    running.server.wait_line("GET /number-49 ")
    running.server.stop()
    running.wait("out.log", r"left exit=")
    for text in (running.text("out.log"), running.server.log):
        assert [number for number in range(50) if f"GET /number-{number} =>" not in text] == []


def test_rotation_and_logto(place) -> None:
    running = place(
        "--logto", "main.log", "--log-encoder", "prefix > ", "--touch-logrotate", "now",
        "--log-backupname", "old.log",
    )  # fmt: skip
    running.wait("main.log", "^> .* serves workers=1")
    time_limit = time.monotonic() + START
    while not (running.directory / "old.log").exists():
        assert time.monotonic() < time_limit
        (running.directory / "now").write_text(str(time.monotonic()))
        time.sleep(0.1)
    running.get("/after")
    running.wait("main.log", "^> .*GET /after")


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("logger", "fiel:x", "did you mean file"),
        ("logger", "mine file:nowhere/a.log", "logger: .*nowhere/a.log cannot be opened: no such"),
        ("req-logger", "file:nowhere/a.log", "nowhere/a.log cannot be opened: no such"),
        ("logger", "fd:999", "no descriptor of that number is open"),
        ("log-route", "mine (", "a regular expression"),
        ("log-encoder", "jsn x", "did you mean json"),
    ],
)
def test_refused_at_the_start(
    start: StartServer, tmp_path: Path, option: str, value: str, said: str
) -> None:
    (tmp_path / "logged.py").write_text(APP)
    address = f"127.0.0.1:{free_port()}"
    server = start("--http-socket", address, "-w", "logged", f"--{option}", value)
    assert server.wait_exit(START) == 1
    assert re.search(said, server.log)
    assert "Traceback" not in server.log


def test_json_of_the_server(place) -> None:
    running = place("--log-json", "--master")
    running.get("/raise")
    running.server.wait_line('"path":"/raise"')
    running.server.stop()
    lines = [json.loads(line) for line in running.server.log.splitlines()]
    (trace,) = (line for line in lines if "out of tea" in line.get("message", ""))
    assert trace["level"] == "error"
    assert trace["worker"] == 1
    assert trace["message"].startswith("the application raised: GET /raise\nTraceback")
    assert any(line.get("level") == "warning" or line.get("level") == "info" for line in lines)


def test_the_date_before_each_line(place) -> None:
    running = place("--log-date=%Y|%H", "--master")
    running.server.wait_line(r"^\d{4}\|\d\d - quaich=")
    running.get("/raise")
    running.server.wait_line(r"^\d{4}\|\d\d - the application raised")
    running.server.wait_line(r"^\[pid: ")


def test_a_reload_and_an_upgrade_in_place(place) -> None:
    running = place(
        "--logger", "mine file:a.log", "--log-route", "mine .", "--req-logger", "file:b.log",
        "--log-worker-output", "--control", "c.sock",
    )  # fmt: skip
    running.wait("a.log", "serves workers=1")
    (first,) = couriers(running.server)
    for number, word in enumerate(("reload", "upgrade", "reload")):
        done = run([*command(), word, "--control", "c.sock"], cwd=running.directory, timeout=60)
        assert done.returncode == 0, done.stderr
        running.get(f"/print?{number}")
        running.wait("b.log", rf"GET /print\?{number}")
        wait_until(
            lambda number=number: (
                running.text("a.log").count("worker=1 printed by a child") == number + 1
            ),
            START,
            "what was printed",
        )
    assert couriers(running.server) == [first]
    running.server.stop(signal.SIGINT)
    assert running.text("a.log").rstrip().endswith("generation=3")
    assert running.server.log == ""


def test_the_courier_ends_with_a_master_that_is_killed(place) -> None:
    running = place("--logger", "stdio", "--req-logger", "file:b.log")
    running.server.wait_line("serves workers=1")
    (courier,) = couriers(running.server)
    running.server.send(signal.SIGKILL)

    def gone() -> bool:
        now = stat(courier)
        return now is None or now.state == "Z"

    wait_until(gone, START, "the courier gone")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_the_courier_has_no_privileges_it_does_not_need(place, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents[:3]:
        parent.chmod(parent.stat().st_mode | 0o011)
    running = place("--logger", "stdio", "--logger", "syslog:@127.0.0.1:9", "--uid", "nobody")
    running.server.wait_line("serves workers=1")
    (courier,) = couriers(running.server)

    def users() -> set[str]:
        text = Path(f"/proc/{courier}/status").read_text()
        return set(re.search(r"^Uid:\s+(.*)$", text, re.MULTILINE)[1].split())  # type: ignore[index]

    wait_until(lambda: users() == {str(pwd.getpwnam("nobody").pw_uid)}, START, "privileges lost")
    held = {os.readlink(f"/proc/{courier}/fd/{fd}") for fd in os.listdir(f"/proc/{courier}/fd")}
    assert sum(each.startswith("socket:") for each in held) <= 2, "nothing but its inlet and syslog"
