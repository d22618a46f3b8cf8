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
    Modules,
    NotReady,
    Ready,
    Refork,
    Reforked,
    ReforkFailed,
    Spent,
    decode,
    encode,
    modules,
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
        NotReady(2, "ready-path = /: status=503", 1),
        Spent(2, "reload-on-exception"),
        Modules(()),
        Modules(("/a.py", "/\udcff\n.py")),
        Refork(3, 100),
        Reforked(3, 4711),
        ReforkFailed(3, "no memory"),
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
        b'["Modules", {"paths": "/a.py"}]',
        b'["Modules", {"paths": ["/a.py", 1]}]',
        b'["Modules", {"paths": null}]',
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


@given(st.lists(st.text(max_size=300), max_size=500))
def test_files_of_modules_are_named_in_packets_that_fit(paths: list[str]) -> None:
    packets = [encode(each) for each in modules(paths)]
    assert all(len(packet) <= LIMIT for packet in packets)
    told = [decode(packet) for packet in packets]
    assert [path for each in told if isinstance(each, Modules) for path in each.paths] == paths


def test_many_files_take_several_packets() -> None:
    paths = [f"/{number}/" + "x" * 1000 for number in range(200)]
    told = list(modules(paths))
    assert len(told) > 1
    assert all(len(encode(each)) <= LIMIT for each in told)
    assert [path for each in told for path in each.paths] == paths
    assert list(modules(())) == []


def test_an_absurd_path_is_left_out() -> None:
    assert [each.paths for each in modules(["/a", "x" * 100000, "/b"])] == [("/a", "/b")]
