"""Damage to requests and packets, at random: of the kind that parsers disagree about."""

import random
import struct

_HTTP = (
    b"\r\n", b"\r\n\r\n", b"\n", b"\r", b"\n\r", b"\r\r\n", b" ", b"  ", b"\t", b"\0", b"\x0b",
    b"\x0c", b"\x1f", b"\x7f", b"\x80", b"\x85", b"\xa0", b"\xff", b":", b"::", b" :", b": ", b",",
    b", ", b";", b"=", b'"', b"\\", b"/", b"//", b"/.", b"/..", b"%", b"%2e", b"%2f", b"%00",
    b"%0d%0a", b"?", b"#", b"*", b"@", b"[", b"]", b"[::1]", b"_", b"+", b"-", b"0", b"00", b"1",
    b"5", b"0x", b"a", b"F", b"g", b"1_0", b"99999999999999999999", b"GET", b"HEAD", b"POST",
    b"OPTIONS", b"CONNECT", b"GET / HTTP/1.1\r\n", b"HTTP/1.1", b"HTTP/1.0", b"HTTP/1.2",
    b"HTTP/2.0", b"http://b", b"https://b:80/", b"Host: a\r\n", b"Host:\r\n", b"Host: b\r\n",
    b"Content-Length: 5\r\n", b"Content-Length: 0\r\n", b"Content-Length", b"content-length:5\r\n",
    b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding", b"chunked", b"identity",
    b"gzip, chunked", b"Connection: close\r\n", b"Connection: keep-alive\r\n", b"close",
    b"keep-alive", b"Expect: 100-continue\r\n", b"X_Y: z\r\n", b"X: y\r\n", b" z\r\n", b"\tz\r\n",
    b"0\r\n\r\n", b"5\r\nhello\r\n", b"5;a=b\r\n", b';a="b"', b"hello", b"Upgrade: x\r\n",
    b"Cookie: a=b\r\n",
)  # fmt: skip

_UWSGI = (
    b"\0", b"\0\0", b"\xff\xff", b"\x01\0A\x01\0b", b"\0\0\0\0", b"\x0e\0REQUEST_METHOD\x03\0GET",
    b"\x0e\0CONTENT_LENGTH\x01\x005", b"\x0e\0CONTENT_LENGTH\0\0", b"CONTENT_LENGTH", b"-1", b"5",
    b"hello", b"\x16\0HTTP_TRANSFER_ENCODING\x07\0chunked",
)  # fmt: skip

_NGINX = (
    b"{", b"}", b";", b'"', b"'", b"\\", b"#", b"$", b"${", b"\n", b" ", b"\0", b"\xff", b"=", b":",
    b"/", b"0", b"--", b"--[[", b"]]", b"[=[", b"include p;", b"include main;", b"include *;",
    b"location /a {", b"server {", b"http {", b"if ($a) {", b"x_by_lua_block {", b"map $a $b {",
    b"uwsgi_pass z;", b"proxy_pass http://unix:", b"proxy_pass $a;",
    b"uwsgi_param HTTP_HOST $host;",
    b"listen ;", b"listen [::];", b"alias ;", b"root ;", b"zone ;", b"add_header ;", b"gzip on;",
    b"# configuration file main:\n", b"99999999999999999999",
)  # fmt: skip


def _damage(data: bytearray, chance: random.Random, pieces: tuple[bytes, ...]) -> None:
    at = chance.randint(0, len(data))
    what = chance.random()
    if what < 0.35:
        data[at:at] = chance.choice(pieces)
    elif what < 0.5:
        data[at : at + chance.choice((1, 1, 1, 2, 4, 12))] = b""
    elif what < 0.65:
        data[at : at + 1] = bytes((chance.randrange(256),))
    elif what < 0.75:
        data[at : at + chance.choice((1, 2, 6))] = chance.choice(pieces)
    elif what < 0.85:
        other = chance.randint(0, len(data))
        data[at:at] = data[other : other + chance.randint(1, 40)]
    elif what < 0.92 and data:
        data[at % len(data)] ^= 1 << chance.randrange(8)
    else:
        lines = bytes(data).split(b"\r\n")
        first, second = chance.randrange(len(lines)), chance.randrange(len(lines))
        lines[first], lines[second] = lines[second], lines[first]
        data[:] = b"\r\n".join(lines)


def http(data: bytes, chance: random.Random) -> bytes:
    octets = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 2, 3, 5))):
        _damage(octets, chance, _HTTP)
    return bytes(octets)


def uwsgi(data: bytes, chance: random.Random) -> bytes:
    """Half of the packets get a size that is true again, so that their variables are read."""
    octets = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 3))):
        _damage(octets, chance, _UWSGI)
    if len(octets) >= 4 and chance.random() < 0.5:
        body = chance.choice((0, 0, 5))
        octets[1:3] = struct.pack("<H", min(65535, max(0, len(octets) - 4 - body)))
    return bytes(octets)


def nginx(data: bytes, chance: random.Random) -> bytes:
    octets = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 3, 8))):
        _damage(octets, chance, _NGINX)
    return bytes(octets)


def cut(data: bytes, chance: random.Random) -> list[bytes]:
    """The data in some pieces, as reads bring them."""
    if not data:
        return []
    if chance.random() < 0.2 and len(data) < 2000:
        return [data[at : at + 1] for at in range(len(data))]
    marks = sorted(
        {chance.randint(1, len(data)) for _ in range(chance.randint(1, 4))} | {len(data)}
    )
    return [data[start:end] for start, end in zip([0, *marks], marks, strict=False)]
