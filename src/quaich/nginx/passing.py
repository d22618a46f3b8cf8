"""How a request is passed to the application: upstream, parameters, limits of time and size; pure.

The parameters are complete and stand at the level of the pass, because one parameter there would
hide all that are set further out.  What a client says about itself in headers that applications
believe of proxies is replaced or taken away.
"""

from collections.abc import Iterator

from quaich.nginx.abilities import Abilities
from quaich.nginx.facts import PATIENCE, PROXY_PROTOCOL, Cache, Front, Server
from quaich.nginx.writing import Directive, Raw, block, line

# Seconds between the application's own end of a request and nginx's, so that the first one logs it.
_GRACE = 5
# What applications take from a proxy in front, and that this front does not say.
_EMPTIED = (
    "Proxy",
    "Forwarded",
    "X-Forwarded-Host",
    "X-Forwarded-Port",
    "X-Forwarded-Prefix",
    "X-Forwarded-Scheme",
    "X-Forwarded-Server",
    "X-Forwarded-SSL",
    "X-Original-URL",
    "X-Rewrite-URL",
)
_PREFIXES = {"uwsgi": "uwsgi", "http": "proxy", "scgi": "scgi", "fastcgi": "fastcgi"}


def name(front: Front, what: str) -> str:
    """A name of the site's own in what nginx shares among all: zones, variables, upstreams."""
    return f"quaich_{front.site.replace('-', '_')}_{what}"


def variable(front: Front, what: str) -> Raw:
    """A variable of the site's own; ``what`` has at most six letters.

    nginx's tables take names of 46, unless an operator makes them larger.
    """
    return Raw(f"${name(front, what)}")


def trusts_scheme(front: Front) -> bool:
    """Whether a balancer in front may say that the client came by HTTPS."""
    return bool(front.real_ip) and front.real_ip_header != PROXY_PROTOCOL


def scheme(front: Front) -> Raw:
    """How the client came."""
    return variable(front, "scheme") if trusts_scheme(front) else Raw("$scheme")


def host(front: Front, nginx: Abilities) -> Raw:
    """The host that was asked for, with its port where it is not the usual one.

    ``$http_host`` would be what a client wrote beside the address that nginx went by.
    """
    if nginx.since(1, 29, 3):
        return Raw("$host$is_request_port$request_port")
    return variable(front, "host")


def upstream(front: Front) -> Directive:
    """The servers of the application; what is known of them is shared by nginx's workers."""
    inside = [line("zone", name(front, "up"), "256k")]
    if front.resolver:
        inside.append(line("resolver", *front.resolver))
    inside += [_server(front, each) for each in front.servers]
    return block("upstream", [name(front, "up")], inside)


def _server(front: Front, server: Server) -> Directive:
    words = [server.address]
    if server.weight != 1:
        words.append(f"weight={server.weight}")
    words += [f"max_fails={server.max_fails}", f"fail_timeout={server.fail_timeout}s"]
    if front.resolver and not server.is_local:
        words.append("resolve")
    if server.is_backup:
        words.append("backup")
    if server.is_down:
        words.append("down")
    return line("server", *words)


def parameters(front: Front, nginx: Abilities) -> list[Directive]:
    """The whole of what the application is told, the contents of the parameter file."""
    said = {
        "X-Forwarded-For": Raw("$remote_addr"),
        "X-Forwarded-Proto": scheme(front),
        "X-Real-IP": Raw("$remote_addr"),
        "X-Request-ID": Raw("$request_id"),
    }
    fields = {"Host": host(front, nginx), **said, **dict.fromkeys(_EMPTIED, "")}
    if front.protocol == "http":
        fields |= {"Upgrade": Raw("$http_upgrade"), "Connection": variable(front, "conn")}
        return [line("proxy_set_header", *pair) for pair in fields.items()]
    directive = f"{_PREFIXES[front.protocol]}_param"
    lines = [line(directive, *each) for each in _variables(front)]
    for field, value in fields.items():
        lines.append(line(directive, f"HTTP_{field.upper().replace('-', '_')}", value))
    return lines


def _variables(front: Front) -> Iterator[tuple[str, ...]]:
    https = variable(front, "https") if trusts_scheme(front) else Raw("$https")
    yield "QUERY_STRING", Raw("$query_string")
    yield "REQUEST_METHOD", Raw("$request_method")
    yield "CONTENT_TYPE", Raw("$content_type")
    if front.protocol == "scgi":
        # nginx puts CONTENT_LENGTH first by itself, as SCGI asks.
        yield "SCGI", "1"
    else:
        yield "CONTENT_LENGTH", Raw("$content_length")
    yield "REQUEST_URI", Raw("$request_uri")
    yield "SCRIPT_NAME", ""
    yield "PATH_INFO", Raw("$document_uri")
    yield "DOCUMENT_URI", Raw("$document_uri")
    yield "SERVER_PROTOCOL", Raw("$server_protocol")
    yield "REQUEST_SCHEME", scheme(front)
    if front.protocol == "uwsgi":
        yield "UWSGI_SCHEME", scheme(front)
    yield "HTTPS", https, "if_not_empty"
    yield "REMOTE_ADDR", Raw("$remote_addr")
    yield "REMOTE_PORT", Raw("$remote_port")
    yield "SERVER_ADDR", Raw("$server_addr")
    yield "SERVER_PORT", Raw("$server_port")
    yield "SERVER_NAME", Raw("$server_name")


def behaviour(front: Front) -> list[Directive]:
    """Timeouts, buffers and failover, the same for all of the site's requests.

    A request that may change something is never sent twice: nginx repeats it only when it could
    not connect, since ``non_idempotent`` is not there.  What the application itself answers, a 503
    too, is an answer and no reason to leave a server.
    """
    prefix = _PREFIXES[front.protocol]
    patience = (front.harakiri or PATIENCE) + _GRACE
    lines = [
        line(f"{prefix}_connect_timeout", "2s"),
        line(f"{prefix}_send_timeout", f"{patience}s"),
        line(f"{prefix}_read_timeout", f"{patience}s"),
        line(f"{prefix}_buffer_size", "16k"),
        line(f"{prefix}_buffers", 16, "16k"),
        line(f"{prefix}_busy_buffers_size", "32k"),
        line(f"{prefix}_next_upstream", "error", "timeout"),
        line(f"{prefix}_next_upstream_tries", len(front.servers)),
    ]
    if not front.buffers_requests:
        lines.append(line(f"{prefix}_request_buffering", "off"))
    if front.protocol == "http":
        lines += [line("proxy_http_version", "1.1"), line("proxy_redirect", "off")]
    return lines


def passed(front: Front, snippet: str) -> list[Directive]:
    """The parameters and the pass itself."""
    prefix = _PREFIXES[front.protocol]
    target = name(front, "up")
    to = f"http://{target}" if front.protocol == "http" else target
    return [line("include", snippet), line(f"{prefix}_pass", to)]


def cache_path(front: Front, nginx: Abilities) -> Directive:
    """Where answers are kept."""
    return line(
        f"{_PREFIXES[front.protocol]}_cache_path",
        f"{nginx.spool}/quaich-{front.site}-cache",
        "levels=1:2",
        f"keys_zone={name(front, 'cache')}:1m",
        "max_size=256m",
        f"inactive={max(each.stale for each in front.cache)}s",
        "use_temp_path=off",
    )


def cached(front: Front, cache: Cache) -> list[Directive]:
    """How answers below a path are kept.

    Answers that set a cookie are not kept, which is nginx's own rule and stays.
    """
    prefix = f"{_PREFIXES[front.protocol]}_cache"
    known = (variable(front, cookies(front, cache)), Raw("$http_authorization"))
    return [
        line(prefix, name(front, "cache")),
        line(f"{prefix}_key", Raw(f"{scheme(front)}$request_method$host$request_uri")),
        line(f"{prefix}_valid", "200", "301", "302", "404", f"{cache.time}s"),
        line(f"{prefix}_lock", "on"),
        line(f"{prefix}_background_update", "on"),
        line(f"{prefix}_use_stale", "updating", "error", "timeout", "http_500", "http_503"),
        line(f"{prefix}_bypass", *known),
        line(f"{_PREFIXES[front.protocol]}_no_cache", *known),
        line("add_header", "X-Cache", Raw("$upstream_cache_status"), "always"),
    ]


def cookies(front: Front, cache: Cache) -> str:
    """The name of the variable that says whether the client has one of the cookies.

    Paths with the same cookies share one.
    """
    different = list(dict.fromkeys(each.cookies for each in front.cache))
    number = different.index(cache.cookies)
    return f"sess{number + 1}"
