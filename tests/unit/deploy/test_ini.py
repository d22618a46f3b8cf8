"""The configurations that deploy writes say what a release needs, and are read without a remark."""

from pathlib import Path

import pytest

from quaich.config.resolve import read_compatible
from quaich.config.sources import Host
from quaich.deploy import ini
from quaich.deploy.ini import Release
from quaich.deploy.layout import layout
from quaich.deploy.site import Health, Site
from quaich.errors import QuaichError

PATHS = layout(0, {}).site("shop")
SITE = Site("shop", processes=3, threads=2, harakiri=20, health=Health("/up"))
ROOT = "/var/lib/quaich/shop/releases/20260101-1/app"
ENVIRONMENT = "/var/lib/quaich/shop/environments/abc"
RELEASE = Release("20260101-1", SITE, ROOT, ENVIRONMENT, "shop.wsgi:app", "src", ("shop", ""), "h")

SERVING = f"""\
{ini.HEADER}[uwsgi]
strict = true
master = true
need-app = true
die-on-term = true
hook-master-start = unix_signal:15 gracefully_kill_them_all
vacuum = true
uid = shop
env-file = /etc/quaich/shop.env
env = QUAICH_SITE=shop
env = QUAICH_RELEASE=20260101-1
env = QUAICH_DATA=/var/lib/quaich/shop/data
chdir = {ROOT}
virtualenv = {ENVIRONMENT}
pythonpath = src
module = shop.wsgi:app
threads = 2
enable-threads = true
harakiri = 20
startup-timeout = 60
socket = /run/quaich/shop/app.sock
chmod-socket = 660
listen = 1024
chown-socket = shop:www-data
control = /run/quaich/shop/control.sock
safe-pidfile = /run/quaich/shop/master.pid
logto = /var/log/quaich/shop/server.log
log-reopen = true
processes = 3
procname-prefix-spaced = shop
ready-path = http://h/up
"""


def test_serving() -> None:
    assert ini.serving(RELEASE, PATHS, "shop:www-data") == SERVING


def test_more_workers_for_now() -> None:
    assert "\nprocesses = 7\n" in ini.serving(RELEASE, PATHS, processes=7)


def with_server(**more: str) -> Release:
    server = tuple((key.replace("_", "-"), value) for key, value in more.items())
    site = Site("shop", server=server, health=Health("/up", (401,)))
    return Release("r", site, "/r/app", "/e", "wsgi", host="h")


def test_further_options_come_last_and_odd_health_is_left_to_deploy() -> None:
    text = ini.serving(with_server(buffer_size="100%", http_socket=":9000"), PATHS)
    assert text.endswith("buffer-size = 100%%\nhttp-socket = :9000\n")
    assert "ready-path" not in text


def test_a_trial_opens_and_starts_nothing_of_its_own() -> None:
    options = {
        "http_socket": ":9000",
        "attach_daemon": "worker",
        "stats": ":1717",
        "logto2": "/x",
        "pidfile2": "/x",
        "buffer_size": "9000",
        "exec_asap": "reboot",
    }
    text = ini.trial(with_server(**options), PATHS)
    for name in set(options) - {"buffer_size"}:
        assert name.replace("_", "-") not in text
    assert "buffer-size = 9000" in text
    assert "processes = 1\n" in text
    assert f"socket = {PATHS.run}/trial.sock\n" in text


@pytest.mark.parametrize("sign", ["$(HOME)", "@(/etc/passwd)", "%(x)", "a\nb"])
def test_what_the_reader_would_replace_is_refused(sign: str) -> None:
    with pytest.raises(QuaichError, match=r"^chdir = .* cannot be in the path or the value"):
        ini.trial(Release("r", Site("shop"), f"/r/{sign}", "/e", "wsgi"), PATHS)


def test_the_server_reads_what_was_meant(tmp_path: Path) -> None:
    variables = tmp_path / "shop.env"
    variables.write_text("A='x y'\n")
    paths = layout(0, {"QUAICH_PREFIX": str(tmp_path)}).site("shop")
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "shop.env").write_text("A='x y'\n")
    path = tmp_path / "quaich.ini"
    root = f"{tmp_path}/a release 100%"
    path.write_text(ini.serving(Release("r", SITE, root, "/e", "shop.wsgi:app"), paths))
    config = read_compatible(["quaich", str(path)], {}, Host()).config
    assert config.chdir == root
    assert config.module == "shop.wsgi:app"
    assert config.env == (
        "A=x y",
        "QUAICH_SITE=shop",
        "QUAICH_RELEASE=r",
        f"QUAICH_DATA={tmp_path}/lib/shop/data",
    )
    assert (config.processes, config.threads, config.harakiri) == (3, 2, 20)
