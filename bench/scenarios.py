"""What is measured, as data: a request, what answers it, and how the servers stand to the client.

A scenario names a setup, the way in which servers are started for it; scenarios of one setup share
their servers.  Nothing here acts.
"""

import hashlib
from dataclasses import dataclass
from typing import Literal

from bench.apps import pages, scenes

# With Host, which the clients add, the seven that a browser sends.
HEADERS = (
    ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("Accept-Language", "en-GB,en;q=0.7,de;q=0.3"),
    ("Accept-Encoding", "gzip, deflate, br"),
    ("Cookie", "sessionid=4f1a7c0b9d2e4e8f9a6b; csrftoken=Zk3Qm8Lw2Xr7"),
)

Protocol = Literal["http", "uwsgi", "fastcgi"]
Kind = Literal["full", "paced", "idle"]


@dataclass(frozen=True)
class Setup:
    """How a server is started: one process, and this."""

    name: str
    module: str = "scenes"
    threads: int = 1
    log: bool = False
    protocol: Protocol = "http"
    unix: bool = False
    nginx: bool = False
    peers: tuple[str, ...] = ()  # these alone, for what would not tell more of the others
    packages: tuple[str, ...] = ()  # what the application needs


@dataclass(frozen=True)
class Scenario:
    name: str
    title: str
    setup: Setup
    digest: str
    length: int
    path: str = "/"
    post: int = 0  # octets of a request body
    close: bool = False  # a new connection for each request
    connections: int = 16
    kind: Kind = "full"
    ideal: int = 0  # requests a second that cannot be exceeded
    peers: tuple[str, ...] = ()
    idle: int = 0  # connections that ask once and stay

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        return (*HEADERS, ("Connection", "close" if self.close else "keep-alive"))


def body(octets: int) -> bytes:
    """A request body in which no two blocks of 4 KiB are alike."""
    return b"".join(b"%08x" % number + b"x" * 4088 for number in range(octets // 4096))


PLAIN = Setup("plain")
LOGGED = Setup("logged", log=True)
THREADS = Setup("threads", threads=8)
WEB = ("quaich", "uwsgi-router", "gunicorn-sync", "gunicorn-gthread", "granian", "bjoern")
FLOOR, GATHERING = "floor", "floor-gather"
FLOORS = (FLOOR, GATHERING)  # what nobody gets below, and no server
PAGES = (*WEB, "waitress", "fastwsgi", FLOOR)
FLASK = Setup("flask", "flask_page", peers=PAGES, packages=("flask",))
DJANGO = Setup("django", "django_page", peers=PAGES, packages=("django",))
GATEWAYS = ("quaich", "uwsgi", FLOOR)
UPSTREAMS = ("quaich", "gunicorn-gthread", "granian", "bjoern", "waitress", FLOOR)
NGINX_TCP = Setup("nginx-uwsgi-tcp", protocol="uwsgi", nginx=True, peers=GATEWAYS)
NGINX_UNIX = Setup("nginx-uwsgi-unix", protocol="uwsgi", unix=True, nginx=True, peers=GATEWAYS)
NGINX_HTTP = Setup("nginx-http", nginx=True, peers=UPSTREAMS)
NGINX_FASTCGI = Setup("nginx-fastcgi", protocol="fastcgi", nginx=True, peers=("quaich",))


def _plain(
    name: str,
    title: str,
    reply: bytes,
    path: str = "/",
    *,
    setup: Setup = PLAIN,
    post: int = 0,
    close: bool = False,
    connections: int = 16,
    kind: Kind = "full",
    ideal: int = 0,
    idle: int = 0,
) -> Scenario:
    digest = hashlib.sha256(reply).hexdigest()
    return Scenario(
        name,
        title,
        setup,
        digest,
        len(reply),
        path,
        post,
        close,
        connections,
        kind,
        ideal,
        idle=idle,
    )


def _post(name: str, title: str, octets: int, connections: int) -> Scenario:
    # The digest is of what /post?hash answers to body(octets).
    told = hashlib.sha256(body(octets)).hexdigest().encode()
    return _plain(name, title, told, "/post", post=octets, connections=connections)


HELLO = scenes.HELLO
SCENARIOS = (
    _plain("hello", "hello world, keep-alive", HELLO),
    _plain("json", "1 KB of JSON, made for each request", scenes.record_body(), "/json"),
    _plain("10k", "10 KB, keep-alive", scenes.TEN, "/10k"),
    _plain("close", "hello world, a new connection each", HELLO, close=True),
    _post("post64k", "POST of 64 KB", 65536, 16),
    _post("post10m", "POST of 10 MiB", 10 << 20, 2),
    _plain("1m", "1 MiB in one piece", scenes.MEGABYTE, "/1m", connections=4),
    _plain("file", "1 MiB by wsgi.file_wrapper", scenes.MEGABYTE, "/file", connections=4),
    _plain("chunks", "16 pieces of 1 KB, length unknown", scenes.CHUNK * 16, "/chunks"),
    _plain(
        "sleep",
        "20 ms of sleep, 8 threads, 64 clients",
        HELLO,
        "/sleep",
        setup=THREADS,
        connections=64,
        ideal=400,
    ),
    _plain("flask", "a Flask page", pages.PAGE, setup=FLASK),
    _plain("django", "a Django page", pages.PAGE, setup=DJANGO),
    _plain(
        "idle", "one client beside 1,000 idle ones", HELLO, connections=1, kind="idle", idle=1000
    ),
    _plain("logged", "hello world with the request log on", HELLO, setup=LOGGED),
    _plain("paced", "hello world at half the saturating rate", HELLO, kind="paced"),
    _plain("nginx-uwsgi-tcp", "nginx, uwsgi_pass over TCP", HELLO, setup=NGINX_TCP),
    _plain("nginx-uwsgi-unix", "nginx, uwsgi_pass over a UNIX socket", HELLO, setup=NGINX_UNIX),
    _plain("nginx-http", "nginx, proxy_pass, kept upstream", HELLO, setup=NGINX_HTTP),
    _plain("nginx-fastcgi", "nginx, fastcgi_pass, kept upstream", HELLO, setup=NGINX_FASTCGI),
)

# What a few minutes are enough for.
QUICK = ("hello", "json", "10k", "close", "post64k", "1m", "file", "chunks")
QUICK_PEERS = ("quaich", "uwsgi", "granian", "bjoern", "fastwsgi", *FLOORS)


def chosen(only: list[str], quick: bool) -> list[Scenario]:
    """The scenarios asked for, in the order of the table; ValueError for a name that is not."""
    known = [each.name for each in SCENARIOS]
    for name in only:
        if name not in known:
            raise ValueError(f"--only {name}: no such scenario; there are {', '.join(known)}")
    wanted = only or (QUICK if quick else known)
    return [each for each in SCENARIOS if each.name in wanted]
