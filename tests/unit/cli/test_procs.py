import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from quaich.cli import procs
from quaich.cli.main import main
from quaich.errors import QuaichError


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("/usr/bin/uwsgi --ini a.ini", True),
        ("uwsgi_python311 --ini a.ini", True),
        ("uwsgi-core", True),
        ("quaich serve a:b", True),
        ("/usr/bin/python3 /usr/local/bin/quaich serve a:b", True),
        ("python3.11 -u -X dev -m quaich --ini a.ini", True),
        ("/srv/venv/bin/python /srv/venv/bin/uwsgi a.ini", True),
        ("python -m http.server", False),
        ("python -c quaich", False),
        ("python", False),
        ("vim /etc/uwsgi/uwsgi.ini", False),
        ("vim uwsgi", False),
        ("/usr/bin/uwsgitop 127.0.0.1:9", False),
        ("/srv/quaich/bin/other", False),
        ("", False),
    ],
)
def test_command_lines_of_servers(line: str, expected: bool) -> None:
    assert procs.is_server_command(line.split()) is expected


def test_a_title_of_uwsgi() -> None:
    assert procs.is_server_command(["uWSGI master"])
    assert not procs.is_server_command(["my site"])


def test_whatever_its_name_it_holds_the_scoreboard() -> None:
    code = "import os; f = os.memfd_create('quaich-scoreboard'); print(f, flush=True); input()"
    for line, expected in ((code, True), ("print(1, flush=True); input()", False)):
        with subprocess.Popen([sys.executable, "-c", line], stdin=-1, stdout=-1) as child:
            assert child.stdout is not None
            child.stdout.readline()
            assert procs.is_server(child.pid) is expected
            child.kill()


@pytest.mark.parametrize(
    ("text", "shown"),
    [("junk\n", "junk"), ("", ""), ("0", "0"), ("-5", "-5"), ("9" * 40, "9" * 20)],
)
def test_a_file_without_a_pid(tmp_path: Path, text: str, shown: str) -> None:
    (tmp_path / "pid").write_text(text)
    with pytest.raises(QuaichError) as caught:
        procs.pid_in(str(tmp_path / "pid"))
    assert str(caught.value) == f'{tmp_path}/pid: expected the pid of a server, got "{shown}"'


def test_another_program_is_never_signalled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        path = tmp_path / "pid"
        path.write_text(f"{other.pid}\n")
        for option in ("stop", "reload", "pause", "suspend", "resume"):
            assert main(["quaich", f"--{option}", str(path)]) == 1
            assert f"--{option}: {path}: pid {other.pid} (" in (err := capsys.readouterr().err)
            assert "is neither quaich nor uWSGI; it was not signalled" in err
        assert other.poll() is None
    finally:
        other.kill()
        other.communicate()
    # Waited for, so the pid is nobody's.
    with pytest.raises(QuaichError, match=f"pid {other.pid} does not run; the file is stale"):
        procs.send(other.pid, signal.SIGINT, str(path))


def test_the_server_of_a_container(tmp_path: Path) -> None:
    (tmp_path / "pid").write_text("1\n")
    assert procs.pid_in(str(tmp_path / "pid")) == 1


def test_a_pid_file_that_is_a_fifo_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(path := tmp_path / "pid")
    with pytest.raises(QuaichError, match="expected the pid of a server"):
        procs.pid_in(str(path))


def test_no_pid_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["quaich", "--http-socket", ":0", "--stop", "/none.pid"]) == 1
    assert capsys.readouterr().err == "quaich: --stop: /none.pid: no such file or directory\n"
