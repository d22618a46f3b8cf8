"""The site that several files and flags describe, and whom it belongs to."""

import sys
from pathlib import Path

import pytest

from quaich.deploy import deploying, place, records, server
from quaich.deploy.layout import Layout
from quaich.deploy.site import Site
from quaich.errors import ConfigError

pytestmark = pytest.mark.skipif(sys.version_info < (3, 11), reason="TOML needs Python 3.11")


def at(directory: Path, is_system: bool) -> place.Place:
    """A place below a directory, as root's or as a user's."""
    parts = [str(directory / name) for name in ("etc", "lib", "run", "log")]
    layout = Layout(is_system, *parts, nginx="", http_port=80)
    who = records.Who("ann", 1000, 1)
    environ = {"QUAICH_PREFIX": str(directory)}
    manager = server.Manager(layout, environ)
    return place.Place(layout, layout.site("shop"), environ, who, manager)


def write(path: Path, text: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return str(path)


def test_the_machines_file_and_flags_outrank_the_applications(tmp_path: Path) -> None:
    own = write(tmp_path / "app" / "site.toml", "[site]\nprocesses = 1\nthreads = 1\nkeep = 3\n")
    write(tmp_path / "etc" / "shop.toml", "[site]\nthreads = 2\nkeep = 4\n")
    found = deploying.definition(at(tmp_path, True), own, {"site": {"keep": 5}})
    assert (found.processes, found.threads, found.keep) == (1, 2, 5)


def test_an_applications_file_is_trusted_where_it_is_the_users_own(tmp_path: Path) -> None:
    own = write(tmp_path / "app" / "site.toml", '[site]\nuser = "root"\n')
    assert deploying.definition(at(tmp_path, False), own, {}).user == "root"
    with pytest.raises(ConfigError, match="where root deploys, only"):
        deploying.definition(at(tmp_path, True), own, {})
    write(tmp_path / "etc" / "shop.toml", '[site]\nuser = "shop"\n')
    assert deploying.definition(at(tmp_path, True), "", {}).user == "shop"


def test_roots_sites_run_as_the_service_user(tmp_path: Path) -> None:
    system, own = at(tmp_path, True).layout, at(tmp_path, False).layout
    assert place.identity(system, Site("shop")) == ("quaich", "")
    assert place.identity(system, Site("shop", user="ann", group="web")) == ("ann", "web")
    assert place.identity(own, Site("shop")) == ("", "")
    assert place.socket_owner(own, Site("shop")) == ""
