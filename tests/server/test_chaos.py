"""Clients that do anything, many at once: the worker lives, serves the honest ones, and ends with
the descriptors it began with."""

import contextlib
import os
import random
import re
import socket
import struct
from concurrent.futures import ThreadPoolExecutor

from tests.server.conftest import Site
from tests.support import http, uwsgi
from tests.support.processes import wait_until

GET = b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"
CHUNKED = b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

# What is sent, to which socket; any of it may be cut, read in part, and reset.
SAID = [
    ("http", b""),
    ("http", GET % b"/hello"),
    ("http", (GET % b"/hello") * 50),
    ("http", (GET % b"/two_pieces" + GET % b"/sends_file") * 3),
    ("http", GET % b"/streams_for_ever?chaos"),
    ("http", GET % b"/streams?60x300000" + GET % b"/hello"),
    ("http", GET % b"/big?5000000" + GET % b"/hello"),
    ("http", GET % b"/sends_file" + GET % b"/sends_memory"),
    ("http", GET % b"/writes_megabytes"),
    ("http", (GET % b"/raises") * 3),
    ("http", GET % b"/raises_midway" + GET % b"/hello"),
    ("http", GET % b"/too_short" + GET % b"/hello"),
    ("http", GET % b"/exits_in_iteration"),
    ("http", POST % 5 + b"hello" + GET % b"/hello"),
    ("http", POST % 300000 + b"x" * 300000 + GET % b"/hello"),
    ("http", CHUNKED + b"5\r\nhello\r\n0\r\n\r\n" + GET % b"/hello"),
    ("http", CHUNKED + b"5\r\nhello!\r\n0\r\n\r\n"),
    ("http", b"\0" * 100),
    ("http", b"GET /" + b"x" * 100000),
    ("uwsgi", b""),
    ("uwsgi", uwsgi.packet(uwsgi.variables("/hello"))),
    ("uwsgi", uwsgi.packet(uwsgi.variables("/echo", "POST", 100000)) + b"x" * 100000),
    ("uwsgi", uwsgi.packet(uwsgi.variables("/streams_for_ever?chaos"))),
    ("uwsgi", uwsgi.packet(uwsgi.variables("/sends_file"))),
    ("uwsgi", uwsgi.packet(uwsgi.variables("/raises_midway"))),
    ("uwsgi", b"GET / HTTP/1.1\r\n\r\n"),
]


def misbehave(site: Site, chance: random.Random) -> None:
    protocol, data = chance.choice(SAID)
    with http.Client(site.http if protocol == "http" else site.uwsgi) as client:
        client.sock.settimeout(chance.choice((0.01, 0.1)))
        with contextlib.suppress(OSError):
            if chance.random() < 0.3:
                data = data[: chance.randrange(len(data) + 1)]
            cut = chance.randrange(len(data) + 1)
            client.sock.sendall(data[:cut])
            client.sock.sendall(data[cut:])
            if chance.random() < 0.3:
                client.end()
            for _ in range(chance.randrange(4)):
                client.sock.recv(chance.choice((1, 1000, 65536)))
        if chance.random() < 0.5:
            reset = struct.pack("ii", 1, 0)
            client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)


def descriptors(site: Site) -> list[str]:
    """What the server holds, but for the epolls that threads make when they first need them."""
    home = f"/proc/{site.server.pid}/fd"
    kinds = []
    for number in os.listdir(home):
        # One that was listed may be closed by now.
        with contextlib.suppress(FileNotFoundError):
            kinds.append(os.readlink(f"{home}/{number}"))
    return sorted(kind for kind in kinds if "eventpoll" not in kind)


def behave(site: Site) -> None:
    with site.client(30) as client:
        assert client.request("/echo", "POST", body=b"honest").body == b"honest"
        assert client.request("/two_pieces").body == b"one,two"


def test_chaos(site: Site) -> None:
    behave(site)
    before = descriptors(site)

    def one(number: int) -> None:
        chance = random.Random(number)
        for turn in range(40):
            misbehave(site, chance)
            if turn % 8 == 0:
                behave(site)

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(one, number) for number in range(8)]:
            done.result(120)
    behave(site)
    wait_until(lambda: len(descriptors(site)) <= len(before), 20, "descriptors are given back")
    assert not re.search(r'File ".*/quaich/(worker|wire|sys|stats)/', site.server.log)
