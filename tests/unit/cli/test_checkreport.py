"""Findings as people and programs read them."""

import json

import pytest

from quaich.cli.checkreport import Report, as_json, as_text, located, path_of
from quaich.config.base import Diagnostic
from quaich.config.codes import diagnose


@pytest.mark.parametrize(
    ("line", "found", "column"),
    [
        ("  harakri = 20", diagnose("QX101", "", "a.ini:1", "harakri"), 3),
        ("processes = 4 ; four", diagnose("QX120", "", "a.ini:1", "processes"), 15),
        ("processes =  4x", diagnose("QX122", "", "a.ini:1", "processes"), 14),
        ("chdir = /srv/$(X)", diagnose("QX110", "", "a.ini:1", "chdir"), 14),
        ("chdir = /srv/%(x)", diagnose("QX111", "", "a.ini:1", "chdir"), 14),
        ("anything", diagnose("QX108", "", "a.ini:1"), 1),
        ("{", diagnose("QX128", "", "a.json:1:7"), 7),
    ],
)
def test_columns(line: str, found: Diagnostic, column: int) -> None:
    assert located(found, line).column == column


def test_a_place_beyond_the_text() -> None:
    found = diagnose("QX101", "", "a.ini:9", "x")
    assert located(found, "one line") == found


@pytest.mark.parametrize(
    ("place", "path"),
    [("a.ini:3", "a.ini"), ("a.json:3:4", "a.json"), ("b:1:a.ini:3", "b:1:a.ini"), ("X", "X")],
)
def test_paths(place: str, path: str) -> None:
    assert path_of(diagnose("QX101", "", place)) == path


REPORT = Report(
    "a.ini",
    "2 settings: 2 same",
    [
        diagnose("QX301", "idle", "a.ini:1", "x"),
        diagnose("QX107", "wrong", "a.ini:2", "y"),
        diagnose("QX020", "a\x1b[31m"),
    ],
    ["application imported"],
)


def test_text() -> None:
    assert as_text([REPORT]) == (
        "a.ini: 2 settings: 2 same\n"
        "  a.ini:2: error QX107: wrong\n"
        "  note QX020: a\\x1b[31m\n"
        "  a.ini:1: note QX301: idle\n"
        "  application imported\n"
        "1 error, 2 notes; quaich explain CODE says more\n"
    )


def test_nothing_to_report() -> None:
    assert as_text([Report("a.ini", "1 setting: 1 same")]).endswith("nothing to report\n")


def test_json() -> None:
    data = json.loads(as_json([REPORT]))
    assert data["ok"] is False
    [report] = data["reports"]
    assert report["findings"][1] == {
        "code": "QX107",
        "severity": "error",
        "file": "a.ini",
        "line": 2,
        "column": 0,
        "key": "y",
        "text": "wrong",
    }
