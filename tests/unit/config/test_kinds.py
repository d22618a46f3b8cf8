"""Kinds: what each accepts, what it makes of it, and what it says when it refuses."""

import pytest

from quaich.config import kinds
from quaich.config.kinds import Kind, Refused


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (None, True),
        ("", True),
        ("true", True),
        ("1", True),
        ("yes", True),
        ("ON", True),
        ("false", False),
        ("False", False),
        ("OFF", False),
        ("no", False),
        ("0", False),
    ],
)
def test_a_flag_is_read_as_uwsgi_reads_it(text: str | None, value: bool) -> None:
    assert kinds.FLAG.read(text) == (value, "", "")


@pytest.mark.parametrize("text", ["falsee", "none", "2", "00", "disabled"])
def test_a_flag_that_is_true_by_surprise_is_remarked(text: str) -> None:
    value, remark, _ = kinds.FLAG.read(text)
    assert value is True
    assert "counts as true" in remark


@pytest.mark.parametrize(("text", "value"), [("false ; not wanted", False), ("true # x", True)])
def test_a_comment_is_no_part_of_a_flag(text: str, value: bool) -> None:
    found = kinds.FLAG.read(text)
    assert found.value is value
    assert found.code == "QX120"


@pytest.mark.parametrize(
    ("kind", "text", "value", "remarked"),
    [
        (kinds.NUMBER, "7", 7, ""),
        (kinds.NUMBER, "  7  ", 7, ""),
        (kinds.NUMBER, "+7", 7, ""),
        (kinds.NUMBER, "007", 7, ""),
        (kinds.NUMBER, "-0", 0, ""),
        (kinds.NUMBER, "300 # MB", 300, "line of its own"),
        (kinds.NUMBER, "60 ; note", 60, "line of its own"),
        (kinds.NUMBER, "2g", 2, '"g" after the number'),
        (kinds.NUMBER, "4workers", 4, "ignored"),
        (kinds.NUMBER, "1.5", 1, "ignored"),
        (kinds.SECONDS, "30", 30, ""),
        (kinds.SECONDS, "30s", 30, "drops the unit"),
        (kinds.SECONDS, "30 sec", 30, "drops the unit"),
        (kinds.SECONDS, "5m", 300, "uWSGI would read 5"),
        (kinds.SECONDS, "2h", 7200, "uWSGI would read 2"),
        (kinds.SECONDS, "1d", 86400, "uWSGI would read 1"),
        (kinds.SECONDS, "5 parsecs", 5, "ignored"),
        (kinds.size(), "65536", 65536, ""),
        (kinds.size(), "64k", 65536, "uWSGI would read 64"),
        (kinds.size(), "10 MB", 10485760, "uWSGI would read 10"),
        (kinds.size(), "1G", 1073741824, "uWSGI would read 1"),
        (kinds.size(clamp=65535), "65536", 65535, "the most it can be"),
        (kinds.size(clamp=65535), "65535", 65535, ""),
        (kinds.KEEPALIVE, None, 75, ""),
        (kinds.KEEPALIVE, "", 75, ""),
        (kinds.KEEPALIVE, "true", 75, ""),
        (kinds.KEEPALIVE, "1", 75, ""),
        (kinds.KEEPALIVE, "0", 0, ""),
        (kinds.KEEPALIVE, "false", 0, ""),
        (kinds.KEEPALIVE, "20", 20, ""),
        (kinds.MODE, None, 0o666, ""),
        (kinds.MODE, "660", 0o660, ""),
        (kinds.UMASK, "022", 0o022, ""),
        (kinds.UMASK, "0027", 0o027, ""),
        (kinds.UMASK, "2", 0o002, ""),
    ],
)
def test_numbers(kind: Kind, text: str | None, value: int, remarked: str) -> None:
    found, remark, code = kind.read(text)
    assert bool(code) == bool(remark)
    assert found == value
    assert remarked in remark
    assert bool(remarked) == bool(remark)


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        (kinds.NUMBER, "ten", "a number"),
        (kinds.NUMBER, "", "a number"),
        (kinds.NUMBER, None, "a number"),
        (kinds.NUMBER, "-3", "a number"),
        (kinds.NUMBER, "9" * 19, "a number"),
        (kinds.NUMBER, "9" * 100_000, "a number"),
        (kinds.NUMBER, "\u0663", "a number"),
        (kinds.count(1, 8), "0", "a number from 1 to 8"),
        (kinds.count(1, 8), "9", "a number from 1 to 8"),
        (kinds.count(1), "0", "a number of at least 1"),
        (kinds.SECONDS, "soon", "seconds"),
        (kinds.seconds(1), "0", "seconds, at least 1"),
        (kinds.size(1024), "10", "bytes of at least 1024"),
        (kinds.KEEPALIVE, "always", "seconds, or true or false"),
        (kinds.MODE, "66", "three octal digits"),
        (kinds.MODE, "0660", "three octal digits"),
        (kinds.MODE, "668", "three octal digits"),
        (kinds.MODE, "=660", "three octal digits"),
        (kinds.UMASK, "99", "octal"),
        (kinds.UMASK, None, "octal"),
        (kinds.ADDRESSES, "", "an address"),
        (kinds.STRING, None, "a value"),
        (kinds.pairs("NAME=value"), "FOO", "NAME=value"),
        (kinds.pairs("NAME=value"), "=x", "NAME=value"),
        (kinds.choice(("uwsgi", "http")), "foo", "uwsgi or http"),
        (kinds.choice(("uwsgi",), ("scgi",)), "scgi", "scgi is not supported yet"),
    ],
)
def test_what_is_refused_names_what_was_expected(
    kind: Kind, text: str | None, expected: str
) -> None:
    with pytest.raises(Refused) as refused:
        kind.read(text)
    assert expected in str(refused.value)


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        (kinds.FLAG, True, "true"),
        (kinds.FLAG, False, "false"),
        (kinds.MODE, 0o660, "660"),
        (kinds.UMASK, 0o022, "022"),
        (kinds.NUMBER, 5, "5"),
        (kinds.STRING, "x", "x"),
    ],
)
def test_what_is_written_can_be_read_again(kind: Kind, value: object, text: str) -> None:
    assert kind.write(value) == text
    assert kind.read(text).value == value


def test_pairs_keep_later_equals_signs() -> None:
    assert kinds.pairs("NAME=value").read("A=b=c").value == "A=b=c"
    assert kinds.pairs("NAME=value").read("A=").value == "A="
