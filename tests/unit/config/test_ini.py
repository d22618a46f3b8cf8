"""The ini dialect: a text, a section, and the lines that come out."""

import pytest

from quaich.config.ini import read


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("[uwsgi]\na=1", [(2, "a", "1")]),
        ("[uwsgi]\n  a \t=\t 1 \t", [(2, "a", "1")]),
        ("[uwsgi]\r\na = 1\r\nb\r\n", [(2, "a", "1"), (3, "b", "")]),
        ("[uwsgi]\n; c\n# d\n  ;e=1\n\t#f=2\na=1", [(6, "a", "1")]),
        ("[uwsgi]\na = 1 ; no comment # at all", [(2, "a", "1 ; no comment # at all")]),
        ('[uwsgi]\na = "quoted"', [(2, "a", '"quoted"')]),
        ("[uwsgi]\na = b = c", [(2, "a", "b = c")]),
        ("[uwsgi]\ndie-on-term", [(2, "die-on-term", "")]),
        ("[uwsgi]\n..", [(2, "..", "")]),
        ("[uwsgi]\na = x \\\n b = y", [(2, "a", "x \\"), (3, "b", "y")]),
        ("[uwsgi]\na=1\na=2", [(2, "a", "1"), (3, "a", "2")]),
        ("[uwsgi]\na=1\n[other]\nb=2\n[uwsgi]\nc=3", [(2, "a", "1"), (6, "c", "3")]),
        ("x=0\n[uwsgi]\na=1", [(3, "a", "1")]),
        ("[uwsgi] \na=1", [(2, "a", "1")]),
        ("  [uwsgi]\na=1", [(2, "a", "1")]),
        ("[uwsgi}\na=1", [(2, "a", "1")]),
        ("[uwsgi]\n = v", [(2, "", "v")]),
        ("[uwsgi]\nkey with space = x", [(2, "key with space", "x")]),
        ("[uwsgi]\na=\x0bx\x0c", [(2, "a", "\x0bx\x0c")]),
        ("[uwsgi]\n<<<<<<< HEAD", [(2, "<<<<<<< HEAD", "")]),
    ],
)
def test_lines_of_the_section(text: str, lines: list[tuple[int, str, str]]) -> None:
    document = read(text, "uwsgi")
    assert document.settings == lines
    assert document.found


@pytest.mark.parametrize("text", ["", "a=1", "[ uwsgi ]\na=1", "[uwsgi\na=1", "[UWSGI]\na=1", "["])
def test_a_section_that_is_not_there(text: str) -> None:
    document = read(text, "uwsgi")
    assert not document.settings
    assert not document.found


def test_another_section() -> None:
    assert read("[uwsgi]\na=1\n[base]\nb=2", "base").settings == [(4, "b", "2")]


@pytest.mark.parametrize("header", ["[uwsgi", "[ uwsgi ]", "[UWSGI]", "[uwsgi];"])
def test_a_header_that_is_another_than_it_seems_is_remarked_on(header: str) -> None:
    remarks = read(f"; x\n{header}\na=1", "uwsgi").remarks
    assert [(remark.code, remark.line) for remark in remarks] == [("QX109", 2)]
