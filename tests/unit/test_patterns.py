"""Patterns that are compiled at their first use."""

import re

import pytest

from quaich.patterns import pattern


def test_it_is_what_the_library_would_give() -> None:
    number = pattern(r"([+-]?)([0-9]+)")
    found = number.fullmatch("-17")
    assert found is not None
    assert found.groups() == ("-", "17")
    assert number.sub("n", "1 and 2") == "n and n"
    assert number.pattern == r"([+-]?)([0-9]+)"
    assert pattern("a.b", re.DOTALL).fullmatch("a\nb")


def test_it_is_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    library = re.compile

    def compiled(text: str, flags: int = 0) -> "re.Pattern[str]":
        made.append(text)
        return library(text, flags)

    monkeypatch.setattr(re, "compile", compiled)
    word = pattern("[a-z]+")
    assert not made, "nobody has used it"
    assert [bool(word.fullmatch(each)) for each in ("one", "2", "three")] == [True, False, True]
    assert made == ["[a-z]+"]


def test_a_mistake_shows_at_the_first_use() -> None:
    wrong = pattern("(")
    with pytest.raises(re.error):
        wrong.match("")
    with pytest.raises(AttributeError):
        _ = pattern("a").fulmatch  # type: ignore[attr-defined]
