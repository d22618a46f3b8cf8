"""What deploy adds to [nginx]: the socket, the time limit, and paths of the current release."""

from quaich.deploy import front
from quaich.deploy.layout import layout
from quaich.deploy.site import Site

PATHS = layout(0, {}).site("shop")


def table(closed: dict[str, object] | None = None, **nginx: object) -> dict[str, object]:
    return front.table(Site("shop", harakiri=20, nginx=nginx), PATHS, closed)


def test_the_application_is_the_first_server() -> None:
    found = table(hosts=["h"], servers=["10.0.0.2:3031"])
    assert found["servers"] == ["unix:/run/quaich/shop/app.sock", "10.0.0.2:3031"]
    assert found["harakiri"] == 20
    assert table(servers="a:1", harakiri=3)["servers"][1:] == ["a:1"]  # type: ignore[index]
    assert table(harakiri=3)["harakiri"] == 3


def test_relative_paths_are_in_whatever_is_current() -> None:
    given = [{"url": "/a/", "path": "assets"}, {"url": "/b/", "path": "/srv"}, {"path": "../x"}, 4]
    assert table(static=given)["static"] == [
        {"url": "/a/", "path": "/var/lib/quaich/shop/current/app/assets"},
        *given[1:],
    ]


def test_a_closed_site_says_so() -> None:
    assert "maintenance" not in table()
    assert table({"retry-after": 60})["maintenance"] == {"retry-after": 60}


def test_without_a_host_there_is_no_front() -> None:
    assert not front.is_wanted(Site("shop"))
    assert front.is_wanted(Site("shop", nginx={"hosts": "h"}))
