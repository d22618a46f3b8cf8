"""Statistics and alarms that real servers send."""

import json
import os
import re
import signal
import socket
import stat
from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.support.net import exchange, read_to_end
from tests.support.processes import wait_until
from tests.support.server import command, run

APPLICATION = """
def application(environ, start_response):
    start_response("200 OK", [])
    return [b"hello"]
"""
ARGUMENTS = ("--http-socket", "127.0.0.1:0", "--master", "-w", "sent", "--disable-logging")


def receiver() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    sock.settimeout(20)
    return sock


def address_of(sock: socket.socket) -> str:
    return f"127.0.0.1:{sock.getsockname()[1]}"


def test_statistics_are_pushed(start: StartServer, tmp_path: Path) -> None:
    (tmp_path / "sent.py").write_text(APPLICATION)
    with receiver() as statsd, receiver() as plain:
        server = start(
            *ARGUMENTS,
            *("--stats-push", f"statsd:{address_of(statsd)},site"),
            *("--stats-push", f"socket:{address_of(plain)},hello"),
            *("--stats-push", "file:path=pushed,freq=1"),
            *("--stats-pusher-default-freq", "1"),
        )
        match = server.wait_line(r"^listening (?P<host>[0-9.]+):(?P<port>\d+) ")
        server.wait_line(r"^generation=1 serves")
        assert re.match(rb"site\.[\w.]+:\d+\|[gc]", statsd.recv(65536))
        assert plain.recv(65536).startswith(b"hello.core.")
        address = (match["host"], int(match["port"]))
        for _ in range(3):
            exchange(address, b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        total = 0
        while total < 3:
            found = re.findall(rb"site\.worker\.\d\.requests:(\d+)\|c", statsd.recv(65536))
            total += sum(map(int, found))
        assert total == 3
        file = tmp_path / "pushed"

        def pushed() -> int:
            lines = file.read_text().splitlines() if file.exists() else []
            return json.loads(lines[-1])["workers"][0]["requests"] if lines else 0

        wait_until(lambda: pushed() == 3, 20, "the file has it")
        assert stat.S_IMODE(file.stat().st_mode) == 0o640


def test_a_full_queue_raises_alarms(start: StartServer, tmp_path: Path) -> None:
    (tmp_path / "sent.py").write_text(APPLICATION)
    with receiver() as udp:
        server = start(
            *ARGUMENTS,
            *("--listen", "2", "--alarm", "one cmd:cat > told; touch done", "--alarm", "one log:"),
            *("--alarm", f"two udp:{address_of(udp)}", "--alarm-backlog", "one"),
            *("--backlog-alarm", "two"),
        )
        match = server.wait_line(r"^listening (?P<host>[0-9.]+):(?P<port>\d+) ")
        (worker,) = server.wait_ready()
        server.wait_line(r"^generation=1 serves")
        os.kill(worker, signal.SIGSTOP)
        socks = []
        try:
            for _ in range(6):
                sock = socket.socket()
                socks.append(sock)
                sock.setblocking(False)
                sock.connect_ex((match["host"], int(match["port"])))
                # Deferred accept: only what was sent fills the queue.
                try:
                    sock.send(b"GET / HTTP/1.1\r\n")
                except OSError:
                    pass
            text = udp.recv(65536).decode()
            assert re.fullmatch(r'listen queue of socket "127.0.0.1:\d+" full !!! \(\d/2\)', text)
            server.wait_line(r"ALARM one: listen queue of socket ")
            wait_until(lambda: (tmp_path / "done").exists(), 20, "the command ran")
            assert (tmp_path / "told").read_text() == text
        finally:
            os.kill(worker, signal.SIGCONT)
            for sock in socks:
                sock.close()


def test_carbon(start: StartServer, tmp_path: Path) -> None:
    (tmp_path / "sent.py").write_text(APPLICATION)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.settimeout(20)
        start(
            *(*ARGUMENTS, "--carbon", address_of(listener), "--carbon-freq", "1"),
            *("--carbon-id", "my.site", "--carbon", "127.0.0.1:9"),
        ).wait_line(r"^error: carbon 127.0.0.1:9: connection refused$")
        for _ in range(2):
            sock, _ = listener.accept()
            with sock:
                text = read_to_end(sock).decode()
            assert re.match(r"uwsgi\..*\.my_site\.requests \d+ \d{10}\n", text)
            assert ".worker1.busyness " in text


def test_a_metric_raises_alarms(start: StartServer, tmp_path: Path) -> None:
    (tmp_path / "sent.py").write_text(APPLICATION)
    server = start(
        *ARGUMENTS,
        *("--alarm", "one log:"),
        *("--metric-threshold", "key=worker.1.requests,value=2,alarm=one,msg=enough"),
    )
    match = server.wait_line(r"^listening (?P<host>[0-9.]+):(?P<port>\d+) ")
    server.wait_line(r"^generation=1 serves")
    for _ in range(2):
        request = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
        assert exchange((match["host"], int(match["port"])), request).endswith(b"hello")
    server.wait_line(r"ALARM one: enough$")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            ("--alarm", "a log:", "--metric-threshold", "key=worker.1.request,value=1,alarm=a"),
            "there is no metric worker.1.request; did you mean worker.1.requests?",
        ),
        (
            ("--metric-threshold", "key=worker.1.requests,value=1,alarm=a"),
            "metric-threshold = a: no alarm has this name",
        ),
        (("--alarm-backlog", "nobody"), "alarm-backlog = nobody: no alarm has this name"),
        (("--stats-push", "mongodb:x"), "expected statsd:ADDRESS"),
        (("--alarm", "x mule:1"), "expected NAME cmd:COMMAND"),
    ],
)
def test_what_cannot_be_is_said(tmp_path: Path, options: tuple[str, ...], text: str) -> None:
    (tmp_path / "sent.py").write_text(APPLICATION)
    done = run([*command(), *ARGUMENTS, *options], cwd=tmp_path)
    assert done.returncode == 1
    assert text in done.stderr
