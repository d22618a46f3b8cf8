"""The operator's metrics in a running server: shown, logged, written to files, gone on with."""

import json
import os
import re
import signal
from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.support import http
from tests.support.net import Address
from tests.support.ports import free_port
from tests.support.processes import wait_until
from tests.support.server import Server, command, run

APP = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
"""
ROWS = (
    "name=mine,type=gauge,initial_value=17",
    "name=both,collector=sum,children=worker.1.requests;worker.2.requests",
    "name=outside,collector=file,arg1=value,arg1n=1",
)


class Place:
    def __init__(self, start: StartServer, directory: Path, *options: str) -> None:
        (directory / "metered.py").write_text(APP)
        self.http = ("127.0.0.1", free_port())
        self.stats: Address = ("127.0.0.1", free_port())
        rows = [word for row in ROWS for word in ("--metric", row)]
        self.server: Server = start(
            *("--http-socket", f"127.0.0.1:{self.http[1]}", "-w", "metered", "-M", "-p", "2"),
            *("--stats", f"127.0.0.1:{self.stats[1]}", "--enable-metrics", *rows, *options),
            cwd=directory,
        )
        self.server.wait_ready(2)

    def metrics(self) -> dict[str, dict[str, object]]:
        found: dict[str, dict[str, object]] = json.loads(http.get(self.stats, "/").body)["metrics"]
        return found

    def value(self, name: str) -> object:
        return self.metrics()[name]["value"]


def test_shown_logged_and_written(start: StartServer, tmp_path: Path) -> None:
    (tmp_path / "value").write_text("5 42\n")
    (tmp_path / "metrics").mkdir()
    text = "MARK %(metric.mine) %(metric.outside) %(metric.none)"
    place = Place(start, tmp_path, "--log-format", text, "--metrics-dir", "metrics")
    wait_until(lambda: place.value("outside") == 42, 10, "the file is read")
    assert place.metrics()["mine"] == {"type": 1, "oid": "", "value": 17}
    assert list(place.metrics())[-3:] == ["mine", "both", "outside"]
    for _ in range(3):
        assert http.get(place.http, "/").status == 200
    place.server.wait_line("^MARK 17 42 0$", count=3)
    wait_until(lambda: place.value("both") == 3, 10, "the sum is made")
    os.kill(place.server.pid, signal.SIGHUP)
    place.server.wait_line(r"^generation=2 serves")
    assert http.get(place.http, "/").status == 200
    wait_until(lambda: place.value("both") == 4, 10, "the sum goes on")
    place.server.wait_line("^MARK 17 42 0$", count=4)
    wait_until(lambda: (tmp_path / "metrics" / "both").read_text() == "4\n", 10, "it is written")
    names = {each.name for each in (tmp_path / "metrics").iterdir()}
    assert {"mine", "outside", "core.busy_workers", "worker.0.requests"} <= names
    page = http.get(place.stats, "/metrics").body.decode()
    assert re.search(r'^quaich_metric\{name="outside"\} 42$', page, re.M)


def test_restored(start: StartServer, tmp_path: Path) -> None:
    files = tmp_path / "metrics"
    files.mkdir()
    for name, text in (("both", "12\n"), ("worker.1.requests", "100\n\0\0"), ("junk", "x")):
        (files / name).write_text(text)
    place = Place(start, tmp_path, "--metrics-dir", "metrics", "--metrics-dir-restore")
    # The restored counters of workers count in what is made of them.
    wait_until(lambda: place.value("both") == 112, 10, "both go on")
    assert place.value("worker.1.requests") == 100


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ("name=x,collector=sum,children=worker.1.request", "did you mean worker.1.requests?"),
        ("name=x,collector=sum,children=x", "there is no metric x before it"),
        ("name=x,collector=func,arg1=f", "expected collector= one of"),
    ],
)
def test_refused(tmp_path: Path, row: str, text: str) -> None:
    (tmp_path / "metered.py").write_text(APP)
    arguments = ("--http-socket", "127.0.0.1:0", "-w", "metered", "-M", "--metric", row)
    done = run([*command(), *arguments], cwd=tmp_path)
    assert done.returncode == 1
    assert text in done.stderr
