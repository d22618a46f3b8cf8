"""XML, YAML and TOML: settings with their lines, remarks, and what is refused."""

import sys

import pytest

from quaich.config import tomltext, xmltext, yamltext
from quaich.config.document import Document, Malformed


def pairs(document: Document) -> list[tuple[int, str, str]]:
    return [tuple(setting) for setting in document.settings]


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("<uwsgi><a>b</a><c/></uwsgi>", [(1, "a", "b"), (1, "c", "1")]),
        ("<uwsgi>\n<a> b </a>\n<c></c>\n</uwsgi>", [(2, "a", " b "), (3, "c", "1")]),
        ("<x><uwsgi><a>1</a></uwsgi><uwsgi><a>2</a></uwsgi></x>", [(1, "a", "1")]),
        ("<uwsgi><a>&lt;&#65;</a></uwsgi>", [(1, "a", "<A")]),
        ("<uwsgi><a>x<!-- y -->z</a></uwsgi>", [(1, "a", "x")]),
        ("<uwsgi><a><![CDATA[<b>]]></a></uwsgi>", [(1, "a", "<b>")]),
        (
            '<uwsgi><app mountpoint="/x"><module>m</module></app><a/></uwsgi>',
            [(1, "mount", "/x=m"), (1, "a", "1")],
        ),
    ],
)
def test_xml(text: str, settings: list[tuple[int, str, str]]) -> None:
    assert pairs(xmltext.read(text, "uwsgi", False)) == settings


def test_xml_chooses_by_id() -> None:
    text = '<x><uwsgi id="a"><v>1</v></uwsgi><uwsgi id="b"><v>2</v></uwsgi></x>'
    assert pairs(xmltext.read(text, "b", True)) == [(1, "v", "2")]
    assert not xmltext.read(text, "c", True).found


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("<foo/>", "QX129"),
        ("<uwsgi><a></uwsgi>", "QX129"),
        ("", "QX129"),
        ("\ud800", "QX129"),
        ('<!DOCTYPE u [<!ENTITY e SYSTEM "file:///etc/x">]><uwsgi><a>&e;</a></uwsgi>', "QX145"),
        ('<!DOCTYPE uwsgi SYSTEM "http://x/y.dtd"><uwsgi/>', "QX145"),
        ("<uwsgi><a>&e;</a></uwsgi>", "QX129"),
        ("<a>" * 100_000, "QX141"),
        ("<uwsgi>" + "<a/>" * 100_001 + "</uwsgi>", "QX141"),
    ],
)
def test_xml_refuses(text: str, code: str) -> None:
    with pytest.raises(Malformed) as refused:
        xmltext.read(text, "uwsgi", False)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("uwsgi:\n  a: b\n  c: 1 # note\n", [(2, "a", "b"), (3, "c", "1")]),
        ("uwsgi:\n  a: %d/%(b)\n  c: @name\n", [(2, "a", "%d/%(b)"), (3, "c", "@name")]),
        ("x:\n  a: b\nuwsgi:\n  c: d\ny:\n  e: f\n", [(4, "c", "d")]),
        ("uwsgi:\n  a: true\n  c: null\n", [(2, "a", "true"), (3, "c", "null")]),
    ],
)
def test_plain_yaml_needs_no_library(
    text: str, settings: list[tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    document = yamltext.read(text, "uwsgi")
    assert pairs(document) == settings
    assert document.remarks == []


@pytest.mark.parametrize(
    ("text", "settings", "codes"),
    [
        (
            "uwsgi:\n  a:\n    - 1\n    - %n\n  z: 1\n",
            [(3, "a", "1"), (4, "a", "%n"), (5, "z", "1")],
            ["QX127"],
        ),
        ("uwsgi:\n  a: [1, 2]\n", [(2, "a", "1"), (2, "a", "2")], ["QX127"]),
        ("uwsgi:\n  a: 'x'\n  b: %(c)\n", [(2, "a", "x"), (3, "b", "%(c)")], ["QX121"]),
        ("uwsgi:\n  a:\n  b: 1\n", [(2, "a", ""), (3, "b", "1")], ["QX127"]),
        ("uwsgi:\n  a: |\n    x\n    y\n", [(2, "a", "x\ny\n")], []),
        ('{"uwsgi": {"a": "b"}}', [(1, "a", "b")], ["QX121"]),
    ],
)
def test_other_yaml(text: str, settings: list[tuple[int, str, str]], codes: list[str]) -> None:
    document = yamltext.read(text, "uwsgi")
    assert pairs(document) == settings
    assert [remark.code for remark in document.remarks] == codes


def test_yaml_without_its_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(Malformed, match=r"install quaich\[yaml\]") as refused:
        yamltext.read("uwsgi:\n  a: b\n  c:\n  - 1\n", "uwsgi")
    assert refused.value.code == "QX144"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("uwsgi:\n  a: {b: c}\n", "QX129"),
        ("uwsgi:\n  - a\n", "QX129"),
        ("- a\n", "QX129"),
        ("uwsgi:\n  a: b\n   c\n: d\n", "QX129"),
        ("uwsgi:\n  a: " + "[" * 5000, "QX141"),
        ("uwsgi:\n  a: 'x'\n" + "#" * 300_000, "QX141"),
        (
            "l0: &l0 [x, x, x, x, x, x, x, x, x]\n"
            + "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]\n" for n in range(1, 9))
            + "uwsgi:\n  a: *l8\n",
            "QX141",
        ),
        ("uwsgi:\n  a: &a [*a]\n", "QX141"),
        ("uwsgi:\n  'a': \x00\n", "QX129"),
    ],
)
def test_yaml_refuses(text: str, code: str) -> None:
    with pytest.raises(Malformed) as refused:
        yamltext.read(text, "uwsgi")
    assert refused.value.code == code


@pytest.mark.skipif(sys.version_info < (3, 11), reason="the standard library has no TOML reader")
@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ('[uwsgi]\na = "b"\nc = [1, 2]\n', [(2, "a", "b"), (3, "c", "1"), (3, "c", "2")]),
        ("[quaich]\nmaster = true\nx = 1.5\n", [(2, "master", "true"), (3, "x", "1.5")]),
        ("a = 1\n[other]\nb = 2\n[uwsgi]\nb = false\n", [(5, "b", "false")]),
        ("[other]\na = 1\n", []),
    ],
)
def test_toml(text: str, settings: list[tuple[int, str, str]]) -> None:
    assert pairs(tomltext.read(text, "uwsgi", False)) == settings


@pytest.mark.skipif(sys.version_info < (3, 11), reason="the standard library has no TOML reader")
@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("[uwsgi]\na = \n", "QX129", 2),
        ("uwsgi = 1\n", "QX129", 1),
        ("[uwsgi]\na = {b = 1}\n", "QX129", 2),
        ("a = " + "[" * 100_000, "QX141", 1),
        ("[uwsgi]\na = " + "[" * 50 + "]" * 50, "QX141", 2),
    ],
)
def test_toml_refuses(text: str, code: str, line: int) -> None:
    with pytest.raises(Malformed) as refused:
        tomltext.read(text, "uwsgi", False)
    assert (refused.value.code, refused.value.line) == (code, line)


def test_toml_without_a_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tomllib", None)
    with pytest.raises(Malformed, match=r"needs Python 3\.11"):
        tomltext.read("[uwsgi]\na = 1\n", "uwsgi", False)
