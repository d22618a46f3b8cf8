"""``quaich dev``: serves an application to its developer, and reloads it when a file changes.

The server is the real one with one worker; this process watches the files, has it reload, and shows
its log in colours.  Nothing that is wrong with the application ends it: code that does not load is
answered with its traceback, a server that was killed by it starts again at the next change.
"""

import ipaddress
import json
import os
import re
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

from quaich.cli import devfind, logline, words
from quaich.cli.devwatch import Watcher
from quaich.cli.output import show
from quaich.config.base import printable
from quaich.errors import QuaichError, UsageError
from quaich.sys import process
from quaich.values import dataclass

USAGE = """\
Usage: quaich dev [options] [module:callable|FILE.py|DIRECTORY]

Serves an application on this machine for its developer: one process, reload on change, tracebacks
in the browser. Not for production. Without a name it finds the application in this directory.

    --bind 127.0.0.1:8000     another address of this machine; port 0: any
    --static /static=DIR      files to serve below a path, more than once if need be
    --watch DIR               look for changes there too, more than once if need be
    --threads 4               requests at once
    --no-reload               do not look for changes
    --i-know                  allow an address that others can reach
"""

_DEFAULT = "127.0.0.1:8000"
_FLAGS = ("--no-reload", "--i-know")
_VALUES = ("--bind", "--static", "--watch", "--threads")
_ENVIRONMENTS = ("venv", ".venv")
_STOP_SECONDS = 5.0
# For code that loads, before a change of it is taken for a sign that it hangs.
_PATIENCE = 2.0

# What a developer need not see; the rest of the server's lines are shown.
_NOISE = re.compile(
    r"quaich=|control=|application loaded|worker=\d+ pid=\d+ (?:ready|left)|signal=SIG|"
    r"generation=\d+ (?:left|ended|gone)|warning: the application runs as root"
)
_LISTENING = re.compile(r"listening (?P<address>\S+) ")
_DROPPED = re.compile(r"generation=\d+ dropped")
_SERVES = re.compile(r"generation=(\d+) serves")

_RED, _GREEN, _YELLOW, _CYAN, _DIM, _LOUD = "31", "32", "33", "36", "2", "30;43"


@dataclass(frozen=True)
class Wish:
    """What is to be served, where and how."""

    app: str
    directory: str
    bind: str
    statics: tuple[tuple[str, str], ...]
    roots: tuple[str, ...]
    threads: int
    virtualenv: str
    reloads: bool


def run(argv: Sequence[str]) -> int:
    """The command; ``argv[0]`` is its name."""
    asked = words.split(argv, _FLAGS, _VALUES)
    if "--help" in asked.flags:
        show(USAGE)
        return 0
    return Session(read(asked)).run()


def read(asked: words.Words) -> Wish:
    """What a command line asks for, with the application found."""
    if len(asked.rest) > 1:
        raise UsageError(f"dev: one application at a time, got {' and '.join(asked.rest)}")
    bind = address(asked.last("--bind", _DEFAULT), "--i-know" in asked.flags)
    threads = asked.last("--threads", "4")
    if not threads.isdecimal() or not 0 < int(threads) <= 256:
        raise UsageError(f'--threads: expected a number from 1 to 256, got "{threads}"')
    directory, app = _application(asked.rest[0] if asked.rest else ".")
    statics = tuple(static(text) for text in asked.values.get("--static", ()))
    more = [os.path.realpath(each) for each in asked.values.get("--watch", ())]
    for path in more:
        if not os.path.isdir(path):
            raise QuaichError(f"--watch: {path} is no directory")
    return Wish(
        app=app,
        directory=directory,
        bind=bind,
        statics=statics,
        roots=(directory, *more),
        threads=int(threads),
        virtualenv=next((each for each in _ENVIRONMENTS if _is_environment(directory, each)), ""),
        reloads="--no-reload" not in asked.flags,
    )


def address(text: str, is_known: bool) -> str:
    """An address of this machine alone; raises QuaichError for one that others reach."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:
        raise UsageError(f'--bind: expected an address like {_DEFAULT}, got "{text}"')
    if host == "localhost":
        host = "127.0.0.1"
    if not is_loopback(f"{host}:{port}") and not is_known:
        raise QuaichError(
            f"--bind: {text} can be reached by others, and this server is for you alone; "
            "quaich serve is for them (--i-know allows it all the same)"
        )
    return f"{host}:{port}"


def is_loopback(text: str) -> bool:
    """Whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(text.rpartition(":")[0].strip("[]")).is_loopback
    except ValueError:
        return False


def static(text: str) -> tuple[str, str]:
    """``/static=DIR``, taken apart."""
    prefix, equals, directory = text.partition("=")
    if not equals or not prefix.startswith("/") or not directory:
        raise UsageError(f'--static: expected /path=DIRECTORY, got "{text}"')
    if not os.path.isdir(directory):
        raise QuaichError(f"--static: {directory} is no directory")
    return prefix, os.path.realpath(directory)


def _application(given: str) -> tuple[str, str]:
    """The directory to serve from, and the application."""
    if os.path.isdir(given):
        directory = os.path.realpath(given)
        app = devfind.find(_names(directory), lambda name: _text(os.path.join(directory, name)))
        if not app:
            raise QuaichError(
                f"dev: no application found in {directory}: looked for {devfind.LOOKED_FOR}; "
                "name it: quaich dev module:callable"
            )
        return directory, app
    path, _, name = given.partition(":")
    if path.endswith((".py", ".wsgi")) or "/" in path:
        if not os.path.isfile(path):
            raise QuaichError(f"dev: there is no file {path}")
        directory, file = os.path.split(os.path.realpath(path))
        return directory, f"{file}:{name or devfind.callable_in(_text(path)) or 'application'}"
    return os.getcwd(), given if name else f"{path}:application"


def _is_environment(directory: str, name: str) -> bool:
    return os.path.exists(os.path.join(directory, name, "pyvenv.cfg"))


def _names(directory: str) -> set[str]:
    """The files of a directory and of those in it."""
    found = set()
    with os.scandir(directory) as entries:
        for entry in sorted(entries, key=lambda each: each.name)[:2000]:
            if entry.is_file():
                found.add(entry.name)
            elif entry.is_dir() and not entry.name.startswith(".") and entry.name != "tests":
                for name in ("__init__.py", "wsgi.py"):
                    if os.path.isfile(os.path.join(entry.path, name)):
                        found.add(f"{entry.name}/{name}")
    return found


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(1 << 20)
    except OSError:
        return ""


class Session:
    """The server, the watcher and the terminal, from the start to Ctrl-C."""

    def __init__(self, wish: Wish) -> None:
        self._wish = wish
        self._colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        self._selector = selectors.DefaultSelector()
        self._changes, self._told = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._watcher = Watcher(wish.roots, self._tell) if wish.reloads else None
        self._paths: list[str] = []
        self._server: subprocess.Popen[bytes] | None = None
        self._bind = wish.bind
        self._listens = False
        self._stopping = False
        # When a reload was asked for that has not come to an end, and to start after the end.
        self._asked = 0.0
        self._again = False
        self._held = b""

    def run(self) -> int:
        """Serve until it is interrupted; the exit status."""
        wakeup, alarm = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(alarm, warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._stop)
        self._selector.register(wakeup, selectors.EVENT_READ)
        self._selector.register(self._changes, selectors.EVENT_READ)
        self._start()
        if self._watcher is not None:
            self._watcher.start()
        try:
            return self._loop(wakeup)
        finally:
            if self._watcher is not None:
                self._watcher.stop()
            self._end()

    def _loop(self, wakeup: int) -> int:
        while not self._stopping:
            for key, _ in self._selector.select():
                if key.fd == wakeup:
                    os.read(wakeup, 512)
                elif key.fd == self._changes:
                    self._changed()
                elif (status := self._read(key.fd)) is not None:
                    return status
        return 0

    def _stop(self, number: int, frame: object) -> None:
        self._stopping = True

    def _start(self) -> None:
        wish = self._wish
        command = [
            *(sys.executable, "-m", "quaich", "--http-socket", self._bind),
            *("--master", "--processes", "1", "--threads", str(wish.threads), "--need-app"),
            *("--die-on-term", "--enable-threads", "--reload-mercy", "3"),
            *("--worker-reload-mercy", "3", "--module", "quaich.wsgi.dev:create()"),
            *(("--virtualenv", wish.virtualenv) if wish.virtualenv else ()),
        ]
        # An option from the environment could let others in.
        prefixes = ("UWSGI_", "QUAICH_")
        env = {k: v for k, v in os.environ.items() if not k.startswith(prefixes)}
        env |= {"QUAICH_DEV_APP": wish.app, "QUAICH_DEV_STATIC": json.dumps(wish.statics)}
        if is_loopback(self._bind):
            # A framework's own pages for debugging would be shown to whoever asks.
            env["QUAICH_DEV"] = "1"
        parent = os.getpid()

        def prepare() -> None:
            # Ctrl-C is for this process, which then stops the server.
            os.setpgid(0, 0)
            process.die_with_parent(parent, signal.SIGTERM)

        self._server = subprocess.Popen(
            command,
            cwd=wish.directory,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            preexec_fn=prepare,
        )
        assert self._server.stdout is not None
        os.set_blocking(self._server.stdout.fileno(), False)
        self._selector.register(self._server.stdout, selectors.EVENT_READ)

    def _tell(self, paths: list[str]) -> None:
        """From the watcher's thread."""
        self._paths += paths
        try:
            os.write(self._told, b".")
        except BlockingIOError:
            pass  # it has been told

    def _changed(self) -> None:
        os.read(self._changes, 4096)
        paths, self._paths = self._paths, []
        shown = [os.path.relpath(each, self._wish.directory) for each in dict.fromkeys(paths)]
        if not shown:
            return
        more = f" and {len(shown) - 3} more" if len(shown) > 3 else ""
        self._say(f"changed: {', '.join(shown[:3])}{more}", _DIM)
        now = time.monotonic()
        if self._server is None:
            self._start()
        elif self._asked and now - self._asked > _PATIENCE:
            self._say("the code before it still loads; starting anew", _YELLOW)
            self._server.kill()
            self._again = True
        else:
            self._server.send_signal(signal.SIGHUP)
            self._asked = now

    def _read(self, fd: int) -> int | None:
        """Show what the server says; the exit status if it never served, and ended."""
        try:
            data = os.read(fd, 1 << 16)
        except BlockingIOError:
            return None
        *lines, self._held = (self._held + data).split(b"\n")
        for line in lines:
            self._show(line.decode("utf-8", "backslashreplace"))
        if data:
            return None
        assert self._server is not None
        self._selector.unregister(fd)
        status = self._server.wait()
        assert self._server.stdout is not None
        self._server.stdout.close()
        self._server = None
        self._asked = 0.0
        if self._again:
            self._again = False
            self._start()
            return None
        if not self._listens or not self._wish.reloads:
            return status if status > 0 else 1
        self._say(f"the server ended (status {status}); it starts again at the next change", _RED)
        return None

    def _end(self) -> None:
        server = self._server
        if server is None:
            return
        server.send_signal(signal.SIGINT)
        try:
            server.communicate(timeout=_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()

    def _show(self, line: str) -> None:
        entry = logline.read(line)
        if entry is not None:
            date = time.strftime("%H:%M:%S", time.localtime(entry.when))
            text = f"{date} {entry.status} {entry.method} {entry.uri} {entry.seconds * 1000:.0f} ms"
            self._say(text, _of_status(entry.status))
        elif match := _LISTENING.match(line):
            if not self._listens:
                self._listens = True
                # A port that the kernel chose stays the same when the server starts again.
                self._bind = match["address"]
                self._banner(match["address"])
        elif match := _SERVES.match(line):
            self._asked = 0.0
            self._say("ready" if match[1] == "1" else "reloaded", _GREEN)
        elif not _NOISE.match(line):
            if _DROPPED.search(line):
                self._asked = 0.0
            self._say(line, _RED if line.startswith(("error: ", "Traceback")) else "")

    def _banner(self, address: str) -> None:
        wish = self._wish
        how = self._watcher.how if self._watcher is not None else "off"
        self._say(f"{wish.app} of {wish.directory} on http://{address}/", _GREEN)
        if wish.virtualenv:
            self._say(f"packages of {wish.virtualenv}", _DIM)
        self._say(f"reload: {how}; Ctrl-C stops", _DIM)
        self._say(
            " NOT FOR PRODUCTION: one process, and it shows its insides. For others: "
            "quaich --ini, quaich deploy ",
            _LOUD,
        )

    def _say(self, text: str, colour: str) -> None:
        shown = printable(text)
        if self._colour and colour:
            shown = f"\x1b[{colour}m{shown}\x1b[0m"
        try:
            sys.stdout.write(f"{shown}\n")
            sys.stdout.flush()
        except OSError:
            self._stopping = True  # nobody reads


def _of_status(status: int) -> str:
    return {2: _GREEN, 3: _CYAN, 4: _YELLOW, 5: _RED}.get(status // 100, "")
