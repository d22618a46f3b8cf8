"""The table of diagnostics: its rows, and that what is emitted is in it."""

import re
from pathlib import Path

import pytest

from quaich.config.codes import diagnose
from quaich.config.codes.row import ERROR, NOTE, WARNING, Code
from quaich.config.codes.table import CODES

SOURCE = Path(__file__).parents[3] / "src" / "quaich"
USED = {
    code
    for path in SOURCE.rglob("*.py")
    if "codes" not in path.parts
    for code in re.findall(r'"(Q[XN][0-9]{3})"', path.read_text())
}


@pytest.mark.parametrize("row", CODES.values(), ids=CODES)
def test_every_row(row: Code) -> None:
    assert re.fullmatch(r"Q[XN][0-9]{3}", row.code)
    assert row.severity in (ERROR, WARNING, NOTE)
    assert not row.title.endswith(".")
    for text in (row.cause, row.consequence, row.remedy):
        assert text.endswith(".")
        assert "\n" not in text


def test_what_is_emitted_is_in_the_table() -> None:
    assert sorted(USED - set(CODES)) == []


@pytest.mark.parametrize(
    ("place", "line", "column"),
    [
        ("a.ini:12", 12, 0),
        ("a.json:3:14", 3, 14),
        ("", 0, 0),
        ("UWSGI_X", 0, 0),
        ("a:b.ini:1", 1, 0),
    ],
)
def test_position(place: str, line: int, column: int) -> None:
    found = diagnose("QX101", "text", place, "key")
    assert (found.line, found.column, found.key) == (line, column, "key")
    assert found.severity == WARNING


def test_a_diagnostic_is_one_line() -> None:
    assert str(diagnose("QX102", "a\nb", "x.ini:1")) == "x.ini:1: a\\nb [QX102]"
