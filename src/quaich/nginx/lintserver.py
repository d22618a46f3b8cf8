"""Checks of a server that passes to an application: files, names, headers, TLS, compression."""

from collections.abc import Iterator

from quaich.config.base import Diagnostic
from quaich.config.codes import ERROR, diagnose
from quaich.nginx.lintmodel import (
    Facts,
    Pass,
    has_tls,
    is_inner,
    is_known,
    is_on,
    ports,
    setting,
    setting_of,
    settings,
)
from quaich.nginx.tree import Directive

_MISSPELT = {
    "/favico.ico": "/favicon.ico",
    "/favicon.icon": "/favicon.ico",
    "/fav.ico": "/favicon.ico",
    "/robot.txt": "/robots.txt",
}
_SECURITY = (
    "strict-transport-security",
    "x-content-type-options",
    "x-frame-options",
    "content-security-policy",
    "referrer-policy",
    "permissions-policy",
    "cross-origin-opener-policy",
    "cross-origin-embedder-policy",
    "cross-origin-resource-policy",
)
_OLD_TLS = ("SSLv2", "SSLv3", "TLSv1", "TLSv1.1")
# From here on, "http2" and "ssl" of old are warned about and refused.
_NEW_HTTP2 = (1, 25, 1)
_ANYBODY = ("0.0.0.0/0", "::/0")


def check(server: Directive, facts: Facts) -> Iterator[Diagnostic]:
    """What is wrong with one server, whichever application it passes to."""
    yield from files(server)
    yield from _names(server)
    yield from _headers(server)
    yield from _listens(server, facts)
    tokens = setting_of(server, "server_tokens")
    if tokens is None and is_known(server):
        yield diagnose("QN041", "server_tokens is on, the default", server.place)
    elif tokens is not None and tokens.args[:1] == ("on",):
        yield diagnose("QN041", tokens.shown(), tokens.place)
    if has_tls(server):
        yield from _tls(server, facts)
    trusted = [each for each in server.walk() if each.name == "set_real_ip_from"]
    trusted += [each for block in server.outward() for each in block.all("set_real_ip_from")]
    for each in trusted:
        if each.args and each.args[0] in _ANYBODY:
            text = f"{each.shown()}: every client may choose its address"
            yield diagnose("QN018", text, each.place)


def files(server: Directive) -> Iterator[Diagnostic]:
    """Static locations beside the application whose paths are put together wrongly."""
    for location in server.walk():
        if location.name != "location" or not location.args:
            continue
        prefix = location.args[-1]
        exact = location.args[0] == "="
        if location.args[0].startswith("~"):
            continue
        if prefix in _MISSPELT:
            text = f"location {prefix}: clients ask for {_MISSPELT[prefix]}"
            yield diagnose("QN009", text, location.place)
        for alias in location.all("alias"):
            yield from _alias(alias, prefix, exact)
        for root in location.all("root"):
            path = root.args[0].rstrip("/") if root.args else ""
            ending = prefix.rstrip("/")
            if ending.startswith("/") and (
                path.endswith(ending) or (exact and "." in path.rpartition("/")[2])
            ):
                text = f"root {root.args[0]}: {prefix} is looked for at {path}{prefix}"
                yield diagnose("QN008", text, root.place)


def _alias(alias: Directive, prefix: str, exact: bool) -> Iterator[Diagnostic]:
    path = alias.args[0] if alias.args else ""
    if exact or not path or "$" in path:
        return
    if path.endswith("/") and not prefix.endswith("/"):
        text = f"location {prefix} with alias {path}: {prefix}../ leaves the directory"
        yield diagnose("QN007", text, alias.place)
    elif prefix.endswith("/") and not path.endswith("/"):
        text = f"location {prefix} with alias {path}: {prefix}x is looked for at {path}x"
        yield diagnose("QN012", text, alias.place)


def _names(server: Directive) -> Iterator[Diagnostic]:
    named = any(any(each.args) for each in server.all("server_name"))
    if named or server.is_partial or any(is_default(each) for each in server.all("listen")):
        return
    if server.all("listen") and all(is_inner(host) for host, _, _ in ports(server)):
        return
    text = "this server passes to an application and has no server_name"
    yield diagnose("QN046", text, server.place)


def is_default(listen: Directive) -> bool:
    """Whether a listen makes its server the default of the address."""
    return "default_server" in listen.args or "default" in listen.args[1:]


def _headers(server: Directive) -> Iterator[Diagnostic]:
    for block in (server, *(each for each in server.walk() if each.is_block)):
        own = block.all("add_header")
        for each in own:
            if _name(each) in _SECURITY and "always" not in each.args[2:]:
                text = f"add_header {each.args[0]} without always: errors go without it"
                yield diagnose("QN040", text, each.place)
        outer = settings(block, "add_header")
        merged = setting_of(block, "add_header_inherit")
        if not own or not outer or (merged is not None and merged.args[:1] == ("merge",)):
            continue
        kept = {_name(each) for each in own}
        lost = [each.args[0] for each in outer[0] if _name(each) not in kept and each.args[1:]]
        if any(each.lower() in _SECURITY for each in lost):
            text = f"this add_header drops those around it: {', '.join(lost)}"
            yield diagnose("QN039", text, own[0].place)


def _name(header: Directive) -> str:
    return header.args[0].lower() if header.args else ""


def _listens(server: Directive, facts: Facts) -> Iterator[Diagnostic]:
    for each in server.all("listen"):
        if "http2" in each.args and facts.version >= _NEW_HTTP2:
            text = f"{each.shown()}: http2 is a directive of its own"
            yield diagnose("QN044", text, each.place)
        for option in each.args:
            name, _, value = option.partition("=")
            if name == "backlog" and value.isdecimal() and 0 < facts.somaxconn < int(value[:9]):
                text = f"{each.shown()}: net.core.somaxconn is {facts.somaxconn}"
                yield diagnose("QN031", text, each.place)


def _tls(server: Directive, facts: Facts) -> Iterator[Diagnostic]:
    protocols = setting_of(server, "ssl_protocols")
    old = [each for each in protocols.args if each in _OLD_TLS] if protocols is not None else []
    if protocols is not None and old:
        text = f"ssl_protocols allows {', '.join(old)}"
        yield diagnose("QN042", text, protocols.place)
    switch = setting_of(server, "ssl")
    if switch is not None and is_on(switch):
        severity = ERROR if facts.version >= _NEW_HTTP2 else ""
        text = "ssl on: write listen 443 ssl instead"
        yield diagnose("QN043", text, switch.place, severity=severity)
    stapling = setting_of(server, "ssl_stapling")
    certificates = server.all("ssl_certificate")
    if (
        stapling is not None
        and is_on(stapling)
        and any("letsencrypt" in part for each in certificates for part in each.args)
    ):
        yield diagnose("QN045", "Let's Encrypt answers no OCSP", stapling.place)


def check_compression(found: Pass) -> Iterator[Diagnostic]:
    """What is wrong with the compression of what a pass answers."""
    directive = found.directive
    if not is_on(setting(directive, "gzip")):
        return
    types = setting(directive, "gzip_types")
    if types is not None and "*" not in types.args:
        wanted = ("application/json", "image/svg+xml", "application/javascript")
        lacking = [each for each in wanted if each not in types.args]
        if "text/javascript" in types.args and lacking == ["application/javascript"]:
            lacking = []
        if lacking:
            yield diagnose("QN049", f"gzip_types lacks {', '.join(lacking)}", types.place)
    version = setting(directive, "gzip_http_version")
    if version is not None and version.args[:1] == ("1.0",):
        yield diagnose("QN050", "gzip_http_version 1.0", version.place)
    for each in (one for level in settings(directive, "gzip_disable")[:1] for one in level):
        if "msie" in " ".join(each.args).lower():
            yield diagnose("QN051", f"{each.shown()}: no browser in use has that name", each.place)
