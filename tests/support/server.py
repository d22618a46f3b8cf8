"""A server process under test: started in its own session, watched, and gone at the end.

``QUAICH_TESTS_COMMAND`` names another server to run in its place, for when a test itself is in
doubt: one that is written in uWSGI's vocabulary should pass with uWSGI too.
"""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import quaich
from tests.support.net import Address, accepts
from tests.support.processes import Stat, in_session, stat, wait_until

READY = (
    r"spawned uWSGI worker (?P<worker>\d+) .*\(pid: (?P<pid>\d+)"
    if "QUAICH_TESTS_COMMAND" in os.environ
    else r"worker=(?P<worker>\d+) pid=(?P<pid>\d+) ready"
)
START = 20.0
STOP = 10.0


def command() -> list[str]:
    return shlex.split(os.environ.get("QUAICH_TESTS_COMMAND", "")) or [
        sys.executable,
        "-m",
        "quaich",
    ]


def install_commands(directory: Path, *names: str) -> None:
    """Put commands of these names (``quaich``, ``uwsgi``) into a directory for the PATH.

    They are symbolic links to one script, which is what installing quaich makes.
    """
    directory.mkdir(exist_ok=True)
    script = directory / "quaich-script"
    other = os.environ.get("QUAICH_TESTS_COMMAND")
    if other:
        script.write_text(f'#!/bin/sh\nexec {other} "$@"\n')
    else:
        script.write_text(
            f"#!{sys.executable}\n"
            "import sys\nfrom quaich.cli.main import entry\nsys.exit(entry())\n"
        )
    script.chmod(0o755)
    for name in names:
        (directory / name).symlink_to(script)


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a server: ours without what would configure it, and able to import it."""
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("UWSGI_", "QUAICH_", "LISTEN_", "NOTIFY_", "PYTEST_"))
    }
    home = str(Path(quaich.__file__).parent.parent)
    if "site-packages" not in home:
        clean["PYTHONPATH"] = home
    clean["PYTHONDONTWRITEBYTECODE"] = "1"
    clean.update(more or {})
    return clean


class Server:
    """A running server.  ``log`` is all that it wrote to stdout and stderr."""

    def __init__(
        self,
        argv: Sequence[str],
        *,
        cwd: Path,
        output: Path,
        env: Mapping[str, str] | None = None,
        stdin: int | None = None,
        pass_fds: Sequence[int] = (),
    ) -> None:
        self.argv = list(argv)
        self.output = output
        with output.open("ab") as stream:
            self.process = subprocess.Popen(
                self.argv,
                cwd=cwd,
                env=environment(env),
                stdin=subprocess.DEVNULL if stdin is None else stdin,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=tuple(pass_fds),
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def log(self) -> str:
        return self.output.read_text(errors="replace")

    def processes(self) -> list[Stat]:
        """The server's first process and every descendant still alive."""
        return in_session(self.pid)

    def children(self) -> list[Stat]:
        return [each for each in self.processes() if each.pid != self.pid]

    def _alive(self, waited_for: str) -> None:
        status = self.process.poll()
        if status is not None:
            raise AssertionError(
                f"exited with {status} before {waited_for}\n{self.argv}\n{self.log}"
            )

    def wait_line(self, pattern: str, timeout: float = START, count: int = 1) -> re.Match[str]:
        """Wait until ``count`` lines of the log match; the last of them."""
        wanted = re.compile(pattern, re.MULTILINE)
        deadline = time.monotonic() + timeout
        while True:
            found = list(wanted.finditer(self.log))
            if len(found) >= count:
                return found[count - 1]
            self._alive(f"line {pattern!r}")
            if time.monotonic() > deadline:
                raise AssertionError(f"no line {pattern!r} in {timeout} s\n{self.argv}\n{self.log}")
            time.sleep(0.01)

    def wait_ready(self, workers: int = 1, timeout: float = START) -> list[int]:
        """Wait until that many workers said they are ready; their pids."""
        self.wait_line(READY, timeout, workers)
        return [int(match["pid"]) for match in re.finditer(READY, self.log)]

    def wait_listening(self, *addresses: Address, timeout: float = START) -> None:
        deadline = time.monotonic() + timeout
        for address in addresses:
            while not accepts(address):
                self._alive(f"listening on {address}")
                if time.monotonic() > deadline:
                    raise AssertionError(f"not listening on {address}\n{self.argv}\n{self.log}")
                time.sleep(0.01)

    def send(self, number: int) -> None:
        """Send a signal to the first process."""
        self.process.send_signal(number)

    def wait_exit(self, timeout: float = STOP) -> int:
        """The exit status (negative for a signal) of the first process."""
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {timeout} s\n{self.log}") from None

    def wait_gone(self, timeout: float = STOP) -> None:
        """Wait until no process of the server is left."""
        wait_until(lambda: not self.processes(), timeout, f"every process gone: {self.processes()}")

    def stop(self, number: int = signal.SIGINT, timeout: float = STOP) -> int:
        """Stop it, check that it left no process behind, and return its exit status."""
        if self.process.poll() is None:
            self.send(number)
        status = self.wait_exit(timeout)
        self.wait_gone(timeout)
        return status

    def kill(self) -> None:
        """End every process of the session, whatever state it is in."""
        for _ in range(100):
            left = self.processes()
            if not left:
                break
            for each in left:
                now = stat(each.pid)
                if now and now.session == self.pid:
                    try:
                        os.kill(each.pid, signal.SIGKILL)
                    except ProcessLookupError:
                        pass
            time.sleep(0.01)
        self.process.wait(STOP)


def run(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    timeout: float = START,
    stdin: int | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command that is expected to end by itself; its output, stdout and stderr apart."""
    return subprocess.run(
        argv,
        cwd=cwd,
        env=environment(env),
        stdin=subprocess.DEVNULL if stdin is None else stdin,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=timeout,
        check=False,
    )
