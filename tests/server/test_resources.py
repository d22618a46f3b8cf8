"""Sockets as options ask for them, and what a process may take of the machine, in real servers."""

import os
import re
import signal
import socket
from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.server.test_limits import Load, get, listening
from tests.support.processes import wait_until
from tests.support.server import Server

APPLICATION = """
import atexit, os, resource, sys, threading

atexit.register(lambda: print("atexit ran", flush=True))

def application(environ, start_response):
    kinds = {"as": resource.RLIMIT_AS, "nproc": resource.RLIMIT_NPROC, "fd": resource.RLIMIT_NOFILE}
    asked = environ["QUERY_STRING"]
    if asked in kinds:
        body = str(resource.getrlimit(kinds[asked])[0])
    elif asked == "prio":
        body = str(os.getpriority(os.PRIO_PROCESS, 0))
    elif asked == "cpus":
        body = ",".join(map(str, sorted(os.sched_getaffinity(0))))
    elif asked == "stack":
        body = str(threading.stack_size())
    elif asked == "stdin":
        body = os.readlink("/proc/self/fd/0")
    else:
        body = str(os.getpid())
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body.encode()]
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(APPLICATION)
    return tmp_path


OPTIONS = ("-w", "app", "--disable-logging")


@pytest.mark.parametrize("master", [True, False], ids=["master", "alone"])
def test_limits_hold_in_workers(start: StartServer, directory: Path, master: bool) -> None:
    server = start(
        *("--http-socket", "127.0.0.1:0", *OPTIONS, *(("--master",) if master else ())),
        *("--limit-as", "4000", "--max-fd", "200", "--prio", "3", "--cpu-affinity", "1"),
        *("--threads", "2", "--threads-stacksize", "256", "--limit-nproc", "20000"),
    )
    server.wait_ready(1)
    address = listening(server)
    assert get(address, "/?as") == str(4000 * 2**20)
    assert get(address, "/?fd") == "200"
    assert get(address, "/?nproc") == "20000"
    assert get(address, "/?prio") == "3"
    assert get(address, "/?cpus") == str(min(os.sched_getaffinity(0)))
    assert get(address, "/?stack") == str(256 * 1024)
    if master:
        assert os.getpriority(os.PRIO_PROCESS, server.pid) == os.getpriority(os.PRIO_PROCESS, 0)


def test_a_limit_that_cannot_be_set_is_said(start: StartServer, directory: Path) -> None:
    (directory / "a.ini").write_text("[uwsgi]\nmaster = true\nmax-fd = 999999999999\n")
    server = start("--http-socket", "127.0.0.1:0", *OPTIONS, "--ini", "a.ini")
    assert server.wait_exit(20) != 0
    assert "a.ini:3: max-fd = 999999999999: " in server.log
    assert "Traceback" not in server.log


TAKEN = r"\d+ MB are taken before anything is loaded"
RAN_OUT = "memory ran out under it"
# Of sixteen stacks for threads, not all have room.
THREADS = ("--threads", "16")


@pytest.mark.parametrize(
    ("size", "options", "reason"),
    [
        (1, (), TAKEN),
        (1, ("--master",), TAKEN),
        (100, THREADS, RAN_OUT),
        (100, ("--master", "--lazy-apps", *THREADS), RAN_OUT),
    ],
)
def test_a_limit_that_leaves_no_room_is_said(
    start: StartServer, directory: Path, size: int, options: tuple[str, ...], reason: str
) -> None:
    (directory / "a.ini").write_text(f"[uwsgi]\nlimit-as = {size}\n")
    server = start("--http-socket", "127.0.0.1:0", *OPTIONS, "--ini", "a.ini", *options)
    assert server.wait_exit(20) == 1
    line = rf"a\.ini:2: limit-as = {size}: {reason}; expected more megabytes \(1024, say\)$"
    assert re.search(line, server.log, re.M)
    assert "Traceback" not in server.log


def test_a_second_instance_is_kept_away(start: StartServer, directory: Path) -> None:
    options = ("--http-socket", "127.0.0.1:0", *OPTIONS, "--master", "--flock", "lock")
    first = start(*options)
    first.wait_ready(1)
    second = start(*options)
    assert second.wait_exit(20) == 1
    assert "flock = lock: another instance holds the lock" in second.log
    third = start(*options[:-2], "--flock-wait2", "lock")
    third.wait_line("flock-wait2 = lock: another instance holds the lock; waiting")
    # A reload does not let go of it, the end of the master does.
    first.send(signal.SIGHUP)
    first.wait_line("^generation=2 serves")
    assert "listening" not in third.log
    os.kill(first.pid, signal.SIGKILL)
    third.wait_ready(1)


def test_a_shared_socket_is_named_by_number(start: StartServer, directory: Path) -> None:
    server = start("--shared-socket", "127.0.0.1:0", "--http-socket", "=0", *OPTIONS, "--master")
    server.wait_ready(1)
    assert get(listening(server)).isdigit()


def test_an_unknown_shared_socket_is_an_error(start: StartServer, directory: Path) -> None:
    server = start("--shared-socket", "127.0.0.1:0", "--http-socket", "=1", *OPTIONS)
    assert server.wait_exit(20) == 1
    assert 'expected the number of a shared-socket, from 0 to 0, got "=1"' in server.log


def test_a_socket_is_served_by_the_workers_it_is_mapped_to(
    start: StartServer, directory: Path
) -> None:
    server = start(
        *("--http-socket", "127.0.0.1:0", "--http-socket", "127.0.0.1:0", *OPTIONS, "--master"),
        *("-p", "3", "--map-socket", "0:1", "--map-socket", "1:2,3"),
    )
    pids = {
        int(match[1]): match[2]
        for match in re.finditer(
            r"worker=(\d) pid=(\d+) ready", (server.wait_ready(3), server.log)[1]
        )
    }
    first, second = (
        ("127.0.0.1", int(each)) for each in re.findall(r"^listening .*:(\d+) ", server.log, re.M)
    )
    assert {get(first) for _ in range(10)} == {pids[1]}
    assert {get(second) for _ in range(10)} <= {pids[2], pids[3]}


def test_two_servers_share_a_port_and_a_reload_of_one_loses_nothing(
    start: StartServer, directory: Path
) -> None:
    options = (*OPTIONS, "--master", "--reuse-port")
    first = start("--http-socket", "127.0.0.1:0", *options)
    first.wait_ready(1)
    address = listening(first)
    second = start("--http-socket", f"{address[0]}:{address[1]}", *options)
    second.wait_ready(1)
    with Load(address) as load:
        for generation in (2, 3):
            first.send(signal.SIGHUP)
            first.wait_line(f"^generation={generation} serves")
            first.wait_line(r"^worker=1 pid=\d+ left exit=17", count=generation - 1)
    assert load.failures == []
    assert len({get(address) for _ in range(60)}) == 2


def test_unix_sockets_without_files(start: StartServer, directory: Path) -> None:
    name = f"quaich-test-{os.getpid()}"
    server = start("--http-socket", name, "--abstract-socket", *OPTIONS, "--master")
    server.wait_ready(1)
    assert not (directory / name).exists()
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(f"\0{name}\0")
        client.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert client.recv(4096).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("honour", [False, True])
def test_standard_input(start: StartServer, directory: Path, honour: bool) -> None:
    reader, writer = os.pipe()
    try:
        server = start(
            *("--http-socket", "127.0.0.1:0", *OPTIONS, "--master"),
            *(("--honour-stdin",) if honour else ()),
            stdin=reader,
        )
        server.wait_ready(1)
        found = get(listening(server), "/?stdin")
        assert found.startswith("pipe:") if honour else found == "/dev/null"
    finally:
        os.close(reader)
        os.close(writer)


@pytest.mark.parametrize("skip", [False, True])
def test_atexit(start: StartServer, directory: Path, skip: bool) -> None:
    server: Server = start(
        *("--http-socket", "127.0.0.1:0", *OPTIONS, "--master", "--max-requests", "1"),
        *("--min-worker-lifetime", "0", *(("--skip-atexit",) if skip else ())),
    )
    server.wait_ready(1)
    get(listening(server))
    server.wait_line(r"^worker=1 pid=\d+ left exit=17")
    wait_until(lambda: skip or "atexit ran" in server.log, 5, "atexit")
    assert ("atexit ran" in server.log) is not skip
