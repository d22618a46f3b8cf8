"""``quaich setup``, ``doctor`` and ``report`` on this machine; what fail2ban sees of a server."""

import configparser
import json
import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from quaich.config.codes.table import CODES
from tests.conftest import StartServer
from tests.support.http import get
from tests.support.processes import wait_until
from tests.support.server import START, command, run

APPLICATION = """
def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/bad":
        raise ValueError("out of tea")
    start_response("200 OK" if path == "/" else "404 Not Found", [])
    return [b"x"]
"""
READY = re.compile(r"worker=1 pid=\d+ ready")
LINE = re.compile(r'=> generated|"type":"request"')
ASKED = ("/", "/.env", "/wp-login.php?a=1", "/%2e%2e/etc/passwd", "/none", "/bad")


def quaich(cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run([*command(), *arguments], cwd=cwd, env={"QUAICH_PREFIX": str(cwd / "prefix")})


def test_setup_below_a_prefix(tmp_path: Path) -> None:
    planned = quaich(tmp_path, "setup", "--dry-run")
    assert planned.returncode == 0, planned.stderr
    assert "create" in planned.stdout
    assert not (tmp_path / "prefix").exists()
    asked = quaich(tmp_path, "setup")
    assert (asked.returncode, "nothing was changed" in asked.stderr) == (1, True)
    assert not (tmp_path / "prefix").exists()
    if "packages" in planned.stdout:
        pytest.skip("it would install packages")
    done = quaich(tmp_path, "setup", "--yes", "--json")
    assert done.returncode == 0, done.stderr
    data = json.loads(done.stdout)
    assert data["applied"] is True
    made = {
        path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "prefix").iterdir()
    }
    assert made == dict.fromkeys(("etc", "lib", "run", "log", "nginx"), made["etc"])
    assert made["etc"] == (0o700 if os.geteuid() else 0o755)
    again = quaich(tmp_path, "setup")
    assert (again.returncode, "nothing to do" in again.stdout) == (0, True)


def test_doctor(tmp_path: Path) -> None:
    done = quaich(tmp_path, "doctor", "--json")
    (report,) = json.loads(done.stdout)["reports"]
    assert any(fact.startswith("memory: ") for fact in report["facts"])
    assert {found["code"] for found in report["findings"]} <= CODES.keys()
    assert done.returncode == (1 if '"error"' in done.stdout else 0)
    # A site that was deployed, and does not run, whose secrets anybody may read.
    site = tmp_path / "prefix" / "lib" / "shop"
    site.mkdir(parents=True)
    (site / "quaich.ini").write_text("[uwsgi]\nlisten = 1000000\n")
    variables = tmp_path / "prefix" / "etc" / "shop.env"
    variables.parent.mkdir()
    variables.touch(0o644)
    variables.chmod(0o644)
    done = quaich(tmp_path, "doctor")
    assert done.returncode == 1
    for code in ("QX444", "QX446", "QX401"):
        assert re.search(rf"^  shop: (error|warning) {code}: ", done.stdout, re.MULTILINE)
    shown = quaich(tmp_path, "doctor", "--suggest")
    assert "None of them was run" in shown.stdout


@pytest.mark.parametrize("form", [(), ("--log-json",)], ids=["plain", "json"])
def test_the_log_of_a_server(
    start: StartServer, tmp_path: Path, root: Path, form: tuple[str, ...]
) -> None:
    (tmp_path / "it.py").write_text(APPLICATION)
    log = tmp_path / "prefix" / "log" / "shop" / "server.log"
    log.parent.mkdir(parents=True)
    server = start("--http-socket", "127.0.0.1:0", "-w", "it", "--logto", str(log), *form)
    wait_until(lambda: log.exists() and READY.search(log.read_text()), START, "the server ready")
    match = re.search(r"listening 127.0.0.1:(\d+) ", log.read_text())
    assert match is not None
    address = ("127.0.0.1", int(match[1]))
    for path in ASKED:
        get(address, path)
    # The line of a request is written after its answer.
    wait_until(lambda: len(LINE.findall(log.read_text())) == len(ASKED), START, "every line")
    server.stop()
    report = quaich(tmp_path, "report", "shop", "--json")
    data = json.loads(report.stdout)["sites"]["shop"]
    assert data["requests"] == len(ASKED)
    assert data["classes"]["5xx"] == 1
    assert [row["name"] for row in data["failures"]] == ["500 GET /bad"]
    assert {row["name"] for row in data["messages"]} >= {"error: ValueError: out of tea"}
    assert len(data["scans"]) == 3
    assert quaich(tmp_path, "report").stdout.startswith("shop: 6 requests since ")
    assert len(_banned(root, log.read_text())) == 3


def _banned(root: Path, text: str) -> list[str]:
    """The addresses that the shipped filter finds, as fail2ban would: without the date."""
    parser = configparser.ConfigParser()
    parser.read(root / "packaging/fail2ban/filter.d/quaich.conf")
    regexes = [
        re.compile(each.replace("<HOST>", r"(?P<host>\d+(?:\.\d+){3})"))
        for each in parser["Definition"]["failregex"].splitlines()
    ]
    dates = r"\[\w{3} \w{3} [ \d]\d [\d:]{8} \d{4}\]|\d{4}-\d\d-\d\dT[\d:.]+Z"
    lines = [re.sub(dates, "", line, count=1) for line in text.splitlines()]
    found = [regex.search(line) for line in lines for regex in regexes]
    return [match["host"] for match in found if match]


@pytest.mark.skipif(shutil.which("fail2ban-regex") is None, reason="fail2ban is not installed")
def test_fail2ban_reads_the_filter(tmp_path: Path, root: Path) -> None:
    (tmp_path / "a.log").write_text(
        "[pid: 7|app: 0|req: 2/2] 203.0.113.9 () {24 vars in 261 bytes} [Fri Nov 27 20:32:43 2026] "
        "GET /.env => generated 1 bytes in 0 msecs (HTTP/1.1 404) 0 headers in 98 bytes\n"
    )
    path = str(root / "packaging/fail2ban/filter.d/quaich.conf")
    done = run(["fail2ban-regex", "a.log", path], cwd=tmp_path)
    assert "1 matched" in done.stdout
