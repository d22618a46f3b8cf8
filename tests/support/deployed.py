"""Deployed sites below a prefix of their own: commands, applications, and the end of everything."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.net import exchange
from tests.support.ports import free_port
from tests.support.processes import wait_until
from tests.support.server import environment

APPLICATION = """\
import os, sys, time
{top}
def application(environ, start_response):
    status = "{status}" if environ["PATH_INFO"] == "/health" else "200 OK"
    body = b"{version}"
    start_response(status, [("Content-Length", str(len(body)))])
    return [body]
"""

# Runs a quaich command, and kills it before or after a function of quaich's is called.
KILLER = """\
import os, signal, sys
from importlib import import_module
module, name, when, *argv = sys.argv[1:]
module = import_module(module)
real = getattr(module, name)
def instead(*args, **more):
    is_step = name == "begin" and when not in ("before", "after")
    if when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    outcome = real(*args, **more)
    if not is_step or args[2][-1] == when:
        os.kill(os.getpid(), signal.SIGKILL)
    return outcome
setattr(module, name, instead)
from quaich.cli.main import main
sys.exit(main(["quaich", *argv]))
"""


class Sites:
    """A layout below ``prefix`` with one nginx of its own on ``port``."""

    def __init__(self, prefix: Path) -> None:
        self.prefix = prefix
        self.port = free_port()
        prefix.mkdir(parents=True, exist_ok=True)

    @property
    def env(self) -> dict[str, str]:
        return environment({"QUAICH_PREFIX": str(self.prefix), "PIP_NO_INDEX": "1"})

    def path(self, *parts: str) -> Path:
        return self.prefix.joinpath(*parts)

    def popen(self, *args: str, **more: Any) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "quaich", *args],
            cwd=self.prefix,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **more,
        )

    def quaich(
        self, *args: str, status: int | None = 0, stdin: str = "", **more: Any
    ) -> "subprocess.CompletedProcess[str]":
        """Run a command; it must end with ``status``."""
        done = subprocess.run(
            [sys.executable, "-m", "quaich", *args],
            cwd=self.prefix,
            env=self.env,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            **more,
        )
        if status is not None:
            assert done.returncode == status, f"{args}\n{done.stdout}\n{done.stderr}"
        return done

    def data(self, *args: str, status: int = 0) -> Any:
        """The outcome of a command as JSON."""
        return json.loads(self.quaich(*args, "--json", status=status).stdout)

    def deploy(
        self, app: Path, *args: str, site: str = "shop", status: int | None = 0, **more: Any
    ) -> "subprocess.CompletedProcess[str]":
        return self.quaich("deploy", str(app), "--site", site, *args, status=status, **more)

    def front(self, *args: str) -> tuple[str, ...]:
        """The options that put a site behind nginx."""
        return ("--host", "localhost", "--listen", f"127.0.0.1:{self.port}", *args)

    def killed(self, point: tuple[str, str, str], *args: str) -> None:
        """Run a command that is killed at a point."""
        done = subprocess.run(
            [sys.executable, "-c", KILLER, *point, *args],
            cwd=self.prefix,
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == -signal.SIGKILL, f"{point}\n{done.stdout}\n{done.stderr}"

    def get(self, path: str = "/", headers: str = "") -> tuple[int, str]:
        """The status and the body of an answer through nginx."""
        request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}Connection: close\r\n\r\n"
        answer = exchange(("127.0.0.1", self.port), request.encode()).decode()
        head, _, body = answer.partition("\r\n\r\n")
        return int(head.split()[1]), body

    def releases(self, site: str = "shop") -> list[str]:
        return sorted(path.name for path in self.path("lib", site, "releases").iterdir())

    def current(self, site: str = "shop") -> str:
        return os.path.basename(os.readlink(self.path("lib", site, "current")))

    def leftovers(self, site: str = "shop") -> list[str]:
        """What no finished or recovered change may leave behind."""
        state, run = self.path("lib", site), self.path("run", site)
        allowed = {"app.sock", "control.sock", "master.pid"}
        found = [str(path) for path in run.glob("*") if path.name not in allowed]
        found += [str(path) for path in (state / "journal.json",) if path.exists()]
        found += [str(path) for path in self.prefix.rglob("*.new")]
        found += [
            name
            for name in self.releases(site)
            if not (state / "releases" / name / "release.json").exists()
        ]
        return found

    def processes(self, word: str = "") -> dict[int, str]:
        """The living processes that have to do with the prefix, by command, output or directory."""
        found = {}
        for entry in os.listdir("/proc"):
            if not entry.isdigit() or int(entry) == os.getpid():
                continue
            try:
                line = Path(f"/proc/{entry}/cmdline").read_bytes().replace(b"\0", b" ").decode()
                about = [line, *(os.readlink(f"/proc/{entry}/{each}") for each in ("cwd", "fd/1"))]
            except OSError:
                continue
            if any(str(self.prefix) in each for each in about) and word in line:
                found[int(entry)] = line
        return found

    def close(self) -> None:
        """End the servers and nginx."""
        masters = list(self.path("run").glob("*/master.pid"))
        pids = [int(path.read_text()) for path in masters]
        nginx = self.path("nginx", "nginx.pid")
        if nginx.exists():
            pids.append(int(nginx.read_text() or 0))
        for pid in pids:
            if pid in self.processes():
                os.kill(pid, signal.SIGTERM)
        try:
            wait_until(lambda: not self.processes(), 15, f"all gone: {self.processes()}")
        finally:
            for pid in self.processes():
                os.kill(pid, signal.SIGKILL)


def application(
    directory: Path, version: str, *, top: str = "", status: str = "200 OK", **files: str
) -> Path:
    """An application that answers its version; ``top`` is code at its top."""
    directory.mkdir(parents=True, exist_ok=True)
    text = APPLICATION.format(top=top, status=status, version=version)
    (directory / "wsgi.py").write_text(text)
    write(directory, files)
    return directory


def write(directory: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (directory / name.replace("__", "/").replace("_toml", ".toml")).write_text(text)
