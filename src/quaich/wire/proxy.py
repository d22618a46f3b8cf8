"""The PROXY protocol, versions 1 and 2: who a balancer's connection really comes from.

The header stands before everything else on a connection and is there once.  Version 1 is a line,
version 2 a binary block that may carry more, of which whether the client came by TLS is read.
LOCAL and UNKNOWN (a balancer's own health check) name nobody: the peer is then the client.

What is not exactly such a header is refused; whoever speaks to a port where one is due and sends
none is not guessed at.  Whose header is believed is for the caller to decide.
"""

from quaich.errors import ProtocolError
from quaich.wire.target import is_ipv4, is_ipv6

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
LINE = b"PROXY "

MOST_LINE = 107
"""Octets of a version 1 header, its CRLF included, as the protocol has it."""

MOST_BLOCK = 4096
"""Octets behind the fixed part of a version 2 header; balancers send a few hundred at most."""

_SSL = 0x20
_SIZES = {0x11: 12, 0x21: 36}
_NOBODY = (0x00, 0x31, 0x32)


class Client:
    """Whom a header names; ``secure`` is whether it came to the balancer by TLS."""

    def __init__(self, address: str, port: int, secure: bool = False) -> None:
        self.address = address
        self.port = port
        self.secure = secure


def header_size(data: bytes) -> int:
    """Octets of the header that ``data`` begins with, 0 while it is not all here."""
    size = len(data)
    if data[:12] == SIGNATURE[:size]:
        if size < 16:
            return 0
        block = 256 * data[14] + data[15]
        if block > MOST_BLOCK:
            raise ProtocolError(400, f"a PROXY header of more than {MOST_BLOCK} octets")
        return 16 + block if size >= 16 + block else 0
    if data[:6] != LINE[:size]:
        raise ProtocolError(400, "no PROXY header where one is due")
    end = data.find(b"\r\n", 0, MOST_LINE)
    if end < 0:
        if size >= MOST_LINE:
            raise ProtocolError(400, f"a PROXY line of more than {MOST_LINE} octets")
        return 0
    return end + 2


def parse(header: bytes) -> Client | None:
    """The client in a whole header, None where it names nobody; raises ProtocolError (400)."""
    return _block(header) if header.startswith(SIGNATURE) else _line(header)


def _line(header: bytes) -> Client | None:
    words = header[:-2].split(b" ")
    if words[1] == b"UNKNOWN":
        return None
    if len(words) != 6 or words[1] not in (b"TCP4", b"TCP6"):
        raise ProtocolError(400, "a PROXY line that is neither of TCP4, TCP6 nor UNKNOWN")
    check = is_ipv4 if words[1] == b"TCP4" else is_ipv6
    if not check(words[2]) or not check(words[3]):
        raise ProtocolError(400, "a PROXY line with an address that is none of its family")
    _port(words[5])
    return Client(words[2].decode("ascii"), _port(words[4]))


def _port(word: bytes) -> int:
    number = 0
    for octet in word:
        if octet < 48 or octet > 57 or len(word) > 5 or (word[0] == 48 and len(word) > 1):
            number = 65536
            break
        number = number * 10 + octet - 48
    if not word or number > 65535:
        raise ProtocolError(400, "a PROXY line with a port that is none")
    return number


def _block(header: bytes) -> Client | None:
    command, family = header[12], header[13]
    if command == 0x20:
        return None
    if command != 0x21:
        raise ProtocolError(400, "a PROXY header of an unknown version or command")
    if family in _NOBODY:
        return None
    size = _SIZES.get(family)
    if size is None or len(header) < 16 + size:
        raise ProtocolError(400, "a PROXY header of an unknown family, or cut short")
    secure = _is_secure(header, 16 + size)
    half = (size - 4) // 2
    raw = header[16 : 16 + half]
    at = 16 + 2 * half
    return Client(_text(raw), 256 * header[at] + header[at + 1], secure)


def _text(raw: bytes) -> str:
    if len(raw) == 4:
        return ".".join(map(str, raw))
    # Rarely needed, and not small.
    import ipaddress

    return str(ipaddress.IPv6Address(raw))


def _is_secure(header: bytes, start: int) -> bool:
    """Read what follows the addresses: types, lengths and values."""
    secure = False
    i = start
    while i < len(header):
        end = i + 3
        if end <= len(header):
            end += 256 * header[i + 1] + header[i + 2]
        if end > len(header):
            raise ProtocolError(400, "a PROXY header with a value over its end")
        if header[i] == _SSL:
            if end - i < 8:
                raise ProtocolError(400, "a PROXY header that cuts what it says of TLS")
            secure = header[i + 3] & 1 == 1
        i = end
    return secure
