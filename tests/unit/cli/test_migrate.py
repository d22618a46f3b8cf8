"""From other servers: what becomes of each option, and what is said about the rest."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from quaich.cli.migrate import granian, gunicorn, run, uvicorn
from quaich.cli.migrate.draft import Draft, Switch
from quaich.config.options import COMPATIBLE_NAMES
from quaich.config.resolve import read_compatible
from quaich.config.sources import Host
from quaich.errors import QuaichError, UsageError


def settings(draft: Draft) -> list[tuple[str, str]]:
    return [(key, value) for key, value, _ in draft.lines]


def missing(draft: Draft) -> list[str]:
    return [name for name, _ in draft.missing]


def test_a_gunicorn_file(tmp_path: Path) -> None:
    path = tmp_path / "gunicorn.conf.py"
    path.write_text(
        "import os, sys\n"
        'print("noise")\n'
        'bind = ["0.0.0.0:8000", "unix:/run/x.sock"]\n'
        "workers = 2 * 2\n"
        "threads = 3\n"
        'worker_class = "gthread"\n'
        "timeout = 45\n"
        "max_requests, max_requests_jitter = 1000, 50\n"
        'raw_env = ["A=100%"]\n'
        "umask = 0o27\n"
        "keepalive = 5\n"
        'wsgi_app = "shop.wsgi"\n'
        'accesslog = "-"\n'
        "helper = 1\n"
        "def post_fork(server, worker):\n    pass\n"
    )
    draft = gunicorn.from_file(str(path))
    found = settings(draft)
    for pair in (
        ("module", "shop.wsgi:application"),
        ("http-socket", "0.0.0.0:8000"),
        ("http-socket", "/run/x.sock"),
        ("processes", "4"),
        ("threads", "3"),
        ("harakiri", "45"),
        ("max-requests", "1000"),
        ("max-requests-delta", "50"),
        ("env", "A=100%%"),
        ("umask", "027"),
        ("http-keepalive", "5"),
        ("master", "true"),
        ("die-on-term", "true"),
    ):
        assert pair in found
    assert missing(draft) == ["post_fork"]
    assert "disable-logging" not in dict(found)


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("workers = (", "line 1: SyntaxError"),
        ("x = 1\nraise ValueError('no')", "line 2: ValueError: no"),
        ("import sys\nsys.exit(3)", "SystemExit: 3"),
        ("import os\nos._exit(4)", "running it exits with 4"),
    ],
)
def test_a_file_that_fails(tmp_path: Path, source: str, error: str) -> None:
    path = tmp_path / "gunicorn.conf.py"
    path.write_text(source)
    with pytest.raises(QuaichError, match=error):
        gunicorn.from_file(str(path))


def test_a_file_that_never_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gunicorn, "_SECONDS", 1.0)
    path = tmp_path / "gunicorn.conf.py"
    path.write_text("while True: pass")
    with pytest.raises(QuaichError, match="takes too long"):
        gunicorn.from_file(str(path))


def test_gunicorn_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = "-w4 --bind=:80 -b unix:/x -t 0 -k gevent -e A=1 -e B=2 --preload app:app"
    draft = gunicorn.from_options(arguments.split())
    found = settings(draft)
    assert [value for key, value in found if key == "http-socket"] == [":80", "/x"]
    assert [value for key, value in found if key == "env"] == ["A=1", "B=2"]
    assert dict(found)["gevent"] == "1000"
    assert dict(found)["disable-logging"] == "true"
    assert "harakiri" not in dict(found)
    assert missing(draft) == []


def test_gunicorn_with_a_certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    draft = gunicorn.from_options(
        ["--certfile", "c.pem", "--keyfile", "k.pem", "-b", ":443", "a:a"]
    )
    assert dict(settings(draft))["https"] == ":443,c.pem,k.pem"


def test_granian() -> None:
    arguments = "--interface wsgi --workers 2 --blocking-threads 4 --port 80 --factory m:make"
    draft = granian.from_options([*arguments.split(), "--no-http1-keep-alive", "--http", "2"])
    found = dict(settings(draft))
    assert found["module"] == "m:make()"
    assert found["http-socket"] == "127.0.0.1:80"
    assert found["processes"] == "2"
    assert found["threads"] == "4"
    assert found["http-keepalive"] == "false"
    assert missing(draft) == ["http"]


def test_uvicorn() -> None:
    draft = uvicorn.from_options(["m:app", "--workers", "2", "--uds", "/x", "--no-access-log"])
    found = dict(settings(draft))
    assert (found["http-socket"], found["disable-logging"]) == ("/x", "true")
    assert missing(draft) == ["interface"]


@pytest.mark.parametrize("server", [gunicorn, granian, uvicorn])
def test_every_option_of_a_server(
    server: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each option on its own gives a file whose every key is an option, or a remark."""
    monkeypatch.chdir(tmp_path)
    switches: Mapping[str, Switch] = server.SWITCHES  # type: ignore[attr-defined]
    for word, switch in switches.items():
        if word in ("-c", "--config"):
            continue
        arguments = [word, "7"] if switch.takes in ("value", "list") else [word]
        draft = server.from_options([*arguments, "m:app"])  # type: ignore[attr-defined]
        for key, _, _ in draft.lines:
            assert key in COMPATIBLE_NAMES, (word, key)
        assert "unknown" not in draft.remarks()


def test_what_is_written_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    draft = gunicorn.from_options(
        ["-w", "3", "--threads", "2", "-b", ":0", "-t", "9", "--chdir", "/tmp", "m:app"]
    )
    (tmp_path / "out.ini").write_text(draft.ini())
    config = read_compatible(["quaich", "out.ini"], {}, Host()).config
    assert (config.processes, config.threads, config.module) == (3, 2, "m:app")


def test_nothing_breaks_out_of_its_line() -> None:
    draft = granian.from_options(["--working-dir", "/a\n[other]\nmodule = evil", "m\nx = 1:app"])
    assert "\n[other]" not in draft.ini()
    assert "\nx = 1" not in draft.ini()


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["gunicorn", "--workes", "2", "a:b"], "did you mean --workers"),
        (["gunicorn", "-w"], "-w needs a value"),
        (["gunicorn", "a", "b"], "one application"),
        (["gunicron", "a:b"], "did you mean gunicorn"),
        (["gunicorn 'x"], "No closing quotation"),
    ],
)
def test_mistakes(arguments: list[str], error: str) -> None:
    with pytest.raises(UsageError, match=error):
        run(["migrate", *arguments])


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["migrate", "uvicorn m:app --workers 2 --loop uvloop"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("; made by quaich migrate from uvicorn m:app")
    assert "\nprocesses = 2\n" in out
    assert "  loop: " in err


def test_the_proxies_that_are_believed(tmp_path: Path) -> None:
    path = tmp_path / "gunicorn.conf.py"
    path.write_text('forwarded_allow_ips = "10.0.0.1, 192.0.2.0/24"\nbind = "127.0.0.1:8000"\n')
    found = settings(gunicorn.from_file(str(path)))
    assert ("forwarded-allow", "10.0.0.1,192.0.2.0/24") in found
    draft = gunicorn.from_options(["--forwarded-allow-ips", "proxy.example", "app:app"])
    assert missing(draft) == ["forwarded_allow_ips"]
    draft = uvicorn.from_options(["--forwarded-allow-ips", "*", "app:app"])
    assert ("forwarded-allow", "*") in settings(draft)
