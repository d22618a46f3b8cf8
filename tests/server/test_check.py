"""``quaich check`` as it is typed: real files, ports, processes that hang, and an exit status."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.ports import free_port

APP = """\
def application(environ, start_response):
    start_response('200 OK', [])
    return [b'']
"""
INI = """\
[uwsgi]
http-socket = 127.0.0.1:0
module = shop
master = true
need-app = true
die-on-term = true
vacuum = true
"""


def quaich(directory: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    environ = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("UWSGI_", "QUAICH_"))
    }
    return subprocess.run(
        [sys.executable, "-m", "quaich", *arguments],
        cwd=directory,
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "shop.py").write_text(APP)
    (tmp_path / "shop.ini").write_text(INI)
    return tmp_path


def check(directory: Path, *arguments: str) -> tuple[int, list[dict[str, Any]]]:
    done = quaich(directory, "check", "--json", "--no-nginx", *arguments)
    assert done.stdout, done.stderr
    data = json.loads(done.stdout)
    return done.returncode, [each for report in data["reports"] for each in report["findings"]]


def change(site: Path, old: str, new: str) -> None:
    path = site / "shop.ini"
    path.write_text(path.read_text().replace(old, new))


def codes(site: Path, *arguments: str) -> tuple[int, list[str]]:
    status, findings = check(site, *(arguments or ("shop.ini",)))
    return status, [each["code"] for each in findings]


def test_a_clean_site(site: Path) -> None:
    done = quaich(site, "check", "--no-nginx", "shop.ini")
    assert done.returncode == 0
    assert done.stdout.startswith("shop.ini: 6 settings: ")
    assert "application imported in" in done.stdout
    assert done.stdout.endswith("nothing to report\n")


def test_options_instead_of_a_file(site: Path) -> None:
    assert codes(site, "--http-socket", "127.0.0.1:0", "-w", "shop", "-M", "--need-app")[0] == 0
    assert codes(site, "serve", "shop", "--bind", "127.0.0.1:0") == (0, [])


@pytest.mark.parametrize(
    ("source", "code", "status"),
    [
        ("import no_such_module", "QX501", 1),
        ("raise ValueError('no')", "QX501", 1),
        ("app = 1", "QX502", 1),
        ("import os; os._exit(3)", "QX505", 1),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "QX505", 1),
        (
            APP + "import threading\n"
            "threading.Thread(target=threading.Event().wait, daemon=True).start()\n",
            "QX503",
            0,
        ),
    ],
)
def test_applications(site: Path, source: str, code: str, status: int) -> None:
    (site / "shop.py").write_text(source)
    assert codes(site) == (status, [code])


def test_a_traceback_is_the_applications(site: Path) -> None:
    (site / "shop.py").write_text("import wrong\n")
    (site / "wrong.py").write_text("\n1 / 0\n")
    done = quaich(site, "check", "--no-nginx", "shop.ini")
    assert "ZeroDivisionError" in done.stdout
    assert "wrong.py" in done.stdout
    assert "importlib" not in done.stdout
    assert os.path.join("quaich", "wsgi") not in done.stdout


def test_an_import_that_never_ends(site: Path) -> None:
    pid = site / "pid"
    (site / "shop.py").write_text(
        f"import os, subprocess, time\nchild = subprocess.Popen(['sleep', '600'])\n"
        f"open({str(pid)!r}, 'w').write(str(child.pid))\ntime.sleep(600)\n"
    )
    started = time.monotonic()
    assert codes(site, "--import-timeout", "2", "shop.ini") == (0, ["QX504"])
    assert time.monotonic() - started < 20
    # What the import started is gone too; a zombie of an init that does not reap counts as gone.
    state = Path(f"/proc/{pid.read_text()}/stat")
    assert not state.exists() or ") Z " in state.read_text()


@pytest.mark.parametrize(
    ("setting", "code"),
    [
        ("chdir = /no/such/directory", "QX410"),
        ("virtualenv = /no/such/directory", "QX410"),
        ("pidfile = /no/such/directory/pid", "QX410"),
        ("logto = /no/such/directory/log", "QX410"),
        ("wsgi-file = no.py", "QX410"),
        ("socket = /no/such/directory/sock", "QX405"),
        ("socket = shop.py", "QX405"),
        ("socket = 192.0.2.1:80", "QX403"),
        ("socket = no-such-host.invalid:80", "QX403"),
        ("uid = no-such-user", "QX412"),
        ("gid = no-such-group", "QX412"),
        ("chown-socket = no-such-user:root", "QX412"),
        ("listen = 99999999", "QX401"),
        ("legion = x", "QX210"),
        ("route-run = break", "QX202"),
        ("processes = none", "QX107"),
    ],
)
def test_errors(site: Path, setting: str, code: str) -> None:
    change(site, "module = shop\n", f"module = shop\n{setting}\n")
    status, findings = check(site, "--no-import", "shop.ini")
    errors = [each for each in findings if each["severity"] == "error"]
    assert status == 1
    assert [(each["code"], each["file"], each["line"]) for each in errors] == [
        (code, "shop.ini", 4)
    ]
    assert errors[0]["column"] >= 1


def test_a_port_in_use(site: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        change(site, "127.0.0.1:0", f"127.0.0.1:{taken.getsockname()[1]}")
        status, findings = check(site, "shop.ini")
    assert (status, findings[0]["code"]) == (1, "QX402")
    assert f"pid {os.getpid()}" in findings[0]["text"]


def test_several_errors_at_once(site: Path) -> None:
    change(site, "module = shop\n", "processes = x\nmodule = shop\nthreads = y\nlegion = z\n")
    assert codes(site) == (1, ["QX107", "QX107", "QX210"])


def test_several_files(site: Path) -> None:
    (site / "other.ini").write_text(INI.replace("vacuum", "vaccum"))
    done = quaich(site, "check", "--no-nginx", "shop.ini", "other.ini")
    assert done.returncode == 0
    assert done.stdout.count(" settings: ") == 2
    assert "other.ini:7:1: warning QX101: " in done.stdout


def test_strict_makes_a_misspelling_an_error(site: Path) -> None:
    change(site, "vacuum", "vaccum")
    assert codes(site) == (0, ["QX101"])
    change(site, "[uwsgi]\n", "[uwsgi]\nstrict = true\n")
    assert codes(site) == (1, ["QX101"])


def test_a_file_that_is_not_there(site: Path) -> None:
    assert codes(site, "none.ini") == (1, ["QX140"])


def test_fix(site: Path) -> None:
    path = site / "shop.ini"
    change(site, "vacuum = true", "; keep\nvaccum = true\nprocesses = 2 ; two")
    before = path.read_text()
    path.chmod(0o640)
    shown = quaich(site, "check", "--fix", "--diff", "--no-nginx", "shop.ini")
    assert shown.returncode == 0
    assert "-vaccum = true\n-processes = 2 ; two\n+vacuum = true\n+; two\n+processes = 2\n" in (
        shown.stdout
    )
    assert path.read_text() == before
    done = quaich(site, "check", "--fix", "--no-nginx", "shop.ini")
    assert done.returncode == 0
    assert done.stdout.endswith("nothing to report\n")
    assert path.read_text() == before.replace("vaccum", "vacuum").replace(
        "processes = 2 ; two", "; two\nprocesses = 2"
    )
    assert path.stat().st_mode & 0o777 == 0o640
    assert sorted(os.listdir(site)) == ["shop.ini", "shop.py"]


def test_fix_of_json(site: Path) -> None:
    path = site / "shop.json"
    path.write_text('{"uwsgi": {"http-socket": "127.0.0.1:0", "modul": "shop", "master": true,}}\n')
    done = quaich(site, "check", "--fix", "--no-nginx", "shop.json")
    assert done.returncode == 0, done.stdout
    assert json.loads(path.read_text())["uwsgi"]["module"] == "shop"


def test_nginx(site: Path) -> None:
    port = free_port()
    change(site, "127.0.0.1:0", f"127.0.0.1:{port}")
    (site / "nginx.conf").write_text(
        f"http {{\n server {{\n  location / {{\n   uwsgi_pass 127.0.0.1:{port};\n  }}\n }}\n}}\n"
    )
    done = quaich(site, "check", "--nginx", str(site), "shop.ini")
    assert done.returncode == 1
    assert "nginx.conf:4:1: error QN001: " in done.stdout.replace(":4:4:", ":4:1:")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_the_import_runs_as_the_configured_user(site: Path) -> None:
    (site / "shop.py").write_text(APP + "import os\nassert os.geteuid() != 0\n")
    change(site, "module = shop\n", "module = shop\nuid = nobody\n")
    for directory in (site, *site.parents[:3]):
        directory.chmod(0o755)
    status, findings = check(site, "shop.ini")
    assert (status, findings) == (0, [])


def test_certificates(site: Path) -> None:
    (site / "c.pem").write_text("no certificate\n")
    change(site, "module = shop\n", "module = shop\nhttps = :0,c.pem,k.pem\n")
    status, findings = check(site, "--no-import", "shop.ini")
    assert status == 1
    assert [each["text"] for each in findings if each["code"] == "QX420"] == [
        "https: k.pem does not exist"
    ]
    (site / "k.pem").write_text("no key\n")
    _, findings = check(site, "--no-import", "shop.ini")
    assert len([each for each in findings if each["code"] == "QX420"]) == 1


def test_an_expired_certificate(site: Path) -> None:
    made = subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-keyout",
            "k.pem",
            "-out",
            "c.pem",
            "-subj",
            "/CN=localhost",
            "-days",
            "30",
        ],
        cwd=site,
        capture_output=True,
    )
    if made.returncode:
        pytest.skip("no openssl")
    change(site, "module = shop\n", "module = shop\nhttps = :0,c.pem,k.pem\n")
    _, findings = check(site, "--no-import", "shop.ini")
    assert [each for each in findings if each["code"] == "QX420"] == []
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-keyout",
            "k.pem",
            "-out",
            "c.pem",
            "-subj",
            "/CN=localhost",
            "-days",
            "-1",
        ],
        cwd=site,
        capture_output=True,
    )
    _, findings = check(site, "--no-import", "shop.ini")
    found = [each["text"] for each in findings if each["code"] == "QX420"]
    if found:
        assert "expired" in found[0]
