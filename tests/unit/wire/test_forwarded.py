"""Who the client is, by what proxies say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quaich.wire.forwarded import MOST, client, scheme

PROXIES = ("10.0.0.1", "10.0.0.2", "fd00::1")


def found(**fields: str) -> str | None:
    hop = client({f"HTTP_{name}": value for name, value in fields.items()}, PROXIES.__contains__)
    return f"{hop.address} {hop.port} {hop.scheme}".strip() if hop else None


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("192.0.2.1, 10.0.0.1", "192.0.2.1"),
        ("6.6.6.6, 192.0.2.1,10.0.0.2 , 10.0.0.1", "192.0.2.1"),
        ("10.0.0.2, 10.0.0.1", "10.0.0.2"),
        ("192.0.2.1:5000", "192.0.2.1 5000"),
        ("[2001:db8::7]:5000, [fd00::1]", "2001:db8::7 5000"),
        ("2001:DB8::7", "2001:db8::7"),
        ("6.6.6.6, unknown, 10.0.0.1", "10.0.0.1"),
        ("6.6.6.6, _hidden", None),
        ("6.6.6.6,", None),
        ("", None),
        ("6.6.6.6, 192.0.2.300", None),
        ("192.0.2.1:70000", None),
        ("192.0.2.1:x", None),
        ("[2001:db8::7", None),
        ("[2001:db8::7]5", None),
        ("[192.0.2.1]", None),
        ("fe80::1%eth0", None),
        ("192.0.2.1 192.0.2.2", None),
        ("\u0661.1.1.1", None),
    ],
)
def test_x_forwarded_for(listed: str, expected: str | None) -> None:
    assert found(X_FORWARDED_FOR=listed) == expected


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        ("for=192.0.2.1", "192.0.2.1"),
        ("For=192.0.2.1;Proto=HTTPS;by=10.0.0.9", "192.0.2.1  https"),
        ('for="[2001:db8::7]:5000";proto=http, for=10.0.0.1', "2001:db8::7 5000 http"),
        ('for=6.6.6.6, for="192.0.2.1", for=10.0.0.1;proto=https', "192.0.2.1"),
        ('for=6.6.6.6, for=192.0.2.1;host="a,b", for=10.0.0.1', "192.0.2.1"),
        ("for=unknown", None),
        ("for=_x, for=10.0.0.1", "10.0.0.1"),
        ("proto=https", None),
        ("192.0.2.1", None),
        ("for=6.6.6.6;for=192.0.2.1", None),
        ('for="192.0.2.1', None),
        ('for="', None),
        ('for="192.0.2.1\\a"', None),
        ("for=192.0.2.1;proto=ftp", "192.0.2.1"),
        ("", None),
    ],
)
def test_forwarded(listed: str, expected: str | None) -> None:
    assert found(FORWARDED=listed) == expected


def test_both_and_none() -> None:
    assert found(FORWARDED="for=6.6.6.6", X_FORWARDED_FOR="192.0.2.1") == "192.0.2.1"
    assert found() is None


def test_a_long_list_is_read_from_its_end() -> None:
    assert found(X_FORWARDED_FOR="192.0.2.1," + ",".join(["10.0.0.1"] * MOST)) == "10.0.0.1"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"X_FORWARDED_PROTO": "https"}, "https"),
        ({"X_FORWARDED_PROTO": " HTTPS "}, "https"),
        ({"X_FORWARDED_PROTO": "http", "X_FORWARDED_SSL": "on"}, "http"),
        ({"X_FORWARDED_PROTO": "https, http"}, ""),
        ({"X_FORWARDED_PROTO": "ftp"}, ""),
        ({"X_FORWARDED_SSL": "on"}, "https"),
        ({"X_FORWARDED_SSL": "off"}, ""),
        ({"FORWARDED": "for=192.0.2.1;proto=https"}, "https"),
        ({}, ""),
    ],
)
def test_the_scheme(fields: dict[str, str], expected: str) -> None:
    environ: dict[str, object] = {f"HTTP_{name}": value for name, value in fields.items()}
    assert scheme(environ, client(environ, PROXIES.__contains__)) == expected


@given(st.text('1234567890.:[]abcdef,;="\\ for', max_size=60))
def test_anything(text: str) -> None:
    for name in ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED"):
        hop = client({name: text}, PROXIES.__contains__)
        assert hop is None or hop.address
