"""A site's server: whether it runs, its start, its reload and its end; and releases on trial.

The server is reached by its control socket.  It is started by systemd where that runs and
``quaich setup`` has installed the unit, else as a daemon with a pid file.
"""

import contextlib
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from typing import Any

from quaich.deploy import commands, ini, records
from quaich.deploy.faults import ApplicationFault, Unhealthy
from quaich.deploy.layout import Layout, SitePaths
from quaich.errors import QuaichError
from quaich.machine import unit
from quaich.master import requests

_CONNECT_SECONDS = 5.0
_END_SECONDS = 60.0
_PAUSE = 0.02
_LOAD_ERROR = 22
_SHOWN = 4000


class Gone(QuaichError):
    """No server answers at the control socket."""


def ask(paths: SitePaths, command: str, timeout: float, **extra: object) -> dict[str, Any]:
    """Ask the server and wait for the outcome; raises Gone, or QuaichError with its refusal."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(_CONNECT_SECONDS)
        try:
            sock.connect(paths.control)
            sock.sendall(requests.ask(command, **extra))
        except OSError:
            raise Gone(f"{paths.name}: the server does not run") from None
        sock.settimeout(timeout)
        answer: dict[str, Any] = {}
        try:
            with sock.makefile("rb") as lines:
                for line in lines:
                    answer = json.loads(line)
                    if "ok" in answer:
                        break
        except TimeoutError:
            raise Unhealthy(f"{command}: the server has no outcome after {timeout:g} s") from None
        except (OSError, ValueError):
            answer = {}
    if not answer.get("ok"):
        if command == "stop" and not answer:
            return {}
        raise QuaichError(f"{command}: {answer.get('text', 'the server ended before it answered')}")
    return answer


def is_running(paths: SitePaths) -> bool:
    """Whether somebody listens at the control socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(_CONNECT_SECONDS)
        try:
            sock.connect(paths.control)
        except TimeoutError:
            return True
        except OSError:
            return False
    return True


def status(paths: SitePaths) -> dict[str, Any]:
    """What the server says of itself; raises Gone."""
    found: dict[str, Any] = ask(paths, requests.STATUS, _CONNECT_SECONDS).get("status", {})
    return found


def generation(paths: SitePaths) -> int:
    """The number of the generation that serves; -1 where no server answers."""
    try:
        return int(status(paths).get("generation", -1))
    except QuaichError:
        return -1


def reload(paths: SitePaths, timeout: float) -> None:
    """Let the server read its configuration anew and take over; raises what came of it."""
    try:
        ask(paths, "reload", timeout)
    except (Gone, Unhealthy):
        raise
    except QuaichError as error:
        kind = Unhealthy if "ready-path" in str(error) else ApplicationFault
        raise kind(str(error)) from None


def drained(paths: SitePaths, timeout: float) -> float | None:
    """Wait until only the newest generation is there; how long it took, None where it has not."""
    started = time.monotonic()
    while time.monotonic() - started < timeout:
        try:
            if len(status(paths).get("generations", ())) <= 1:
                return time.monotonic() - started
        except QuaichError:
            return None
        time.sleep(_PAUSE)
    return None


class Manager:
    """Starts and ends the servers of a layout."""

    def __init__(self, layout: Layout, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._systemctl: tuple[str, ...] = ()
        if environ.get("QUAICH_PREFIX") or shutil.which("systemctl") is None:
            return
        if layout.is_system and os.path.isdir("/run/systemd/system"):
            self._systemctl = ("systemctl",)
        elif not layout.is_system and _has_user_unit(layout, environ):
            self._systemctl = ("systemctl", "--user")

    @property
    def is_systemd(self) -> bool:
        """Whether systemd starts the servers."""
        return bool(self._systemctl)

    def unit(self, name: str) -> str:
        """The unit of a site."""
        return unit.NAME.replace("@.", f"@{name}.")

    def start(self, paths: SitePaths, timeout: float) -> None:
        """Start the server of a site and wait until it serves."""
        if self._systemctl:
            self._systemd("enable", paths.name)
            self._systemd("start", paths.name)
            return
        log = f"{paths.log}/server.log"
        env = commands.quaich_environment(
            commands.environment(commands.actor("", ""), self._environ)
        )
        argv = [*commands.quaich_command(), "--ini", paths.configuration, "--daemonize2", log]
        # A daemon holds on to whatever its output is, so that is no pipe.
        with _memory() as output:
            child = subprocess.Popen(
                argv, cwd="/", env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
            try:
                ended = child.wait(timeout)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
                self.stop(paths, now=True)
                raise Unhealthy(f"{paths.name}: it does not serve after {timeout:g} s") from None
            if ended:
                output.seek(0)
                text = output.read().decode("utf-8", "replace")
                kind = ApplicationFault if ended == _LOAD_ERROR else QuaichError
                raise _failed(kind, f"the server does not start: {commands.last_line(text)}", text)

    def stop(self, paths: SitePaths, now: bool = False) -> bool:
        """End the server, requests first unless ``now``; whether there was one."""
        if self._systemctl:
            was = is_running(paths)
            self._systemd("disable", paths.name, quiet=True)
            self._systemd("stop", paths.name, quiet=True)
            return was
        pid = _pid(paths)
        try:
            answer = ask(paths, "stop", _END_SECONDS, mode="now" if now else None)
        except Gone:
            # Somebody may have begun to start it, and been killed.
            begun = [pid] if pid and _is_ours(pid, paths) else []
            for each in (*begun, *_starting(paths)):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(each, signal.SIGKILL)
                    _wait_end(each)
            return False
        del answer
        if pid and not _wait_end(pid):
            raise QuaichError(f"{paths.name}: pid {pid} has not ended after {_END_SECONDS:g} s")
        return True

    def _systemd(self, verb: str, name: str, quiet: bool = False) -> None:
        argv = [*self._systemctl, verb, self.unit(name)]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode and not quiet:
            raise ApplicationFault(
                f"systemctl {verb} {self.unit(name)}: {commands.last_line(done.stderr)} "
                f"(journalctl -u {self.unit(name)} says why)",
                done.stderr,
            )


@contextlib.contextmanager
def trial(
    paths: SitePaths, text: str, timeout: float, environ: Mapping[str, str]
) -> Iterator[float]:
    """A server of a release beside the real one, until the block ends; the seconds it took.

    It is this process's child, and the kernel ends it with this process.
    """
    configuration = ini.trial_configuration(paths)
    records.write(configuration, text, 0o600)
    env = commands.quaich_environment(commands.environment(commands.actor("", ""), environ))
    child = None
    started = time.monotonic()
    with _memory() as output:
        try:
            child = subprocess.Popen(
                [*commands.quaich_command(), "--ini", configuration],
                cwd="/",
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                preexec_fn=commands.bound_to_parent(),
            )
            _await(child, output, started, timeout)
            try:
                yield time.monotonic() - started
            except Unhealthy as error:
                error.detail = error.detail or _text(output)
                raise
        finally:
            if child is not None and child.poll() is None:
                child.terminate()
                try:
                    child.wait(5)
                except subprocess.TimeoutExpired:
                    child.kill()
                    child.wait()
            for path in (configuration, ini.trial_socket(paths)):
                records.remove(path)


def _await(child: "subprocess.Popen[bytes]", output: Any, started: float, timeout: float) -> None:
    while b" serves workers=" not in _bytes(output):
        ended = child.poll()
        if ended is not None:
            text = _text(output)
            if ended == _LOAD_ERROR:
                raise ApplicationFault(f"it does not load: {commands.last_line(text)}", text)
            raise ApplicationFault(f"it does not start: {commands.last_line(text)}", text)
        if time.monotonic() - started > timeout:
            raise Unhealthy(f"it does not serve after start_timeout = {timeout:g} s", _text(output))
        time.sleep(_PAUSE)


def _memory() -> Any:
    """A file for a program's output, that no full disk can cut."""
    return open(os.memfd_create("quaich-output"), "w+b")


def _bytes(output: Any) -> bytes:
    size = os.fstat(output.fileno()).st_size
    return os.pread(output.fileno(), size, 0)


def _text(output: Any) -> str:
    return _bytes(output).decode("utf-8", "replace")[-_SHOWN:]


def _failed(kind: "type[QuaichError]", message: str, detail: str) -> QuaichError:
    error = kind(message)
    if isinstance(error, ApplicationFault):
        error.detail = detail
    return error


def _has_user_unit(layout: Layout, environ: Mapping[str, str]) -> bool:
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    directory = f"{os.path.dirname(layout.config)}/systemd/user"
    return os.path.exists(f"{runtime}/systemd/private") and os.path.exists(
        f"{directory}/{unit.NAME}"
    )


def _pid(paths: SitePaths) -> int:
    text = (records.read(paths.pidfile) or "").strip()
    return int(text) if text.isdecimal() else 0


def _is_ours(pid: int, paths: SitePaths) -> bool:
    """Whether a process logs where the site's server does: its command line is its title."""
    log = f"{paths.log}/server.log"
    try:
        return any(os.readlink(f"/proc/{pid}/fd/{fd}") == log for fd in (1, 2))
    except OSError:
        return False


def _starting(paths: SitePaths) -> Iterator[int]:
    """Servers of the site that have come no further than their command line."""
    wanted = b"\0--ini\0" + os.fsencode(paths.configuration) + b"\0"
    for entry in os.listdir("/proc"):
        try:
            with open(f"/proc/{int(entry)}/cmdline", "rb") as file:
                if wanted in file.read():
                    yield int(entry)
        except (OSError, ValueError):
            continue


def _wait_end(pid: int) -> bool:
    try:
        handle = os.pidfd_open(pid)
    except OSError:
        return True
    try:
        return bool(select.select([handle], [], [], _END_SECONDS)[0])
    finally:
        os.close(handle)
