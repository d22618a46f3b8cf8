"""Checks of what the application is told about a request: parameters and headers."""

from collections.abc import Iterator

from quaich.config.base import Diagnostic
from quaich.config.codes import diagnose
from quaich.nginx.lintmodel import PASSES, Pass, is_inner, is_known, ports, settings
from quaich.nginx.tree import Directive

_FORWARDED = ("X_FORWARDED_FOR", "X_FORWARDED_PROTO", "X_FORWARDED_HOST", "X_REAL_IP")
_USUAL_PORTS = (80, 443)
# These only set variables, which any pass may use.
_SHARED = ("fastcgi_index", "fastcgi_split_path_info")


def check(found: Pass) -> Iterator[Diagnostic]:
    """What is wrong with the parameters of one pass."""
    yield from _alien(found)
    headers = settings(found.directive, "proxy_set_header")
    for each in headers[0] if headers else []:
        yield from _forwarded_host(each, "x-forwarded-host")
    if found.family == "proxy":
        yield from _headers(found, headers)
    else:
        yield from _parameters(found)


def _alien(found: Pass) -> Iterator[Diagnostic]:
    written = found.directive.name
    for family in PASSES.values():
        if family == found.family:
            continue
        for block in found.directive.outward():
            passes = (block, f"{family}_pass") in found.within
            if block.name not in ("location", "if", "limit_except", "server") or passes:
                break
            others = [
                each
                for name, named in block.named.items()
                if name.startswith(f"{family}_") and name not in _SHARED
                for each in named
            ]
            if family == "proxy" and found.family == "uwsgi":
                for each in others:
                    shown = " ".join((each.name, *each.args[:1]))
                    yield diagnose("QN004", f"{shown} has no effect with uwsgi_pass", each.place)
            elif others:
                text = f"{others[0].name} has no effect with {written}"
                yield diagnose("QN010", text, others[0].place)


def _parameters(found: Pass) -> Iterator[Diagnostic]:
    directive, name = found.directive, found.name("param")
    set_at = settings(directive, name)
    own = set_at[0] if set_at else []
    for each in own:
        called = each.args[0].upper().replace("-", "_") if each.args else ""
        if called in _FORWARDED or each.args[:1] == ("Host",):
            text = f"{name} {each.args[0]}: the application looks for HTTP_{called}"
            yield diagnose("QN006", text, each.place)
        yield from _forwarded_host(each, "http_x_forwarded_host")
        if each.args[:1] == ("HTTP_HOST",):
            yield from _host(found, each)
    if any(block.is_partial for block in directive.outward()):
        return
    include = f"{directive.name} without include {name}s"
    if not set_at:
        yield diagnose("QN003", include, directive.place)
        return
    if not _is_complete(own):
        if any(_is_complete(level) for level in set_at[1:]):
            text = f"this {name} hides all that are included further out"
            yield diagnose("QN005", text, own[0].place)
        else:
            text = f"{include}: there is no REQUEST_METHOD"
            yield diagnose("QN003", text, directive.place)
        return
    yield from _twice(found, own)
    names = {each.args[0] for each in own if each.args}
    if found.family in ("uwsgi", "scgi") and "HTTP_PROXY" not in names:
        text = f"no {name} HTTP_PROXY: a client's Proxy header reaches the application"
        yield diagnose("QN017", text, directive.place)


def _is_complete(parameters: list[Directive]) -> bool:
    return any(each.args[:1] == ("REQUEST_METHOD",) for each in parameters)


def _twice(found: Pass, parameters: list[Directive]) -> Iterator[Diagnostic]:
    first: dict[str, Directive] = {}
    for each in parameters:
        # What is sent only if it has a value is an alternative to the other.
        if len(each.args) < 2 or "if_not_empty" in each.args[2:]:
            continue
        known = first.setdefault(each.args[0], each)
        if known is not each:
            text = f"{each.name} {each.args[0]} is sent twice, also from {known.place}"
            yield diagnose("QN013", text, _near(found, each))


def _near(found: Pass, each: Directive) -> str:
    """The place to change: a file that comes with nginx is not it."""
    return each.place if each.file == found.directive.file else found.directive.place


def _forwarded_host(each: Directive, name: str) -> Iterator[Diagnostic]:
    if len(each.args) > 1 and each.args[0].lower() == name and each.args[1] == "$server_name":
        text = f"{each.name} {each.args[0]} is the configured name, not the one asked for"
        yield diagnose("QN011", text, each.place)


def _host(found: Pass, each: Directive) -> Iterator[Diagnostic]:
    value = each.args[1] if len(each.args) > 1 else ""
    shown = f"{each.name} {each.args[0]} {value}"
    if value in ("$http_host", "${http_host}"):
        text = f"{shown} is what the client wrote, whatever it asked for"
        yield diagnose("QN015", text, _near(found, each))
    if value not in ("$host", "${host}", "$server_name") or found.server is None:
        return
    for host, port, listen in ports(found.server):
        # Behind another proxy the public port is not this one.
        inner = is_inner(host) or (listen and "proxy_protocol" in listen.args)
        if port not in _USUAL_PORTS and not inner:
            yield diagnose("QN014", f"{shown} loses the port {port}", _near(found, each))
            return


def _headers(found: Pass, set_at: list[list[Directive]]) -> Iterator[Diagnostic]:
    directive = found.directive
    own = [each for level in set_at[:1] for each in level]
    host = [each for each in own if each.args and each.args[0].lower() == "host"]
    for each in host:
        yield from _host(found, each)
    if host or not found.is_local:
        return
    if any(block.is_partial for block in directive.outward()):
        return
    for level in set_at[1:]:
        if any(each.args and each.args[0].lower() == "host" for each in level):
            text = "this proxy_set_header hides those further out, and Host with them"
            yield diagnose("QN019", text, own[0].place)
            return
    if own or is_known(directive):
        text = f"{directive.name} without proxy_set_header Host: the application sees another host"
        yield diagnose("QN016", text, directive.place)
