"""The chunked transfer coding (RFC 9112, section 7.1), decoded as it arrives.

Everything is checked, also what is thrown away: sizes are 1 to 15 hexadecimal digits, extensions
and trailers are bounded and hold no control octet, each chunk ends in CRLF.  Trailers are read and
dropped: merging them into a request that has begun would let them replace its fields.
"""

from quaich.errors import ProtocolError
from quaich.wire.grammar import HEX, TOKEN, VALUE

MAX_LINE = 1024
"""Octets of a chunk-size line with its extensions; no client sends any, slow drips are attacks."""

MAX_EXTENSIONS = 16384
"""Octets by which size lines may outweigh the data: else most of a body is thrown away, which no
limit of bodies sees (RFC 9112, section 7.1.1)."""

_FREE = 16
"""Octets of each size line that do not count: a size, or a short extension."""

MAX_TRAILERS = 8192
"""Octets of all trailer fields together, as much as nginx gives one header line."""

_FORBIDDEN = frozenset((b"content-length", b"host", b"transfer-encoding"))

_SIZE = 0
_DATA = 1
_DATA_END = 2
_TRAILERS = 3
_DONE = 4


class ChunkedDecoder:
    """Feed it octets, get body octets; ``done`` once the last chunk and its trailers are read.

    ``limit`` is the longest body that is taken, 0 for any; a chunk is refused by its size.
    """

    def __init__(self, limit: int = 0) -> None:
        self.limit = limit
        self.done = False
        self.received = 0
        self._state = _SIZE
        self._left = 0
        self._line = b""
        self._trailers = 0
        self._excess = 0

    def feed(self, data: bytes, start: int, out: list[bytes]) -> int:
        """Decode ``data[start:]``, append body octets to ``out``; the offset after what was used.

        Used is all of it, unless the body ended before.  Raises ProtocolError (400 or 413).
        """
        n = len(data)
        i = start
        while i < n and not self.done:
            if self._state == _DATA:
                end = i + self._left
                if end > n:
                    end = n
                out.append(data[i:end] if i > 0 or end < n else data)
                self._left -= end - i
                self.received += end - i
                i = end
                if self._left == 0:
                    self._state = _DATA_END
            else:
                i = self._line_part(data, i)
        return i

    def _line_part(self, data: bytes, i: int) -> int:
        """Collect a line up to its LF, then act on it; lines are short, data is not here."""
        at = data.find(b"\n", i)
        end = len(data) if at < 0 else at + 1
        line = self._line + data[i:end]
        limit = MAX_LINE if self._state != _TRAILERS else MAX_TRAILERS
        if len(line) > limit:
            raise ProtocolError(400, "a chunk line or trailer that is too long")
        if self._state == _DATA_END and line != b"\r\n"[: len(line)]:
            raise ProtocolError(400, "a chunk that does not end in CRLF where its size says")
        if at < 0:
            if line.find(b"\r", 0, -1) >= 0:
                raise ProtocolError(400, "a bare CR in a chunked body")
            if self._state == _SIZE and HEX[line[0]] > 15:
                raise ProtocolError(400, "a chunk size that is not a hexadecimal number")
            self._line = line
            return end
        self._line = b""
        if len(line) < 2 or line[-2] != 13:
            raise ProtocolError(400, "a bare LF in a chunked body")
        self._on_line(line[:-2])
        return end

    def _on_line(self, line: bytes) -> None:
        if self._state == _SIZE:
            self._left = _chunk_size(line)
            self._excess += len(line) - _FREE - self._left
            if self._excess < 0:
                self._excess = 0
            elif self._excess > MAX_EXTENSIONS:
                raise ProtocolError(400, "chunk extensions that are longer than the data")
            if self.limit and self.received + self._left > self.limit:
                raise ProtocolError(413, f"a body of more than {self.limit} octets (limit-post)")
            self._state = _DATA if self._left else _TRAILERS
        elif self._state == _DATA_END:
            self._state = _SIZE
        elif line:
            self._trailers += len(line) + 2
            if self._trailers > MAX_TRAILERS:
                raise ProtocolError(400, "trailers that are too long")
            _check_trailer(line)
        else:
            self._state = _DONE
            self.done = True


def _chunk_size(line: bytes) -> int:
    number = 0
    i = 0
    n = len(line)
    while i < n and HEX[line[i]] < 16:
        number = number * 16 + HEX[line[i]]
        i += 1
    if i == 0 or i > 15:
        raise ProtocolError(400, "a chunk size that is not 1 to 15 hexadecimal digits")
    if i < n:
        _check_extensions(line, i)
    return number


def _check_extensions(line: bytes, i: int) -> None:
    """``*( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] )``, to the end."""
    n = len(line)
    while i < n:
        i = _skip_space(line, i)
        if i >= n or line[i] != 59:
            raise ProtocolError(400, "a chunk size followed by something else than an extension")
        i = _token_end(line, _skip_space(line, i + 1))
        after = _skip_space(line, i)
        if after < n and line[after] == 61:
            i = _skip_space(line, after + 1)
            if i < n and line[i] == 34:
                i = _quoted_end(line, i)
            else:
                i = _token_end(line, i)


def _skip_space(line: bytes, i: int) -> int:
    while i < len(line) and (line[i] == 32 or line[i] == 9):
        i += 1
    return i


def _token_end(line: bytes, i: int) -> int:
    start = i
    while i < len(line) and TOKEN[line[i]]:
        i += 1
    if i == start:
        raise ProtocolError(400, "a chunk extension without a name or a value")
    return i


def _quoted_end(line: bytes, i: int) -> int:
    """After the closing quote of the quoted-string that begins at ``i``."""
    i += 1
    while i < len(line) and line[i] != 34:
        if line[i] == 92:
            i += 1
        if i >= len(line) or not VALUE[line[i]]:
            raise ProtocolError(400, "a chunk extension with a broken quoted string")
        i += 1
    if i >= len(line):
        raise ProtocolError(400, "a chunk extension whose quoted string does not end")
    return i + 1


def _check_trailer(line: bytes) -> None:
    name, colon, value = line.partition(b":")
    if not colon or not name:
        raise ProtocolError(400, "a trailer without a name and a colon")
    for octet in name:
        if not TOKEN[octet]:
            raise ProtocolError(400, "a trailer name with an octet it may not hold")
    for octet in value:
        if not VALUE[octet]:
            raise ProtocolError(400, "a control octet in a trailer")
    if name.lower() in _FORBIDDEN:
        raise ProtocolError(400, "a trailer that frames or routes a message (RFC 9110, 6.5.1)")
