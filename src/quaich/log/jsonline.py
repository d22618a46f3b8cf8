"""Request lines as JSON: one object a line, whatever a client sent.

Names and units are fixed: durations are whole microseconds, the time is RFC 3339 in UTC, and what
is not known is left out.  No header is written but those named here, so no secret of a client's
reaches the log.  Text is what its octets are in UTF-8; those that are not are shown escaped.
"""

import os
import re
from json.encoder import encode_basestring_ascii

from quaich.log.format import Process
from quaich.log.request import Answered, Need
from quaich.log.style import date
from quaich.patterns import pattern

_ID = pattern(r"[A-Za-z0-9._:/+=@-]{1,128}")
_TRACE = pattern(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?")
_STARTED = pattern(r"(?:t=)?([0-9]{10})(?:\.([0-9]{1,6})|([0-9]{3}|[0-9]{6}))?")
_LONGEST_QUEUE = 3600.0


class JsonLog:
    """The request lines of one worker as JSON."""

    open = False
    needs: tuple[Need, ...] = (
        ("HTTP_REFERER", ""),
        ("HTTP_USER_AGENT", ""),
        ("HTTP_X_REQUEST_ID", ""),
        ("HTTP_TRACEPARENT", ""),
        ("HTTP_X_REQUEST_START", ""),
    )

    def __init__(self, process: Process) -> None:
        self._pid = process.pid
        self._end = (
            f'"worker":{process.worker},"pid":{process.pid},"generation":{process.generation}'
        )
        self._prefix = os.urandom(6).hex()
        self._count = 0
        self._second = -1
        self._date = ""

    def line(self, r: Answered) -> bytes:
        """The line for one answered request, with its line end."""
        referer, agent, given, parent, started = r.values
        path, mark, query = r.uri.partition("?")
        # Put together by hand, which takes a third of the time: every text is encoded.
        found = [
            (
                f'{{"time":"{self._time(r.began)}","type":"request",'
                f'"request_id":"{self._request_id(given)}",'
                f'"method":{_text(r.method)},"path":{_text(path)}'
            )
        ]
        if mark:
            found.append(f',"query":{_text(query)}')
        found.append(
            f',"protocol":{_text(r.protocol)},"status":{r.status},"bytes":{r.sent},'
            f'"app_us":{r.app_micros},"total_us":{r.micros},{self._end}'
        )
        if parent:
            trace = _TRACE.fullmatch(parent)
            if trace is not None and _is_valid(trace):
                found.append(f',"trace_id":"{trace[2]}","span_id":"{trace[3]}"')
        if started:
            queued = queue_micros(started, r.began)
            if queued is not None:
                found.append(f',"queue_us":{queued}')
        if r.address:
            found.append(f',"remote":{_text(r.address)}')
        if r.user:
            found.append(f',"user":{_text(r.user)}')
        if referer:
            found.append(f',"referer":{_text(referer)}')
        if agent:
            found.append(f',"user_agent":{_text(agent)}')
        found.append("}\n")
        return "".join(found).encode("ascii")

    def _request_id(self, given: str) -> str:
        if given and _ID.fullmatch(given):
            return given
        self._count += 1
        return f"{self._prefix}-{self._pid:x}-{self._count:x}"

    def _time(self, began: float) -> str:
        second, fraction = divmod(round(began * 1000000), 1000000)
        if second != self._second:
            self._second = second
            self._date = date(second)
        return f"{self._date}.{fraction:06d}Z"


def _text(value: str) -> str:
    """A text of a request as its client meant it, octets read as UTF-8, encoded with its quotes."""
    if not value.isascii():
        octets = value.encode("latin-1", "backslashreplace")
        value = octets.decode("utf-8", "backslashreplace")
    return encode_basestring_ascii(value)


def _is_valid(trace: re.Match[str]) -> bool:
    """By the Trace Context: version 00 has no more fields, ff is none, and no id is all zeros."""
    if trace[1] == "ff" or (trace[1] == "00" and trace[4]):
        return False
    return trace[2].strip("0") != "" and trace[3].strip("0") != ""


def queue_micros(started: str, began: float) -> int | None:
    """How long a request has waited, by the front's ``X-Request-Start: t=SECONDS.FRACTION``.

    Milliseconds and microseconds without a point are read too.  A clock that disagrees, or a time
    that cannot be, is nothing.
    """
    match = _STARTED.fullmatch(started)
    if match is None:
        return None
    fraction = match[2] or match[3] or ""
    waited = began - float(f"{match[1]}.{fraction or '0'}")
    return int(waited * 1000000) if 0 <= waited < _LONGEST_QUEUE else None
