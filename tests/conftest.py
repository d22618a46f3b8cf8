"""Fixtures: servers and nginx that a test starts, and that are gone when it ends.

A program the suite needs but the machine lacks skips the tests that need it, by name, unless it
is listed in ``QUAICH_TESTS_REQUIRE``: then the tests fail.
"""

import importlib.util
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import pytest

if importlib.util.find_spec("quaich") is None:
    # A tree in which nothing was installed: test what is there.
    sys.path.insert(0, str(Path(__file__).parent.parent / "src"))

from tests.support import nginx as nginx_support
from tests.support.ports import free_port
from tests.support.server import Server, command


def _need(program: str, found: str | None) -> str:
    if found is None:
        reason = f"{program} is not installed"
        if program in os.environ.get("QUAICH_TESTS_REQUIRE", "").split():
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@pytest.fixture
def root() -> Path:
    """The top of the source tree."""
    return Path(__file__).parent.parent


@pytest.fixture
def apps() -> Path:
    """The directory of the tiny applications."""
    return Path(__file__).parent / "apps"


@pytest.fixture
def port() -> Callable[[], int]:
    return free_port


class StartServer(Protocol):
    def __call__(
        self,
        *args: str,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        argv: Sequence[str] | None = None,
        stdin: int | None = None,
        pass_fds: Sequence[int] = (),
    ) -> Server: ...


@pytest.fixture
def start(tmp_path: Path) -> Iterator[StartServer]:
    """Start ``python -m quaich ARGS`` (or another ``argv``); stopped and checked at the end.

    A test that leaves a server running gets it stopped with SIGINT, and fails if a process of it
    is still there afterwards.
    """
    servers: list[Server] = []

    def _start(
        *args: str,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        argv: Sequence[str] | None = None,
        stdin: int | None = None,
        pass_fds: Sequence[int] = (),
    ) -> Server:
        server = Server(
            [*(command() if argv is None else argv), *args],
            cwd=cwd or tmp_path,
            env=env,
            output=tmp_path / f"server-{len(servers)}.log",
            stdin=stdin,
            pass_fds=pass_fds,
        )
        servers.append(server)
        return server

    yield _start
    problems = []
    for server in servers:
        try:
            server.stop()
        except AssertionError as error:
            problems.append(str(error))
        finally:
            server.kill()
    assert not problems, "\n".join(problems)


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[Callable[[str], nginx_support.Nginx]]:
    """Start an nginx whose ``http { }`` block is the text given; PORT in it is its own."""
    _need("nginx", nginx_support.program())
    running: list[nginx_support.Nginx] = []

    def _start(http: str) -> nginx_support.Nginx:
        server = nginx_support.Nginx(tmp_path / f"nginx-{len(running)}", http)
        running.append(server)
        return server.start()

    yield _start
    for server in running:
        server.stop()


@pytest.fixture
def wrk() -> str:
    return _need("wrk", shutil.which("wrk"))
