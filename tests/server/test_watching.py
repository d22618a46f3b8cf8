"""``quaich top`` in a terminal, ``quaich logs`` on files that grow and are rotated."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from tests.conftest import StartServer
from tests.support.net import exchange
from tests.support.processes import wait_until
from tests.support.server import Server, command, environment, run
from tests.support.terminal import Terminal

APPLICATION = """
import os, time

def application(environ, start_response):
    while environ["PATH_INFO"] == "/wait" and not os.path.exists("go"):
        time.sleep(0.01)
    start_response("500 Oops" if environ["PATH_INFO"] == "/bad" else "200 OK", [])
    return [b"hello"]
"""


def serve(start: StartServer, directory: Path, *options: str) -> tuple[Server, tuple[str, int]]:
    (directory / "watched.py").write_text(APPLICATION)
    server = start(
        *("--http-socket", "127.0.0.1:0", "--stats", "127.0.0.1:0", "-w", "watched"),
        *("--master", "-p", "2", "--pidfile", "p", *options),
    )
    match = server.wait_line(r"^listening (?P<host>[0-9.]+):(?P<port>\d+) ")
    server.wait_line(r"^generation=1 serves")
    return server, (match["host"], int(match["port"]))


def get(address: tuple[str, int], path: str, timeout: float = 10.0) -> bytes:
    request = f"GET {path} HTTP/1.1\r\nConnection: close\r\nHost: h\r\n\r\n"
    return exchange(address, request.encode(), timeout)


def test_top_in_a_terminal(start: StartServer, tmp_path: Path) -> None:
    server, address = serve(start, tmp_path)
    argv = [*command(), "top", "p", "--interval", "0.2"]
    top = Terminal(argv, cwd=tmp_path, env=environment(), rows=24, columns=80)
    # It waits for as long as the test goes on.
    client = threading.Thread(target=get, args=(address, "/wait", 120.0))
    client.start()

    def see(pattern: str) -> None:
        top.wait(pattern, redraw="\x0c")

    try:
        see("REQUEST")
        see("GET /wait")
        top.type("/idle")
        see("filter: idle_")
        top.type("\r")
        see("REQUEST .*by worker, filter idle")
        top.type("\x1b")
        see(r"by worker\s+1 ")
        top.type("o")
        see("by requests/s")
        top.type("+")
        see(r"scale 3\? y or n")
        top.type("y")
        server.wait_line(r"^workers=3 before=2 cause=asked")
        see("workers=3")
        # What is proposed next goes out from the last look, which may be older than the outcome.
        see(r"busy \d/3 ")
        top.type("-")
        see(r"scale 2\? y or n")
        top.type("n")
        see("workers=3|scale")
        (tmp_path / "go").touch()
        top.type("r")
        see(r"reload\? y or n")
        top.type("y")
        server.wait_line(r"^generation=2 serves")
        see("generation=2 serves")
        see("generation 2 ")
        top.type("\r")
        see("no request")
        top.type("s")
        see("writes its stacks")
        server.wait_line(r"^worker=\d .*cores=1 parked=")
        top.type("q")
        assert top.end() == 0
    finally:
        (tmp_path / "go").touch()
        client.join(20)


def test_top_for_programs(start: StartServer, tmp_path: Path) -> None:
    server, address = serve(start, tmp_path)
    assert get(address, "/").endswith(b"hello")
    port = server.wait_line(r"^stats=127.0.0.1:(?P<port>\d+)$")["port"]
    for target in (["p"], [f"127.0.0.1:{port}"]):
        done = run([*command(), "top", "--once", *target], cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert f"pid {server.pid}  serving" in done.stdout
        assert done.stdout.count("idle") == 2
        data = json.loads(
            run([*command(), "top", "--once", "--json", *target], cwd=tmp_path).stdout
        )
        assert sum(each["requests"] for each in data["workers"]) == 1


def test_top_by_ssh(start: StartServer, tmp_path: Path) -> None:
    server, _ = serve(start, tmp_path)
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "ssh").write_text(
        f'#!/bin/sh\necho "$*" > {tmp_path}/asked\nfor last; do :; done\neval "exec $last"\n'
    )
    (programs / "quaich").write_text(f'#!/bin/sh\nexec {sys.executable} -m quaich "$@"\n')
    for each in programs.iterdir():
        each.chmod(0o755)
    env = {"PATH": f"{programs}:{os.environ['PATH']}"}
    done = run(
        [*command(), "top", "--once", f"ssh://me@host:22{tmp_path}/p"], cwd=tmp_path, env=env
    )
    assert f"pid {server.pid}  serving" in done.stdout, done.stderr
    assert (tmp_path / "asked").read_text().startswith("-T -p 22 -- me@host quaich top --json ")


def test_top_without_a_server(tmp_path: Path) -> None:
    done = run([*command(), "top", "--once", "127.0.0.1:9"], cwd=tmp_path)
    assert (done.returncode, done.stdout) == (3, "")
    done = run([*command(), "top", "--control", "nowhere"], cwd=tmp_path)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr


def test_logs(start: StartServer, tmp_path: Path) -> None:
    (tmp_path / "site.ini").write_text(
        "[uwsgi]\nhttp-socket = :0\nmodule = watched\nlogto = %d/site.log\n"
    )
    _, address = serve_logging(start, tmp_path)
    get(address, "/good")
    get(address, "/bad")
    log = tmp_path / "site.log"
    wait_until(lambda: "/bad" in log.read_text(), 20, "both are logged")
    for target in ("site.log", "site.ini", "p"):
        argv = [*command(), "logs", "--status", "5xx", target]
        done = run(argv, cwd=tmp_path)
        assert done.stdout.count("\n") == 1, done.stderr
        assert " GET /bad => " in done.stdout
    done = run([*command(), "logs", "--path", "/good", "--since", "1h", "p"], cwd=tmp_path)
    assert " GET /good => " in done.stdout
    assert "/bad" not in done.stdout
    done = run([*command(), "logs", "nowhere.log"], cwd=tmp_path)
    assert (done.returncode, done.stderr) == (1, "quaich: nowhere.log: no such file or directory\n")


def serve_logging(start: StartServer, directory: Path) -> tuple[Server, tuple[str, int]]:
    (directory / "watched.py").write_text(APPLICATION)
    server = start(
        *("--http-socket", "127.0.0.1:0", "-w", "watched", "--master", "--pidfile", "p"),
        *("--logto", "site.log"),
    )
    log = directory / "site.log"
    wait_until(lambda: log.exists() and "generation=1 serves" in log.read_text(), 20, "it serves")
    line = next(each for each in log.read_text().splitlines() if each.startswith("listening "))
    host, _, port = line.split()[1].rpartition(":")
    return server, (host, int(port))


def test_logs_follow_a_file_that_is_rotated(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text("one\n")
    argv = [*command(), "logs", "-f", "a.log"]
    with subprocess.Popen(
        argv, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "one\n"
            with log.open("a") as file:
                file.write("two\n")
            assert process.stdout.readline() == "two\n"
            log.rename(tmp_path / "a.log.1")
            log.write_text("three\n")
            assert process.stdout.readline() == "three\n"
            log.write_text("4\n")
            assert process.stdout.readline() == "4\n"
        finally:
            process.send_signal(signal.SIGINT)
    assert process.returncode == 0
