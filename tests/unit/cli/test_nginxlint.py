"""``quaich nginx lint``: what is read, what is printed, and the exit status."""

import io
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from quaich.cli.main import main
from quaich.nginx import lintfacts
from quaich.nginx.lintfacts import flawed, version_of

BAD = """\
server {
    server_name a;
    location / {
        uwsgi_param REQUEST_METHOD $request_method;
        uwsgi_param HTTP_PROXY "" if_not_empty;
        uwsgi_pass unix:/run/app.sock;
        proxy_redirect off;
        proxy_set_header A b;
    }
}
"""
GOOD = BAD.replace("proxy_redirect off;", "").replace("proxy_set_header A b;", "")
DUMP = (
    "# configuration file /e/nginx.conf:\nhttp { include more.conf; include sites/*; }\n\n"
    f"# configuration file /e/sites/a:\n{BAD}\n"
)

Lint = Callable[..., tuple[int, str]]


@pytest.fixture
def lint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Lint:
    monkeypatch.chdir(tmp_path)

    def _run(*arguments: str, stdin: str = "", **files: str) -> tuple[int, str]:
        for name, text in files.items():
            (tmp_path / name).write_text(text)
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        status = main(["quaich", "nginx", "lint", *arguments])
        return status, "".join(capsys.readouterr())

    return _run


def test_for_people(lint: Lint) -> None:
    status, text = lint("bad", bad=BAD)
    assert status == 1
    assert text == (
        "bad:7: error QN004: proxy_redirect off has no effect with uwsgi_pass\n"
        "bad:8: error QN004: proxy_set_header A has no effect with uwsgi_pass\n"
        "    nginx accepts it and it has no effect: the header is never sent.\n"
        "    Remedy: Write uwsgi_param HTTP_NAME value; (proxy_read_timeout: uwsgi_read_timeout).\n"
        "bad: no http { } around the site: what it inherits is not judged\n"
        "2 errors; quaich explain CODE says more\n"
    )


def test_for_programs(lint: Lint) -> None:
    status, text = lint("--json", "bad", "good", bad=BAD, good=GOOD)
    data = json.loads(text)
    assert (status, data["ok"]) == (1, False)
    bad, good = data["reports"]
    assert good["findings"] == []
    first = bad["findings"][0]
    assert {key: first[key] for key in ("code", "severity", "file", "line")} == {
        "code": "QN004",
        "severity": "error",
        "file": "bad",
        "line": 7,
    }
    assert first["consequence"]
    assert first["remedy"].startswith("Write uwsgi_param")


def test_warnings_are_no_failure(lint: Lint) -> None:
    status, text = lint("x", x=GOOD.replace("server_name a;", ""))
    assert (status, text.count("warning QN046")) == (0, 1)
    assert lint("x", x=GOOD)[1].endswith("nothing to report\n")


def test_stdin(lint: Lint) -> None:
    status, text = lint("-", stdin=BAD)
    assert status == 1
    assert text.startswith("stdin:7: error QN004")
    status, text = lint("-", stdin=DUMP)
    assert status == 1
    assert "/e/sites/a:7: error QN004" in text
    assert "stdin: /e/nginx.conf:1: more.conf is not there" in text


def test_a_pipe(lint: Lint, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=lambda: (tmp_path / "pipe").write_text(DUMP), daemon=True)
    writer.start()
    assert "/e/sites/a:7: error QN004" in lint("pipe")[1]
    writer.join(10)


def test_a_dump_in_a_file(lint: Lint) -> None:
    assert "/e/sites/a:7: error QN004" in lint("dump", dump=DUMP)[1]


def test_the_application(lint: Lint) -> None:
    ini = "[uwsgi]\nsocket = /run/app.sock\nharakiri = 70\nlisten = 1000\n"
    site = GOOD.replace("uwsgi_pass", "uwsgi_read_timeout 60s; uwsgi_pass")
    text = lint("--ini", "app.ini", "site", site=site, **{"app.ini": ini})[1]
    assert "site:6: warning QN024: uwsgi_read_timeout 60s: harakiri is 70s (app.ini:3)" in text


def test_the_version(lint: Lint) -> None:
    site = GOOD.replace("server_name", "listen 443 ssl http2; server_name")
    assert "QN044" not in lint("site", "--nginx-version=1.22.1", site=site)[1]
    assert "note QN044" in lint("site", "--nginx-version", "1.26.3", site=site)[1]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--what"], "unknown option --what"),
        (["--nginx-version", "x"], 'expected numbers like 1.26.3, got "x"'),
        (["--ini"], "--ini: expected a value"),
        (["none"], "none: there is no such file"),
        (["--ini", "none.ini", "good"], "none.ini"),
    ],
)
def test_mistakes(lint: Lint, arguments: list[str], text: str) -> None:
    status, shown = lint(*arguments, good=GOOD)
    assert status == 1
    assert shown.startswith("quaich: ")
    assert text in shown
    assert shown.count("\n") == 1


def test_help(lint: Lint) -> None:
    status, text = lint("--help")
    assert status == 0
    assert "Exit status: 1 when there is an error, 0" in text


def test_nginx_cannot_be_asked(lint: Lint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nginx.conf").write_text(f"http {{ {BAD} }}")
    monkeypatch.setattr("quaich.cli.nginxlint._ETC", str(tmp_path))
    monkeypatch.setattr(lintfacts, "program", lambda: None)
    status, text = lint("--all")
    assert status == 1
    assert f"{tmp_path}/nginx.conf:7: error QN004" in text
    assert "nginx -T: nginx is not installed; the files of" in text
    monkeypatch.setattr("quaich.cli.nginxlint._ETC", str(tmp_path / "none"))
    assert lint() == (
        1,
        f"quaich: nginx is not installed, and there is no {tmp_path}/none; name a file\n",
    )


def test_what_is_printed_cannot_move_the_cursor(lint: Lint) -> None:
    text = lint("x", x=GOOD.replace("uwsgi_pass", "proxy_\x1b[2J off; uwsgi_pass"))[1]
    assert "\x1b" not in text


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("nginx version: nginx/1.26.3 (Ubuntu)\n", (1, 26, 3)),
        ("nginx version: openresty/1.25.3.1", (1, 25, 3, 1)),
        ("", ()),
    ],
)
def test_versions(text: str, found: tuple[int, ...]) -> None:
    assert version_of(text) == found


@pytest.mark.parametrize(
    ("package", "changes", "expected"),
    [
        ("1.22.1-9+deb12u11", "* fixes CVE-2026-42946", ""),
        ("1.22.1-9+deb12u5", "* fixes CVE-2023-44487", "nginx 1.22.1-9+deb12u5"),
        ("1.22.1-9+deb12u5", None, ""),
        ("", "", "nginx 1.22.1"),
    ],
)
def test_a_package_tells_more_than_a_version(
    monkeypatch: pytest.MonkeyPatch, package: str, changes: str | None, expected: str
) -> None:
    def output(*argv: str) -> tuple[int, str, str]:
        return (0, package, "") if package and argv[0] == "dpkg-query" else (1, "", "")

    monkeypatch.setattr(lintfacts, "_output", output)
    monkeypatch.setattr(lintfacts, "_changes", lambda pattern: changes)
    assert flawed("/usr/sbin/nginx", (1, 22, 1)) == expected
    assert flawed("/usr/sbin/nginx", (1, 30, 1)) == ""
    assert flawed("/opt/nginx", (1, 22, 1)) == "nginx 1.22.1"
