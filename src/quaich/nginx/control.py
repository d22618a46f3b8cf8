"""A running nginx: tested, started, reloaded, and each time seen to do it.

``nginx -s reload`` succeeds when the new configuration cannot be used, so a reload counts only when
new workers run and the old ones take no more connections; nginx's error log says why, if not.
"""

import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator

from quaich.nginx.errors import NginxError
from quaich.nginx.install import Nginx

_RUN_TIMEOUT = 60
_RELOAD_TIMEOUT = 15.0
_PAUSE = 0.01
_MASTER = b"nginx: master process"
_WORKER = b"nginx: worker process"
_BIND = re.compile(r"bind\(\) to \S*?:(\d+) failed \(98:")
_UPSTREAM = re.compile(r"(connect\(\) .*? failed \(.*?\)|upstream .*?) while ")
_SERIOUS = re.compile(r"\[(?:emerg|crit)\] (?:\d+#\d+: )?(?:\*\d+ )?(.*)")
_LISTENING = "0A"


def command(nginx: Nginx, *more: str) -> list[str]:
    """The program with the arguments that select this nginx."""
    words = [nginx.program]
    if nginx.is_private:
        words += ["-p", f"{nginx.prefix}/", "-c", nginx.config]
        if nginx.abilities.since(1, 19, 5):
            words += ["-e", nginx.error_log]
    return [*words, *more]


def check(nginx: Nginx) -> tuple[str, str]:
    """Test the whole configuration: what nginx objects to, or nothing, and the configuration."""
    status, said, dump = _run(command(nginx, "-T"))
    if status == 0:
        return "", dump
    return words_of(said) or f"nginx -t ended with status {status}", ""


def words_of(said: str) -> str:
    """What nginx's output, or its log, says is wrong."""
    found = _SERIOUS.search(said)
    if found:
        return found[1]
    lines = [each for each in said.splitlines() if "test failed" not in each]
    return lines[0] if lines else ""


def _run(words: list[str]) -> tuple[int, str, str]:
    # Files, for a daemon that keeps a pipe open would be waited for.
    with tempfile.TemporaryFile() as errors, tempfile.TemporaryFile() as output:
        try:
            done = subprocess.run(
                words,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                timeout=_RUN_TIMEOUT,
                check=False,
            )
        except OSError as error:
            raise NginxError(f"{words[0]} cannot be run: {error.strerror}") from None
        except subprocess.TimeoutExpired:
            raise NginxError(f"{' '.join(words)}: no end after {_RUN_TIMEOUT} s") from None
        errors.seek(0)
        output.seek(0)
        said = errors.read().decode(errors="replace")
        return done.returncode, said, output.read().decode(errors="replace")


def master(nginx: Nginx) -> int:
    """The process id of the running master, or 0."""
    try:
        with open(nginx.pidfile, encoding="ascii") as file:
            pid = int(file.read(32))
    except (OSError, ValueError):
        return 0
    return pid if _title(pid).startswith(_MASTER) else 0


def _title(pid: int) -> bytes:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read(4096)
    except OSError:
        return b""


def workers(pid: int) -> set[int]:
    """The workers of a master that take connections."""
    found = set()
    for each in _children(pid):
        title = _title(each)
        if title.startswith(_WORKER) and b"shutting down" not in title:
            found.add(each)
    return found


def _children(parent: int) -> Iterator[int]:
    for each in os.listdir("/proc"):
        if not each.isdigit():
            continue
        try:
            with open(f"/proc/{each}/stat", encoding="utf-8", errors="replace") as file:
                ppid = int(file.read().rpartition(")")[2].split()[1])
        except (OSError, IndexError, ValueError):
            continue
        if ppid == parent:
            yield int(each)


def start(nginx: Nginx) -> None:
    """Start it and see its workers; raises NginxError with nginx's own words."""
    offset = size(nginx.error_log)
    if nginx.unit:
        status, said, _ = _run(["systemctl", "start", nginx.unit])
    else:
        status, said, _ = _run(command(nginx, "-g", "daemon on;"))
    if '"daemon" directive is duplicate' in said:
        raise NginxError(
            "nginx does not run, and its configuration has daemon off: start it by what runs it"
        )
    if status:
        said = f"{said}\n{since(nginx.error_log, offset)}"
        raise NginxError(f"nginx does not start: {_explained(words_of(said))}")
    deadline = time.monotonic() + _RELOAD_TIMEOUT
    while not (pid := master(nginx)) or not workers(pid):
        if time.monotonic() > deadline:
            said = words_of(since(nginx.error_log, offset)) or f"no workers of {nginx.pidfile}"
            raise NginxError(f"nginx does not start: {_explained(said)}")
        time.sleep(_PAUSE)


def _is_run_by_systemd(nginx: Nginx) -> bool:
    return bool(nginx.unit) and not _run(["systemctl", "is-active", "--quiet", nginx.unit])[0]


def stop(nginx: Nginx) -> None:
    """Stop it when its requests are done; raises NginxError if it stays."""
    pid = master(nginx)
    if not pid:
        return
    if _is_run_by_systemd(nginx):
        _run(["systemctl", "stop", nginx.unit])
    else:
        os.kill(pid, signal.SIGQUIT)
    deadline = time.monotonic() + _RELOAD_TIMEOUT
    while _title(pid).startswith(_MASTER):
        if time.monotonic() > deadline:
            raise NginxError(f"nginx {pid} does not stop")
        time.sleep(_PAUSE)


def reload(nginx: Nginx, pid: int) -> None:
    """Reload and see that new workers took over; raises NginxError with nginx's own words."""
    offset = size(nginx.error_log)
    before = workers(pid)
    if _is_run_by_systemd(nginx):
        status, said, _ = _run(["systemctl", "reload", nginx.unit])
        if status:
            raise NginxError(f"systemctl reload {nginx.unit}: {words_of(said)}")
    else:
        try:
            os.kill(pid, signal.SIGHUP)
        except OSError as error:
            raise NginxError(f"nginx {pid} cannot be reloaded: {error.strerror}") from None
    deadline = time.monotonic() + _RELOAD_TIMEOUT
    while True:
        now = workers(pid)
        if now and not now & before:
            return
        said = since(nginx.error_log, offset)
        if _has_given_up(said):
            raise NginxError(f"nginx did not take the reload: {_explained(words_of(said))}")
        if not _title(pid).startswith(_MASTER):
            raise NginxError(f"nginx {pid} ended when it was reloaded: {words_of(said)}")
        if time.monotonic() > deadline:
            text = words_of(said) or "its workers are the same as before"
            raise NginxError(f"nginx did not take the reload: {text}")
        time.sleep(_PAUSE)


def _has_given_up(said: str) -> bool:
    """Whether the error log ends the attempt; a bind that fails is tried again a few times."""
    lines = [each for each in said.splitlines() if "[emerg]" in each]
    return any("bind() to" not in each for each in lines)


def complaint(nginx: Nginx, offset: int) -> str:
    """`` (connect() to ... failed)``: what the error log says of upstreams since an offset."""
    found = _UPSTREAM.search(since(nginx.error_log, offset))
    return f" ({found[1]})" if found else ""


def size(path: str) -> int:
    try:
        return os.stat(path).st_size if path else 0
    except OSError:
        return 0


def since(path: str, offset: int) -> str:
    if not path:
        return ""
    try:
        with open(path, "rb") as file:
            file.seek(offset)
            return file.read(1 << 20).decode(errors="replace")
    except OSError:
        return ""


def _explained(said: str) -> str:
    """nginx's words, and who has the port when that is the trouble."""
    found = _BIND.search(said)
    if not found:
        return said or "it said nothing"
    return f"{said}{holder(int(found[1]))}"


def holder(port: int) -> str:
    """``; port 80 is taken by PROGRAM (process N)``, as far as this user may see it."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(table, encoding="ascii") as file:
                rows = [each.split() for each in file.readlines()[1:]]
        except OSError:
            continue
        inodes |= {
            f"socket:[{row[9]}]"
            for row in rows
            if row[3] == _LISTENING and int(row[1].rpartition(":")[2], 16) == port
        }
    for each in os.listdir("/proc"):
        if not each.isdigit():
            continue
        try:
            descriptors = os.listdir(f"/proc/{each}/fd")
        except OSError:
            continue
        for descriptor in descriptors:
            try:
                target = os.readlink(f"/proc/{each}/fd/{descriptor}")
            except OSError:
                continue
            if target in inodes:
                shown = _title(int(each)).replace(b"\0", b" ").decode(errors="replace").strip()
                return f"; port {port} is taken by process {each}: {shown[:120]}"
    return f"; port {port} is taken by another program"
