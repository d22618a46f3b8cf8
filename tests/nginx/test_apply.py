"""Site files applied to real nginx: what changes, what comes back, and what is never touched."""

import errno
import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from quaich.nginx import apply, control, install, placing, probe
from quaich.nginx.errors import NginxError
from quaich.nginx.install import Nginx
from quaich.values import replace
from tests.conftest import _need
from tests.support import nginx as support
from tests.support.backends import OK, Backend
from tests.support.ports import free_port
from tests.support.sites import Sites

pytestmark = pytest.mark.nginx


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    made = Backend(f"unix:{tmp_path_factory.mktemp('b') / 's'}", lambda request: OK)
    yield made
    made.stop()


@pytest.fixture
def steady(sites: Sites, backend: Backend) -> Iterator[Callable[[], None]]:
    """A site that must serve whatever happens to others; called, it is held to that."""
    sites.site("steady", servers=[backend.address])
    files = snapshot(sites.nginx)

    def check() -> None:
        assert sites.get("steady.example").status == 200
        assert snapshot(sites.nginx) == files

    yield check
    for name in ("shop", "other"):
        if (Path(sites.nginx.sites) / f"quaich-{name}.conf").exists():
            apply.remove(sites.nginx, name)


def snapshot(nginx: Nginx) -> dict[str, str]:
    """Every file below the configuration, and what is in it."""
    found = {}
    for top in {nginx.sites, nginx.snippets, nginx.enabled} - {""}:
        for path in Path(top).rglob("*"):
            if path.is_file() and path.name != "lock":
                found[str(path)] = f"{path.is_symlink()} {path.read_text()}"
    return found


def refused(sites: Sites, name: str, **more: object) -> str:
    with pytest.raises(NginxError) as caught:
        sites.site(name, **more)
    assert caught.value.status == 5
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def apart(sites: Sites, tmp_path: Path) -> Iterator[Sites]:
    """An nginx for one test."""
    made = Sites(tmp_path / "apart")
    yield made
    made.stop()


def test_the_first_site_starts_nginx_and_the_last_one_ends_it(
    apart: Sites, backend: Backend
) -> None:
    assert not control.master(apart.nginx)
    front = apart.front("shop", servers=[backend.address])
    done = apart.site("shop", lambda: probe.ask(front), servers=[backend.address])
    assert (done.is_changed, done.is_started, done.is_reloaded) == (True, True, False)
    assert apart.get("shop.example").status == 200
    default = Path(apart.nginx.sites) / f"quaich-default.127.0.0.1-{apart.address[1]}.conf"
    apart.site("other", servers=[backend.address])
    assert apply.remove(apart.nginx, "shop").is_reloaded
    assert default.exists()
    assert apart.get("other.example").status == 200
    listen = [f"127.0.0.1:{free_port()}"]
    apart.site("other", servers=[backend.address], listen=listen)
    assert not default.exists()
    assert apply.remove(apart.nginx, "other").is_stopped
    assert not control.master(apart.nginx)
    assert not snapshot(apart.nginx)
    assert not apply.remove(apart.nginx, "shop").is_changed


def test_what_is_the_same_is_not_applied_again(
    sites: Sites, backend: Backend, steady: Callable[[], None]
) -> None:
    workers = control.workers(control.master(sites.nginx))
    files = sites.files("steady", servers=[backend.address])
    assert not apply.diff(sites.nginx, "steady", files)
    done = sites.site("steady", servers=[backend.address])
    assert (done.is_changed, done.is_reloaded) == (False, False)
    assert control.workers(control.master(sites.nginx)) == workers
    steady()


def test_a_change_is_shown_and_done(
    sites: Sites, backend: Backend, steady: Callable[[], None]
) -> None:
    before = snapshot(sites.nginx)
    more = {"servers": [backend.address], "headers": {"X-Frame-Options": "DENY"}}
    shown = apply.diff(sites.nginx, "steady", sites.files("steady", **more))
    assert "+add_header X-Frame-Options" in shown
    assert '+    "" DENY;' in shown
    assert snapshot(sites.nginx) == before
    workers = control.workers(control.master(sites.nginx))
    assert sites.site("steady", **more).is_reloaded
    assert not control.workers(control.master(sites.nginx)) & workers
    assert sites.get("steady.example").get("X-Frame-Options") == "DENY"
    # The snippets of before are gone.
    assert len(snapshot(sites.nginx)) == len(before)


def test_what_nginx_refuses_changes_nothing(
    sites: Sites, backend: Backend, steady: Callable[[], None], tmp_path: Path
) -> None:
    bad = tmp_path / "bad.conf"
    bad.write_text("nonsense on;\n")
    workers = control.workers(control.master(sites.nginx))
    for name in ("steady", "shop"):
        text = refused(sites, name, servers=[backend.address], include=[str(bad)])
        assert f'nginx refuses the configuration: unknown directive "nonsense" in {bad}:1' in text
        assert text.endswith("; the old files are back")
        steady()
    assert control.workers(control.master(sites.nginx)) == workers


def test_a_reload_that_cannot_bind_is_noticed(
    sites: Sites, backend: Backend, steady: Callable[[], None]
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        listen = [f"127.0.0.1:{port}"]
        text = refused(sites, "shop", servers=[backend.address], listen=listen)
    assert f"bind() to 127.0.0.1:{port} failed" in text
    assert f"port {port} is taken by process {os.getpid()}: " in text
    assert text.endswith("the old files are back and serve")
    steady()


def test_a_site_that_does_not_answer_is_taken_back(
    sites: Sites, steady: Callable[[], None], tmp_path: Path
) -> None:
    servers = [f"unix:{tmp_path}/gone"]
    front = sites.front("shop", servers=servers)
    with pytest.raises(NginxError) as caught:
        sites.site("shop", lambda: probe.ask(front), servers=servers)
    why = f"(connect() to {servers[0]} failed (2: No such file or directory))"
    assert f"status 502; nginx cannot reach the application {why}; the old" in str(caught.value)
    steady()


def test_the_mistake_of_another_site_is_told_and_left(
    sites: Sites, backend: Backend, steady: Callable[[], None]
) -> None:
    broken = Path(sites.nginx.sites) / "broken.conf"
    broken.write_text("server { lisen 80; }\n")
    try:
        text = refused(sites, "shop", servers=[backend.address])
        assert text.startswith("nginx's configuration is broken already, and was not touched: ")
        assert f"{broken}:1" in text
        assert broken.read_text() == "server { lisen 80; }\n"
    finally:
        broken.unlink()
    steady()


def test_a_site_may_mend_its_own_mistake(
    sites: Sites, backend: Backend, steady: Callable[[], None], tmp_path: Path
) -> None:
    more = tmp_path / "more.conf"
    more.write_text("add_header X-More 1;\n")
    sites.site("shop", servers=[backend.address], include=[str(more)])
    more.write_text("nonsense on;\n")
    assert f'nonsense" in {more}:1' in refused(sites, "other", servers=[backend.address])
    assert sites.site("shop", servers=[backend.address]).is_reloaded
    apply.remove(sites.nginx, "shop")
    steady()


def test_a_host_that_somebody_serves_is_refused(
    sites: Sites, backend: Backend, steady: Callable[[], None]
) -> None:
    own = Path(sites.nginx.sites) / "by-hand.conf"
    own.write_text(
        f"server {{ listen 127.0.0.1:{sites.address[1]}; server_name a.example shop.example; }}\n"
    )
    try:
        with pytest.raises(NginxError) as caught:
            sites.site("shop", servers=[backend.address])
        text = str(caught.value)
        assert text.startswith(f"{own}:1: serves shop.example on port {sites.address[1]} already")
        detail = caught.value.detail  # type: ignore[attr-defined]
        assert "-server { listen 127.0.0.1" in detail
        assert "+    server_name shop.example;" in detail
        assert own.exists()
    finally:
        own.unlink()
    text = refused(sites, "shop", hosts=["steady.example"], servers=[backend.address])
    assert f"{sites.nginx.sites}/quaich-steady.conf:" in text
    steady()


def test_a_file_of_somebody_else_is_never_replaced(
    sites: Sites, backend: Backend, steady: Callable[[], None]
) -> None:
    own = Path(sites.nginx.sites) / "quaich-shop.conf"
    own.write_text("# mine\n")
    try:
        assert "was not written by quaich" in refused(sites, "shop", servers=[backend.address])
        assert not apply.remove(sites.nginx, "shop").is_changed
        assert own.read_text() == "# mine\n"
    finally:
        own.unlink()
    steady()


def test_a_copy_of_a_file_is_somebodys(
    sites: Sites, backend: Backend, steady: Callable[[], None]
) -> None:
    copy = Path(sites.nginx.sites) / "quaich-steady-copy.conf"
    text = (copy.parent / "quaich-steady.conf").read_text()
    text = text.replace("_steady_", "_copy_").replace("steady.example", "copy.example")
    copy.write_text(text)
    try:
        assert sites.site("other", servers=[backend.address]).is_changed
        assert not sites.site("steady", servers=[backend.address]).is_changed
        assert copy.read_text() == text
    finally:
        copy.unlink()
        apply.remove(sites.nginx, "other")
    steady()


def test_changes_by_hand_are_kept_aside(
    sites: Sites, backend: Backend, steady: Callable[[], None]
) -> None:
    path = Path(sites.nginx.sites) / "quaich-steady.conf"
    edited = path.read_text() + "# a word of mine\n"
    path.write_text(edited)
    done = sites.site("steady", servers=[backend.address])
    aside = Path(f"{path}.edited")
    assert done.is_changed
    assert done.remarks[0] == f"{path} had been changed by hand; that text is kept in {aside}"
    assert aside.read_text() == edited
    aside.unlink()
    steady()


def test_a_disk_that_is_full(
    sites: Sites, backend: Backend, steady: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    more = {"servers": [backend.address], "headers": {"X-New": "1"}}
    real = os.fsync
    for good in range(4):
        left = [good]

        def fsync(descriptor: int, left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            real(descriptor)

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", fsync)
            text = refused(sites, "steady", **more)
        assert text.endswith("No space left on device; nothing was changed")
        steady()


def test_two_at_once(sites: Sites, backend: Backend, steady: Callable[[], None]) -> None:
    with placing.locked(sites.nginx):
        assert "another change is under way" in refused(sites, "shop", servers=[backend.address])
    steady()


def dead(*args: object, **more: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die(sites: Sites, backend: Backend, where: str) -> None:
    """Change the steady site, and be killed on the way."""
    old = Path(sites.nginx.sites) / "quaich-steady.conf.quaich-old"
    check = control.check
    if where == "renaming":
        os.replace = dead  # type: ignore[assignment]
    elif where == "testing":
        control.check = lambda nginx: dead() if old.exists() else check(nginx)  # type: ignore
    elif where == "reloading":
        control.reload = dead
    elif where == "committing":
        placing.commit = dead
    more = {"servers": [backend.address], "headers": {"X-New": "1"}}
    sites.site("steady", dead if where == "probing" else lambda: "", **more)  # type: ignore


@pytest.mark.parametrize("where", ["renaming", "testing", "reloading", "probing", "committing"])
def test_killed_in_the_middle(
    sites: Sites, backend: Backend, steady: Callable[[], None], where: str
) -> None:
    child = os.fork()
    if not child:
        try:
            die(sites, backend, where)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL
    assert sites.get("steady.example").status == 200
    # The next change, of whichever site, first puts things in order.
    if where == "reloading":
        sites.site("other", servers=[backend.address])
        apply.remove(sites.nginx, "other")
    else:
        assert not sites.site("steady", servers=[backend.address]).is_changed
    assert sites.get("steady.example").get("X-New") is None
    steady()


def test_nginx_that_cannot_start(sites: Sites, backend: Backend, tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        made = Sites(tmp_path / "n")
        made.address = ("127.0.0.1", port)
        text = refused(made, "shop", servers=[backend.address])
    assert text.startswith(f"nginx does not start: bind() to 127.0.0.1:{port} failed")
    assert f"taken by process {os.getpid()}" in text
    assert not control.master(made.nginx)
    assert not snapshot(made.nginx)


def test_nginx_that_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(install, "_ALSO", "")
    with pytest.raises(NginxError, match="nginx is not installed"):
        install.system({"PATH": str(tmp_path)})
    fake = tmp_path / "nginx"
    fake.write_text("#!/bin/sh\necho nonsense >&2\n")
    fake.chmod(0o755)
    with pytest.raises(NginxError, match="-V: expected a version, got: nonsense"):
        install.system({"PATH": str(tmp_path)})


MAIN = """\
{user}
pid {etc}/nginx.pid;
error_log {etc}/error.log;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {etc}/body; proxy_temp_path {etc}/proxy; uwsgi_temp_path {etc}/uwsgi;
    fastcgi_temp_path {etc}/fastcgi; scgi_temp_path {etc}/scgi;
    include {etc}/{include};
}}
"""
WRAPPER = """\
#!/bin/sh
if [ "$1" = -V ]; then
    {real} -V 2>&1 | sed -e 's# --conf-path=[^ ]*# --conf-path={etc}/nginx.conf#' \\
        -e 's#--http-client-body-temp-path=[^ ]*#--http-client-body-temp-path={etc}/body#' >&2
    exit
fi
exec {real} -c {etc}/nginx.conf -e {etc}/error.log "$@"
"""


@pytest.fixture(params=["sites-enabled/*", "conf.d/*.conf", "alone/sites-enabled/*"])
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Nginx]:
    """A machine's own nginx, as Debian or as others lay it out, with a site of its own."""
    real = _need("nginx", support.program())
    etc = tmp_path / "etc"
    for name in ("sites-available", "sites-enabled", "conf.d", "alone/sites-enabled", "bin"):
        (etc / name).mkdir(parents=True)
    user = "user root;" if os.getuid() == 0 else ""
    (etc / "nginx.conf").write_text(MAIN.format(etc=etc, include=request.param, user=user))
    (etc / "bin" / "nginx").write_text(WRAPPER.format(etc=etc, real=real))
    (etc / "bin" / "nginx").chmod(0o755)
    directory = request.param.rpartition("/")[0]
    made = install.system({"PATH": f"{etc}/bin:{os.environ['PATH']}"})
    made = replace(made, unit="")
    assert made.config == f"{etc}/nginx.conf"
    assert made.pidfile == f"{etc}/nginx.pid"
    assert made.error_log == f"{etc}/error.log"
    assert made.abilities.spool == str(etc)
    apart = {"sites-enabled": "sites-available", "alone/sites-enabled": "quaich/sites"}
    assert made.sites == f"{etc}/{apart.get(directory, directory)}"
    assert made.enabled == (f"{etc}/{directory}" if directory in apart else "")
    yield made
    control.stop(made)


def test_the_nginx_of_a_machine(
    machine: Nginx, backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Sites.__new__(Sites)
    made.nginx, made.address = machine, ("127.0.0.1", free_port())
    directory = machine.enabled or machine.sites
    own = Path(directory) / "default.conf"
    listen = f"127.0.0.1:{made.address[1]}"
    own.write_text(f"server {{ listen {listen} default_server; return 204; }}\n")
    empty = snapshot(machine)
    done = made.site("shop", servers=[backend.address])
    assert done.is_started
    assert done.remarks[0] == (f"unknown hosts on port {made.address[1]} are answered by {own}:1")
    link = Path(machine.enabled or machine.sites) / "quaich-shop.conf"
    assert link.is_symlink() == bool(machine.enabled)
    assert made.get("shop.example").status == 200
    assert made.get("unknown.example").status == 204
    assert not made.site("shop", servers=[backend.address]).is_changed
    if machine.enabled:
        link.unlink()
        assert made.site("shop", servers=[backend.address]).is_changed
        assert made.get("shop.example").status == 200
    path = Path(machine.sites) / "quaich-shop.conf"
    path.write_text(path.read_text() + "nonsense on;\n")
    assert f"in {link}:" in refused(made, "other", servers=[backend.address])
    assert made.site("shop", servers=[backend.address]).is_reloaded
    Path(f"{path}.edited").unlink()
    assert made.site("other", servers=[backend.address]).is_reloaded
    assert apply.remove(machine, "shop").is_reloaded
    assert made.get("shop.example").status == 204
    control.stop(machine)
    removed = apply.remove(machine, "other")
    assert (removed.is_changed, removed.is_started) == (True, False)
    assert not control.master(machine)
    assert snapshot(machine) == empty


def test_without_permission(sites: Sites, backend: Backend, tmp_path: Path) -> None:
    if os.getuid() == 0:
        pytest.skip("root may write everywhere")
    made = Sites(tmp_path / "n")
    (tmp_path / "n").mkdir()
    (tmp_path / "n").chmod(0o500)
    assert "Permission denied; nothing was changed" in refused(
        made, "shop", servers=[backend.address]
    )
