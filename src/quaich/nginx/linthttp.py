"""Checks of a whole configuration: zones, defaults, workers, and the installed package."""

from collections.abc import Iterator, Sequence

from quaich.config.base import Diagnostic
from quaich.config.codes import diagnose
from quaich.nginx.lintmodel import Facts, Pass, has_tls, is_inner, is_known, ports
from quaich.nginx.lintserver import is_default
from quaich.nginx.tree import Directive, Tree

# Names that no authority gives a certificate for.
_PRIVATE = ("localhost", ".local", ".localhost", ".test", ".internal", ".lan", ".home.arpa")


def check(root: Tree, found: Sequence[Pass], facts: Facts) -> Iterator[Diagnostic]:
    """What is wrong beside the servers."""
    for block in {id(each): each for one in found for each in _around(one)}.values():
        yield from _zones(block)
        if block.name == "http":
            yield from _defaults(block, found)
            yield from _encryption(block, found)
            yield from _own_file(block, found)
            yield from _workers(root, block)
    if facts.flawed and any(each.family in ("uwsgi", "scgi") for each in found):
        yield diagnose("QN055", f"{facts.flawed} does not repair CVE-2026-42946", "nginx")


def _around(found: Pass) -> list[Directive]:
    """The http block of a pass, or the root where there is none."""
    outward = list(found.directive.outward())
    return [each for each in outward if each.name == "http"][:1] or outward[-1:]


def _zones(http: Directive) -> Iterator[Diagnostic]:
    named: dict[str, Directive] = {}
    for each in http.walk():
        zone = _zone(each)
        if not zone:
            continue
        known = named.setdefault(zone, each)
        if known is each or (
            known.name == each.name and each.name in ("zone", "ssl_session_cache")
        ):
            continue
        # The same line of a file that is included twice.
        if (known.name, known.place) != (each.name, each.place):
            text = f"the name {zone} is that of another zone ({known.name}, {known.place})"
            yield diagnose("QN036", text, each.place)
    for each in http.all("upstream"):
        zone_of = named.get(each.args[0]) if each.args else None
        if zone_of is not None and zone_of.name != "zone":
            text = f"upstream {each.args[0]} has the name of a zone ({zone_of.place})"
            yield diagnose("QN037", text, each.place)


def _zone(directive: Directive) -> str:
    """The name of the shared zone that a directive declares."""
    name = directive.name
    if name == "zone":
        inside = directive.parent is not None and directive.parent.name == "upstream"
        return directive.args[0] if inside and directive.args else ""
    prefix = ""
    if name.endswith("_cache_path"):
        prefix = "keys_zone="
    elif name in ("limit_req_zone", "limit_conn_zone"):
        prefix = "zone="
    elif name == "ssl_session_cache":
        prefix = "shared:"
    for each in directive.args if prefix else ():
        if each.startswith(prefix):
            return each.removeprefix(prefix).partition(":")[0]
    return ""


def _servers(http: Directive) -> list[Directive]:
    return [each for each in http.all("server") if each.is_block]


def _passing(found: Sequence[Pass]) -> dict[Directive, None]:
    """The servers that pass to an application, each once, in order."""
    return {each.server: None for each in found if each.server is not None}


def _defaults(http: Directive, found: Sequence[Pass]) -> Iterator[Diagnostic]:
    if http.is_partial:
        return
    passing = _passing(found)
    first: dict[tuple[str, int], tuple[Directive, Directive | None]] = {}
    settled: set[tuple[str, int]] = set()
    for server in _servers(http):
        for host, port, listen in ports(server):
            first.setdefault((host, port), (server, listen))
            if listen is not None and is_default(listen):
                settled.add((host, port))
    told: set[Directive] = set()
    for address, (server, listen) in first.items():
        host, port = address
        if address in settled or server not in passing or server in told:
            continue
        if is_inner(host) or server.is_partial:
            continue
        told.add(server)
        place = listen.place if listen is not None else server.place
        text = f"no default_server on port {port}: unknown hosts reach this site"
        yield diagnose("QN047", text, place)


def _encryption(http: Directive, found: Sequence[Pass]) -> Iterator[Diagnostic]:
    if http.is_partial or any(has_tls(each) or each.is_partial for each in _servers(http)):
        return
    for server in _passing(found):
        names = [name for each in server.all("server_name") for name in each.args if name]
        public = [name for name in names if not _is_private(name)]
        if names and not public:
            continue
        for host, port, listen in ports(server):
            proxied = listen is not None and "proxy_protocol" in listen.args
            if port != 80 or proxied or is_inner(host):
                continue
            shown = public[0] if public else "this site"
            place = listen.place if listen is not None else server.place
            yield diagnose("QN048", f"{shown} is served without TLS", place)
            break


def _is_private(name: str) -> bool:
    bare = name.strip(".*~^$")
    return bare.replace(".", "").isdecimal() or "." not in bare or bare.endswith(_PRIVATE)


def _own_file(http: Directive, found: Sequence[Pass]) -> Iterator[Diagnostic]:
    directories = any("*" in part for each in http.all("include") for part in each.args)
    mine = [each for each in _passing(found) if each.file == http.file]
    if mine and not directories and not http.is_partial:
        yield diagnose("QN052", "the site stands in the file that belongs to nginx", mine[0].place)


def _workers(root: Tree, http: Directive) -> Iterator[Diagnostic]:
    written = root.all("worker_processes")
    if written and written[-1].args[:1] == ("1",):
        yield diagnose("QN053", "worker_processes 1", written[-1].place)
    elif not written and is_known(http) and not root.is_partial:
        yield diagnose("QN053", "worker_processes is 1, the default", http.place)
