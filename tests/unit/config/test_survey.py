"""What a configuration amounts to, and its risks."""

import pytest

from quaich.config.base import ListenSpec
from quaich.config.codes import diagnose
from quaich.config.effective import Config
from quaich.config.item import FILE, PLACEHOLDER, Item
from quaich.config.survey import remarks, risks, summarize


def item(key: str, line: int, source: str = FILE) -> Item:
    return Item(key, "1", f"a.ini:{line}", source)


ITEMS = [
    item("module", 1),
    item("buffer-size", 2),
    item("thunder-lock", 3),
    item("legion", 4),
    item("harakri", 5),
    item("base", 6),
    item("root", 7, PLACEHOLDER),
]


def test_the_summary() -> None:
    notes = [diagnose("QX101", "text", "a.ini:5", "harakri")]
    assert str(summarize(ITEMS, notes)) == (
        "7 settings: 1 same, 1 differ, 1 without effect, 1 unsupported, 1 unknown, "
        "2 for placeholders"
    )
    assert str(summarize(ITEMS[:1], [])) == "1 setting: 1 same"


def test_remarks() -> None:
    assert [(note.code, note.line) for note in remarks(ITEMS)] == [("QX301", 3)]
    assert [note.code for note in remarks(ITEMS, differences=True)] == ["QX302", "QX301"]


@pytest.mark.parametrize(
    ("address", "protocol", "codes"),
    [
        (":3031", "uwsgi", ["QX006"]),
        ("10.0.0.1:3031", "uwsgi", ["QX006"]),
        ("127.0.0.1:3031", "uwsgi", []),
        ("localhost:1", "auto", []),
        ("[::1]:1", "uwsgi", []),
        (":3031", "http", []),
        ("/run/x.sock", "uwsgi", []),
        ("/tmp/x.sock", "http", ["QX008"]),
        ("@x", "uwsgi", []),
        ("fd://0", "uwsgi", []),
    ],
)
def test_addresses(address: str, protocol: str, codes: list[str]) -> None:
    config = Config(listeners=(ListenSpec(address, protocol, "socket", "a.ini:1"),))
    assert [note.code for note in risks(config)] == codes


@pytest.mark.parametrize(("mode", "codes"), [(0o660, []), (0o666, ["QX007"]), (None, [])])
def test_modes(mode: int | None, codes: list[str]) -> None:
    assert [note.code for note in risks(Config(chmod_socket=mode))] == codes
