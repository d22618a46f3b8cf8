"""Mechanical corrections: what changes, and that nothing else does."""

import pytest

from quaich.cli.checkfix import fix
from quaich.config.codes import diagnose


@pytest.mark.parametrize(
    ("line", "code", "key", "fixed"),
    [
        ("harakri = 20", "QX101", "harakri", "harakiri = 20"),
        ("  vaccum=true", "QX101", "vaccum", "  vacuum=true"),
        ("vaccum", "QX101", "vaccum", "vacuum"),
        ("processes = 4 ; four", "QX120", "processes", "; four\nprocesses = 4"),
        ("  module = a:b # the\tapp", "QX120", "module", "  # the\tapp\n  module = a:b"),
        ("processes = 4workers", "QX122", "processes", "processes = 4"),
        ("socket-timeout=5m", "QX123", "socket-timeout", "socket-timeout=300"),
        ("processes = 4 ; four\r", "QX120", "processes", "; four\r\nprocesses = 4\r"),
        # Two options are as near as each other, so neither is written.
        ("ud = 1", "QX101", "ud", "ud = 1"),
        ("module = 'x'", "QX121", "module", "module = 'x'"),
    ],
)
def test_ini(line: str, code: str, key: str, fixed: str) -> None:
    text = f"; keep = me ; too\n[uwsgi]\n{line}\n# the end"
    findings = [diagnose(code, "text", "a.ini:3", key)]
    assert fix(text, findings, True) == text.replace(line, fixed)


def test_several_lines_at_once() -> None:
    text = "[uwsgi]\nprocesses = 4 ; a\nthreads = 2 ; b\nvaccum = 1\n"
    findings = [
        diagnose("QX120", "text", "a.ini:2", "processes"),
        diagnose("QX120", "text", "a.ini:3", "threads"),
        diagnose("QX101", "text", "a.ini:4", "vaccum"),
    ]
    fixed = "[uwsgi]\n; a\nprocesses = 4\n; b\nthreads = 2\nvacuum = 1\n"
    assert fix(text, findings, True) == fixed


def test_json() -> None:
    text = '{"uwsgi": {\n  "vaccum": true, // keep\n  "master": [1, 2,],\n}}'
    findings = [
        diagnose("QX101", "text", "a.json:2:3", "vaccum"),
        diagnose("QX128", "text", "a.json:2:19"),
        diagnose("QX128", "text", "a.json:3:18"),
        diagnose("QX128", "text", "a.json:3:20"),
    ]
    fixed = '{"uwsgi": {\n  "vacuum": true, // keep\n  "master": [1, 2]\n}}'
    assert fix(text, findings, False) == fixed


def test_a_line_that_is_not_there() -> None:
    assert fix("a", [diagnose("QX101", "text", "a.ini:9", "a")], True) == "a"
