"""Blocks: what passes, how often, and what is said; the plain ones are uWSGI 2.0.31's."""

from collections.abc import Mapping

import pytest

from quaich.config.item import FILE, Item
from quaich.config.logic import MAX_REPETITIONS, Logic, Refusal


class Facts:
    def exists(self, path: str) -> bool:
        return path.startswith("there")

    def is_file(self, path: str) -> bool:
        return path == "there"

    def is_directory(self, path: str) -> bool:
        return path == "there/"

    def hostname(self) -> str:
        return "web-1"

    def glob(self, pattern: str) -> list[str]:
        return ["g1", "g2"]

    def lines(self, path: str) -> list[str] | None:
        return ["l1", " l2", ""] if path == "there" else None


def run(text: str, environ: Mapping[str, str] | None = None) -> tuple[list[str], list[str]]:
    passed: list[str] = []
    codes: list[str] = []
    values = {"set": "1"}

    def emit(item: Item) -> None:
        values.setdefault(item.key, item.value or "")
        if "if" not in item.key and "for" not in item.key and item.key != "end":
            passed.append(f"{item.key}={item.value}")

    logic = Logic(
        Facts(),
        environ if environ is not None else {"A": "1", "E": ""},
        values.get,
        emit,
        lambda code, text, item: codes.append(code),
    )
    for line in text.split(" | "):
        key, _, value = line.partition("=")
        logic.feed(Item(key, value, "a.ini:1", FILE))
    logic.finish()
    return passed, codes


@pytest.mark.parametrize(
    ("text", "passed"),
    [
        ("for=a b | x=%(_) | y=%(_)1 | endfor | z=", "x=a x=b y=a1 y=b1 z="),
        ("for= | x=%(_) | endfor | z=", "z="),
        ("for=a | x=1 | end | z=", "x=1 z="),
        ("for-times=3 | x=%(_) | endfor", "x=1 x=2 x=3"),
        ("for-times=-1 | x=%(_) | endfor", ""),
        ("for-times=abc | x=%(_) | endfor", ""),
        ("for-glob=* | x=%(_) | endif", "x=g1 x=g2"),
        ("for-readline=there | x=[%(_)] | endfor", "x=[l1] x=[ l2] x=[]"),
        ("if-env=A | x=%(_) | endif | z=", "x=1 z="),
        ("if-env=A=2 | x=%(_) | endif | z=", "z="),
        ("if-env=E | x=[%(_)] | endif", "x=[]"),
        ("if-not-env=A=2 | x=%(_) | endif", "x=1"),
        ("if-not-env=B | x=%(_) | endif", "x=%(_)"),
        ("if-opt=set=1 | x=%(_) | endif", "x=1"),
        ("if-opt=other | x= | endif", ""),
        ("if-not-opt=x | x= | y= | endif | z=", "x= z="),
        ("if-exists=there/x | x= | endif", "x="),
        ("if-file=there | x= | endif", "x="),
        ("if-directory=there/ | x= | endif", "x="),
        ("if-not-dir=there/ | x= | endif", ""),
        ("if-hostname=web-1 | x= | endif", "x="),
        ("if-hostname-match=^web-[0-9]$ | x= | endif", "x="),
        ("if-plugin=python | x= | endif", "x="),
        ("if-reload= | x= | endif | if-not-reload | y= | endif", "y="),
    ],
)
def test_blocks(text: str, passed: str) -> None:
    found, codes = run(text)
    assert " ".join(found) == passed
    assert codes == []


@pytest.mark.parametrize(
    ("text", "passed", "code"),
    [
        ("if-env=A | x= | else | y= | endif | z=", "x= z=", "QX115"),
        ("if-env=B | x= | else | y= | endif | z=", "y= z=", "QX115"),
        ("if-env=A | if-env=B | x= | endif | y= | endif | z=", "y= z=", "QX116"),
        ("if-env=B | if-env=A | x= | endif | y= | endif | z=", "z=", "QX116"),
        ("if-env=B | if-env=A | x= | else | y= | endif | endif", "", "QX116"),
        ("for=a b | if-not-env=B | x=%(_) | endif | y=%(_) | endfor", "x=a y=a x=b y=b", "QX116"),
        ("for=a b | for=1 2 | x=%(_) | end | end", "x=1 x=2 x=1 x=2", "QX116"),
        ("endif | x=", "x=", "QX117"),
        ("if-env=A | x=", "x=", "QX117"),
        ("for=a b | x=%(_)", "x=a x=b", "QX117"),
        ("for-readline=none | x= | endfor | y=", "y=", "QX152"),
        ("if-exists=%(base) | x= | endif", "", "QX119"),
    ],
)
def test_traps(text: str, passed: str, code: str) -> None:
    found, codes = run(text)
    assert " ".join(found) == passed
    assert code in codes


@pytest.mark.parametrize(
    "text",
    [
        f"for-times={MAX_REPETITIONS + 1} | x= | endfor",
        "for-times=1000 | for-times=1000 | x= | x= | endfor | endfor",
        " | ".join(["for-times=9"] * 30),
        " | ".join(["if-env=A"] * 100),
        " | ".join(["for=a b"] * 100),
        "if-hostname-match=( | x= | endif",
    ],
)
def test_what_would_not_end_is_refused(text: str) -> None:
    with pytest.raises(Refusal):
        run(text)
