r"""Reads the corpus: files of cases, each some input and what must become of it.

A case begins with ``=== title``, after a ``|`` the limits that are not the usual ones
(``head=100 body=10 memory=4``).  Lines up to the first ``---`` are the input.  A line's own end is
not part of it: what counts is written out, ``\r \n \t \\ \xhh``, and ``\(text*3)`` for a text three
times over.  In a file of packets a line ``pack 0 0`` or ``pack 0 0 size=7`` begins a packet of the
lines ``KEY=value`` below it (``end`` closes it); the size is the true one unless given.

Then the outcomes, in order:

* ``--- GET /path`` (method and PATH_INFO): accepted; the lines below say more: ``KEY: value`` of
  the environ (``-`` for absent), ``body: ...``, ``close: yes`` if the connection ends here,
  ``exact: yes`` if the environ has nothing else of the request.
* ``--- 400``: refused with this status.
* ``--- more``: not complete, and nothing wrong so far.

``#`` begins a comment line outside the input.
"""

import re
import struct
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent

_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|\(((?:[^*\\]|\\.)*)\*(\d+)\)|(.))")
_PLAIN = {"r": "\r", "n": "\n", "t": "\t", "\\": "\\"}


@dataclass
class Expected:
    """One outcome: ``status`` of a refusal, 200 for accepted, 0 for not complete."""

    status: int
    method: str = ""
    environ: dict[str, str | None] = field(default_factory=dict)
    body: bytes | None = None
    close: bool | None = None
    exact: bool = False


@dataclass
class Case:
    name: str
    data: bytes
    limits: dict[str, int]
    expected: list[Expected]


def unescape(text: str) -> bytes:
    def one(match: re.Match[str]) -> str:
        code, repeated, times, plain = match.groups()
        if code:
            return chr(int(code, 16))
        if times:
            return unescape(repeated).decode("latin-1") * int(times)
        return _PLAIN[plain]

    return _ESCAPE.sub(one, text).encode("latin-1")


def read(folder: str) -> list[Case]:
    """Every case of a folder of the corpus."""
    found = [case for path in sorted((HERE / folder).glob("*.txt")) for case in _cases(path)]
    names = [case.name for case in found]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(f"names used twice: {twice}")
    return found


def _cases(path: Path) -> list[Case]:
    blocks = re.split(r"^=== ", path.read_text("utf-8"), flags=re.MULTILINE)[1:]
    return [_case(path.stem, block.splitlines()) for block in blocks]


def _case(stem: str, lines: list[str]) -> Case:
    title, _, limits = lines[0].partition(" | ")
    first = next(number for number, line in enumerate(lines) if line.startswith("---"))
    case = Case(
        f"{stem}: {title}",
        _input(lines[1:first]),
        {key: int(value) for key, value in (each.split("=") for each in limits.split())},
        [],
    )
    for line in lines[first:]:
        if line.startswith("--- "):
            case.expected.append(_outcome(line[4:]))
        elif line.strip() and not line.startswith("#"):
            _detail(case.expected[-1], line)
    return case


def _outcome(text: str) -> Expected:
    if text == "more":
        return Expected(0)
    if text.isdigit():
        return Expected(int(text))
    method, _, path = text.partition(" ")
    return Expected(200, method, {"PATH_INFO": unescape(path).decode("latin-1")})


def _detail(expected: Expected, line: str) -> None:
    key, colon, value = line.partition(":")
    if not colon:
        raise ValueError(f"not a detail of an outcome: {line!r}")
    raw = unescape(value[1:])
    if key == "body":
        expected.body = raw
    elif key == "close":
        expected.close = raw == b"yes"
    elif key == "exact":
        expected.exact = raw == b"yes"
    else:
        expected.environ[key] = None if raw == b"-" else raw.decode("latin-1")


def _input(lines: list[str]) -> bytes:
    data = b""
    header: list[str] | None = None
    block = b""
    for line in lines:
        if line.startswith("pack "):
            header, block = line.split()[1:], b""
        elif header is None:
            data += unescape(line)
        elif line == "end":
            data += _packet(header, block)
            header = None
        elif line.startswith("raw "):
            block += unescape(line[4:])
        else:
            for raw in map(unescape, line.split("=", 1)):
                block += struct.pack("<H", len(raw)) + raw
    return data


def _packet(header: list[str], block: bytes) -> bytes:
    size = len(block)
    for word in header[2:]:
        size = int(word.removeprefix("size="))
    return struct.pack("<BHB", int(header[0]), size, int(header[1])) + block
