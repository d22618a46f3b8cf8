"""Alarms that real servers raise: by lines of the log, descriptors, crashes; and as mails."""

import os
import signal
from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.support import http
from tests.support.ports import free_port
from tests.support.processes import wait_until
from tests.support.server import Server, command, run

APP = """
import os, signal, sys

def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    print("trouble" + path, file=sys.stderr, flush=True)
    start_response("200 OK", [])
    return [b"hello"]
"""
SENDMAIL = """#!/bin/sh
echo "to $*" >>{0}
cat >>{0}
"""


def place(
    start: StartServer, directory: Path, *options: str, pass_fds: tuple[int, ...] = ()
) -> tuple[Server, tuple[str, int]]:
    (directory / "alarmed.py").write_text(APP)
    tools = directory / "tools"
    tools.mkdir()
    (tools / "sendmail").write_text(SENDMAIL.format(directory / "mails"))
    (tools / "sendmail").chmod(0o755)
    address = ("127.0.0.1", free_port())
    server = start(
        *("--http-socket", f"127.0.0.1:{address[1]}", "--master", "-w", "alarmed"),
        *options,
        env={"PATH": f"{tools}:{os.environ['PATH']}"},
        pass_fds=pass_fds,
    )
    server.wait_line(r"^generation=1 serves")
    return server, address


def test_lines_of_the_log(start: StartServer, tmp_path: Path) -> None:
    server, address = place(
        start,
        tmp_path,
        *("--alarm", "one log:", "--alarm", "one cmd:cat >>raised; echo >>raised"),
        *("--log-alarm", "one ^trouble/[a-z]", "--not-log-alarm", "trouble/quiet"),
        *("--log-alarm", "one GET /slash"),
    )
    for path in ("/quiet", "/7", "/loud"):
        http.get(address, path)
    server.wait_line(r"ALARM one: trouble/loud$")
    wait_until(lambda: (tmp_path / "raised").exists(), 10, "the command has run")
    assert "trouble/quiet" in server.log
    http.get(address, "/slash")
    server.wait_line(r"ALARM one: \[pid: .* GET /slash ")
    raised = [line for line in server.log.splitlines() if "ALARM" in line]
    assert len(raised) == 3, raised
    # The alarm works on after a reload, and when the courier was killed.
    os.kill(server.pid, signal.SIGHUP)
    server.wait_line(r"^generation=2 serves")
    http.get(address, "/again")
    server.wait_line(r"ALARM one: trouble/again$")


def test_a_mail_and_a_crash(start: StartServer, tmp_path: Path) -> None:
    server, address = place(
        start,
        tmp_path,
        *("--alarm", "pager mail:ops@example.org,dev@example.org"),
        *("--alarm-segfault", "pager"),
    )
    with pytest.raises(http.Broken):
        http.get(address, "/crash")
    mails = tmp_path / "mails"
    wait_until(lambda: mails.exists() and "SIGSEGV" in mails.read_text(), 10, "a mail")
    text = mails.read_text()
    assert text.startswith("to -i -- ops@example.org dev@example.org\nTo: ops@example.org,dev@")
    assert "\nSubject: [" in text
    assert "] alarm pager\n" in text
    server.wait_line(r"worker=1 pid=\d+ ready", count=2)
    with pytest.raises(http.Broken):
        http.get(address, "/crash")
    server.wait_line(r"worker=1 pid=\d+ ready", count=3)
    assert mails.read_text() == text, "the next is a minute away"


def test_a_descriptor(start: StartServer, tmp_path: Path) -> None:
    fd = os.eventfd(0, os.EFD_NONBLOCK)
    try:
        server, _ = place(
            start,
            tmp_path,
            *("--alarm", "one log:", "--alarm-fd", f"one {fd}:8 memory is low"),
            *("--alarm-fd", "one 977 never"),
            pass_fds=(fd,),
        )
        server.wait_line("alarm-fd: 977 cannot be watched: bad file descriptor")
        os.eventfd_write(fd, 1)
        server.wait_line("ALARM one: memory is low$")
    finally:
        os.close(fd)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--log-alarm", "nobody ^x"), "log-alarm = nobody: no alarm has this name"),
        (("--alarm-fd", "nobody 3"), "alarm-fd = nobody: no alarm has this name"),
        (("--alarm-segfault", "nobody"), "alarm-segfault = nobody: no alarm has this name"),
        (("--log-alarm", "a ("), "expected NAME REGEX"),
        (("--alarm-fd", "a stderr"), "expected NAME FD[:OCTETS] [TEXT]"),
        (("--alarm", "a mail:-oQ/tmp"), "mail:ops@example.org"),
    ],
)
def test_refused(tmp_path: Path, options: tuple[str, ...], text: str) -> None:
    (tmp_path / "alarmed.py").write_text(APP)
    done = run(
        [*command(), "--http-socket", "127.0.0.1:0", "--master", "-w", "alarmed", *options],
        cwd=tmp_path,
    )
    assert done.returncode == 1
    assert text in done.stderr
