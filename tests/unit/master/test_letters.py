import pytest

from quaich.master.letters import MEANINGS, UNSUPPORTED, Ignored, Letter, Switch, read
from quaich.master.vocabulary import Meaning


def test_the_alphabet_is_uwsgis() -> None:
    digits = set("0123456789")
    assert set(MEANINGS) | set(UNSUPPORTED) | digits == set("0123456789+-BcCEflLpPqQrRsSwW")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", []),
        (b"\n \r\t\0", []),
        (b"r", [Letter("r", Meaning.RELOAD)]),
        (b"r\n", [Letter("r", Meaning.RELOAD)]),
        (b"R", [Letter("R", Meaning.BRUTAL_RELOAD)]),
        (b"c", [Letter("c", Meaning.CHAIN_RELOAD)]),
        (b"pp", [Letter("p", Meaning.PAUSE), Letter("p", Meaning.PAUSE)]),
        (b"1s", [Switch(1), Letter("s", Meaning.STATISTICS)]),
        (b"qq", [Letter("q", Meaning.DRAIN)]),
        (b"qQ", [Letter("q", Meaning.DRAIN), Letter("Q", Meaning.STOP)]),
    ],
)
def test_what_letters_mean(data: bytes, expected: list[object]) -> None:
    assert read(data) == expected


@pytest.mark.parametrize("letter", "BES")
def test_what_is_not_supported_is_said(letter: str) -> None:
    (word,) = read(letter.encode())
    assert isinstance(word, Ignored)
    assert word.text.startswith(f"letter={letter} not supported: ")


def test_unknown_letters_are_named_once_a_burst() -> None:
    first, second = read(b"zzXr\x1b\xffzz")
    assert first == Letter("r", Meaning.RELOAD)
    assert isinstance(second, Ignored)
    assert second.text.startswith(r"unknown letter z X \x1b \xff ignored: expected one of rR")


def test_a_flood_is_one_line() -> None:
    (word,) = read(bytes(range(128, 256)) * 32)
    assert isinstance(word, Ignored)
    assert " more ignored" in word.text
    assert len(word.text) < 200
