"""The passes over items; the expected values are uWSGI 2.0.31's."""

import pytest

from quaich.config.expand import expand
from quaich.config.item import COMMAND_LINE, FILE, PLACEHOLDER, Item
from quaich.errors import ConfigError

ENVIRON = {"HOME": "/root", "TRICK": "%(a)"}


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
        "a.ini:3: chdir: %(a) is not defined and stays as it is written"
    ]


def test_a_value_out_of_a_file_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"a\.ini:1: x: @\(secret\.txt\) is not supported yet"):
        run(("x", "@(secret.txt)"))


def test_an_abstract_socket_is_no_such_value() -> None:
    assert run(("socket", "@name")) == ["@name"]
