"""The server as a service: in the background, its files, its privileges, and who supervises it."""

import contextlib
import os
import pwd
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from quaich.config.effective import Config
from quaich.master.files import Files
from tests.conftest import StartServer
from tests.server.test_lifecycle import get, listening, write
from tests.support.processes import Stat, stat, wait_until
from tests.support.server import START, command, environment, run

NOBODY = pwd.getpwnam("nobody")
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
BASE = ("--http-socket", "127.0.0.1:0", "-w", "site_app")


def log_address(log: Path) -> tuple[str, int]:
    found: list[re.Match[str]] = []

    def look() -> bool:
        text = log.read_text() if log.exists() else ""
        found.extend(re.finditer(r"^listening ([0-9.]+):(\d+) ", text, re.MULTILINE))
        return bool(found)

    wait_until(look, START, f"an address in {log}")
    return found[-1][1], int(found[-1][2])


def gone(pid: int) -> bool:
    now = stat(pid)
    return now is None or now.state == "Z"


def children(pid: int) -> list[Stat]:
    found = (stat(int(name)) for name in os.listdir("/proc") if name.isdigit())
    return [each for each in found if each and each.parent == pid]


@pytest.fixture
def background(tmp_path: Path) -> Iterator[Callable[..., subprocess.CompletedProcess[str]]]:
    """Start a server that leaves the foreground; it writes q.pid, by which it is stopped."""
    write(tmp_path)

    def start(*options: str) -> subprocess.CompletedProcess[str]:
        return run([*command(), "--pidfile", "q.pid", *options], cwd=tmp_path)

    yield start
    if (tmp_path / "q.pid").exists():
        pid = int((tmp_path / "q.pid").read_text())
        family = [pid, *(each.pid for each in children(pid))]
        os.kill(pid, signal.SIGINT)
        wait_until(lambda: all(map(gone, family)), START, "the server gone")


def test_daemonize(
    background: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    options = ("--daemonize", "d.log", "--socket", "d.sock", "--master", "-p", "2")
    done = background(*BASE, *options)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    address = log_address(tmp_path / "d.log")
    wait_until(lambda: get(address) == "one", START, "an answer")
    pid = int((tmp_path / "q.pid").read_text())
    now = stat(pid)
    assert now is not None
    assert now.session not in (os.getsid(0), pid)
    assert os.readlink(f"/proc/{pid}/fd/0") == "/dev/null"
    assert os.readlink(f"/proc/{pid}/cwd") == str(tmp_path)
    assert (tmp_path / "d.sock").stat().st_mode & 0o777 == 0o777
    assert (tmp_path / "d.log").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("option", ["daemonize", "daemonize2"])
def test_a_log_that_cannot_be_opened_is_said_to_the_shell(
    background: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path, option: str
) -> None:
    done = background(*BASE, f"--{option}", "nowhere/d.log")
    assert done.returncode == 1
    assert f"{option} = nowhere/d.log: no such file or directory" in done.stderr
    assert not (tmp_path / "q.pid").exists()


@pytest.mark.parametrize("master", [True, False])
def test_daemonize2_returns_when_it_serves(
    background: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path, master: bool
) -> None:
    slow = (tmp_path / "site_app.py").read_text() + "\ntime.sleep(0.5)\n"
    (tmp_path / "site_app.py").write_text(slow)
    done = background(*BASE, "--daemonize2", "d.log", *(["--master"] if master else []))
    assert (done.returncode, done.stderr) == (0, "")
    assert get(log_address(tmp_path / "d.log")) == "one"


def test_daemonize2_gives_the_status_and_the_last_words_of_a_failure(
    background: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    (tmp_path / "site_app.py").write_text("raise ValueError('out of tea')\n")
    for options in (("--master",), ()):
        done = background(*BASE, "--need-app", "--daemonize2", "d.log", *options)
        assert done.returncode == 22
        assert "ValueError: out of tea" in done.stderr
        assert not (tmp_path / "q.pid").exists()


def test_daemonize2_does_not_wait_for_a_start_that_has_no_end(
    background: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    (tmp_path / "site_app.py").write_text("import os\nos._exit(7)\n")
    done = background(*BASE, "--master", "--lazy-apps", "--daemonize2", "d.log")
    assert done.returncode == 22
    assert "worker=1 has died 3 times before it was ready" in done.stderr
    # It is tried again: what the pid file names runs.
    assert stat(int((tmp_path / "q.pid").read_text()))


def test_log_by_udp(start: StartServer, tmp_path: Path) -> None:
    write(tmp_path)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(START)
        start(*BASE, "--master", "--logto", f"127.0.0.1:{receiver.getsockname()[1]}")
        lines = b""
        while b"serves workers=1\n" not in lines:
            lines += receiver.recv(65536)
        assert b"listening 127.0.0.1:" in lines


@root_only
def test_files_of_the_user(start: StartServer, tmp_path: Path) -> None:
    write(tmp_path)
    open_to_all(tmp_path)
    tmp_path.chmod(0o1777)
    options = ("--pidfile", "a.pid", "--pidfile2", "b.pid", "--logto2", "b.log")
    more = ("--safe-pidfile", "c.pid", "--safe-pidfile2", "d.pid", "--vacuum")
    server = start(*BASE, "--master", "--uid", "nobody", *options, *more)
    log_address(tmp_path / "server-0.log")
    wait_until(lambda: (tmp_path / "b.log").exists(), START, "the log")
    wait_until(lambda: "serves" in (tmp_path / "b.log").read_text(), START, "serving")
    owners = {
        name: (tmp_path / name).stat().st_uid
        for name in ("a.pid", "b.pid", "c.pid", "d.pid", "b.log")
    }
    mine, theirs = os.geteuid(), NOBODY.pw_uid
    assert owners == {
        "a.pid": mine,
        "c.pid": mine,
        "b.pid": theirs,
        "d.pid": theirs,
        "b.log": theirs,
    }
    assert (tmp_path / "d.pid").read_text() == f"{server.pid}\n"
    server.stop()
    assert list(tmp_path.glob("*.pid")) == []


@root_only
def test_a_link_that_the_user_made_is_followed_with_the_users_rights(
    start: StartServer, tmp_path: Path
) -> None:
    write(tmp_path)
    open_to_all(tmp_path)
    precious = tmp_path / "precious"
    precious.write_text("secret")
    precious.chmod(0o600)
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    os.chown(theirs, NOBODY.pw_uid, -1)
    (theirs / "q.log").symlink_to(precious)
    done = run(
        [*command(), *BASE, "--master", "--uid", "nobody", "--logto2", "theirs/q.log"],
        cwd=tmp_path,
    )
    assert done.returncode == 1
    assert "logto2 = theirs/q.log: permission denied" in done.stderr
    assert precious.read_text() == "secret"


@pytest.mark.parametrize("content", ["99999999\n", "", "rubbish", "1\n"])
def test_a_pid_file_of_another_never_gets_it_signalled(
    start: StartServer, tmp_path: Path, content: str
) -> None:
    write(tmp_path)
    bystander = subprocess.Popen(["sleep", "60"])
    try:
        text = content if content else f"{bystander.pid}\n"
        (tmp_path / "q.pid").write_text(text)
        server = start(*BASE, "--master", "--pidfile", "q.pid")
        server.wait_ready()
        assert (tmp_path / "q.pid").read_text() == f"{server.pid}\n"
        server.stop()
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_nothing_is_lost_or_torn_over_rotations_and_reopenings(
    start: StartServer, tmp_path: Path
) -> None:
    (tmp_path / "site_app.py").write_text(
        "def application(environ, start_response):\n"
        "    start_response('200 OK', [('Content-Length', '2')])\n"
        "    return [b'hi']\n"
    )
    for name in ("rotate", "reopen"):
        (tmp_path / name).touch()
    options = ("--touch-logrotate", "rotate", "--touch-logreopen", "reopen", "--log-maxsize")
    server = start(
        *BASE, "--master", "-p", "2", "--threads", "2", "--logto", "q.log", *options, "100k"
    )
    address = log_address(tmp_path / "q.log")
    log = tmp_path / "q.log"
    wait_until(lambda: log.read_text().count(" ready ") >= 2, START, "workers")
    over = threading.Event()
    sent = [0] * 3
    failed: list[str] = []

    def load(index: int) -> None:
        while not over.is_set():
            try:
                if get(address, f"/line-{index}-{sent[index]}-end") != "hi":
                    failed.append("another answer")
                sent[index] += 1
                time.sleep(0.002)
            except OSError as error:
                failed.append(str(error))

    threads = [threading.Thread(target=load, args=(index,)) for index in range(3)]
    for thread in threads:
        thread.start()

    def pieces() -> list[Path]:
        return [*tmp_path.glob("q.log*"), *tmp_path.glob("moved-*")]

    def everything() -> str:
        return "".join(each.read_text() for each in pieces())

    def done() -> int:
        return len(re.findall(r"^log=\S+ (?:reopened|rotated)", everything(), re.MULTILINE))

    def newer(inode: int, number: int) -> Callable[[], bool]:
        return lambda: log.exists() and log.stat().st_ino != inode and done() > number

    try:
        for turn in range(20):
            fresh = newer(log.stat().st_ino, done())
            if turn % 2:
                log.rename(tmp_path / f"moved-{turn}")
                os.utime(tmp_path / "reopen", (turn + 1e9, time.time() + turn))
            else:
                os.utime(tmp_path / "rotate", (turn + 1e9, time.time() + turn))
            wait_until(fresh, START, f"a new file {turn}")
            if turn == 5:
                # A worker and a generation that come later write to the new file, too.
                os.kill(server.pid, signal.SIGHUP)
    finally:
        over.set()
        for thread in threads:
            thread.join()
    wait_until(
        lambda: len(re.findall(r"/line-\d-\d+-end", everything())) >= sum(sent), START, "all lines"
    )
    server.stop()
    assert failed == []
    text = everything()
    for index in range(3):
        found = sorted(int(n) for n in re.findall(rf" GET /line-{index}-(\d+)-end => ", text))
        assert found == list(range(sent[index]))
    whole = re.compile(
        r"\[pid: \d+\|.* on core \d\)|\[?[a-z]+=.*|listening .*|application loaded .*|warning: .*"
        r"|error: .*|.*\[QX\d+\]|signal=.*"
    )
    assert [line for line in text.splitlines() if not whole.fullmatch(line)] == []
    assert len(pieces()) > 20


def test_log_reopen_at_a_reload(start: StartServer, tmp_path: Path) -> None:
    write(tmp_path)
    log = tmp_path / "q.log"
    server = start(*BASE, "--master", "--logto", "q.log", "--log-reopen")
    wait_until(lambda: log.exists() and " serves " in log.read_text(), START, "serving")
    log.rename(tmp_path / "old.log")
    server.send(signal.SIGHUP)
    wait_until(
        lambda: log.exists() and "generation=2 serves" in log.read_text(), START, "in the new file"
    )
    assert "reopened" in log.read_text()


def test_rotation_that_cannot_be_done_is_said_and_disturbs_nobody(
    start: StartServer, tmp_path: Path
) -> None:
    write(tmp_path)
    (tmp_path / "touch").touch()
    (tmp_path / "backup").mkdir()
    log = tmp_path / "q.log"
    options = ("--log-backupname", "backup", "--touch-logrotate", "touch")
    start(*BASE, "--master", "--logto", "q.log", *options)
    address = log_address(log)
    wait_until(lambda: " serves " in log.read_text(), START, "serving")

    def touched() -> bool:
        os.utime(tmp_path / "touch")
        return "cannot be rotated: is a directory" in log.read_text()

    wait_until(touched, START, "the reason")
    assert get(address) == "one"


def test_options_of_the_log_file(start: StartServer, tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "q.log").write_text("old\n")
    start(*BASE, "--master", "--logto", "q.log", "--log-truncate", "--logfile-chmod", "604")
    log_address(tmp_path / "q.log")
    assert "old" not in (tmp_path / "q.log").read_text()
    assert (tmp_path / "q.log").stat().st_mode & 0o777 == 0o604


def test_a_full_disk_under_the_log_is_harmless(start: StartServer, tmp_path: Path) -> None:
    write(tmp_path)
    arguments = ("--http-socket", str(tmp_path / "q.sock"), "-w", "site_app", "--master")
    server = start(*arguments, "-p", "2", "--logto", "/dev/full", "--log-maxsize", "10")
    server.wait_listening(str(tmp_path / "q.sock"))
    for _ in range(20):
        assert get(str(tmp_path / "q.sock")) == "one"
    server.send(signal.SIGHUP)
    for _ in range(20):
        assert get(str(tmp_path / "q.sock")) == "one"
    assert server.stop() == 0


@pytest.mark.parametrize("most", [6, 8, 10, 11])
def test_without_descriptors_it_does_not_start_and_says_so(tmp_path: Path, most: int) -> None:
    write(tmp_path)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    done = subprocess.run(
        [*command(), *BASE, "--master", "--socket", "q.sock", "--pidfile", "q.pid", "--vacuum"],
        cwd=tmp_path,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=START,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (most, before[1])),
    )
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert "too many open files" in done.stderr
    assert sorted(each.name for each in tmp_path.iterdir()) == ["site_app.py"]


# Privileges.

PRIVILEGED = """
import os

def application(environ, start_response):
    with open("/proc/self/status") as file:
        status = dict(line.rstrip("\\n").split(":\\t", 1) for line in file if ":\\t" in line)
    body = repr([os.getuid(), sorted(os.getgroups()), status["CapEff"], STATUS, VARIABLES])
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [body.encode()]

STATUS = os.getuid()
NAMES = ("NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "WATCHDOG_USEC")
VARIABLES = [name for name in NAMES if name in os.environ]
"""


def evaluate(text: str) -> list[object]:
    return list(eval(text))


@root_only
@pytest.mark.parametrize(
    ("options", "groups"),
    [
        (("--add-gid", "12345", "--add-gid", "12346"), {12345, 12346}),
        (("--no-initgroups", "--add-gid", "12345"), {12345}),
        ((), set()),
    ],
)
def test_groups(
    start: StartServer, tmp_path: Path, options: tuple[str, ...], groups: set[int]
) -> None:
    (tmp_path / "site_app.py").write_text(PRIVILEGED)
    open_to_all(tmp_path)
    server = start(*BASE, "--master", "--uid", "nobody", *options)
    server.wait_ready()
    uid, found, capabilities, loaded_as, _ = evaluate(get(listening(server)))
    assert (uid, loaded_as) == (NOBODY.pw_uid, NOBODY.pw_uid)
    assert set(found) == {NOBODY.pw_gid, *groups}  # type: ignore[call-overload]
    assert int(str(capabilities), 16) == 0


def open_to_all(directory: Path) -> None:
    for each in (directory, *directory.parents):
        if each.stat().st_mode & 0o005 != 0o005:
            each.chmod(0o755)


@root_only
def test_capabilities_that_workers_keep(start: StartServer, tmp_path: Path) -> None:
    (tmp_path / "site_app.py").write_text(PRIVILEGED)
    open_to_all(tmp_path)
    server = start(*BASE, "--master", "--uid", "nobody", "--cap", "net_bind_service,sys_nice")
    server.wait_ready()
    uid, _, capabilities, _, _ = evaluate(get(listening(server)))
    assert uid == NOBODY.pw_uid
    assert int(str(capabilities), 16) == 1 << 10 | 1 << 23


def python_for_all() -> str:
    """An interpreter that any user may run, as a server installed for one is run."""
    for python in (sys.executable, "/usr/bin/python3"):
        script = "import sys, quaich; sys.exit(sys.version_info < (3, 10))"
        with contextlib.suppress(OSError):
            done = subprocess.run(
                [python, "-c", script],
                user="nobody",
                env=environment(),
                cwd="/",
                capture_output=True,
                timeout=START,
            )
            if done.returncode == 0:
                return python
    pytest.skip("no interpreter that another user may run")


@root_only
def test_immediate_uid(start: StartServer, tmp_path: Path) -> None:
    (tmp_path / "site_app.py").write_text(PRIVILEGED)
    open_to_all(tmp_path)
    own = tmp_path / "own"
    own.mkdir()
    os.chown(own, NOBODY.pw_uid, -1)
    ids = ("--immediate-gid", str(NOBODY.pw_gid), "--immediate-uid", "nobody")
    argv = [python_for_all(), "-m", "quaich"]
    server = start(*BASE, "--master", *ids, "--pidfile", "own/q.pid", argv=argv)
    server.wait_ready()
    assert evaluate(get(listening(server)))[0] == NOBODY.pw_uid
    assert (own / "q.pid").stat().st_uid == NOBODY.pw_uid
    assert Path(f"/proc/{server.pid}").stat().st_uid == NOBODY.pw_uid


@root_only
def test_chroot(start: StartServer, tmp_path: Path) -> None:
    jail = tmp_path / "jail"
    jail.mkdir()
    (jail / "site_app.py").write_text(
        "import json, os, sys, threading\n"
        "def application(environ, start_response):\n"
        "    try:\n"
        "        import this\n"
        "    except ImportError:\n"
        "        pass\n"
        "    start_response('200 OK', [])\n"
        "    return [json.dumps([os.listdir('/'), os.getcwd(), os.getuid()]).encode()]\n"
    )
    open_to_all(tmp_path)
    jail.chmod(0o755)
    server = start(
        *("--http-socket", "127.0.0.1:0", "-w", "site_app", "--master", "-p", "2"),
        *("--chroot", str(jail), "--uid", "nobody", "--socket", "q.sock", "--pidfile", "q.pid"),
    )
    server.wait_ready(2)
    assert (tmp_path / "q.sock").exists()
    assert (tmp_path / "q.pid").exists()
    expected = f'[["site_app.py"], "/", {NOBODY.pw_uid}]'
    assert get(listening(server)) == expected
    assert f"chroot = {jail}: there is no " in server.log
    server.send(signal.SIGHUP)
    server.wait_line("generation=2 serves")
    assert get(listening(server)) == expected


def test_a_chroot_that_cannot_be(tmp_path: Path) -> None:
    write(tmp_path)
    done = run([*command(), *BASE, "--master", "--chroot", "/nowhere"], cwd=tmp_path)
    assert done.returncode == 1
    assert "chroot = /nowhere: " in done.stderr
    assert "Traceback" not in done.stderr


# systemd.


class Manager:
    """A notify socket, and what came in, by variable."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self.socket.settimeout(START)
        self.seen: list[str] = []

    def wait(self, *lines: str) -> dict[str, str]:
        """The next message with all these lines."""
        while True:
            text = self.socket.recv(65536).decode()
            self.seen.append(text)
            if all(line in text.split("\n") for line in lines):
                return dict(line.split("=", 1) for line in text.split("\n"))


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    name = f"@quaich-{os.getpid()}" if request.param == "abstract" else str(tmp_path / "n.sock")
    one = Manager(name)
    yield one
    one.socket.close()


def test_notify(start: StartServer, tmp_path: Path, manager: Manager) -> None:
    (tmp_path / "site_app.py").write_text(PRIVILEGED)
    variables = {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "400000"}
    server = start(*BASE, "--master", "-p", "2", "--die-on-term", env=variables)
    manager.wait("STATUS=loading the application")
    manager.wait("READY=1", "STATUS=generation 1, 2 workers")
    assert get(listening(server)).endswith(", []]")
    assert any("EXTEND_TIMEOUT_USEC=30000000" in each for each in manager.seen)
    manager.wait("WATCHDOG=1")
    manager.wait("WATCHDOG=1")
    before = time.clock_gettime(time.CLOCK_MONOTONIC)
    server.send(signal.SIGHUP)
    message = manager.wait("RELOADING=1")
    assert before * 1e6 <= int(message["MONOTONIC_USEC"])
    assert message["STATUS"] == "generation 1, 2 workers; generation 2 loads"
    manager.wait("READY=1", "STATUS=generation 2, 2 workers")
    (tmp_path / "site_app.py").write_text("raise ValueError\n")
    server.send(signal.SIGHUP)
    manager.wait("RELOADING=1")
    dropped = "STATUS=generation 2, 2 workers; generation 3 was dropped, see the log"
    manager.wait("READY=1", dropped)
    server.send(signal.SIGTERM)
    manager.wait("STOPPING=1")
    assert server.wait_exit() == 0


def test_notify_without_a_master(start: StartServer, tmp_path: Path, manager: Manager) -> None:
    write(tmp_path)
    server = start(*BASE, env={"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "9000000"})
    manager.wait("READY=1", "STATUS=generation 1, 1 worker")
    assert "WatchdogSec= needs a master" in server.log
    server.send(signal.SIGINT)
    manager.wait("STOPPING=1")


def test_a_manager_that_is_gone_does_not_matter(start: StartServer, tmp_path: Path) -> None:
    write(tmp_path)
    server = start(*BASE, "--master", env={"NOTIFY_SOCKET": "/nowhere/at/all"})
    server.wait_ready()
    assert get(listening(server)) == "one"
    assert "reloads this one until it is killed" in server.log


def test_daemonize_is_ignored_under_notify(
    start: StartServer, tmp_path: Path, manager: Manager
) -> None:
    write(tmp_path)
    env = {"NOTIFY_SOCKET": manager.address}
    server = start(*BASE, "--master", "--daemonize", "d.log", env=env)
    manager.wait("READY=1")
    assert "daemonize: ignored for a service that reports to systemd" in server.log
    assert not (tmp_path / "d.log").exists()


# Process 1.


def can_unshare() -> bool:
    if shutil.which("unshare") is None:
        return False
    done = subprocess.run(
        ["unshare", "--pid", "--fork", "--mount-proc", "true"], capture_output=True, timeout=30
    )
    return done.returncode == 0


@pytest.mark.skipif(not can_unshare(), reason="the kernel refuses a pid namespace")
def test_as_process_1(start: StartServer, tmp_path: Path) -> None:
    (tmp_path / "site_app.py").write_text(
        "import os, time\n"
        "def application(environ, start_response):\n"
        "    if environ['PATH_INFO'] == '/orphan':\n"
        "        if os.fork() == 0:\n"
        "            os.setsid()\n"
        "            if os.fork() == 0:\n"
        "                time.sleep(0.3)\n"
        "            os._exit(0)\n"
        "        os.wait()\n"
        "    found = [open(f'/proc/{n}/stat').read() for n in os.listdir('/proc') if n.isdigit()]\n"
        "    start_response('200 OK', [])\n"
        "    return [' '.join(each.split()[2] for each in found).encode()]\n"
    )
    inside = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", *command()]
    server = start(*BASE, "--master", "--daemonize", "d.log", argv=inside)
    server.wait_ready()
    assert "pid=1 " in server.log
    assert "daemonize: ignored for process 1" in server.log
    assert "as process 1, SIGTERM stops the server" in server.log
    address = listening(server)
    for _ in range(5):
        get(address, "/orphan")
    # Master, zygote and worker: every orphan was reaped.
    wait_until(lambda: len(get(address).split()) == 3, START, "orphans reaped")
    assert "Z" not in get(address)
    (first,) = children(server.pid)
    os.kill(first.pid, signal.SIGTERM)
    assert server.wait_exit() == 0
    assert "signal=SIGTERM action=stop" in server.log


def test_pid_files_again(tmp_path: Path) -> None:
    files = Files(Config(pidfile=str(tmp_path / "q.pid")), {})
    files.open()
    try:
        (tmp_path / "q.pid").unlink()
        assert files.rewrite_pidfiles() == []
        assert (tmp_path / "q.pid").read_text() == f"{os.getpid()}\n"
    finally:
        files.close(failed=False)
    assert not (tmp_path / "q.pid").exists()
