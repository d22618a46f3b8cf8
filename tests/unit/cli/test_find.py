import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from quaich.cli import find
from quaich.cli.find import NoServer
from quaich.errors import QuaichError
from quaich.master import rendezvous

Listen = Callable[[Path], None]


@pytest.fixture
def meeting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory to meet in, for this test alone."""
    directory = tmp_path / "run"
    directory.mkdir(0o700)
    monkeypatch.setattr(rendezvous, "directories", lambda uid, environ: [str(directory)])
    return directory


@pytest.fixture
def listen() -> Iterator[Listen]:
    sockets: list[socket.socket] = []

    def start(path: Path) -> None:
        sock = socket.socket(socket.AF_UNIX)
        sock.bind(str(path))
        sock.listen()
        sockets.append(sock)

    yield start
    for sock in sockets:
        sock.close()


def test_the_only_server(meeting: Path, listen: Listen, tmp_path: Path) -> None:
    with pytest.raises(NoServer, match="no server of this user runs; name its pid file"):
        find.find(None, None, {})
    listen(meeting / "70.sock")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(meeting / "71.sock"))
    found = find.find(None, None, {})
    found.sock.close()
    assert (found.path, found.pid) == (str(meeting / "70.sock"), os.getpid())
    listen(meeting / "72.sock")
    with pytest.raises(QuaichError, match="several servers run") as caught:
        find.find(None, None, {})
    assert f"--control, of {meeting}/70.sock (pid " in str(caught.value)
    assert str(caught.value).endswith(f"{meeting}/72.sock (pid 72)")
    meeting.chmod(0o775)
    with pytest.raises(NoServer):
        find.find(None, None, {})


def test_by_pid_file(meeting: Path, listen: Listen, tmp_path: Path) -> None:
    pidfile = tmp_path / "site.pid"
    with pytest.raises(NoServer, match="no such file: the server does not run"):
        find.find(str(pidfile), None, {})
    pidfile.write_text(f"{os.getpid()}\n")
    listen(meeting / f"{os.getpid()}.sock")
    find.find(str(pidfile), None, {}).sock.close()
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    pidfile.write_text(str(gone.pid))
    with pytest.raises(NoServer, match="does not run; the file is stale"):
        find.find(str(pidfile), None, {})


def test_a_socket_of_another_process_is_not_taken(
    meeting: Path, listen: Listen, tmp_path: Path
) -> None:
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        (tmp_path / "site.pid").write_text(str(other.pid))
        listen(meeting / f"{other.pid}.sock")
        with pytest.raises(NoServer, match="is another program"):
            find.find(str(tmp_path / "site.pid"), None, {})
    finally:
        other.kill()
        other.communicate()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "it names neither a pidfile nor a control socket"),
        ({"control": "false"}, "control = false; signal the server"),
        ({"control": "none.sock"}, "none.sock: no such file or directory"),
        ({"pidfile": "/none.pid"}, "/none.pid: no such file"),
    ],
)
def test_by_configuration(tmp_path: Path, settings: dict[str, str], message: str) -> None:
    path = tmp_path / "site.json"
    path.write_text(json.dumps({"uwsgi": {"socket": ":0", "chdir": str(tmp_path), **settings}}))
    with pytest.raises(NoServer) as caught:
        find.find(str(path), None, {})
    assert message in str(caught.value)


def test_by_the_control_socket_of_a_configuration(tmp_path: Path, listen: Listen) -> None:
    listen(tmp_path / "c.sock")
    path = tmp_path / "site.ini"
    path.write_text(f"[uwsgi]\nsocket = :0\nchdir = {tmp_path}\ncontrol = c.sock\n")
    find.find(str(path), None, {}).sock.close()


def test_a_site_by_its_name(tmp_path: Path) -> None:
    environ = {"QUAICH_PREFIX": str(tmp_path)}
    assert find.site_paths("shop", environ) is None
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "shop.toml").touch()
    found = find.site_paths("shop", environ)
    assert found is not None
    assert found.control == f"{tmp_path}/run/shop/control.sock"
    for word in (None, "", "shop.ini", "./shop", "Shop", "4"):
        assert find.site_paths(word, environ) is None
    with pytest.raises(find.NoServer, match=r"^shop does not run: quaich start shop$"):
        find.find("shop", None, environ)
