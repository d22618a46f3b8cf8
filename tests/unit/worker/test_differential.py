"""quaich reads requests as h11 and llhttp do, but for the differences that are meant."""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.corpus import reader
from tests.support import differential, mutate
from tests.support.differential import disagreement
from tests.support.intake import run
from tests.support.peers import READ, REFUSED, read_h11, read_llhttp

CASES = [case for case in reader.read("http1") if not case.limits]


def test_corpus() -> None:
    found = {case.name: disagreement(case.data) for case in CASES}
    assert not {name: fault for name, fault in found.items() if fault}


def test_every_difference_that_is_listed_is_one() -> None:
    stricter: set[str] = set()
    looser: set[str] = set()
    for case in CASES:
        peers = (read_h11(case.data), read_llhttp(case.data))
        for index, ours in enumerate(run("http", [case.data])):
            outcomes = [found[index].outcome for found in peers if index < len(found)]
            if ours.status >= 400 and outcomes == [READ, READ]:
                stricter.add(ours.reason)
            if ours.status == 200 and REFUSED in outcomes:
                looser |= {
                    why
                    for sign, why in (*differential.H11, *differential.LLHTTP)
                    if differential.re.search(sign, case.data)
                }
    assert stricter == set(differential.STRICTER)
    assert looser == {why for _, why in (*differential.H11, *differential.LLHTTP)}


def test_an_empty_line_after_a_body_that_is_one() -> None:
    """Which a fuzzer wrote."""
    assert not disagreement(
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n\n"
        b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"
    )


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_mutated_corpus(seed: int) -> None:
    chance = random.Random(seed)
    case = chance.choice(CASES)
    if len(case.data) < 3000:
        data = mutate.http(case.data, chance)
        assert not disagreement(data), data


TOKENS = st.text("abcXYZ019-._~!#$%&'*+^`|", min_size=1, max_size=8)
VALUES = st.text(
    st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=12
)
TARGETS = st.one_of(
    st.text("abc/.%2eF?=&;:@!$'()*+,-_~", max_size=15).map("/".__add__),
    st.sampled_from(["*", "http://b", "http://b/c?d", "https://b:80/", "/a#b", "b:80", "//"]),
)
FRAMING = st.sampled_from(
    [
        "",
        "Content-Length: 5\r\n",
        "Content-Length: 05\r\n",
        "Content-Length: 5\r\nContent-Length: 5\r\n",
        "Content-Length: 5, 5\r\n",
        "Content-Length: +5\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Transfer-Encoding: CHUNKED \r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
    ]
)
CHUNKS = st.lists(
    st.tuples(st.sampled_from(["", ";a", ";a=b", ';a="b;c"']), st.binary(min_size=1, max_size=20))
)


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    method = draw(st.one_of(st.sampled_from(["GET", "HEAD", "POST", "OPTIONS", "PUT"]), TOKENS))
    version = draw(st.sampled_from(["1.1", "1.1", "1.1", "1.0", "1.2"]))
    fields = "".join(
        f"{name}:{draw(st.sampled_from(['', ' ', '  ']))}{value}\r\n"
        for name, value in draw(st.lists(st.tuples(TOKENS, VALUES), max_size=3))
    )
    connection = draw(
        st.sampled_from(["", "", "Connection: close\r\n", "Connection: x, keep-alive\r\n"])
    )
    framing = draw(FRAMING)
    head = (
        f"{method} {draw(TARGETS)} HTTP/{version}\r\nHost: a\r\n{fields}{connection}{framing}\r\n"
    )
    body = draw(st.sampled_from([b"hello", b"hello", b""]))
    if "hunked" in framing.lower():
        chunks = b"".join(
            b"%x%b\r\n%b\r\n" % (len(data), ext.encode(), data) for ext, data in draw(CHUNKS)
        )
        body = (
            chunks + b"0\r\n" + draw(st.sampled_from([b"", b"X: y\r\n", b"Host: b\r\n"])) + b"\r\n"
        )
    return head.encode("latin-1") + body


@settings(max_examples=400, deadline=None)
@given(st.lists(requests(), min_size=1, max_size=3).map(b"".join))
def test_generated(data: bytes) -> None:
    assert not disagreement(data), data


def test_an_empty_line_behind_a_body_that_ends_a_line() -> None:
    """A difference that is meant, found by the tests above."""
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n"
    assert not disagreement(head + b"x\r\n" + b"\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n")


def test_a_difference_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison is able to fail."""
    case: Any = next(case for case in CASES if case.name.endswith(": a fragment"))
    assert not disagreement(case.data)
    monkeypatch.setattr(differential, "STRICTER", {})
    assert "both accept it, and not quaich" in disagreement(case.data)
