"""Each trap of uWSGI's configuration, alone in an otherwise clean file, gives its one code."""

import json
from pathlib import Path

import pytest

from quaich.cli import check

CLEAN = (
    "http-socket = 127.0.0.1:0\nmodule = shop:app\nmaster = true\nneed-app = true\n"
    "die-on-term = true\n"
)
PAIRS = [line.split(" = ") for line in CLEAN.splitlines()]


def codes(path: Path, text: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    path.write_text(text)
    check.run(["check", "--json", "--no-import", "--no-nginx", str(path)])
    [report] = json.loads(capsys.readouterr().out)["reports"]
    return [
        each["code"]
        for each in report["findings"]
        # Whether an option is supported yet is no matter of the trap.
        if each["code"] not in ("QX201", "QX202", "QX211", "QX301")
    ]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("vaccum = true", "QX101"),
        ("thread = 4", "QX101"),
        ("process = 4", "QX101"),
        ("exec-pre = true", "QX101"),
        ("harakri = 20", "QX101"),
        ("zzzzzz = 1", "QX102"),
        ("env = A=$(NO_SUCH_VARIABLE)", "QX110"),
        ("env = A=%(nope)", "QX111"),
        ("env = A=100%q", "QX112"),
        ("env = A=%((2 * 2) + 1)", "QX114"),
        ("threads = 4 ; four", "QX120"),
        ("vacuum = false ; not wanted", "QX120"),
        ("reload-on-rss = 300 # MB", "QX120"),
        ("env = A=b ; note", "QX120"),
        ('env = "A=b"', "QX121"),
        ("threads = 4x", "QX122"),
        ("limit-as = 2g", "QX122"),
        ("harakiri = 60s", "QX123"),
        ("http-timeout = 5m", "QX123"),
        ("vacuum = none", "QX124"),
        ("threads = 2\nthreads = 3", "QX125"),
        ("buffer-size = 65536", "QX132"),
        ("env = A=b,", "QX133"),
        ("<<<<<<< HEAD", "QX131"),
        ("..", "QX131"),
        ("listen = 99999999", "QX401"),
        ("socket = 0.0.0.0:0", "QX006"),
        ("chmod-socket = 666", "QX007"),
        ("stats = :1717", "QX415"),
        ("stats = :1717\nstats-public = true", "QX009"),
        ("alarm-backlog = nobody", "QX416"),
        ("metric = name=x,collector=sum,children=nothing", "QX416"),
        ("metrics-dir = /nonexistent", "QX410"),
    ],
)
def test_in_ini(tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str, code: str) -> None:
    assert codes(tmp_path / "a.ini", f"[uwsgi]\n{CLEAN}{line}\n", capsys) == [code]


@pytest.mark.parametrize("missing", ["need-app = true\n", "die-on-term = true\n"])
def test_what_is_not_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], missing: str
) -> None:
    found = codes(tmp_path / "a.ini", f"[uwsgi]\n{CLEAN.replace(missing, '')}", capsys)
    assert found == ["QX020" if "need" in missing else "QX003"]


def test_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body = ", ".join(f'"{key}": "{value}"' for key, value in PAIRS)
    assert codes(tmp_path / "a.json", f'{{"uwsgi": {{{body},}}}}', capsys) == ["QX128"]


def test_yaml(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("yaml")
    text = "uwsgi:\n" + "".join(f"  {key}: {value}\n" for key, value in PAIRS)
    text += "  env:\n    - A=1\n    - B=2\n"
    assert codes(tmp_path / "a.yml", text, capsys) == ["QX127"]


def test_a_header_without_its_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "QX109" in codes(tmp_path / "a.ini", f"[uwsgi\n{CLEAN}", capsys)


def test_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = f"[uwsgi]\n{CLEAN}if-env = NO_SUCH\nthreads = 2\nelse =\nvacuum = true\nendif =\n"
    assert codes(tmp_path / "a.ini", text, capsys) == ["QX115"]


def test_strict_at_the_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = f"[uwsgi]\n{CLEAN}strict = true\n"
    assert codes(tmp_path / "a.ini", text, capsys) == ["QX126"]
