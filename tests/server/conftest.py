"""A server of ``apps/behaviours.py``, shared by the tests of a module."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import http, uwsgi
from tests.support.net import Address
from tests.support.ports import free_port
from tests.support.processes import wait_until
from tests.support.server import Server, command

BEHAVIOURS = Path(__file__).parent.parent / "apps" / "behaviours.py"


@dataclass
class Site:
    """A running server and the two addresses it answers on."""

    server: Server
    http: Address
    uwsgi: Address

    def client(self, timeout: float = 10.0) -> http.Client:
        return http.Client(self.http, timeout)

    def get(self, target: str, protocol: str = "http", method: str = "GET") -> http.Response:
        if protocol == "http":
            return http.get(self.http, target, method)
        return uwsgi.get(self.uwsgi, target, method)

    def closed(self, name: str) -> int:
        """How often the iterable of ``/name`` was closed so far."""
        return int(self.get(f"/count_closed?{name}").body)

    def wait_closed(self, name: str, count: int) -> None:
        wait_until(lambda: self.closed(name) >= count, 10, f"{name} closed {count} times")
        assert self.closed(name) == count


def serve(directory: Path, *args: str) -> Site:
    first, second = free_port(), free_port()
    argv = [
        *command(),
        *("--http-socket", f"127.0.0.1:{first}", "--socket", f"127.0.0.1:{second}"),
        *("--wsgi-file", str(BEHAVIOURS), *args),
    ]
    server = Server(argv, cwd=directory, output=directory / "server.log")
    try:
        server.wait_ready()
    except BaseException:
        server.kill()
        raise
    return Site(server, ("127.0.0.1", first), ("127.0.0.1", second))


def stop(site: Site) -> None:
    try:
        site.server.stop()
    finally:
        site.server.kill()


@pytest.fixture(scope="module", params=[1, 4], ids=["1-thread", "4-threads"])
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """One worker, with one thread and then with four."""
    running = serve(tmp_path_factory.mktemp("site"), "--threads", str(request.param))
    yield running
    stop(running)


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[object]:
    """Start a server of one's own: ``serving("--http-timeout", "2")``."""
    running: list[Site] = []

    def start(*args: str) -> Site:
        directory = tmp_path / f"site-{len(running)}"
        directory.mkdir()
        running.append(serve(directory, *args))
        return running[-1]

    yield start
    for each in running:
        stop(each)
