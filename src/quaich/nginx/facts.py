"""The facts that a site's nginx file is made of, and how they are read from a table; pure.

``front`` checks every value, so that whatever is in a ``Front`` can be written into nginx's file:
names are names, paths are absolute and hold nothing that nginx would interpret, numbers are within
bounds.  Unknown keys are mistakes.
"""

from collections.abc import Mapping
from typing import TypeVar

from quaich.nginx import checks
from quaich.nginx.fields import Fields, Wrong, choice, flag, number, seconds, size
from quaich.values import dataclass

T = TypeVar("T")

PROTOCOLS = ("uwsgi", "http", "scgi", "fastcgi")
TLS_KINDS = ("none", "files", "certbot", "acme")

HTTP_PORT = 80
TLS_PORT = 443
# Without a harakiri, the time in which an application must say something.
PATIENCE = 60
BODY = 8 << 20
SESSION_COOKIES = ("sessionid", "session", "csrftoken")
LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"
PROXY_PROTOCOL = "proxy_protocol"
_MAX_TIME = 7 * 86400


@dataclass(frozen=True)
class Listen:
    """A port, on one address or, where that is empty, on all."""

    address: str
    port: int


@dataclass(frozen=True)
class Server:
    """A server of the application, as nginx writes its address."""

    address: str
    weight: int = 1
    is_backup: bool = False
    is_down: bool = False
    max_fails: int = 1
    fail_timeout: int = 5

    @property
    def is_local(self) -> bool:
        """Whether it is a UNIX socket."""
        return self.address.startswith("unix:")


@dataclass(frozen=True)
class Static:
    """Files that nginx serves: a directory for a ``url`` that ends in a slash, else one file.

    ``has_hashes`` says that names with a hash in them never change their contents.
    """

    url: str
    path: str
    has_hashes: bool = False
    is_precompressed: bool = False
    max_age: int = 3600


@dataclass(frozen=True)
class Internal:
    """A directory that the application sends files from by ``X-Accel-Redirect``."""

    url: str
    path: str


@dataclass(frozen=True)
class Limit:
    """How often one client may ask for what is below a path."""

    path: str
    rate: str
    burst: int


@dataclass(frozen=True)
class Cache:
    """Answers below a path are kept; never those to a client with one of the cookies."""

    path: str
    time: int
    stale: int
    cookies: tuple[str, ...] = SESSION_COOKIES


@dataclass(frozen=True)
class Tls:
    """Where the certificate comes from.

    ``is_pending`` says that certbot has still to make it: until then only the challenge and the
    site itself are served, over HTTP.
    """

    kind: str = "none"
    certificate: str = ""
    key: str = ""
    contact: str = ""
    issuer: str = LETS_ENCRYPT
    webroot: str = ""
    port: int = TLS_PORT
    redirects: bool = True
    is_pending: bool = False

    @property
    def is_on(self) -> bool:
        """Whether HTTPS can be spoken."""
        return self.kind != "none" and not self.is_pending


@dataclass(frozen=True)
class Maintenance:
    """The application is closed but to the networks in ``allow``; ``page`` is a file or none."""

    retry_after: int = 300
    allow: tuple[str, ...] = ()
    page: str = ""


@dataclass(frozen=True)
class Front:
    """All that a site's nginx file is made of."""

    site: str
    hosts: tuple[str, ...]
    servers: tuple[Server, ...]
    listen: tuple[Listen, ...] = (Listen("", HTTP_PORT),)
    protocol: str = "uwsgi"
    static: tuple[Static, ...] = ()
    internal: tuple[Internal, ...] = ()
    body_size: int = BODY
    buffers_requests: bool = True
    harakiri: int = 0
    real_ip: tuple[str, ...] = ()
    real_ip_header: str = "X-Forwarded-For"
    resolver: tuple[str, ...] = ()
    limits: tuple[Limit, ...] = ()
    cache: tuple[Cache, ...] = ()
    hsts: int = 0
    hsts_subdomains: bool = False
    headers: tuple[tuple[str, str], ...] = ()
    tls: Tls = Tls()
    has_http2: bool = True
    has_http3: bool = False
    compresses: bool = True
    refuses_others: bool = True
    include: tuple[str, ...] = ()
    maintenance: Maintenance | None = None


def front(table: Mapping[str, object], *, site: str, place: str, port: int = HTTP_PORT) -> Front:
    """The facts in a table, the contents of ``[nginx]``; ``port`` is where to listen by default.

    Raises QuaichError with ``place``, the key, its value and what was expected.
    """
    fields = Fields(table, place, "nginx.")
    hosts = fields.values("hosts", checks.host)
    if not hosts:
        fields.missing("hosts", "the host names of the site")
    made = Front(
        site=site,
        hosts=_once(fields, "hosts", hosts),
        servers=_servers(fields),
        listen=fields.values("listen", _listen) or (Listen("", port),),
        protocol=fields.value("protocol", choice(PROTOCOLS), "uwsgi"),
        static=tuple(_static(each) for each in fields.tables("static")),
        internal=tuple(_internal(each) for each in fields.tables("internal")),
        body_size=fields.value("body-size", size, BODY),
        buffers_requests=fields.value("request-buffering", flag, True),
        harakiri=fields.value("harakiri", _time, 0),
        real_ip=fields.values("real-ip", checks.network),
        real_ip_header=fields.value("real-ip-header", _source, "X-Forwarded-For"),
        resolver=fields.values("resolver", checks.address),
        limits=tuple(_limit(each) for each in fields.tables("limit")),
        cache=tuple(_cache(each) for each in fields.tables("cache")),
        hsts=fields.value("hsts", seconds, 0),
        hsts_subdomains=fields.value("hsts-subdomains", flag, False),
        headers=_headers(fields),
        tls=_tls(fields, hosts),
        has_http2=fields.value("http2", flag, True),
        has_http3=fields.value("http3", flag, False),
        compresses=fields.value("compress", flag, True),
        refuses_others=fields.value("default-server", flag, True),
        include=fields.values("include", checks.pattern_free),
        maintenance=_maintenance(fields),
    )
    _agree(fields, made)
    fields.done()
    return made


def _agree(fields: Fields, made: Front) -> None:
    """Refuse facts that contradict each other."""
    if all(server.is_backup or server.is_down for server in made.servers):
        fields.refuse("servers", "expected one server at least that is neither backup nor down")
    _once(fields, "listen", made.listen)
    _once(fields, "servers", tuple(server.address for server in made.servers))
    urls = [each.url for each in made.static] + [each.url for each in made.internal]
    _once(fields, "static", tuple(urls))
    _once(fields, "limit", tuple(each.path for each in made.limits))
    _once(fields, "cache", tuple(each.path for each in made.cache))
    for path in [each.path for each in made.limits] + [each.path for each in made.cache]:
        if path in urls:
            fields.refuse("static", f"{path} is served from files and passed to the application")
    if (made.hsts or made.has_http3) and made.tls.kind == "none":
        fields.refuse("hsts" if made.hsts else "http3", "needs [nginx.tls]")
    if made.real_ip_header == PROXY_PROTOCOL and not made.real_ip:
        fields.missing("real-ip", "the networks of the balancers in front")
    if made.tls.kind != "none" and any(each.port == made.tls.port for each in made.listen):
        fields.refuse("listen", f"{made.tls.port} is the port of HTTPS, tls.port")


def _once(fields: Fields, key: str, values: tuple[T, ...]) -> tuple[T, ...]:
    for number_, each in enumerate(values):
        if each in values[:number_]:
            shown = f"{each.address}:{each.port}" if isinstance(each, Listen) else each
            fields.refuse(key, f"{str(shown).lstrip(':')} is there twice")
    return values


def _time(value: object) -> int:
    found = seconds(value)
    if found > _MAX_TIME:
        raise Wrong("a time of a week at most")
    return found


def _listen(value: object) -> Listen:
    expected = "a port, or address:port"
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 65536:
        return Listen("", value)
    if not isinstance(value, str):
        raise Wrong(expected)
    address, colon, port = value.rpartition(":")
    if not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise Wrong(expected)
    if not colon or address == "*":
        return Listen("", int(port))
    bare = address[1:-1] if address.startswith("[") and address.endswith("]") else address
    return Listen(checks.address(bare), int(port))


def _servers(fields: Fields) -> tuple[Server, ...]:
    found = fields.values("servers", _server)
    if not found:
        fields.missing("servers", "where the application listens")
    return found


def _server(value: object) -> Server:
    if isinstance(value, str):
        return Server(checks.server(value))
    if not isinstance(value, Mapping):
        raise Wrong("host:port, unix:PATH, or a table with address")
    known = ("address", "weight", "backup", "down", "max-fails", "fail-timeout")
    for key in value:
        if key not in known:
            raise Wrong(f"a server of {', '.join(known)}")
    return Server(
        checks.server(value.get("address")),
        number(1, 1000)(value.get("weight", 1)),
        flag(value.get("backup", False)),
        flag(value.get("down", False)),
        number(0, 1000)(value.get("max-fails", 1)),
        _time(value.get("fail-timeout", 5)),
    )


def _static(fields: Fields) -> Static:
    made = Static(
        url=fields.needed("url", checks.url),
        path=fields.needed("path", checks.path),
        has_hashes=fields.value("hashed", flag, False),
        is_precompressed=fields.value("precompressed", flag, False),
        max_age=fields.value("max-age", seconds, 3600),
    )
    if made.url == "/":
        fields.refuse("url", "expected a path below /, like /static/, got the whole site")
    fields.done()
    return made


def _internal(fields: Fields) -> Internal:
    made = Internal(fields.needed("url", checks.url), fields.needed("path", checks.path))
    if made.url == "/" or not made.url.endswith("/"):
        fields.refuse("url", f'expected a path that ends in a slash, got "{made.url}"')
    fields.done()
    return made


def _limit(fields: Fields) -> Limit:
    made = Limit(
        fields.needed("path", checks.url),
        fields.needed("rate", checks.rate),
        fields.value("burst", number(0, 100_000), 10),
    )
    fields.done()
    return made


def _cache(fields: Fields) -> Cache:
    made = Cache(
        path=fields.needed("path", checks.url),
        time=fields.value("time", _time, 10),
        stale=fields.value("stale", _time, 3600),
        cookies=fields.values("cookies", checks.cookie) or SESSION_COOKIES,
    )
    if not made.time:
        fields.refuse("time", "expected a second at least")
    fields.done()
    return made


def _headers(fields: Fields) -> tuple[tuple[str, str], ...]:
    made = []
    for name, value in fields.pairs("headers").items():
        try:
            made.append((checks.header(name), checks.header_value(value)))
        except Wrong as error:
            fields.fail(f"headers.{name}", str(error), value)
    return tuple(made)


def _source(value: object) -> str:
    return PROXY_PROTOCOL if value == "proxy-protocol" else checks.header(value)


def _tls(fields: Fields, hosts: tuple[str, ...]) -> Tls:
    inner = fields.table("tls")
    if inner is None:
        return Tls()
    kind = inner.value("kind", choice(TLS_KINDS), "files")
    made = Tls(
        kind=kind,
        certificate=inner.value("certificate", checks.path, ""),
        key=inner.value("key", checks.path, ""),
        contact=inner.value("contact", _contact, ""),
        issuer=inner.value("issuer", _https, LETS_ENCRYPT),
        webroot=inner.value("webroot", checks.path, "/var/lib/quaich/acme"),
        port=inner.value("port", number(1, 65535), TLS_PORT),
        redirects=inner.value("redirect", flag, True),
    )
    for each in ("certificate", "key"):
        if kind == "files" and not getattr(made, each):
            inner.missing(each, "the path of a PEM file")
        if kind in ("none", "acme") and getattr(made, each):
            inner.refuse(each, f"is not used with kind {kind}")
    if kind in ("acme", "certbot") and any(each.startswith("*.") for each in hosts):
        inner.refuse("kind", f"{kind} proves a host over HTTP, which no wildcard can be; use files")
    inner.done()
    return made


def _contact(value: object) -> str:
    expected = "a mail address"
    if not isinstance(value, str) or value.count("@") != 1:
        raise Wrong(expected)
    name, _, domain = value.partition("@")
    if not name or not all(each.isascii() and (each.isalnum() or each in "._+-") for each in name):
        raise Wrong(expected)
    return f"{name}@{checks.host(domain)}"


def _https(value: object) -> str:
    good = isinstance(value, str) and value.startswith("https://")
    if not isinstance(value, str) or not good or not value.isascii() or not value.isprintable():
        raise Wrong("an address that begins with https://")
    if any(each in value for each in " $\"'\\;{}"):
        raise Wrong("an address without spaces and signs that nginx reads")
    return value


def _maintenance(fields: Fields) -> Maintenance | None:
    inner = fields.table("maintenance")
    if inner is None:
        return None
    is_on = inner.value("on", flag, True)
    made = Maintenance(
        retry_after=inner.value("retry-after", seconds, 300),
        allow=inner.values("allow", checks.network),
        page=inner.value("page", checks.path, ""),
    )
    inner.done()
    return made if is_on else None
