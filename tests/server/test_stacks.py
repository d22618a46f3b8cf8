"""The stacks of a worker that SIGUSR2 asks for, while its threads run and where they cannot."""

import os
import re
import signal
import threading
import time
from pathlib import Path

from tests.conftest import StartServer
from tests.support.net import Address, exchange
from tests.support.processes import wait_until
from tests.support.server import START, Server

APPLICATION = """
import ctypes, os, time

def deeper(depth):
    return deeper(depth - 1) if depth else sum([each * each for each in range(10)])

def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/works":
        end = time.monotonic() + float(environ["QUERY_STRING"])
        open(f"works{environ.get('uwsgi.core', 0)}", "w").close()
        while time.monotonic() < end:
            for depth in range(30):
                deeper(depth)
    elif path == "/holds":
        open("holds", "w").close()
        # No signal interrupts who waits for a mutex, here its own, and with the interpreter's lock.
        library, mutex = ctypes.PyDLL(None), ctypes.create_string_buffer(64)
        library.pthread_mutex_lock(mutex)
        library.pthread_mutex_lock(mutex)
    body = str(os.getpid()).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""
THREADS = 8
SIGNALS = 400


def begin(start: StartServer, directory: Path, *options: str) -> tuple[Server, Address, int]:
    (directory / "app.py").write_text(APPLICATION)
    server = start("--http-socket", "127.0.0.1:0", "-w", "app", "--master", *options)
    (pid,) = server.wait_ready(1)
    match = server.wait_line(r"^listening (?P<host>[0-9.]+):(?P<port>\d+) ")
    return server, (match["host"], int(match["port"])), pid


def get(address: Address, path: str = "/") -> str:
    data = f"GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode()
    return exchange(address, data, 60).decode().partition("\r\n\r\n")[2]


def clients(address: Address, path: str, count: int, answers: list[str]) -> list[threading.Thread]:
    found = [
        threading.Thread(target=lambda: answers.append(get(address, path))) for _ in range(count)
    ]
    for each in found:
        each.start()
    return found


def test_stacks_may_be_asked_for_at_any_moment(start: StartServer, tmp_path: Path) -> None:
    server, address, pid = begin(start, tmp_path, "--threads", str(THREADS))
    answers: list[str] = []
    asking = clients(address, "/works?3", THREADS, answers)
    wait_until(lambda: len(list(tmp_path.glob("works*"))) == THREADS, START, "all threads work")
    for _ in range(SIGNALS):
        os.kill(pid, signal.SIGUSR2)
        time.sleep(0.004)
    for each in asking:
        each.join(START)
    assert answers == [str(pid)] * THREADS
    assert get(address) == str(pid)
    stacks = re.findall(r'^  File ".*app\.py", line \d+ in application$', server.log, re.MULTILINE)
    assert len(stacks) >= THREADS


def test_a_thread_that_is_idle_shows_what_the_main_one_cannot(
    start: StartServer, tmp_path: Path
) -> None:
    server, address, pid = begin(start, tmp_path, "--threads", "2", "--harakiri", "60")
    assert get(address) == str(pid)
    os.kill(pid, signal.SIGUSR2)
    server.wait_line(r'^  File ".*quaich/worker/process\.py", line \d+ in run_worker$')
    server.wait_line(rf"^worker=1 pid={pid} serving cores=2 parked=\d+$")
    assert get(address) == str(pid)


def test_who_is_held_in_c_is_made_to_show_its_stacks_before_it_is_killed(
    start: StartServer, tmp_path: Path
) -> None:
    server, address, pid = begin(start, tmp_path, "--harakiri", "1")
    assert get(address, "/holds") == ""
    server.wait_line(rf"^error: worker=1 pid={pid} harakiri core=0 ")
    server.wait_line(r'^  File ".*app\.py", line \d+ in application$')
    server.wait_line(rf"worker=1 pid={pid} killed: harakiri$")
    wait_until(lambda: get(address) not in ("", str(pid)), START, "another worker")


def test_who_is_held_in_c_does_not_die_of_being_asked(start: StartServer, tmp_path: Path) -> None:
    _, address, pid = begin(start, tmp_path)
    asking = clients(address, "/holds", 1, [])
    wait_until((tmp_path / "holds").exists, START, "the interpreter is held")
    for _ in range(20):
        os.kill(pid, signal.SIGUSR2)
    os.kill(pid, 0)
    state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][:1]
    assert state not in "ZX"
    os.kill(pid, signal.SIGKILL)
    for each in asking:
        each.join(START)


def test_a_harakiri_shows_the_stacks_once(start: StartServer, tmp_path: Path) -> None:
    server, address, pid = begin(start, tmp_path, "--harakiri", "1")
    assert get(address, "/works?60") == ""
    server.wait_line(rf"worker=1 pid={pid} killed: harakiri$")
    stacks = re.findall(r'^  File ".*app\.py", line \d+ in application$', server.log, re.MULTILINE)
    assert len(stacks) == 1
