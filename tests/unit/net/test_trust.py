"""Trusted peers."""

import pytest

from quaich.net.trust import _MAX_KNOWN, LOCAL, Trust


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        (LOCAL, ["127.0.0.1", "127.9.9.9", "::1", "", "::ffff:127.0.0.1"], ["10.0.0.1", "::2"]),
        ("10.0.0.0/8", ["10.0.0.1", "10.255.0.1"], ["11.0.0.1", "", "127.0.0.1", "nonsense"]),
        ("192.0.2.1 , 2001:db8::/32", ["192.0.2.1", "2001:db8::7"], ["192.0.2.2", "2001:db9::"]),
        ("unix", [""], ["127.0.0.1"]),
        ("*", ["", "8.8.8.8", "::9"], []),
    ],
)
def test_who_is_trusted(text: str, inside: list[str], outside: list[str]) -> None:
    trust = Trust(text)
    for _ in range(2):
        assert all(trust.holds(address) for address in inside)
        assert not any(trust.holds(address) for address in outside)


@pytest.mark.parametrize("text", ["", "10.0.0.1/8", "10.0.0", "localhost", "10.0.0.0/33", "a,b"])
def test_what_is_not_understood(text: str) -> None:
    with pytest.raises(ValueError):
        Trust(text)


def test_what_is_remembered_is_bounded() -> None:
    trust = Trust("10.0.0.0/8")
    for number in range(2 * _MAX_KNOWN):
        assert trust.holds(f"10.0.{number >> 8}.{number & 255}")
    assert len(trust._known) <= _MAX_KNOWN
