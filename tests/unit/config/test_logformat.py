"""Request-log formats: their parts, and what is said of them."""

import pytest

from quaich.config.logformat import Variable, parse, remarks


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ()),
        ("plain 100% %d %%", ("plain 100% %d %%",)),
        ("%(uri)", (Variable("uri"),)),
        ("a %(uri)b", ("a ", Variable("uri"), "b")),
        # As uWSGI 2.0.31 prints them.
        ("%%(uri)", ("%", Variable("uri"))),
        ("%(method %(status) (x)", ("%(method ", Variable("status"), " (x)")),
        ("%(uri) %(", (Variable("uri"), " %(")),
        ('"%(uri)" %(method)', ('"', Variable("uri", True), '" ', Variable("method"))),
    ],
)
def test_parts(text: str, parts: tuple[str | Variable, ...]) -> None:
    assert parse(text) == parts


def test_what_is_known() -> None:
    known = [Variable(name).known for name in ("uri", "var.X", "metric.a.b", "mine", "URI")]
    assert known == [True, True, True, False, False]


@pytest.mark.parametrize(
    ("text", "code", "severity", "said"),
    [
        ("%(metod)", "QX136", "warning", "did you mean %(method)?"),
        ("%(HTTP_HOST)", "QX136", "warning", "did you mean %(var.HTTP_HOST)?"),
        ("%(tenant)", "QX136", "note", "%(tenant) is empty unless the application sets it"),
        ("%(var.HTTP_COOKIE)", "QX036", "warning", "writes secrets"),
        ("%(var.HTTP_AUTHORIZATION)", "QX036", "warning", "writes secrets"),
    ],
)
def test_remarks(text: str, code: str, severity: str, said: str) -> None:
    (found,) = remarks(f"%(uri) {text}", "a.ini:3")
    assert (found.code, found.severity, found.line) == (code, severity, 3)
    assert said in found.text


def test_nothing_is_said_of_a_format_that_is_right() -> None:
    assert not list(remarks("%(uri) %(var.HTTP_X) %(metric.x)", ""))
