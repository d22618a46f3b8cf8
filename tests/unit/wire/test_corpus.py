"""The corpora read by the wire modules alone, whole; the intake's tests cut them as reads do."""

from typing import Any

from quaich.errors import ProtocolError
from quaich.wire.chunked import ChunkedDecoder
from quaich.wire.http1 import check_line, find_end, parse_head, skip_empty_lines
from quaich.wire.uwsgi import packet_size, parse_packet
from tests.corpus import reader


def head_or_line(data: bytes, start: int) -> tuple[Any, dict[str, Any], int]:
    """The head at ``start`` and where it ends; None when it is not complete."""
    environ: dict[str, Any] = {}
    end = find_end(data, start, 0)
    if end == -2:
        end = len(data)
    elif end < 0:
        line = data.find(b"\n", start) + 1
        if line:
            check_line(data, start, line)
        return None, environ, 0
    return parse_head(data, start, end, environ), environ, end


def read_http(data: bytes) -> list[int]:
    """The statuses of what is there, as ``reader.Expected`` has them."""
    found: list[int] = []
    at = 0
    try:
        while at < len(data):
            at = skip_empty_lines(data, at)
            head, _, end = head_or_line(data, at)
            if head is None:
                return [*found, 0]
            at = end
            if head.chunked:
                decoder = ChunkedDecoder()
                at = decoder.feed(data, at, [])
                if not decoder.done:
                    return [*found, 0]
            elif head.content_length > 0:
                at += head.content_length
                if at > len(data):
                    return [*found, 0]
            found.append(200)
            if not head.keep_alive:
                return found
    except ProtocolError as error:
        found.append(error.status)
    return found


def test_http() -> None:
    for case in reader.read("http1"):
        if not case.limits:
            assert read_http(case.data) == [each.status for each in case.expected], case.name


def test_uwsgi() -> None:
    for case in reader.read("uwsgi"):
        if case.limits:
            continue
        status = 200
        try:
            end = packet_size(case.data, 0)
            if end == 0 or end > len(case.data):
                status = 0
            else:
                head = parse_packet(case.data, 0, end, {})
                if head.content_length > len(case.data) - end:
                    status = 0
        except ProtocolError as error:
            status = error.status
        assert status == case.expected[0].status, case.name
