"""``quaich new`` and ``quaich dev`` as a developer uses them."""

import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.support.http import get
from tests.support.net import Address
from tests.support.processes import wait_until
from tests.support.server import START, command, run


def test_a_new_application_runs_at_once(start: StartServer, tmp_path: Path) -> None:
    done = run([*command(), "new", "my_app", "--without-pip"], cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    project = tmp_path / "my_app"
    assert (project / "venv" / "pyvenv.cfg").exists()
    tests = run(["venv/bin/python", "-m", "unittest"], cwd=project)
    assert tests.returncode == 0, tests.stderr
    checked = run([*command(), "check", "quaich.ini", "--no-nginx"], cwd=project)
    assert "nothing to report" in checked.stdout
    ini = project / "quaich.ini"
    ini.write_text(ini.read_text().replace("127.0.0.1:8080", "127.0.0.1:0"))
    server = start("--ini", "quaich.ini", cwd=project)
    server.wait_ready(2)
    port = int(server.wait_line(r"^listening 127.0.0.1:(\d+) ")[1])
    answer = get(("127.0.0.1", port), "/")
    assert (answer.status, b"my_app" in answer.body) == (200, True)
    before = {path: path.stat().st_mtime_ns for path in project.rglob("*")}
    again = run([*command(), "new", "my_app"], cwd=tmp_path)
    assert (again.returncode, "exists" in again.stderr) == (1, True)
    assert all(path.stat().st_mtime_ns == written for path, written in before.items())


@pytest.mark.parametrize("kind", ["flask", "django"])
def test_frameworks(kind: str, tmp_path: Path) -> None:
    pytest.importorskip(kind)
    run([*command(), "new", "shop", f"--{kind}", "--no-venv"], cwd=tmp_path)
    project = tmp_path / "shop"
    tests = run([command()[0], "-m", "unittest"], cwd=project)
    assert tests.returncode == 0, tests.stderr


def test_what_fails_leaves_nothing(tmp_path: Path) -> None:
    code = (
        "import sys; from quaich.cli.main import main; sys._base_executable = '/bin/false'; "
        "sys.exit(main(['quaich', 'new', 'x', '--without-pip']))"
    )
    done = run([command()[0], "-c", code], cwd=tmp_path)
    assert done.returncode == 1
    assert "no virtual environment" in done.stderr
    assert list(tmp_path.iterdir()) == []


VERSIONED = "def application(environ, start):\n    start('200 OK', [])\n    return [b'%s']\n"


def body(address: Address) -> str:
    return get(address, "/").body.decode()


def test_a_session(start: StartServer, tmp_path: Path) -> None:
    code = tmp_path / "wsgi.py"
    code.write_text(VERSIONED % "one")
    # Whatever the environment says, nobody else is let in.
    dev = start("dev", "--bind", "127.0.0.1:0", env={"QUAICH_HTTP_SOCKET": "0.0.0.0:1"})
    match = dev.wait_line(r"^wsgi:application of \S+ on http://(127\.0\.0\.1):(\d+)/$")
    address = (match[1], int(match[2]))
    dev.wait_line("NOT FOR PRODUCTION")
    dev.wait_line("^ready$")
    assert body(address) == "one"
    dev.wait_line(r"^\d\d:\d\d:\d\d 200 GET / \d+ ms$")
    code.write_text("import sys\nsys.exit(3)\n")
    wait_until(lambda: "SystemExit" in body(address), START, "the traceback")
    code.write_text(VERSIONED % "two")
    wait_until(lambda: body(address) == "two", START, "the code mended")
    # The server itself is killed; the next change starts it again, on the same port.
    (master,) = [each for each in dev.children() if each.parent == dev.pid]
    os.kill(master.pid, signal.SIGKILL)
    dev.wait_line("it starts again at the next change")
    code.write_text(VERSIONED % "three")
    dev.wait_line("^ready$", count=2)
    assert body(address) == "three"
    dev.process.kill()
    dev.wait_gone()


def test_what_cannot_begin_ends(tmp_path: Path, port: Callable[[], int]) -> None:
    (tmp_path / "wsgi.py").write_text(VERSIONED % "one")
    number = port()
    with socket.create_server(("127.0.0.1", number)):
        done = run([*command(), "dev", "--bind", f"127.0.0.1:{number}"], cwd=tmp_path)
    assert done.returncode == 1
    assert "in use" in done.stdout
