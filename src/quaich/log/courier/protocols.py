"""Syslog (RFC 3164 and RFC 5424) and the journal's native protocol: a letter → one datagram.  Pure.

A datagram is one line; what follows a line's end in a traceback stays with it where the protocol
can carry it, and is escaped where it cannot.
"""

import re
import struct
import time

from quaich.config.loggers import FACILITIES
from quaich.log.courier.letter import INFO, REQUEST, Letter

DAEMON = FACILITIES.index("daemon")
NOTICE = DAEMON * 8 + 5
"""The priority that uWSGI gives all lines."""
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_LENGTH = struct.Struct("<Q")
_REQUEST_ID = re.compile(rb'"request_id":"([A-Za-z0-9._:/+=@-]{1,128})"')


def facility(name: str) -> int:
    """The number of a facility: by its name, or written out."""
    if not name:
        return DAEMON
    return FACILITIES.index(name) if name in FACILITIES else min(int(name), 23)


def one_line(line: bytes) -> bytes:
    """A line, or several, as one without an end."""
    return line.rstrip(b"\n").replace(b"\n", b"\\n")


def rsyslog(letter: Letter, priority: int, tag: str, now: float) -> bytes:
    """``<PRI>Mmm dd hh:mm:ss TAG: line``, as uWSGI has it; what failed has its own severity."""
    if letter.severity < INFO:
        priority = priority // 8 * 8 + letter.severity
    return f"<{priority}>{_date(now)} {tag}: ".encode("utf-8", "replace") + one_line(letter.line)


def rfc3164(letter: Letter, kind: int, ident: str, host: str, now: float) -> bytes:
    """``<PRI>Mmm dd hh:mm:ss HOST TAG[PID]: line``; without a host for the local daemon."""
    origin = f"{host} " if host else ""
    head = f"<{kind * 8 + letter.severity}>{_date(now)} {origin}{ident}[{letter.pid}]: "
    return head.encode("utf-8", "replace") + one_line(letter.line)


def _date(now: float) -> str:
    at = time.localtime(now)
    return f"{_MONTHS[at.tm_mon - 1]} {at.tm_mday:2d} {time.strftime('%H:%M:%S', at)}"


def rfc5424(letter: Letter, kind: int, ident: str, host: str, now: float) -> bytes:
    """``<PRI>1 TIME HOST APP PID MSGID - line``."""
    second, micros = divmod(round(now * 1000000), 1000000)
    date = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
    what = "request" if letter.kind == REQUEST else "server"
    head = (
        f"<{kind * 8 + letter.severity}>1 {date}.{micros:06d}Z {host or '-'} {ident} "
        f"{letter.pid or '-'} {what} - "
    )
    return head.encode("ascii", "replace") + one_line(letter.line)


def journal(letter: Letter, ident: str) -> bytes:
    """The fields of an entry of the journal."""
    fields = [
        ("PRIORITY", b"%d" % letter.severity),
        ("SYSLOG_IDENTIFIER", ident.encode("utf-8", "replace")),
        ("QUAICH_LOG", b"request" if letter.kind == REQUEST else b"server"),
        ("MESSAGE", letter.line.rstrip(b"\n")),
    ]
    if letter.pid:
        fields.append(("SYSLOG_PID", b"%d" % letter.pid))
    if letter.worker:
        fields.append(("WORKER", b"%d" % letter.worker))
    found = _REQUEST_ID.search(letter.line) if letter.kind == REQUEST else None
    if found is not None:
        fields.append(("REQUEST_ID", found[1]))
    return b"".join(_field(name, value) for name, value in fields)


def _field(name: str, value: bytes) -> bytes:
    if b"\n" in value:
        # Only so may a value hold one: it cannot begin another field.
        return b"%s\n%s%s\n" % (name.encode(), _LENGTH.pack(len(value)), value)
    return b"%s=%s\n" % (name.encode(), value)


def resp(*words: bytes) -> bytes:
    """A command as Redis and Valkey take it."""
    pieces = [b"*%d\r\n" % len(words)]
    for word in words:
        pieces.append(b"$%d\r\n%s\r\n" % (len(word), word))
    return b"".join(pieces)
