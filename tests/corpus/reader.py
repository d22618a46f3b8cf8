r"""Reads the corpus: files of cases, each some input and what must become of it.

A case begins with ``=== title``, after a ``|`` the limits that are not the usual ones
(``head=100 body=10 memory=4``).  Lines up to the first ``---`` are the input.  A line's own end is
not part of it: what counts is written out, ``\r \n \t \\ \xhh``, and ``\(text*3)`` for a text three
times over.  In a file of packets a line ``pack 0 0`` or ``pack 0 0 size=7`` begins a packet of the
lines ``KEY=value`` below it (``end`` closes it); the size is the true one unless given.  So does
``scgi`` with a netstring, and ``record 4 1 pad=3`` with a FastCGI record (type and request); there
``raw`` is content of any kind.

Then the outcomes, in order:

* ``--- GET /path`` (method and PATH_INFO): accepted; the lines below say more: ``KEY: value`` of
  the environ (``-`` for absent), ``body: ...``, ``close: yes`` if the connection ends here,
  ``exact: yes`` if the environ has nothing else of the request.
* ``--- 400``: refused with this status.
* ``--- more``: not complete, and nothing wrong so far.
* ``--- nothing``: nothing is left of it.

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
        if line == "--- nothing":
            continue
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
        if header is None and line.split(" ")[0] in _MAKERS:
            header, block = line.split(), b""
        elif header is None:
            data += unescape(line)
        elif line == "end":
            data += _MAKERS[header[0]](block, *header[1:])
            header = None
        elif line.startswith("raw "):
            block += unescape(line[4:])
        else:
            block += _PAIRS[header[0]](*map(unescape, line.split("=", 1)))
    return data


def _given(words: tuple[str, ...], name: str, default: int) -> int:
    found = [word.partition("=")[2] for word in words if word.startswith(f"{name}=")]
    return int(found[0]) if found else default


def _packet(block: bytes, modifier1: str, modifier2: str, *more: str) -> bytes:
    size = _given(more, "size", len(block))
    return struct.pack("<BHB", int(modifier1), size, int(modifier2)) + block


def _netstring(block: bytes, *more: str) -> bytes:
    return b"%d:%b," % (_given(more, "size", len(block)), block)


def _record(block: bytes, kind: str, number: str, *more: str) -> bytes:
    padding = _given(more, "pad", 0)
    size = _given(more, "size", len(block))
    version = _given(more, "version", 1)
    head = struct.pack(">BBHHBB", version, int(kind), int(number), size, padding, 0)
    return head + block + bytes(padding)


def _uwsgi_pair(name: bytes, value: bytes) -> bytes:
    return b"".join(struct.pack("<H", len(raw)) + raw for raw in (name, value))


_MAKERS = {"pack": _packet, "scgi": _netstring, "record": _record}
_PAIRS = {
    "pack": _uwsgi_pair,
    "scgi": lambda name, value: name + b"\0" + value + b"\0",
    "record": lambda name, value: bytes((len(name), len(value))) + name + value,
}
