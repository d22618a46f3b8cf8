"""Sites of nginx that pass requests to this server, and what is wrong with them.

Only what stands around a ``uwsgi_pass``, ``proxy_pass``, ``fastcgi_pass`` or ``scgi_pass`` to one
of the configured addresses is looked at; other sites are none of this server's business.
"""

from collections.abc import Iterator, Sequence

from quaich.cli.nginxtree import Directive, read
from quaich.config.base import Diagnostic, ListenSpec
from quaich.config.codes import diagnose
from quaich.errors import ConfigError
from quaich.net.address import Kind, parse

_FORWARDED = ("X_FORWARDED_FOR", "X_FORWARDED_PROTO", "X_FORWARDED_HOST", "X_REAL_IP")
_SPOKEN = {
    "proxy_pass": "http",
    "uwsgi_pass": "uwsgi",
    "scgi_pass": "scgi",
    "fastcgi_pass": "fastcgi",
}
_NAMES = {
    "http": "HTTP",
    "uwsgi": "the uwsgi protocol",
    "scgi": "SCGI",
    "fastcgi": "FastCGI",
    "auto": "HTTP and the uwsgi protocol",
}
_EVERYWHERE = ("0.0.0.0", "::", "127.0.0.1", "::1", "localhost")


def examine(path: str, listeners: Sequence[ListenSpec]) -> tuple[list[Diagnostic], list[str]]:
    """The findings, and a fact per site that passes requests here."""
    root = read(path)
    mine: dict[str, str] = {}
    for spec in listeners:
        for name in _names(spec.address):
            mine[name] = spec.protocol
    upstreams = {
        each.args[0]: [server.args[0] for server in each.all("server") if server.args]
        for each in root.walk()
        if each.name == "upstream" and each.args
    }
    findings: list[Diagnostic] = []
    facts: list[str] = []
    servers: list[Directive] = []
    for directive in root.walk():
        if directive.name not in _SPOKEN or not directive.args:
            continue
        target = _target(directive)
        targets = upstreams.get(target, [target])
        protocols = {mine[name] for each in targets for name in _names(each) if name in mine}
        if not protocols:
            continue
        facts.append(f"nginx passes requests here: {directive.place}")
        findings += _judge(directive, protocols)
        server = next((each for each in directive.outward() if each.name == "server"), None)
        if server is not None and server not in servers:
            servers.append(server)
    for server in servers:
        findings += _files(server)
    return list(dict.fromkeys(findings)), facts


def _target(directive: Directive) -> str:
    text = directive.args[0]
    if "://" in text:
        text = text.partition("://")[2]
    if not text.startswith("unix:"):
        return text.partition("/")[0]
    # proxy_pass http://unix:/path:/uri
    return text.rpartition(":")[0] if text.count(":") > 1 else text


def _names(address: str) -> list[str]:
    """What one address may be called on either side."""
    try:
        parsed = parse(address)
    except ConfigError:
        return [address]
    if parsed.kind is not Kind.TCP:
        return [f"unix:{parsed.path}"]
    if parsed.host in _EVERYWHERE:
        return [f"local:{parsed.port}"]
    return [f"{parsed.host}:{parsed.port}"]


def _judge(directive: Directive, protocols: set[str]) -> Iterator[Diagnostic]:
    place = directive.place
    written = f"{directive.name} {directive.args[0]}"
    spoken = _SPOKEN[directive.name]
    understood = {spoken, "auto"} if spoken in ("http", "uwsgi") else {spoken}
    others = sorted(protocols - understood)
    if others:
        code = "QN002" if spoken == "http" else "QN001"
        yield diagnose(code, f"{written}: that socket speaks {_NAMES[others[0]]}", place)
        return
    if spoken != "uwsgi":
        return
    yield from _parameters(directive)
    for block in directive.outward():
        passes = any(each.name == "proxy_pass" for each in block.walk())
        if block.name not in ("location", "if", "server") or passes:
            break
        for each in block.children:
            if each.name.startswith("proxy_") and each.name != "proxy_pass":
                shown = " ".join((each.name, *each.args[:1]))
                yield diagnose("QN004", f"{shown} has no effect with uwsgi_pass", each.place)


def _parameters(directive: Directive) -> Iterator[Diagnostic]:
    blocks = list(directive.outward())
    levels = [block.all("uwsgi_param") for block in blocks]
    set_at = [level for level in levels if level]
    for level in set_at[:1]:
        for each in level:
            if each.args and each.args[0] in _FORWARDED:
                text = f"uwsgi_param {each.args[0]}: the application looks for HTTP_{each.args[0]}"
                yield diagnose("QN006", text, each.place)
    if any(block.is_partial for block in blocks):
        return
    if not set_at:
        yield diagnose("QN003", "uwsgi_pass without include uwsgi_params", directive.place)
    elif not _complete(set_at[0]):
        if any(_complete(level) for level in set_at[1:]):
            text = "this uwsgi_param hides all that are included further out"
            yield diagnose("QN005", text, set_at[0][0].place)
        else:
            text = "uwsgi_pass without include uwsgi_params: there is no REQUEST_METHOD"
            yield diagnose("QN003", text, directive.place)


def _complete(parameters: list[Directive]) -> bool:
    return any(each.args[:1] == ("REQUEST_METHOD",) for each in parameters)


def _files(server: Directive) -> Iterator[Diagnostic]:
    """Static locations beside the application whose paths are put together wrongly."""
    for location in server.walk():
        if location.name != "location" or not location.args:
            continue
        prefix = location.args[-1]
        exact = location.args[0] == "="
        if location.args[0].startswith("~"):
            continue
        for alias in location.all("alias"):
            path = alias.args[0] if alias.args else ""
            if path.endswith("/") and not prefix.endswith("/") and not exact:
                text = f"location {prefix} with alias {path}: {prefix}../ leaves the directory"
                yield diagnose("QN007", text, alias.place)
        for root in location.all("root"):
            path = root.args[0].rstrip("/") if root.args else ""
            ending = prefix.rstrip("/")
            if ending.startswith("/") and (
                path.endswith(ending) or (exact and "." in path.rpartition("/")[2])
            ):
                text = f"root {root.args[0]}: {prefix} is looked for at {path}{prefix}"
                yield diagnose("QN008", text, root.place)
