"""Magic variables, environment and placeholders; the expected texts are uWSGI 2.0.31's."""

import pytest

from quaich.config.substitute import environment, magic, placeholders, references


@pytest.mark.parametrize(
    ("text", "result", "reports"),
    [
        ("%dapp.sock", "/srv/app.sock", 0),
        ("uwsgi_%n", "uwsgi_site", 0),
        ("%%Y-%%m", "%Y-%m", 0),
        ("%(name) %%(name)", "%(name) %(name)", 0),
        ("%q!", "!", 1),
        ("100%", "100%", 1),
        ("%% %", "% %", 1),
        ("", "", 0),
    ],
)
def test_magic(text: str, result: str, reports: int) -> None:
    seen: list[tuple[str, str]] = []
    assert magic(text, {"d": "/srv/", "n": "site"}, lambda *said: seen.append(said)) == result
    assert len(seen) == reports


@pytest.mark.parametrize(
    ("text", "result", "reports"),
    [
        ("$(HOME)/x", "/root/x", 0),
        ("$(EMPTY)x", "x", 0),
        ("$(NOPE) $(NOPE|d)", "$(NOPE) $(NOPE|d)", 2),
        ("$HOME $( $(HOME", "$HOME $( $(HOME", 0),
    ],
)
def test_environment(text: str, result: str, reports: int) -> None:
    seen: list[tuple[str, str]] = []
    variables = {"HOME": "/root", "EMPTY": ""}
    assert environment(text, variables, lambda *said: seen.append(said)) == result
    assert len(seen) == reports


VALUES = {"a": "1", "b": "9", "path": "/srv/%(a)", "neg": "-5", "word": "ab"}


@pytest.mark.parametrize(
    ("text", "result", "reports"),
    [
        ("%(a) x%(b)x", "1 x9x", 0),
        ("%(2 + 1)", "3", 0),
        ("%(a b)", "19", 0),
        ("%(nope)", "%(nope)", 1),
        ("%(nope + 3)", "3", 0),
        ("%((2 * 2) + 1)", "5", 1),
        ("%(a + b * 2)", "20", 0),
        ("%(a++)", "%(a++)", 1),
        ("%(a ++)", "2", 0),
        ("%(b --)", "8", 0),
        ("%(b / 0)", "0", 1),
        ("%(b / 2)", "4", 0),
        ("%(b - 10)", "-1", 0),
        ("%(b - 16 / 2)", "-3", 0),
        ("%(1 2)", "12", 0),
        ("%(a+b)", "%(a+b)", 1),
        ("x%(a", "x%(a", 0),
        ("%(path)/x", "/srv/1/x", 0),
        ("%(3 - 5 + 1)", "-1", 0),
        ("%(1 + -2)", "1", 0),
        ("%(-3 + 1)", "1", 0),
        ("%(neg + 1)", "-4", 0),
        ("%(neg / 2)", "-2", 0),
        ("%( a )", "1", 0),
        ("%(a  b)", "19", 0),
        ("%()", "%()", 1),
        ("%(a * )", "1", 0),
        ("%(word a)", "ab1", 0),
        ("%(word 2 + 1)", "1", 0),
        ("%(1 2 + 3)", "15", 0),
        ("%(+ 1)", "1", 0),
        ("%(a + + b)", "10", 0),
        ("%(1)", "%(1)", 1),
        ("%(12 )", "12", 0),
        ("%(2 * 3 4)", "64", 0),
        ("%(2 4 * 3)", "72", 0),
        ("%((1 + 1) * 2)", "4", 1),
        ("%((1) + (2))", "3", 1),
        ("%(99999999999 + 1)", "100000000000", 0),
        ("%(1.5 + 1)", "1", 0),
        ("%(010 + 1)", "11", 0),
        ("%(x(y)z)", "%(x(y)z)", 1),
        ("%(a +b)", "1", 0),
        ("%(a -)", "1", 0),
    ],
)
def test_placeholders(text: str, result: str, reports: int) -> None:
    seen: list[tuple[str, str]] = []
    assert placeholders(text, VALUES, lambda *said: seen.append(said)) == result
    assert len(seen) == reports


def test_references() -> None:
    assert references("%(a)/%(b + 1) %(c") >= {"a", "b"}
