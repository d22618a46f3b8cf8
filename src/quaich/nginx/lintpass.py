"""Checks of one pass: its protocol, sockets, buffers, failover, timeouts and cache."""

from collections.abc import Iterator

from quaich.config.base import Diagnostic
from quaich.config.codes import NOTE, diagnose
from quaich.nginx import lintparams
from quaich.nginx.lintmodel import (
    App,
    Facts,
    Pass,
    addresses,
    is_known,
    seconds,
    setting,
    size,
)
from quaich.nginx.tree import Directive

_SPOKEN = {"proxy": "http", "uwsgi": "uwsgi", "scgi": "scgi", "fastcgi": "fastcgi"}
_NAMES = {
    "http": "HTTP",
    "uwsgi": "the uwsgi protocol",
    "scgi": "SCGI",
    "fastcgi": "FastCGI",
    "auto": "HTTP and the uwsgi protocol",
}
_OWN_STATUSES = ("http_500", "http_502", "http_503", "http_504", "http_429")
_HOSTS = ("host", "$server_name", "$request_port")
# nginx's defaults, where nothing is written.
_READ_TIMEOUT = 60
_SMALL_HEAD = 4096
_SHORT_QUEUE = 100


def check(found: Pass, facts: Facts) -> Iterator[Diagnostic]:
    """What is wrong with one pass."""
    app, protocols = _app(found, facts)
    wrong = _wrong_protocol(found, protocols)
    if wrong is not None:
        yield wrong
        return
    yield from lintparams.check(found)
    yield from _sockets(found, facts, app)
    yield from _buffers(found)
    yield from _failover(found)
    yield from _cache(found)
    if app is not None and app.harakiri:
        yield from _timeout(found, app)
    directive = found.directive
    if directive.parent is not None and directive.parent.name == "if":
        yield diagnose("QN038", f"{directive.shown()} inside of if", directive.place)
    hints = setting(directive, "early_hints")
    if hints is not None and found.family != "proxy":
        yield diagnose("QN054", f"early_hints has no effect with {directive.name}", hints.place)


def _app(found: Pass, facts: Facts) -> tuple[App | None, set[str]]:
    """The application server it reaches, if it is one of those given, and what that speaks."""
    reached = {name for target, _ in found.targets for name in addresses(target)}
    for app in facts.apps:
        spoken = {
            spec.protocol
            for spec in app.listeners
            if not reached.isdisjoint(addresses(spec.address))
        }
        if spoken:
            return app, spoken
    return None, set()


def _wrong_protocol(found: Pass, protocols: set[str]) -> Diagnostic | None:
    spoken = _SPOKEN[found.family]
    understood = {spoken, "auto"} if spoken in ("http", "uwsgi") else {spoken}
    others = sorted(protocols - understood)
    if not others:
        return None
    code = "QN002" if spoken == "http" else "QN001"
    text = f"{found.directive.shown()}: that socket speaks {_NAMES[others[0]]}"
    return diagnose(code, text, found.directive.place)


def _sockets(found: Pass, facts: Facts, app: App | None) -> Iterator[Diagnostic]:
    for target, directive in found.targets:
        path = target.removeprefix("unix:")
        if path == target:
            continue
        if path.startswith(("/tmp/", "/var/tmp/")):
            yield diagnose("QN028", f"{directive.shown()}: the socket is in /tmp", directive.place)
        mode = facts.mode(path)
        if mode & 0o002:
            text = f"{path} has mode {mode & 0o777:04o}: every user of the machine may connect"
            yield diagnose("QN029", text, directive.place)
        if app is not None and 0 < app.queue <= _SHORT_QUEUE:
            text = f"{path} has a queue of {app.queue} (listen): 502 when it is full"
            yield diagnose("QN030", text, directive.place)
    keepalive = found.upstream.all("keepalive") if found.upstream else []
    if keepalive and found.family in ("uwsgi", "scgi"):
        text = f"keepalive has no effect with {found.directive.name}"
        yield diagnose("QN023", text, keepalive[-1].place)


def _buffers(found: Pass) -> Iterator[Diagnostic]:
    directive, name = found.directive, found.name("buffer_size")
    written = setting(directive, name)
    around = found.server or directive
    if written is not None and written.args:
        amount = size(written.args[0])
        if amount is not None and amount <= _SMALL_HEAD:
            text = f"{written.shown()}: larger response heads are a 502"
            yield diagnose("QN020", text, written.place)
    elif found.family == "uwsgi" and is_known(directive):
        text = f"{name} is 4k, the default: larger response heads are a 502"
        yield diagnose("QN020", text, around.place, severity=NOTE)
    if setting(directive, "client_max_body_size") is None and is_known(directive):
        text = "client_max_body_size is 1m, the default"
        yield diagnose("QN021", text, around.place)
    for suffix in ("buffering", "request_buffering"):
        off = setting(directive, found.name(suffix))
        if off is not None and off.args[:1] == ("off",) and _is_broad(off):
            yield diagnose("QN022", f"{off.shown()} for the whole site", off.place)


def _is_broad(directive: Directive) -> bool:
    block = directive.parent
    if block is None or block.name != "location":
        return block is not None and block.name in ("server", "http")
    return block.args[-1:] == ("/",) and block.args[0] != "="


def _failover(found: Pass) -> Iterator[Diagnostic]:
    directive = found.directive
    others = setting(directive, found.name("next_upstream"))
    # With one server there is no next one.
    if others is not None and (len(found.targets) > 1 or not found.targets):
        own = [each for each in others.args if each in _OWN_STATUSES]
        if own:
            text = f"{others.name} {' '.join(own)}: such answers count as failures of the server"
            yield diagnose("QN025", text, others.place)
        if "non_idempotent" in others.args:
            text = f"{others.name} non_idempotent: a POST is sent again to another server"
            yield diagnose("QN026", text, others.place)
    servers = found.upstream.all("server") if found.upstream else []
    primary = [each for each in servers if "backup" not in each.args]
    for each in primary:
        if "max_fails=0" in each.args and len(primary) < len(servers):
            text = f"{each.shown()} is never considered down; the backup may never be asked"
            yield diagnose("QN027", text, each.place)


def _cache(found: Pass) -> Iterator[Diagnostic]:
    directive = found.directive
    cache = setting(directive, found.name("cache"))
    if cache is None or cache.args[:1] in ((), ("off",)):
        return
    ignored = setting(directive, found.name("ignore_headers"))
    if ignored is not None and "set-cookie" in (each.lower() for each in ignored.args):
        text = f"{ignored.name} Set-Cookie: cookies of one visitor are cached for all"
        yield diagnose("QN032", text, ignored.place)
    key = setting(directive, found.name("cache_key"))
    if key is None:
        if found.family != "proxy" and is_known(directive):
            text = f"{cache.name} without {found.name('cache_key')}: one entry for every URL"
            yield diagnose("QN033", text, cache.place)
    elif not any(each in " ".join(key.args).replace("proxy_host", "") for each in _HOSTS):
        yield diagnose("QN034", f"{key.shown()}: the host is not in it", key.place)
    bypass = [setting(directive, found.name(each)) for each in ("cache_bypass", "no_cache")]
    if not any(bypass) and is_known(directive):
        text = f"{cache.name} without {found.name('cache_bypass')} and {found.name('no_cache')}"
        yield diagnose("QN035", text, cache.place)


def _timeout(found: Pass, app: App) -> Iterator[Diagnostic]:
    name = found.name("read_timeout")
    written = setting(found.directive, name)
    if written is None:
        if is_known(found.directive) and app.harakiri >= _READ_TIMEOUT:
            text = f"{name} is 60s, the default; harakiri is {app.harakiri}s ({app.place})"
            yield diagnose("QN024", text, found.directive.place)
        return
    allowed = seconds(written.args[0]) if written.args else None
    if allowed is not None and allowed <= app.harakiri:
        text = f"{written.shown()}: harakiri is {app.harakiri}s ({app.place})"
        yield diagnose("QN024", text, written.place)
