"""Commands to a running server: over its control socket, and by its pid file."""

import json
import os
import signal
import socket
import stat
import subprocess
import threading
import time
from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.support.net import Address, exchange
from tests.support.processes import wait_until
from tests.support.server import Server, command, environment, run

APPLICATION = """
import os, time
VERSION = {version!r}
def application(environ, start_response):
    if environ["PATH_INFO"] == "/slow":
        open("slow", "w").close()
        time.sleep(float(environ["QUERY_STRING"]))
    start_response("200 OK", [("Content-Length", str(len(VERSION)))])
    return [VERSION.encode()]
"""


def write(directory: Path, version: str) -> None:
    (directory / "site_app.py").write_text(APPLICATION.format(version=version))


def get(server: Server, path: str = "/") -> str:
    request = f"GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode()
    return exchange(address(server), request, 10).decode().rpartition("\r\n\r\n")[2]


def address(server: Server) -> Address:
    match = server.wait_line(r"^listening (?P<host>[0-9.]+):(?P<port>\d+) ")
    return match["host"], int(match["port"])


def quaich(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run([*command(), *arguments], cwd=directory, timeout=60)


@pytest.fixture
def server(start: StartServer, tmp_path: Path) -> Server:
    """Of the compatible door; found by site.ini and site.pid."""
    write(tmp_path, "one")
    (tmp_path / "site.ini").write_text(
        "[uwsgi]\nhttp-socket = 127.0.0.1:0\nmodule = site_app\nprocesses = 2\nmaster = true\n"
        "pidfile = site.pid\nharakiri = 60\n"
    )
    started = start("--ini", "site.ini")
    started.wait_line(r"^generation=1 serves")
    return started


def test_reload_waits_for_the_outcome(server: Server, tmp_path: Path) -> None:
    write(tmp_path, "version two")
    done = quaich(tmp_path, "reload", "site.ini")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "quaich: generation=2 loads\nquaich: generation=2 serves\n"
    assert get(server) == "version two"
    (tmp_path / "site_app.py").write_text("1 / 0\n")
    done = quaich(tmp_path, "reload", "site.pid")
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("quaich: reload: ")
    assert "ZeroDivisionError: division by zero" in last
    assert get(server) == "version two"
    write(tmp_path, "the third one")
    assert quaich(tmp_path, "reload", "--chain", "site.pid").returncode == 0
    assert get(server) == "the third one"


def test_status_scale_pause_and_what_cannot_be(server: Server, tmp_path: Path) -> None:
    get(server)
    done = quaich(tmp_path, "scale", "3", "site.pid")
    assert (done.returncode, done.stderr) == (0, "quaich: workers=3\n")
    status = json.loads(quaich(tmp_path, "status", "--json", "site.pid").stdout)
    (generation,) = status["generations"]
    assert status["pid"] == server.pid
    assert [each["state"] for each in generation["workers"]] == ["ready"] * 3
    assert sum(each["requests"] for each in generation["workers"]) == 1
    text = quaich(tmp_path, "status", "site.ini").stdout
    assert text.startswith(f"quaich 0.1.0 pid {server.pid}: serving, up ")
    for arguments, message in (
        (("scale", "5000"), "quaich: scale: workers=5000: expected 1 to "),
        (("restore",), "quaich: restore: no generation to restore; kept: none"),
        (("restore", "9"), "quaich: restore: no generation 9 to restore; kept: none"),
    ):
        done = quaich(tmp_path, *arguments, "site.pid")
        assert done.returncode == 1
        assert done.stderr.startswith(message)


def test_a_running_request_is_shown(server: Server, tmp_path: Path) -> None:
    client = threading.Thread(target=get, args=(server, "/slow?3"))
    client.start()
    wait_until((tmp_path / "slow").exists, 10, "the request runs")
    text = quaich(tmp_path, "status", "site.pid").stdout
    server.send(signal.SIGUSR2)
    server.send(signal.SIGUSR1)
    server.wait_line(r"^worker=\d thread=0 since=[0-9.]+s 127.0.0.1 GET /slow\?3$")
    server.wait_line(r"^statistics pid=\d+ uptime=\d+s generation=1 workers=2 ")
    client.join()
    assert " s  127.0.0.1 GET /slow?3\n" in text


def test_stop_lets_requests_finish_and_waits_for_the_end(server: Server, tmp_path: Path) -> None:
    replies: list[str] = []
    client = threading.Thread(target=lambda: replies.append(get(server, "/slow?1.5")))
    client.start()
    wait_until((tmp_path / "slow").exists, 10, "the request runs")
    stops = [
        subprocess.Popen(
            [*command(), "stop", "site.pid"], cwd=tmp_path, env=environment(), stderr=-1, text=True
        )
        for _ in range(2)
    ]
    ends = [each.communicate(timeout=30)[1] for each in stops]
    client.join()
    assert replies == ["one"]
    assert [each.returncode for each in stops] == [0, 0]
    assert all(end.endswith("quaich: the server has ended\n") for end in ends)
    assert server.wait_exit(0.5) == 0
    done = quaich(tmp_path, "stop", "site.pid")
    assert done.returncode == 3
    assert "site.pid: no such file: the server does not run" in done.stderr
    assert quaich(tmp_path, "status", "site.ini").returncode == 3


def test_stop_now_cuts_off(server: Server, tmp_path: Path) -> None:
    client = threading.Thread(target=get, args=(server, "/slow?20"))
    client.start()
    wait_until((tmp_path / "slow").exists, 10, "the request runs")
    before = time.monotonic()
    assert quaich(tmp_path, "stop", "--now", "site.pid").returncode == 0
    assert time.monotonic() - before < 10
    client.join(10)
    assert server.wait_exit() == 0


def test_a_server_that_does_not_answer(server: Server, tmp_path: Path) -> None:
    server.send(signal.SIGSTOP)
    try:
        done = quaich(tmp_path, "status", "--timeout", "1", "site.pid")
    finally:
        server.send(signal.SIGCONT)
    assert done.returncode == 4
    assert "does not answer" in done.stderr or "no outcome in time" in done.stderr


def test_a_control_socket_of_ones_own(start: StartServer, tmp_path: Path) -> None:
    write(tmp_path, "one")
    started = start(
        *("serve", "site_app:application", "--bind", "127.0.0.1:0"),
        *("--control", "c.sock"),
    )
    started.wait_line(r"^generation=1 serves")
    path = tmp_path / "c.sock"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert quaich(tmp_path, "reload", "--control", "c.sock").returncode == 0
    assert quaich(tmp_path, "upgrade", "--control", "c.sock").returncode == 0
    assert quaich(tmp_path, "stop", "--control", "c.sock").returncode == 0
    assert started.wait_exit() == 0
    assert not path.exists()
    done = quaich(tmp_path, "status", "--control", "c.sock")
    assert (done.returncode, done.stderr) == (3, "quaich: c.sock: no such file or directory\n")


@pytest.mark.parametrize("kind", ["control", "master-fifo"])
def test_a_path_that_cannot_be_used_stops_the_start(tmp_path: Path, kind: str) -> None:
    write(tmp_path, "one")
    (tmp_path / "taken").write_text("precious")
    done = quaich(
        tmp_path,
        *("--http-socket", "127.0.0.1:0", "-M", "-w", "site_app", "--pidfile", "p"),
        *(f"--{kind}", "taken"),
    )
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"quaich: command line: {kind} = ")
    assert "remove it or choose another path" in last
    assert sorted(os.listdir(tmp_path)) == ["site_app.py", "taken"]


def test_nobody_holds_up_the_master(start: StartServer, tmp_path: Path) -> None:
    write(tmp_path, "one")
    started = start(
        *("--http-socket", "127.0.0.1:0", "-M", "-w", "site_app", "--control", "c.sock"),
    )
    started.wait_line(r"^generation=1 serves")
    crowd = []
    for index in range(500):
        client = socket.socket(socket.AF_UNIX)
        client.connect(str(tmp_path / "c.sock"))
        client.settimeout(10)
        try:
            client.send((b"", b"{", b'{"command": "status"}\n', b"\0" * 9000)[index % 4])
        except OSError:
            pass  # let go already, for one that came later
        crowd.append(client)
    done = quaich(tmp_path, "reload", "--control", "c.sock")
    assert done.returncode == 0, done.stderr
    for client in crowd:
        client.close()
    assert get(started) == "one"


def test_after_the_master_is_killed_nothing_is_left(start: StartServer, tmp_path: Path) -> None:
    write(tmp_path, "one")
    started = start(
        *("--http-socket", "127.0.0.1:0", "-M", "-w", "site_app", "--control", "c.sock"),
        *("--master-fifo", "f", "--vacuum"),
    )
    started.wait_line(r"^generation=1 serves")
    started.send(signal.SIGKILL)
    started.wait_gone()
    assert not (tmp_path / "c.sock").exists()
    assert not (tmp_path / "f").exists()


def test_signals_by_pid_file(server: Server, tmp_path: Path) -> None:
    done = quaich(tmp_path, "--http-socket", ":0", "--reload", "site.pid", "-p", "4")
    assert (done.returncode, done.stderr) == (0, "")
    server.wait_line("^generation=2 serves")
    (tmp_path / "stop.ini").write_text("[uwsgi]\nstop = site.pid\n")
    done = quaich(tmp_path, "stop.ini")
    assert (done.returncode, done.stderr) == (0, "")
    assert server.wait_exit() == 0


def test_connect_and_read(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        def serve() -> None:
            client, _ = listener.accept()
            with client:
                client.sendall(b"one\n")
                client.sendall(b"two \xff, and no end of line")

        thread = threading.Thread(target=serve)
        thread.start()
        text = "{}:{}".format(*listener.getsockname())
        done = subprocess.run(
            [*command(), "--connect-and-read", text],
            env=environment(),
            capture_output=True,
            timeout=20,
            check=False,
        )
        thread.join()
    assert (done.returncode, done.stdout) == (0, b"one\ntwo \xff, and no end of line")
    failed = quaich(tmp_path, "--connect-and-read", text)
    assert failed.returncode == 1
    assert failed.stderr == f"quaich: --connect-and-read: {text}: connection refused\n"
