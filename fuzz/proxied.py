"""What says whom a connection comes from: PROXY headers of both versions, and forwarding fields."""

import ipaddress
import random
import sys

import common

from quaich.errors import ProtocolError
from quaich.wire import forwarded, proxy
from tests.support import mutate

TRUSTED = ("10.0.0.1", "::1")


def check(data: bytes, chance: random.Random) -> None:
    if data[:1] in (b"P", b"\r"):
        _header(data)
    else:
        _fields(data)


def _header(data: bytes) -> None:
    try:
        size = proxy.header_size(data)
        for end in range(min(len(data), 60)):
            # Refused before it is whole, or not here yet; never of another size.
            try:
                assert proxy.header_size(data[:end]) in (0, size)
            except ProtocolError:
                assert size == 0
        if size:
            client = proxy.parse(data[:size])
            if client is not None:
                ipaddress.ip_address(client.address)
                assert 0 <= client.port <= 65535
    except ProtocolError as error:
        assert error.status == 400


def _fields(data: bytes) -> None:
    first, _, second = data.decode("latin-1").partition("\n")
    for environ in (
        {"HTTP_X_FORWARDED_FOR": first, "HTTP_X_FORWARDED_PROTO": second},
        {"HTTP_FORWARDED": first, "HTTP_X_FORWARDED_SSL": second},
        {"HTTP_FORWARDED": first},
    ):
        hop = forwarded.client(dict(environ), lambda address: address in TRUSTED)
        assert forwarded.scheme(dict(environ), hop) in ("", "http", "https")
        if hop is not None:
            ipaddress.ip_address(hop.address)
            assert not hop.port or 0 <= int(hop.port) <= 65535


def seeds() -> list[bytes]:
    block = proxy.SIGNATURE + b"\x21\x11\x00\x0c\xc0\0\2\7\x0a\0\0\1\x04\xd2\0\x50"
    six = bytes(range(16)) + bytes(range(16)) + b"\1\xbb\0\x50"
    secure = six + b"\x20\0\x0b\1\0\0\0\0\x21\0\3TLS"
    return [
        b"PROXY TCP4 192.0.2.7 10.0.0.1 1234 80\r\nGET / HTTP/1.1\r\n",
        b"PROXY TCP6 2001:db8::1 ::1 65535 443\r\n",
        b"PROXY UNKNOWN\r\n",
        block,
        proxy.SIGNATURE + b"\x21\x21\x00\x24" + six,
        proxy.SIGNATURE + b"\x21\x21\x00" + bytes((len(secure),)) + secure,
        proxy.SIGNATURE + b"\x20\0\0\0",
        b"192.0.2.7, 10.0.0.1\nhttps",
        b"[2001:db8::1]:4711, ::1\nhttp",
        b'for="[2001:db8::1]:4711";proto=https, for=10.0.0.1\non',
        b"for=192.0.2.43;by=203.0.113.43;proto=http",
    ]


damage = mutate.proxied


if __name__ == "__main__":
    assert __doc__
    sys.exit(common.main(__doc__, seeds(), damage, check))
