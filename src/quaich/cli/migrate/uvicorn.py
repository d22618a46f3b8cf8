"""From uvicorn's command line; its applications are ASGI unless ``--interface wsgi`` says else."""

from collections.abc import Sequence

from quaich.cli.migrate.draft import (
    Draft,
    Handler,
    apply,
    ignore,
    proxies,
    read_options,
    switches,
    to,
    without,
    write_application,
    write_service,
)
from quaich.errors import UsageError

_ASGI = "ASGI applications are not served; frameworks for both offer a WSGI callable"
_LOOP = "there is no event loop to choose"


def _interface(draft: Draft, name: str, value: object) -> None:
    if value != "wsgi":
        draft.miss(name, f"{value}: {_ASGI}")


def _access_log(draft: Draft, name: str, value: object) -> None:
    if not value:
        draft.set("disable-logging", True)


def _reload(draft: Draft, name: str, value: object) -> None:
    if value:
        draft.set("py-autoreload", 1, "for development only")


def _header(draft: Draft, name: str, value: object) -> None:
    for each in value if isinstance(value, list) else [value]:
        key, _, text = str(each).partition(":")
        draft.set("add-header", f"{key.strip()}: {text.strip()}")


_HANDLERS: dict[str, Handler] = {
    "interface": _interface,
    "workers": to("processes"),
    "backlog": to("listen", "at most net.core.somaxconn"),
    "limit-max-requests": to("max-requests"),
    "limit-max-requests-jitter": to("max-requests-delta"),
    "limit-concurrency": without("threads bounds the requests that run; the rest wait"),
    "timeout-keep-alive": to("http-keepalive"),
    "timeout-graceful-shutdown": to("worker-reload-mercy"),
    "timeout-worker-healthcheck": without("the master knows when a worker is gone"),
    "app-dir": to("pythonpath"),
    "env-file": without("start it with --env-file FILE"),
    "root-path": without("mount = /path=module:callable with manage-script-name"),
    "access-log": _access_log,
    "log-level": without("there are no levels: log lines are facts"),
    "log-config": without("the application configures logging itself"),
    "use-colors": ignore,
    "proxy-headers": ignore,
    "forwarded-allow-ips": proxies,
    "server-header": ignore,
    "date-header": ignore,
    "header": _header,
    "reload": _reload,
    "reload-dir": to("touch-reload"),
    "reload-delay": ignore,
    "reload-include": without("py-autoreload watches the imported modules"),
    "reload-exclude": without("py-auto-reload-ignore names modules"),
    "h11-max-incomplete-event-size": to("buffer-size"),
    "ws-max-size": to("websockets-max-size"),
    "ssl-keyfile-password": without("a server cannot type; store the key without a password"),
    "ssl-version": without("TLS 1.2 or later is spoken"),
    "ssl-cert-reqs": without("a client certificate is asked for when https names an authority"),
    **dict.fromkeys(("loop", "http", "lifespan", "reset-contextvars"), without(_LOOP)),
    **dict.fromkeys(
        ("ws", "ws-max-queue", "ws-ping-interval", "ws-ping-timeout", "ws-per-message-deflate"),
        without("WebSockets are the application's, by uwsgi.websocket_*"),
    ),
    **dict.fromkeys(
        (
            "host",
            "port",
            "uds",
            "fd",
            "factory",
            "ssl-keyfile",
            "ssl-certfile",
            "ssl-ca-certs",
            "ssl-ciphers",
        ),
        ignore,
    ),
}

_FLAGS = [
    "access-log",
    "use-colors",
    "proxy-headers",
    "server-header",
    "date-header",
    "reload",
    "factory",
    "reset-contextvars",
]
_LISTS = ("header", "reload-dir", "reload-include", "reload-exclude")


SWITCHES = switches(_HANDLERS, _FLAGS, _LISTS)


def from_options(arguments: Sequence[str]) -> Draft:
    """The equivalent of a command line."""
    values, others = read_options("uvicorn", arguments, SWITCHES)
    if len(others) > 1:
        raise UsageError(f"uvicorn: one application is served, got {' and '.join(others)}")
    draft = Draft(" ".join(["uvicorn", *arguments]))
    values.setdefault("interface", "asgi")
    if others:
        write_application(draft, others[0], bool(values.get("factory")))
    else:
        draft.miss("application", "none is named; write module = package.module:callable")
    _address(draft, values)
    write_service(draft)
    apply(draft, values, _HANDLERS)
    return draft


def _address(draft: Draft, values: dict[str, object]) -> None:
    if values.get("uds"):
        address = str(values["uds"])
    elif values.get("fd"):
        address = f"fd://{values['fd']}"
    else:
        address = f"{values.get('host', '127.0.0.1')}:{values.get('port', 8000)}"
    if values.get("ssl-certfile"):
        certificate = values["ssl-certfile"]
        parts = [address, certificate, values.get("ssl-keyfile") or certificate]
        if values.get("ssl-ciphers") or values.get("ssl-ca-certs"):
            parts.append(values.get("ssl-ciphers", "HIGH"))
        if values.get("ssl-ca-certs"):
            parts.append(values["ssl-ca-certs"])
        draft.set("https", ",".join(map(str, parts)))
    else:
        draft.set("http-socket", address)
