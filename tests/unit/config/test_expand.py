"""The passes over items; the expected values are uWSGI 2.0.31's."""

import pytest

from quaich.config.expand import Expanded
from quaich.config.expand import expand as expand_all
from quaich.config.item import COMMAND_LINE, FILE, PLACEHOLDER, Item
from quaich.errors import ConfigError

ENVIRON = {"HOME": "/root", "TRICK": "%(a)"}


FILES = {"secret.txt": "hidden\n"}


def expand(items: list[Item], environ: dict[str, str]) -> Expanded:
    return expand_all(items, environ, lambda name, place: FILES[name])


def run(*pairs: tuple[str, str | None], source: str = FILE) -> list[str | None]:
    items = [Item(key, value, "a.ini:1", source) for key, value in pairs]
    return [item.value for item in expand(items, ENVIRON).items]


@pytest.mark.parametrize(
    ("pairs", "values"),
    [
        ([("x", "%(a)"), ("a", "7")], ["7", "7"]),
        ([("a", "7"), ("x", "%(a)")], ["7", "7"]),
        ([("a", "1"), ("a", "2"), ("x", "%(a)")], ["1", "2", "1"]),
        # A later definition is still raw, an earlier one is already expanded.
        ([("x", "%(c)"), ("a", "7"), ("c", "%(a)")], ["%(a)", "7", "7"]),
        ([("a", "7"), ("c", "%(a)"), ("d", "%(c)"), ("e", "%(d)")], ["7", "7", "7", "7"]),
        ([("a", ""), ("x", "%(a)|")], ["", "|"]),
        ([("master", None), ("x", "%(master)")], [None, "true"]),
        ([("socket", ":0"), ("x", "%(socket)")], [":0", ":0"]),
        ([("x", "$(HOME)/%(y)"), ("y", "$(HOME)")], ["/root//root", "/root"]),
        ([("a", "1"), ("x", "$(TRICK)")], ["1", "1"]),
        ([("listen", "$(HOME)")], ["/root"]),
        ([("set", "z=%(a)"), ("z", "%(a)"), ("a", "7")], ["z=%(a)", "7", "7"]),
        ([("ini", "%(a).ini"), ("a", "7")], ["%(a).ini", "7"]),
        ([("x", "%(x)")], ["%(x)"]),
        ([("x", "%(y)"), ("y", "%(x)")], ["%(x)", "%(x)"]),
    ],
)
def test_values(pairs: list[tuple[str, str | None]], values: list[str | None]) -> None:
    assert run(*pairs) == values


def test_a_declared_placeholder_stays_as_written() -> None:
    items = [
        Item("p", "%(a)", "", PLACEHOLDER),
        Item("a", "7", "", FILE),
        Item("x", "%(p)", "", COMMAND_LINE),
    ]
    assert [item.value for item in expand(items, {}).items] == ["%(a)", "7", "%(a)"]


def test_what_refers_is_told() -> None:
    result = expand([Item("x", "%(a + b)/%(c", "", FILE)], {})
    assert {"a", "b"} <= result.referenced
    assert "c" not in result.referenced


def test_reports_are_placed() -> None:
    result = expand([Item("chdir", "%(a)", "a.ini:3", FILE)], {})
    assert [str(note) for note in result.notes] == [
        "a.ini:3: chdir: %(a) is not defined and stays as it is written [QX111]"
    ]


def test_variables_of_a_log_format_are_no_placeholders() -> None:
    items = [Item("base", "x", "", FILE), Item("log-format", "%(base) %(uri)", "a.ini:3", FILE)]
    result = expand(items, {})
    assert result.items[1].value == "x %(uri)"
    assert result.notes == []


def test_a_value_out_of_a_file() -> None:
    assert run(("x", "<@(secret.txt)>"), ("y", "%(x)")) == ["<hidden>", "<hidden>"]


@pytest.mark.parametrize(
    ("pairs", "values"),
    [
        # What a replacement brings in is replaced too, but not at the very start of a value.
        ([("b", "7"), ("a", "z%(b)"), ("x", "<%(a)>")], ["7", "z7", "<z7>"]),
        ([("x", "<%(a)>"), ("a", "%(b)z%(b)"), ("b", "7")], ["<7z7>", "7z7", "7"]),
        ([("e", ""), ("b", "7"), ("x", "%(e)%(b)")], ["", "7", "%(b)"]),
        ([("e", ""), ("b", "7"), ("x", "%(e)%(e)%(b)|")], ["", "7", "%(e)7|"]),
        ([("e", ""), ("b", "7"), ("x", "%(e)a%(b)")], ["", "7", "a7"]),
        ([("x", "%(x)1")], ["%(x)11"]),
    ],
)
def test_what_is_brought_in(pairs: list[tuple[str, str | None]], values: list[str | None]) -> None:
    assert run(*pairs) == values


@pytest.mark.parametrize(
    "pairs",
    [
        [("x", "%(a)"), ("a", "z%(x)")],
        [("x", "z%(x)")],
        [("a", "1" * 60_000), *[("x", "%(a)" * 4)] * 100],
    ],
)
def test_values_without_end_are_refused(pairs: list[tuple[str, str | None]]) -> None:
    with pytest.raises(ConfigError):
        run(*pairs)


def test_an_option_that_uwsgi_applies_at_once_is_remarked_on() -> None:
    found = expand([Item("listen", "$(HOME)", "a.ini:1", FILE)], ENVIRON)
    assert [note.code for note in found.notes] == ["QX119"]


def test_an_abstract_socket_is_no_such_value() -> None:
    assert run(("socket", "@name")) == ["@name"]
