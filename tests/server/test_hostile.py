"""An application that turns on its server: it cannot take the master with it.

What it holds of the master's (the channel, the scoreboard) it finds among its own descriptors.
"""

import os
import re
import signal
import tempfile
from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.support.net import Address, exchange
from tests.support.processes import stat, wait_until
from tests.support.server import Server

APPLICATION = """
import json, os, socket

def links():
    for name in os.listdir("/proc/self/fd"):
        try:
            yield int(name), os.readlink("/proc/self/fd/" + name)
        except OSError:
            pass

def channel():
    for fd, target in links():
        if target.startswith("socket:"):
            sock = socket.socket(fileno=os.dup(fd))
            kind = (sock.family, sock.type)
            # The lounge is a pair of such sockets, too, but does not wait.
            if kind == (socket.AF_UNIX, socket.SOCK_SEQPACKET) and os.get_blocking(fd):
                return sock

def say(kind, **values):
    channel().send(json.dumps([kind, values]).encode())

def board():
    return next(fd for fd, target in links() if "memfd:quaich-scoreboard" in target)

if os.path.exists("turn"):
    exec(open("turn").read())

def application(environ, start_response):
    body = b""
    if environ["QUERY_STRING"]:
        body = str(eval(environ["QUERY_STRING"].replace("%20", " "))).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""


def ask(server: Server, code: str = "") -> str:
    match = server.wait_line(r"^listening (?P<host>[0-9.]+):(?P<port>\d+) ")
    address: Address = (match["host"], int(match["port"]))
    query = code.replace(" ", "%20")
    text = f"GET /?{query} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
    head, _, body = exchange(address, text.encode(), 10).decode().partition("\r\n\r\n")
    assert " 200 " in head.partition("\r\n")[0]
    return body


def serve(start: StartServer, directory: Path, *options: str, turn: str = "") -> Server:
    (directory / "hostile.py").write_text(APPLICATION)
    if turn:
        (directory / "turn").write_text(turn)
    server = start(
        *("--http-socket", "127.0.0.1:0", "-w", "hostile", "--master", "-p", "1"),
        *("--max-requests", "100000", *options),
    )
    server.wait_ready(1)
    return server


def commands(server: Server) -> list[str]:
    """What the master's children are; a daemon has a session of its own."""
    found = []
    for each in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = each.read_text().partition("(")[2].rpartition(")")
        except OSError:
            continue  # it has just ended
        if int(rest.split()[1]) == server.pid:
            found.append(name)
    return found


HUGE = 2**70


@pytest.mark.parametrize(
    "turn",
    [
        f'say("Forked", slot=1, pid={HUGE})',
        f'say("Forked", slot={HUGE}, pid=os.getpid())',
        f'say("Reforked", generation=7, pid={HUGE})',
        f'say("Modules", paths=["/nowhere" * 5000])\nsay("ForkFailed", slot={HUGE}, reason="")',
    ],
)
def test_strange_words_of_a_zygote(start: StartServer, tmp_path: Path, turn: str) -> None:
    server = serve(start, tmp_path, turn=turn)
    ask(server)
    ask(server)
    assert "Traceback" not in server.log
    assert server.stop() == 0


def test_the_scoreboard_keeps_its_size(start: StartServer, tmp_path: Path) -> None:
    server = serve(start, tmp_path)
    for size in ("0", "1 << 30"):
        call = f"(lambda: __import__('ctypes').CDLL(None).ftruncate(board(), {size}))()"
        assert ask(server, call) == "-1"
    pid = server.pid
    server.send(signal.SIGUSR1)
    ask(server)
    assert stat(pid)
    assert server.stop() == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has what others must not end")
def test_a_process_of_root_is_not_ended_for_the_application(
    start: StartServer,
) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        os.chmod(name, 0o777)
        _point_at_others(start, Path(name))


def _point_at_others(start: StartServer, directory: Path) -> None:
    turn = (
        "import re\n"
        "pids = [int(p) for p in os.listdir('/proc') if p.isdecimal()]\n"
        "def parent(p):\n"
        "    try: return int(open(f'/proc/{p}/stat').read().rpartition(')')[2].split()[1])\n"
        "    except OSError: return 0\n"
        "mine = [p for p in pids if parent(p) == os.getppid() and p != os.getpid()]\n"
        "for p in mine:\n"
        "    say('Forked', slot=1, pid=p)\n"
        "    say('Reforked', generation=9, pid=p)\n"
        "os.umask(0)\n"
        "open('told', 'w').write(str(mine))\n"
    )
    server = serve(
        *(start, directory, "--chdir", str(directory), "--uid", "nobody"),
        *("--attach-daemon2", "cmd=sleep 1000,uid=root,gid=root"),
    )
    wait_until(lambda: "sleep" in commands(server), 10, "the daemon runs")
    (directory / "turn").write_text(turn)
    server.send(signal.SIGHUP)
    wait_until((directory / "told").exists, 10, "it was said")
    told = [int(each) for each in (directory / "told").read_text().strip("[]").split(",") if each]
    assert told
    ask(server)
    assert not re.search(r"daemon=sleep pid=\d+ ended", server.log)
    assert "signal=SIGKILL" not in server.log
    assert server.stop() == 0


def test_a_hook_of_a_reload_hands_on_nothing(start: StartServer, tmp_path: Path) -> None:
    """Its command may leave a process behind, which would hold the sockets for ever."""
    listing = f"ls -l /proc/self/fd > {tmp_path}/held"
    server = serve(start, tmp_path, "--hook-as-root", f"exec:{listing}")
    server.send(signal.SIGHUP)
    server.wait_line("^generation=2 serves")
    held = (tmp_path / "held").read_text()
    assert "/proc/" in held
    assert not any(word in held for word in ("socket:", "memfd:", "pipe:", "eventpoll"))
    assert server.stop() == 0


FORK = """
import os, sys

count = [0]

def application(environ, start_response):
    count[0] += 1
    path = environ["PATH_INFO"]
    if path == "/exit" and os.fork() == 0:
        sys.exit(7)
    elif path == "/return" and os.fork() == 0:
        return []
    elif path == "/raise" and os.fork() == 0:
        raise ValueError("a child")
    elif path == "/iterate":
        start_response("200 OK", [("Content-Length", "4")])
        return iterate()
    if path != "/":
        os.wait()
    body = b"%d %d" % (os.getpid(), count[0])
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]

def iterate():
    if os.fork():
        os.wait()
    yield b"four"
"""


@pytest.mark.parametrize("threads", ["1", "3"])
@pytest.mark.parametrize("how", ["exit", "return", "raise", "iterate"])
def test_a_forked_process_is_no_second_worker(
    start: StartServer, tmp_path: Path, how: str, threads: str
) -> None:
    (tmp_path / "forking.py").write_text(FORK)
    server = start(
        *("--http-socket", "127.0.0.1:0", "-w", "forking", "--master", "-p", "1"),
        *("--threads", threads, "--http-keepalive=60"),
    )
    (worker,) = server.wait_ready(1)
    match = server.wait_line(r"^listening (?P<host>[0-9.]+):(?P<port>\d+) ")
    address: Address = (match["host"], int(match["port"]))
    text = f"GET /{how} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
    reply = exchange(address, text.encode(), 10).decode()
    # One answer, and it is the parent's.
    assert reply.count("HTTP/1.1 ") == 1
    assert reply.startswith("HTTP/1.1 200 ")
    assert reply.endswith("four" if how == "iterate" else f"{worker} 1")
    if how == "raise":
        assert "ValueError: a child" in server.log
    if how in ("return", "iterate"):
        assert "was forked by the application and came back" in server.log
    assert server.log.count(f"GET /{how} ") == 1
    assert server.stop() == 0


@pytest.mark.parametrize("where", ["import", "hook"])
def test_a_process_forked_while_loading_is_no_worker(
    start: StartServer, tmp_path: Path, where: str
) -> None:
    hook = "if os.fork():\n    os.wait()\n"
    if where == "hook":
        hook = "def hook():\n    if os.fork():\n        os.wait()\n"
    (tmp_path / "forking.py").write_text(FORK + hook)
    options = ["--post-fork", "forking:hook"] if where == "hook" else []
    server = start(
        *("--http-socket", "127.0.0.1:0", "-w", "forking", "--master", "-p", "1", *options),
    )
    server.wait_line("was forked by the application and came back from it; ended")
    server.wait_ready(1)
    assert len(commands(server)) == 2
    assert server.stop() == 0
