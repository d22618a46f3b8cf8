"""Encoders: what becomes of a line before it is sent; as in uWSGI they are applied in their order.

A line comes with its end, and leaves without one where the encoder says so (``${msg}``).  Pure,
but for the time, which is handed in.
"""

import gzip
import json
import re
import time
from collections.abc import Callable, Sequence

from quaich.config.loggers import Encoder

_PLACE = re.compile(r"\$\{([^}]*)\}")

Encode = Callable[[bytes, float], bytes]


def encoder(each: Encoder) -> Encode:
    """The function of an encoder."""
    text = each.argument.encode("utf-8", "surrogateescape")
    if each.type == "prefix":
        return lambda line, now: text + line
    if each.type == "suffix":
        return lambda line, now: line + text
    if each.type == "nl":
        return lambda line, now: line + b"\n"
    if each.type == "gzip":
        return lambda line, now: gzip.compress(line, mtime=now)
    if each.type == "strftime":
        # The whole line is one: as uWSGI has it, what it gives is the line.
        return lambda line, now: _strftime(line.decode("utf-8", "surrogateescape"), now)
    return _template(each.argument, each.type == "json")


def chain(encoders: Sequence[Encoder], sink: str) -> Sequence[Encode]:
    """The encoders that a sink's lines go through."""
    return [encoder(each) for each in encoders if each.sink in ("", sink)]


def _template(text: str, quoted: bool) -> Encode:
    pieces = _PLACE.split(text)
    literal = [piece.encode("utf-8", "surrogateescape") for piece in pieces[::2]]
    makers = [_maker(name, quoted) for name in pieces[1::2]]

    def encode(line: bytes, now: float) -> bytes:
        found = [literal[0]]
        for maker, after in zip(makers, literal[1:], strict=True):
            found += (maker(line, now), after)
        return b"".join(found)

    return encode


def _maker(name: str, quoted: bool) -> Encode:
    shown: Callable[[bytes], bytes] = _in_json if quoted else lambda value: value
    if name == "msg":
        return lambda line, now: shown(line.rstrip(b"\n"))
    if name == "msgnl":
        return lambda line, now: shown(line)
    if name == "unix":
        return lambda line, now: b"%d" % int(now)
    if name == "micros":
        return lambda line, now: b"%d" % int(now * 1e6)
    if name == "millis":
        return lambda line, now: b"%d" % int(now * 1e3)
    if name.startswith("strftime:"):
        text = name[len("strftime:") :]
        return lambda line, now: shown(_strftime(text, now))
    return lambda line, now: b""


def _strftime(text: str, now: float) -> bytes:
    return time.strftime(text, time.localtime(now)).encode("utf-8", "surrogateescape")


def _in_json(value: bytes) -> bytes:
    return json.dumps(value.decode("utf-8", "backslashreplace"))[1:-1].encode("ascii")
