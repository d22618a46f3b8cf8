"""Where a site's files are, for root, for a user, and below a prefix."""

import pytest

from quaich.deploy.layout import layout
from quaich.errors import QuaichError


def test_root_has_the_systems_directories() -> None:
    found = layout(0, {"HOME": "/root"})
    site = found.site("shop")
    assert found.is_system
    assert (found.http_port, found.nginx) == (80, "")
    assert site.definition == "/etc/quaich/shop.toml"
    assert site.releases == "/var/lib/quaich/shop/releases"
    assert site.socket == "/run/quaich/shop/app.sock"
    assert site.log == "/var/log/quaich/shop"


def test_a_user_has_the_xdg_directories() -> None:
    found = layout(1000, {"HOME": "/home/ann/"})
    assert not found.is_system
    assert found.config == "/home/ann/.config/quaich"
    assert found.state == "/home/ann/.local/share/quaich"
    assert found.run == "/home/ann/.local/state/quaich/run"
    assert found.nginx == "/home/ann/.local/state/quaich/nginx"


def test_xdg_variables_are_heard_and_relative_ones_ignored() -> None:
    environ = {
        "HOME": "/home/ann",
        "XDG_RUNTIME_DIR": "/run/user/1000",
        "XDG_CONFIG_HOME": "/c/",
        "XDG_DATA_HOME": "relative",
    }
    found = layout(1000, environ)
    assert found.run == "/run/user/1000/quaich"
    assert found.config == "/c/quaich"
    assert found.state == "/home/ann/.local/share/quaich"


def test_a_prefix_holds_everything() -> None:
    found = layout(0, {"QUAICH_PREFIX": "/tmp/x/"})
    assert not found.is_system
    assert found.site("a").variables == "/tmp/x/etc/a.env"
    assert found.nginx == "/tmp/x/nginx"


@pytest.mark.parametrize(
    "environ",
    [{}, {"HOME": "relative"}, {"QUAICH_PREFIX": "relative", "HOME": "/home/ann"}],
)
def test_paths_that_cannot_be_are_refused(environ: dict[str, str]) -> None:
    with pytest.raises(QuaichError, match="expected an absolute path"):
        layout(1000, environ)


@pytest.mark.parametrize("name", ["a", "shop", "my-shop2", "a" * 32])
def test_names(name: str) -> None:
    assert layout(0, {}).site(name).name == name


@pytest.mark.parametrize(
    "name", ["", "A", "1a", "a_b", "a--b", "-a", "a-", "a/b", "..", "a b", "a" * 33, "a\n", "ä"]
)
def test_names_that_cannot_name_a_site(name: str) -> None:
    with pytest.raises(QuaichError, match="expected at most 32"):
        layout(0, {}).site(name)
