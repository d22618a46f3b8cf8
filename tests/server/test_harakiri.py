"""Harakiri with a time of grace, and only while others wait."""

import os
import re
import signal
import threading
import time
from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.support.net import Address, exchange
from tests.support.processes import wait_until
from tests.support.server import START, Server

APPLICATION = """
import os, signal, time

def application(environ, start_response):
    path = environ["PATH_INFO"]
    body = str(os.getpid()).encode()
    if path == "/handles":
        def handler(number, frame):
            open("handled", "w").write(str(number))
            raise RuntimeError("out of time")
        signal.signal(int(environ["QUERY_STRING"]), handler)
    if path == "/catches":
        def handler(number, frame):
            raise TimeoutError
        before = signal.signal(signal.SIGTERM, handler)
        try:
            time.sleep(60)
        except TimeoutError:
            body = b"in time"
        finally:
            signal.signal(signal.SIGTERM, before)
    elif path == "/ignores":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(60)
    elif path == "/slow":
        open("slow", "w").close()
        time.sleep(float(environ["QUERY_STRING"]))
    elif path != "/":
        time.sleep(60)
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""


def get(address: Address, path: str = "/") -> str:
    data = f"GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode()
    head, _, body = exchange(address, data, 20).decode().partition("\r\n\r\n")
    return body if " 200 " in head.partition("\r\n")[0] else head.partition("\r\n")[0]


@pytest.fixture
def server(start: StartServer, tmp_path: Path, request: pytest.FixtureRequest) -> Server:
    (tmp_path / "app.py").write_text(APPLICATION)
    options: tuple[str, ...] = request.param
    server = start(
        *("--http-socket", "127.0.0.1:0", "-w", "app", "--master", "--harakiri", "1"), *options
    )
    server.wait_ready(1)
    return server


def address(server: Server) -> Address:
    match = server.wait_line(r"^listening (?P<host>[0-9.]+):(?P<port>\d+) ")
    return match["host"], int(match["port"])


GRACE = ("--harakiri-graceful-timeout", "2")


@pytest.mark.parametrize("server", [GRACE], indirect=True)
def test_an_application_can_answer_in_time(server: Server) -> None:
    pid = get(address(server))
    assert get(address(server), "/catches") == "in time"
    server.wait_line(
        rf"^error: worker=1 pid={pid} graceful harakiri core=0 age=1\.\ds harakiri=1s grace=2s "
        r"127\.0\.0\.1 GET /catches$"
    )
    server.wait_line(r'^  File ".*app\.py", line \d+ in application$')
    assert get(address(server)) == pid
    # Another request is warned of its own.
    assert get(address(server), "/catches") == "in time"
    assert server.log.count("graceful harakiri") == 2
    assert get(address(server)) == pid


@pytest.mark.parametrize(
    ("server", "number"),
    [(GRACE, 15), ((*GRACE, "--harakiri-graceful-signal", "23"), 23)],
    indirect=["server"],
)
def test_what_a_handler_raises_ends_the_request(
    server: Server, number: int, tmp_path: Path
) -> None:
    pid = get(address(server))
    assert get(address(server), f"/handles?{number}").startswith("HTTP/1.1 500 ")
    assert (tmp_path / "handled").read_text() == str(number)
    assert get(address(server)) == pid


@pytest.mark.parametrize("server", [GRACE], indirect=True)
def test_without_a_handler_the_worker_ends_at_the_signal(server: Server) -> None:
    pid = get(address(server))
    began = time.monotonic()
    assert get(address(server), "/sleeps") == ""
    assert 0.9 < time.monotonic() - began < 2.9
    server.wait_line(rf"worker=1 pid={pid} died exit=30 ")
    assert get(address(server)) != pid


@pytest.mark.parametrize("server", [GRACE], indirect=True)
def test_who_ignores_the_signal_is_killed_after_the_grace(server: Server) -> None:
    pid = get(address(server))
    began = time.monotonic()
    assert get(address(server), "/ignores") == ""
    assert 2.9 < time.monotonic() - began < 6
    server.wait_line(rf"worker=1 pid={pid} harakiri core=0 age=3\.\ds ")
    server.wait_line(rf"worker=1 pid={pid} killed: harakiri")
    assert len(re.findall("graceful harakiri", server.log)) == 1
    wait_until(lambda: get(address(server)) not in ("", pid), START, "another worker")


@pytest.mark.parametrize("server", [("--harakiri-queue-threshold", "2")], indirect=True)
def test_only_while_others_wait(server: Server, tmp_path: Path) -> None:
    here = address(server)
    pid = get(here)
    assert get(here, "/slow?2.5") == pid
    assert "harakiri" not in server.log
    (tmp_path / "slow").unlink()
    answers: list[str] = []
    clients = [threading.Thread(target=lambda: answers.append(get(here, "/slow?20")))]
    clients[0].start()
    wait_until((tmp_path / "slow").exists, START, "a request runs")
    clients += [threading.Thread(target=lambda: answers.append(get(here))) for _ in range(4)]
    for each in clients[1:]:
        each.start()
    server.wait_line(rf"worker=1 pid={pid} harakiri core=0 ")
    for each in clients:
        each.join(START)
    assert len(answers) == 5
    assert answers.count("") == 1
    os.kill(server.pid, signal.SIGINT)
