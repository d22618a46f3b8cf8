import pytest
from hypothesis import given
from hypothesis import strategies as st

from quaich.worker.messages import (
    LIMIT,
    Fork,
    Forked,
    ForkFailed,
    Loaded,
    LoadFailed,
    Message,
    Ready,
    decode,
    encode,
)


@pytest.mark.parametrize(
    "message",
    [
        Loaded(),
        LoadFailed("no module named 'é'", 22),
        Forked(1, 4711),
        ForkFailed(1, "no memory"),
        Ready(3),
        Fork(4, 1),
    ],
)
def test_round_trip(message: Message) -> None:
    assert decode(encode(message)) == message


def test_a_long_reason_is_cut() -> None:
    packet = encode(LoadFailed("\U0001f600" * 100000, 22))
    assert len(packet) < LIMIT
    assert isinstance(decode(packet), LoadFailed)


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b'["Ready"]',
        b'["Ready", {}]',
        b'["Ready", {"slot": "1"}]',
        b'["Ready", {"slot": true}]',
        b'["Ready", {"slot": 1, "more": 2}]',
        b'["Message", {}]',
        b'[["Ready"], {"slot": 1}]',
        b"[" * 50000,
        b"\xff",
    ],
)
def test_what_is_no_message(packet: bytes) -> None:
    with pytest.raises(ValueError, match="not a message"):
        decode(packet)


@given(st.binary(max_size=100))
def test_any_packet_is_a_message_or_a_value_error(packet: bytes) -> None:
    try:
        decode(packet)
    except ValueError:
        pass
