"""A site's nginx files from its facts; pure.

A site is one file and two snippets.  The names of snippets hold a hash of what is in them, so that
new ones never touch those that are in use, and the site file is the only thing that is replaced.
For each port there is a file with a server that refuses hosts nobody has; sites share it, and its
text depends on nothing but the port.  Directives are written only where this nginx knows them; what
cannot be done without them raises NginxError.
"""

import hashlib
from collections.abc import Iterable, Iterator

from quaich.nginx import passing, secure, serving
from quaich.nginx.abilities import Abilities
from quaich.nginx.errors import NginxError
from quaich.nginx.facts import PROXY_PROTOCOL, Front, Listen
from quaich.nginx.passing import name, trusts_scheme, variable
from quaich.nginx.writing import Directive, Raw, block, line, write
from quaich.values import dataclass

_HASH = 12
SITE = "site"
DEFAULT = "default"


@dataclass(frozen=True)
class _Snippets:
    """The files that a site file includes, as it writes them."""

    parameters: str
    headers: str


def site_file(site: str) -> str:
    """The name of a site's file."""
    return f"quaich-{site}.conf"


def default_file(owner: str) -> str:
    """The name of a default server's file; no site has a name with a dot in it."""
    return f"quaich-default.{owner}.conf"


def mark(kind: str, owner: str, body: str) -> str:
    """The first line of a file: whose it is, and the hash of the rest."""
    return f'# quaich {kind} {owner} {digest(body)}: written by "quaich nginx", which replaces it\n'


def digest(body: str) -> str:
    """The hash of a file's text below its first line."""
    return hashlib.sha256(body.encode()).hexdigest()[:_HASH]


def render(front: Front, nginx: Abilities) -> dict[str, str]:
    """The text of each file by its name.

    Names without a slash are site files (the site's, and those of the servers that refuse unknown
    hosts); the others are relative to the directory of snippets.
    """
    _check(front, nginx)
    parameters = write(passing.parameters(front, nginx))
    headers = write(serving.headers(front, nginx))
    directory = f"{front.site}-{digest(parameters + headers)}"
    snippets = _Snippets(f"quaich/{directory}/params", f"quaich/{directory}/headers")
    parts = [write([each]) for each in _site(front, nginx, snippets)]
    body = "\n".join(parts)
    files = {
        site_file(front.site): mark(SITE, front.site, body) + body,
        f"{directory}/params": parameters,
        f"{directory}/headers": headers,
    }
    if front.refuses_others:
        files |= dict(_defaults(front, nginx))
    return files


def _check(front: Front, nginx: Abilities) -> None:
    secure.check(front, nginx)
    module = {"http": "http_proxy"}.get(front.protocol, f"http_{front.protocol}")
    needs = {module: f"protocol {front.protocol}", "http_rewrite": "every site"}
    if front.real_ip:
        needs["http_realip"] = "real-ip"
    if front.limits:
        needs["http_limit_req"] = "limit"
    if front.cache:
        needs["http_cache"] = "cache"
    if front.has_http3:
        needs["http_v3"] = "http3"
    for each, what in needs.items():
        if not nginx.has(each):
            text = f"nginx {nginx.release} is built without {each}_module, which {what} needs"
            raise NginxError(text)
    if (
        front.resolver
        and not nginx.since(1, 27, 3)
        and any(not each.is_local for each in front.servers)
    ):
        raise NginxError(
            f"resolver: nginx {nginx.release} resolves the names of servers only when it starts; "
            "1.27.3 is the first that can do it later"
        )


def _site(front: Front, nginx: Abilities, snippets: _Snippets) -> Iterator[Directive]:
    yield passing.upstream(front)
    yield from _shared(front, nginx)
    yield from secure.issuer(front, nginx)
    if front.tls.is_on and front.tls.redirects:
        yield block("server", [], _redirecting(front, nginx))
    yield block("server", [], _serving(front, nginx, snippets))


def _shared(front: Front, nginx: Abilities) -> Iterator[Directive]:
    """Variables and zones, which nginx wants outside of servers."""
    if trusts_scheme(front):
        networks = [line(each, 1) for each in front.real_ip]
        trusted = variable(front, "trust")
        yield block("geo", [Raw("$realip_remote_addr"), trusted], [line("default", 0), *networks])
        cases = [line("default", Raw("$scheme")), line("1:https", "https"), line("1:http", "http")]
        source = Raw(f"{trusted}:$http_x_forwarded_proto")
        yield block("map", [source, variable(front, "scheme")], cases)
        on = [line("default", ""), line("https", "on")]
        yield block("map", [variable(front, "scheme"), variable(front, "https")], on)
    if not nginx.since(1, 29, 3):
        ports = [
            line("default", Raw("$host:$server_port")),
            line("80", Raw("$host")),
            line("443", Raw("$host")),
        ]
        yield block("map", [Raw("$server_port"), variable(front, "host")], ports)
    if front.protocol == "http":
        cases = [line("default", "upgrade"), line("", "close")]
        yield block("map", [Raw("$http_upgrade"), variable(front, "conn")], cases)
    if front.maintenance:
        yield serving.closed_to(front, front.maintenance)
    yield from serving.header_maps(front)
    for each in {passing.cookies(front, cache): cache for cache in front.cache}.items():
        names = "|".join(cookie.replace(".", r"\.") for cookie in each[1].cookies)
        cases = [line("default", ""), line(Raw(f"~(?:^|;) *(?:{names})="), 1)]
        yield block("map", [Raw("$http_cookie"), variable(front, each[0])], cases)
    if front.cache:
        yield passing.cache_path(front, nginx)
    for number, limit in enumerate(front.limits, 1):
        zone = f"zone={_zone(front, number)}:1m"
        yield line("limit_req_zone", Raw("$binary_remote_addr"), zone, f"rate={limit.rate}")


def _zone(front: Front, number: int) -> str:
    return name(front, "rl" if number == 1 else f"rl{number}")


def _listens(front: Front, nginx: Abilities, secure_: bool, *more: str) -> Iterator[Directive]:
    ports = front.listen
    words = list(more)
    if secure_:
        ports = tuple(dict.fromkeys(Listen(each.address, front.tls.port) for each in ports))
        words.append("ssl")
        if front.has_http2 and nginx.has("http_v2") and not nginx.since(1, 25, 1):
            words.append("http2")
    if front.real_ip_header == PROXY_PROTOCOL:
        words.append("proxy_protocol")
    for each in ports:
        for address in addresses(each, nginx):
            yield line("listen", address, *words)


def addresses(listen: Listen, nginx: Abilities) -> list[str]:
    """The addresses of a port as nginx writes them."""
    if listen.address:
        return [f"{listen.address}:{listen.port}"]
    return [str(listen.port), f"[::]:{listen.port}"] if nginx.has_ipv6 else [str(listen.port)]


def _named(front: Front) -> list[Directive]:
    return [line("server_name", *front.hosts), line("server_tokens", "off")]


def _redirecting(front: Front, nginx: Abilities) -> Iterator[Directive]:
    yield from _listens(front, nginx, False)
    yield from _named(front)
    yield from _real_ip(front)
    yield from secure.challenge(front.tls)
    port = "" if front.tls.port == 443 else f":{front.tls.port}"
    target = Raw(f"https://$host{port}$request_uri")
    yield block("location", ["/"], [line("return", 301, target)])


def _serving(front: Front, nginx: Abilities, snippets: _Snippets) -> Iterator[Directive]:
    tls = front.tls
    if not (tls.is_on and tls.redirects):
        yield from _listens(front, nginx, False)
    if tls.is_on:
        yield from _listens(front, nginx, True)
        if serving.speaks_http3(front, nginx):
            for each in dict.fromkeys(Listen(one.address, tls.port) for one in front.listen):
                for address in addresses(each, nginx):
                    yield line("listen", address, "quic")
        if front.has_http2 and nginx.has("http_v2") and nginx.since(1, 25, 1):
            yield line("http2", "on")
    yield from _named(front)
    if tls.is_on:
        yield from secure.certificate(front, nginx)
    yield from _real_ip(front)
    yield line("client_max_body_size", front.body_size)
    yield from serving.compression(front, nginx)
    yield line("include", snippets.headers)
    yield from passing.behaviour(front)
    if not tls.is_on or not tls.redirects:
        yield from secure.challenge(tls)
    for files in front.static:
        yield serving.static(files, front, nginx, snippets.headers)
    for inner in front.internal:
        yield serving.internal(inner)
    if front.maintenance:
        yield from serving.closed_page(front.maintenance, snippets.headers)
    yield from _locations(front, snippets)
    for path in front.include:
        yield line("include", path)


def _real_ip(front: Front) -> Iterator[Directive]:
    for each in front.real_ip:
        yield line("set_real_ip_from", each)
    if front.real_ip:
        yield line("real_ip_header", front.real_ip_header)
        yield line("real_ip_recursive", "on")


def _locations(front: Front, snippets: _Snippets) -> Iterator[Directive]:
    """What is passed to the application: all, and the paths with rules of their own."""
    limits = {each.path: (number, each) for number, each in enumerate(front.limits, 1)}
    caches = {each.path: each for each in front.cache}
    closed = [serving.closed_check(front)] if front.maintenance else []
    passed = passing.passed(front, snippets.parameters)
    paths = dict.fromkeys([*limits, *caches, "/"])
    files = [each.url for each in front.static]
    for path in paths:
        inside: list[Directive] = []
        if path in limits:
            number, limit = limits[path]
            zone = [f"zone={_zone(front, number)}"]
            if limit.burst:
                zone += [f"burst={limit.burst}", "nodelay"]
            inside += [line("limit_req", *zone), line("limit_req_status", 429)]
        if path in caches:
            inside.append(line("include", snippets.headers))
            inside += passing.cached(front, caches[path])
        yield block("location", [path], [*closed, *inside, *passed])
        bare = path.rstrip("/")
        if bare and bare != path and bare not in (*paths, *files):
            # Else nginx itself would redirect it, to a path the application may not have.
            yield block("location", ["=", bare], [*closed, *passed])


def _defaults(front: Front, nginx: Abilities) -> Iterator[tuple[str, str]]:
    """The servers that refuse unknown hosts, a file for each port."""
    nameless = [line("server_name", ""), line("server_tokens", "off")]
    for each in front.listen:
        inside = [*nameless, line("return", 444)]
        yield _default(each, nginx, [], inside, "")
    if not front.tls.is_on or not nginx.since(1, 19, 4):
        return
    reject = [*nameless, *secure.protocols(nginx), line("ssl_reject_handshake", "on")]
    for each in dict.fromkeys(Listen(one.address, front.tls.port) for one in front.listen):
        yield _default(each, nginx, ["ssl"], reject, "")
        if serving.speaks_http3(front, nginx):
            yield _default(each, nginx, ["quic", "reuseport"], reject, "-quic")


def _default(
    each: Listen, nginx: Abilities, words: list[str], inside: Iterable[Directive], suffix: str
) -> tuple[str, str]:
    listens = [line("listen", one, *words, "default_server") for one in addresses(each, nginx)]
    plain = each.address.strip("[]").replace(":", "_")
    owner = f"{plain}-{each.port}{suffix}" if plain else f"{each.port}{suffix}"
    body = write([block("server", [], [*listens, *inside])])
    return default_file(owner), mark(DEFAULT, owner, body) + body
