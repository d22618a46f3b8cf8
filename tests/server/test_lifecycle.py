"""Starting, supervising, reloading and stopping, with real processes that get killed."""

import contextlib
import os
import pwd
import re
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.support.net import Address, accepts, connect, exchange
from tests.support.processes import stat, wait_until
from tests.support.server import START, Server, command, install_commands, run

APPLICATION = """
import os, sys, time

VERSION = {version!r}

def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/pid":
        body = str(os.getpid())
    elif path == "/exit":
        os._exit(int(environ["QUERY_STRING"]))
    elif path == "/raise-exit":
        raise SystemExit(int(environ["QUERY_STRING"]))
    elif path == "/slow":
        with open("slow", "w"):
            time.sleep(float(environ["QUERY_STRING"]))
        body = "slept"
    elif path == "/user":
        body = f"{{os.getuid()}} {{os.getgid()}} {{LOADED_AS}}"
    else:
        body = VERSION
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body.encode()]

LOADED_AS = os.getuid()
"""


def write(directory: Path, version: str = "one", name: str = "site_app.py") -> None:
    (directory / name).write_text(APPLICATION.format(version=version))


def get(address: Address, path: str = "/", timeout: float = 10.0) -> str:
    """The body of an answer 200, or the status line of another, or nothing."""
    request = f"GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
    reply = exchange(address, request.encode(), timeout).decode()
    head, _, body = reply.partition("\r\n\r\n")
    return body if " 200 " in head.partition("\r\n")[0] else head.partition("\r\n")[0]


def listening(server: Server) -> Address:
    """The TCP address that the kernel chose."""
    match = server.wait_line(r"^listening (?P<host>[0-9.]+):(?P<port>\d+) ")
    return match["host"], int(match["port"])


def nothing_left(directory: Path) -> bool:
    """Whether neither the pid file nor the socket is there any more."""
    return not any((directory / name).exists() for name in ("site.pid", "site.sock"))


class Supervised:
    """Starts a master with workers of the application above."""

    def __init__(self, start: StartServer, directory: Path) -> None:
        self._start, self.directory = start, directory

    def __call__(self, *options: str, workers: int = 2) -> Server:
        write(self.directory)
        server = self._start(
            *("--http-socket", "127.0.0.1:0", "-w", "site_app", "--master"),
            *("-p", str(workers), *options),
        )
        server.wait_ready(workers)
        return server


@pytest.fixture
def supervised(start: StartServer, tmp_path: Path) -> Supervised:
    return Supervised(start, tmp_path)


@pytest.fixture
def modern(start: StartServer, tmp_path: Path) -> Server:
    write(tmp_path)
    server = start("serve", "site_app:application", "--bind", "127.0.0.1:0", "--workers", "2")
    server.wait_ready(2)
    return server


def zygote(server: Server) -> int:
    """The zygote is the child that leads the group the workers are in."""
    (leader,) = [each.pid for each in server.children() if os.getpgid(each.pid) == each.pid]
    return leader


def test_start_and_stop(supervised: Supervised, tmp_path: Path) -> None:
    server = supervised("--pidfile", "site.pid", "--socket", "site.sock", "--vacuum")
    assert (tmp_path / "site.pid").read_text() == f"{server.pid}\n"
    assert (tmp_path / "site.sock").is_socket()
    assert get(listening(server)) == "one"
    assert f"quaich=0.1.0 python={sys.version.split()[0]} pid={server.pid}" in server.log
    assert "listening site.sock protocol=uwsgi" in server.log
    server.wait_line(r"^generation=1 serves workers=2$")
    workers = [stat(pid) for pid in server.wait_ready(2)]
    assert [each.parent for each in workers if each] == [server.pid] * 2
    assert server.stop(signal.SIGINT) == 0
    assert nothing_left(tmp_path)


def test_without_vacuum_the_socket_file_stays_and_is_taken_again(
    supervised: Supervised, tmp_path: Path
) -> None:
    for _ in range(2):
        assert supervised("--socket", "site.sock").stop(signal.SIGINT) == 0
        assert (tmp_path / "site.sock").is_socket()


@pytest.mark.parametrize("end", ["SIGKILL", "SIGSEGV", "SIGTERM"])
def test_a_worker_that_is_killed_is_replaced(supervised: Supervised, end: str) -> None:
    server = supervised()
    first, second = server.wait_ready(2)
    os.kill(first, signal.Signals[end])
    how = "exit=30" if end == "SIGTERM" else f"signal={end}"
    server.wait_line(rf"warning: worker=\d pid={first} died {how} after=\d+\.\ds generation=1")
    assert len(server.wait_ready(3)) == 3
    assert {get(listening(server), "/pid")} <= {str(pid) for pid in server.wait_ready(3)} - {
        str(first)
    }
    assert stat(second)


@pytest.mark.parametrize("code", [0, 1, 3, 17, 22, 26, 29, 30, 173])
def test_no_exit_code_that_the_application_chooses_stops_the_server(
    supervised: Supervised, code: int
) -> None:
    server = supervised(workers=1)
    address = listening(server)
    assert get(address, f"/exit?{code}") == ""
    server.wait_ready(2)
    get(address, f"/raise-exit?{code}")
    wait_until(lambda: get(address) == "one", START, "serving again")


def test_a_zygote_that_is_killed_is_replaced_and_forks_again(supervised: Supervised) -> None:
    server = supervised()
    address = listening(server)
    workers = server.wait_ready(2)
    old = zygote(server)
    os.kill(old, signal.SIGKILL)
    server.wait_line(rf"warning: zygote lost generation=1 pid={old} signal=SIGKILL")
    assert get(address) == "one"
    server.wait_line(r"^application loaded ", count=2)
    assert server.wait_ready(2) == workers
    os.kill(workers[0], signal.SIGKILL)
    server.wait_ready(3)
    assert get(address) == "one"


def test_a_master_that_is_killed_leaves_nothing(supervised: Supervised, tmp_path: Path) -> None:
    server = supervised("--pidfile", "site.pid", "--socket", "site.sock", "--vacuum")
    address = listening(server)
    with connect(address) as client:
        client.sendall(b"GET /slow?60 HTTP/1.1\r\nHost: h\r\n\r\n")
        wait_until((tmp_path / "slow").exists, START, "a request runs")
        server.send(signal.SIGKILL)
        server.wait_gone(2.0)
    assert nothing_left(tmp_path)
    assert not accepts(address)
    again = supervised("--socket", "site.sock")
    assert get(listening(again)) == "one"


def test_a_master_that_is_killed_while_loading_leaves_nothing(
    start: StartServer, tmp_path: Path
) -> None:
    (tmp_path / "hangs.py").write_text("import time\nopen('loading', 'w')\ntime.sleep(600)\n")
    server = start("--http-socket", "127.0.0.1:0", "-w", "hangs", "--master")
    wait_until((tmp_path / "loading").exists, START, "the application loads")
    server.send(signal.SIGKILL)
    server.wait_gone(2.0)


def test_stop_while_loading(start: StartServer, tmp_path: Path) -> None:
    (tmp_path / "hangs.py").write_text("import time\nopen('loading', 'w')\ntime.sleep(600)\n")
    server = start("--socket", "site.sock", "-w", "hangs", "--master", "--pidfile", "site.pid")
    wait_until((tmp_path / "loading").exists, START, "the application loads")
    server.stop(signal.SIGINT)
    assert not (tmp_path / "site.pid").exists()


class Load:
    """Asks again and again from a few threads; what was not answered well is kept."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.answers: dict[str, int] = {}
        self.failures: list[str] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask, daemon=True) for _ in range(4)]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(START)

    def _ask(self) -> None:
        while not self._stop.is_set():
            try:
                answer = get(self.address)
            except (OSError, AssertionError) as error:
                self.failures.append(repr(error))
                continue
            self.answers[answer] = self.answers.get(answer, 0) + 1
            if answer not in ("one", "two"):
                self.failures.append(answer)


@pytest.mark.parametrize("reload", [signal.SIGHUP, signal.SIGTERM])
def test_a_reload_brings_new_code_in(
    supervised: Supervised, tmp_path: Path, reload: signal.Signals
) -> None:
    server = supervised()
    address = listening(server)
    old = set(server.wait_ready(2))
    with Load(address) as load:
        wait_until(lambda: load.answers.get("one", 0) > 20, START, "the old code answers")
        write(tmp_path, "two")
        server.send(reload)
        server.wait_line(r"^generation=2 serves workers=2$")
        wait_until(lambda: load.answers.get("two", 0) > 20, START, "the new code answers")
        wait_until(lambda: not any(stat(pid) for pid in old), START, "the old workers left")
    if reload == signal.SIGHUP:
        assert load.failures == []
    assert get(address) == "two"
    assert {each.pid for each in server.children()}.isdisjoint(old)
    wait_until(lambda: len(server.children()) == 3, START, "the old zygote is gone, too")


def test_many_reloads_become_few_and_lose_nothing(supervised: Supervised) -> None:
    server = supervised()
    with Load(listening(server)) as load:
        for _ in range(20):
            server.send(signal.SIGHUP)
            time.sleep(0.02)
        server.wait_line(r"^generation=[2-9]\d* serves")
        wait_until(lambda: len(server.children()) == 3, START, "one generation is left")
    assert load.failures == []
    assert len(re.findall(r"^generation=\d+ serves", server.log, re.M)) <= 10


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("1 / 0\n", "ZeroDivisionError: division by zero"),
        ("def application(:\n", "SyntaxError"),
        ("import nosuch_package\n", "No module named 'nosuch_package'"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n", "died signal=SIGSEGV"),
        ("import os\nos._exit(0)\n", "died exit=0"),
        ("import sys\nsys.exit(0)\n", "SystemExit: 0"),
        ("application = 1\n", "expected a callable"),
    ],
)
def test_a_reload_that_fails_changes_nothing(
    supervised: Supervised, tmp_path: Path, code: str, reason: str
) -> None:
    server = supervised()
    address = listening(server)
    workers = server.wait_ready(2)
    (tmp_path / "site_app.py").write_text(code)
    server.send(signal.SIGHUP)
    server.wait_line(rf"^error: generation=2 dropped, generation=1 serves on: .*{reason}")
    wait_until(lambda: len(server.children()) == 3, START, "the new generation is gone")
    assert get(address) == "one"
    assert server.wait_ready(2) == workers
    write(tmp_path, "two")
    server.send(signal.SIGHUP)
    server.wait_line(r"^generation=3 serves workers=2$")
    wait_until(lambda: get(address) == "two", START, "the new code answers")


def test_a_reload_reads_the_configuration_again(start: StartServer, tmp_path: Path) -> None:
    write(tmp_path)
    ini = tmp_path / "site.ini"
    text = "[uwsgi]\nhttp-socket = 127.0.0.1:0\nmodule = site_app\nmaster = true\nprocesses = {}\n"
    ini.write_text(text.format(1))
    server = start("--ini", "site.ini")
    server.wait_ready(1)
    ini.write_text(text.format("many"))
    server.send(signal.SIGHUP)
    server.wait_line(r"^error: reload refused, generation=1 serves on: site\.ini:5: .*many")
    ini.write_text(text.format(3))
    server.send(signal.SIGHUP)
    server.wait_line(r"^generation=\d serves workers=3$")
    assert get(listening(server)) == "one"


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_the_modern_door_finishes_its_requests(
    modern: Server, tmp_path: Path, how: signal.Signals
) -> None:
    address = listening(modern)
    with connect(address) as client:
        client.sendall(b"GET /slow?1 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        wait_until((tmp_path / "slow").exists, START, "a request runs")
        modern.send(how)
        modern.wait_line(rf"signal={how.name} action=drain")
        reply = b""
        while piece := client.recv(4096):
            reply += piece
    assert reply.endswith(b"slept")
    assert modern.wait_exit() == 0
    modern.wait_gone()


def test_a_second_signal_does_not_wait_for_them(modern: Server, tmp_path: Path) -> None:
    with connect(listening(modern)) as client:
        client.sendall(b"GET /slow?60 HTTP/1.1\r\nHost: h\r\n\r\n")
        wait_until((tmp_path / "slow").exists, START, "a request runs")
        modern.send(signal.SIGTERM)
        modern.wait_line("action=drain")
        modern.send(signal.SIGTERM)
        assert modern.wait_exit(5) == 0
    modern.wait_gone()


def test_stop_does_not_wait_for_a_request_or_for_a_stopped_worker(
    supervised: Supervised, tmp_path: Path
) -> None:
    server = supervised()
    with connect(listening(server)) as client:
        client.sendall(b"GET /slow?60 HTTP/1.1\r\nHost: h\r\n\r\n")
        wait_until((tmp_path / "slow").exists, START, "a request runs")
        for worker in server.wait_ready(2):
            os.kill(worker, signal.SIGSTOP)
        server.send(signal.SIGINT)
        assert server.wait_exit(5) == 0
    server.wait_gone(1)
    assert "killed: did not leave" in server.log


def test_die_on_term(supervised: Supervised) -> None:
    assert supervised("--die-on-term").stop(signal.SIGTERM) == 0


# Starts that fail: one clear line, the right status, nothing left.


def refused(directory: Path, *options: str, status: int) -> str:
    """What a start that fails says last."""
    before = sorted(os.listdir(directory))
    done = run([*command(), *options], cwd=directory)
    assert done.returncode == status, done.stderr
    assert sorted(os.listdir(directory)) == before
    assert not re.search(r'File "[^"]*quaich/', done.stderr), "a traceback of our own"
    return done.stderr


MASTER = pytest.mark.parametrize("master", [("--master",), ()], ids=["master", "alone"])
FILES = ("--socket", "site.sock", "--pidfile", "site.pid")


@MASTER
@pytest.mark.parametrize(
    ("code", "option", "reason"),
    [
        ("", "nosuch", "module = nosuch: no module named 'nosuch'"),
        ("", "bad", "module = bad: there is no 'application' in "),
        ("application = 1", "bad", "'application' is of type int; expected a callable"),
        ("1 / 0", "bad", "module = bad: ZeroDivisionError: division by zero"),
        ("import sys; sys.exit(0)", "bad", "module = bad: SystemExit: 0"),
    ],
)
def test_no_application(
    tmp_path: Path, master: tuple[str, ...], code: str, option: str, reason: str
) -> None:
    (tmp_path / "bad.py").write_text(code)
    (tmp_path / "__pycache__").mkdir()
    text = refused(tmp_path, *FILES, "-w", option, "--need-app", *master, status=22)
    assert len([line for line in text.splitlines() if reason in line]) == 1
    assert text.count("Traceback") == (1 if code in ("1 / 0", "import sys; sys.exit(0)") else 0)


def test_an_application_that_crashes_while_it_loads(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n")
    text = refused(tmp_path, *FILES, "-w", "bad", "--master", status=22)
    assert "the process that loads the application died signal=SIGSEGV" in text


@MASTER
def test_an_address_in_use(tmp_path: Path, master: tuple[str, ...]) -> None:
    write(tmp_path)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        name = "{}:{}".format(*other.getsockname())
        text = refused(tmp_path, *FILES, "--http-socket", name, "-w", "site_app", *master, status=1)
    assert f"{name}: address already in use (from " in text


def test_a_second_start_leaves_the_pid_file_of_the_first(
    supervised: StartServer, tmp_path: Path
) -> None:
    server = supervised("--pidfile", "site.pid", "--socket", "site.sock", "--vacuum")
    server.wait_ready()
    text = refused(tmp_path, *FILES, "-w", "site_app", "--master", status=1)
    assert "site.sock: address already in use" in text
    assert (tmp_path / "site.pid").read_text() == f"{server.pid}\n"
    assert (tmp_path / "site.sock").exists()
    assert server.stop() == 0
    assert not (tmp_path / "site.pid").exists()


@MASTER
@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--uid", "no-such-user"), "uid = no-such-user: there is no such user"),
        (("--chdir", "/no/such"), "chdir = /no/such: no such file or directory"),
        (("--listen", "99999999"), "net.core.somaxconn allows at most"),
        (("--socket", "/no/such/site.sock"), "no such file or directory"),
        (("--socket", "127.0.0.1:http"), "the port is 'http'"),
        (("--pidfile", "/no/such/site.pid"), "pidfile = /no/such/site.pid: no such file"),
        (("--logto", "/no/such/log"), "logto = /no/such/log: no such file"),
    ],
)
def test_a_value_that_cannot_be_used(
    tmp_path: Path, master: tuple[str, ...], options: tuple[str, ...], reason: str
) -> None:
    write(tmp_path)
    text = refused(tmp_path, *FILES, "-w", "site_app", *options, *master, status=1)
    assert reason in text


@MASTER
def test_without_need_app_every_request_gets_500_until_a_reload(
    start: StartServer, tmp_path: Path, master: tuple[str, ...]
) -> None:
    server = start("--http-socket", "127.0.0.1:0", "-w", "site_app", *master)
    server.wait_ready()
    assert "error: " in server.log
    assert "no application is loaded" in server.log
    assert " 500 " in get(listening(server))
    if master:
        write(tmp_path)
        server.send(signal.SIGHUP)
        server.wait_line(r"^generation=2 serves")
        wait_until(lambda: get(listening(server)) == "one", START, "the application answers")


ALONE = (
    *("--http-socket", "127.0.0.1:0", "--socket", "site.sock", "--vacuum"),
    *("-w", "site_app", "--pidfile", "site.pid"),
)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGQUIT])
def test_without_a_master(start: StartServer, tmp_path: Path, how: signal.Signals) -> None:
    write(tmp_path)
    server = start(*ALONE)
    assert server.wait_ready() == [server.pid]
    assert server.children() == []
    assert get(listening(server), "/pid") == str(server.pid)
    assert server.stop(how) == 30
    assert nothing_left(tmp_path)


def test_without_a_master_stopped_inside_a_request(start: StartServer, tmp_path: Path) -> None:
    write(tmp_path)
    server = start(*ALONE)
    server.wait_ready()
    with connect(listening(server)) as client:
        client.sendall(b"GET /slow?60 HTTP/1.1\r\nHost: h\r\n\r\n")
        wait_until((tmp_path / "slow").exists, START, "a request runs")
        assert server.stop(signal.SIGTERM) == 30
    assert nothing_left(tmp_path)


def test_a_worker_that_cannot_be_forked_is_not_asked_for_in_a_loop(
    start: StartServer, tmp_path: Path
) -> None:
    (tmp_path / "bad.py").write_text(
        "import os\nos.register_at_fork(after_in_child=lambda: os._exit(3))\n"
        "def application(environ, start_response): return []\n"
    )
    server = start("--http-socket", "127.0.0.1:0", "-w", "bad", "--master")
    # What an application registers runs in the process in between only where that runs Python.
    failed = r"worker=1 (was not forked|pid=\d+ died exit=3)"
    server.wait_line(rf"{failed}.* in 2s$")
    assert len(re.findall(failed, server.log)) <= 3


def test_a_worker_that_dies_at_once_is_replaced_with_growing_pauses(
    start: StartServer, tmp_path: Path
) -> None:
    (tmp_path / "bad.py").write_text(
        "import os\n"
        "from quaich.worker import zygote\n"
        "zygote.run_worker = lambda **given: os._exit(9)\n"
        "def application(environ, start_response): return []\n"
    )
    server = start("--http-socket", "127.0.0.1:0", "-w", "bad", "--master")
    server.wait_line(
        r"worker=1 pid=\d+ died exit=9 after=0\.\ds generation=1; another starts in 2s"
    )
    assert len(re.findall(r"died exit=9", server.log)) <= 3


# What a process is given, and what it passes on.


def python_for_everyone() -> str:
    """A Python that any user can run; the one of the tests may be in a private directory."""
    for python in (sys.executable, "/usr/bin/python3"):
        code = "import os; os.setuid(65534); import ctypes, quaich"
        done = run([python, "-c", code], cwd=Path("/"))
        if done.returncode == 0:
            return python
    pytest.skip("no Python here can be run by another user")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can change users")
@MASTER
def test_the_application_is_loaded_and_run_as_the_user(
    start: StartServer, master: tuple[str, ...]
) -> None:
    python = python_for_everyone()
    nobody = pwd.getpwnam("nobody")
    # pytest's own directory is closed to other users.
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        directory.chmod(0o755)
        write(directory)
        server = start(
            *("--http-socket", "127.0.0.1:0", "--uid", "nobody", "--pidfile", "site.pid"),
            *("--chdir", name, "-w", "site_app", *master),
            argv=[python, "-m", "quaich"],
        )
        server.wait_ready()
        wanted = f"{nobody.pw_uid} {nobody.pw_gid} {nobody.pw_uid}"
        assert get(listening(server), "/user") == wanted
        server.stop()


def test_modules_beside_the_application_do_not_reach_the_master_or_the_zygote(
    start: StartServer, tmp_path: Path
) -> None:
    write(tmp_path)
    for name in ("json", "socket", "selectors", "traceback", "quaich"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('shadowed')\n")
    install_commands(tmp_path / "bin", "quaich")
    server = start(
        *("--http-socket", "127.0.0.1:0", "-w", "site_app", "--master"),
        argv=[str(tmp_path / "bin" / "quaich")],
    )
    server.wait_ready()
    assert get(listening(server)) == "one"


def test_a_process_of_the_application_holds_nothing_of_the_server(
    start: StartServer, tmp_path: Path
) -> None:
    (tmp_path / "spawns.py").write_text(
        "import subprocess\n"
        "child = subprocess.Popen(['sleep', '60'], close_fds=False)\n"
        "open('child', 'w').write(str(child.pid))\n"
        "def application(environ, start_response): return []\n"
    )
    server = start("--http-socket", "127.0.0.1:0", "-w", "spawns", "--master")
    server.wait_ready()
    child = int((tmp_path / "child").read_text())
    try:
        held = [os.readlink(f"/proc/{child}/fd/{fd}") for fd in os.listdir(f"/proc/{child}/fd")]
        assert not [each for each in held if each.startswith(("socket:", "/memfd:"))]
        assert server.process.poll() is None
        server.send(signal.SIGINT)
        assert server.wait_exit() == 0
    finally:
        os.kill(child, signal.SIGKILL)


@MASTER
def test_closed_standard_descriptors(
    start: StartServer, tmp_path: Path, master: tuple[str, ...]
) -> None:
    write(tmp_path)
    server = start(
        *("--http-socket", "127.0.0.1:0", "-w", "site_app", "--logto", "log", *master),
        argv=["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *command()],
    )
    wait_until(lambda: "ready" in log(tmp_path), START, "the server is ready")
    match = re.search(r"listening ([0-9.]+):(\d+)", log(tmp_path))
    assert match
    assert get((match[1], int(match[2]))) == "one"
    assert server.stop(signal.SIGINT) in (0, 30)


def log(directory: Path) -> str:
    with contextlib.suppress(FileNotFoundError):
        return (directory / "log").read_text()
    return ""


@pytest.fixture
def hostile_signals() -> Iterator[None]:
    """Signals blocked and ignored, as a careless parent leaves them to its children."""
    names = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, names)
    ignored = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGCHLD, ignored)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


def test_signals_that_the_parent_left_blocked(
    hostile_signals: None, supervised: Supervised
) -> None:
    server = supervised()
    os.kill(server.wait_ready(2)[0], signal.SIGKILL)
    server.wait_ready(3)
    server.send(signal.SIGHUP)
    server.wait_line(r"^generation=2 serves")


ACTIVATE = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execv(sys.argv[2], sys.argv[2:])
"""


@contextmanager
def given() -> Iterator[tuple[int, Address]]:
    """A listening socket that somebody else has made for the server: its descriptor and address."""
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        made.listen()
        yield made.fileno(), made.getsockname()


def activated(start: StartServer, fd: int, *options: str) -> Server:
    return start(
        *options,
        argv=[sys.executable, "-c", ACTIVATE, str(fd), *command()],
        pass_fds=[fd],
    )


def reloads(server: Server, address: Address) -> None:
    server.send(signal.SIGHUP)
    server.wait_line(r"^generation=2 serves")
    assert get(address) == "one"


def test_socket_activation(start: StartServer, tmp_path: Path) -> None:
    write(tmp_path)
    with given() as (fd, address), connect(address) as early:
        early.sendall(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        bind = "{}:{}".format(*address)
        server = activated(start, fd, "--http-socket", bind, "-w", "site_app", "--master")
        server.wait_ready()
        assert early.recv(4096).endswith(b"one")
    assert get(address) == "one"
    reloads(server, address)


@pytest.mark.parametrize(
    "options",
    [
        ("serve", "site_app:application"),
        ("-w", "site_app", "--master"),
        ("-w", "site_app", "--master", "--protocol", "http"),
        ("--socket", "site.sock", "-w", "site_app", "--master", "--protocol", "http"),
        ("serve", "site_app:application", "--bind", "unix:site.sock"),
    ],
)
def test_socket_activation_of_what_is_not_configured(
    start: StartServer, tmp_path: Path, options: tuple[str, ...]
) -> None:
    write(tmp_path)
    with given() as (fd, address):
        server = activated(start, fd, *options)
        server.wait_ready()
    assert get(address) == "one"
    # And no address besides.
    assert server.log.count("listening") == 1 + ("site.sock" in " ".join(options))
    reloads(server, address)
    assert "changed, but only by a restart" not in server.log


def test_stdin_as_the_socket(start: StartServer, tmp_path: Path) -> None:
    write(tmp_path)
    with given() as (fd, address):
        server = start("--http-socket", "fd://0", "-w", "site_app", "--master", stdin=fd)
        server.wait_ready()
    assert get(address) == "one"


def test_a_relative_socket_starts_at_chdir_and_a_relative_pidfile_does_not(
    start: StartServer, tmp_path: Path
) -> None:
    (tmp_path / "app").mkdir()
    write(tmp_path / "app")
    server = start(
        *("--socket", "site.sock", "--pidfile", "site.pid", "--chdir", "app"),
        *("-w", "site_app", "--master", "--vacuum"),
    )
    server.wait_ready()
    assert (tmp_path / "app" / "site.sock").is_socket()
    assert (tmp_path / "site.pid").exists()
    server.stop()
    assert not (tmp_path / "app" / "site.sock").exists()


def test_a_live_socket_is_not_taken_from_another_server(
    supervised: Supervised, tmp_path: Path
) -> None:
    server = supervised("--socket", "site.sock")
    done = run(
        [*command(), "--socket", "site.sock", "-w", "site_app", "--master"],
        cwd=tmp_path,
    )
    assert done.returncode == 1
    assert "site.sock: address already in use" in done.stderr
    assert accepts(str(tmp_path / "site.sock"))
    assert get(listening(server)) == "one"
