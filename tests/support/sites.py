"""An nginx of quaich's own for tests, its sites applied the way a deployment does it."""

from collections.abc import Callable
from pathlib import Path

from quaich.nginx import apply, control, facts, install, render
from tests.support.http import Client, Response
from tests.support.ports import free_port


class Sites:
    """``site`` applies one, on the address that all of them share."""

    def __init__(self, prefix: Path) -> None:
        self.address = ("127.0.0.1", free_port())
        self.nginx = install.private(str(prefix), self.address[1])

    def front(self, name: str, **more: object) -> facts.Front:
        table = {"hosts": [f"{name}.example"], "listen": [f"127.0.0.1:{self.address[1]}"]}
        table |= {key.replace("_", "-"): value for key, value in more.items()}  # type: ignore[dict-item]
        return facts.front(table, site=name, place="test")

    def files(self, name: str, **more: object) -> dict[str, str]:
        return render.render(self.front(name, **more), self.nginx.abilities)

    def site(
        self, name: str, probe: Callable[[], str] = lambda: "", **more: object
    ) -> apply.Applied:
        return apply.apply(self.nginx, name, self.files(name, **more), probe=probe)

    def get(
        self,
        host: str,
        target: str = "/",
        method: str = "GET",
        body: bytes = b"",
        **headers: str,
    ) -> Response:
        fields = [("Host", host), ("Connection", "close")]
        fields += [(name.replace("_", "-"), value) for name, value in headers.items()]
        with Client(self.address) as client:
            return client.request(target, method, tuple(fields), body)

    def stop(self) -> None:
        control.stop(self.nginx)
        assert not control.master(self.nginx)
