"""From granian's command line."""

from collections.abc import Sequence

from quaich.cli.migrate.draft import (
    Draft,
    Handler,
    apply,
    ignore,
    read_options,
    switches,
    to,
    without,
    write_application,
    write_service,
)
from quaich.errors import UsageError

_RUNTIME = "there is no runtime beside Python's to tune"
_HTTP2 = "nginx in front speaks HTTP/2"
_MEGABYTES = "in megabytes, as there"


def _threads(draft: Draft, name: str, value: object) -> None:
    draft.set("threads", value, "granian's blocking threads")


def _interface(draft: Draft, name: str, value: object) -> None:
    if value != "wsgi":
        draft.miss(name, f"{value}: only WSGI applications are served")


def _flag(key: str) -> Handler:
    def handle(draft: Draft, name: str, value: object) -> None:
        if value:
            draft.set(key, True)

    return handle


def _access_log(draft: Draft, name: str, value: object) -> None:
    if not value:
        draft.set("disable-logging", True)


def _keep_alive(draft: Draft, name: str, value: object) -> None:
    draft.set("http-keepalive", bool(value))


def _reload(draft: Draft, name: str, value: object) -> None:
    if value:
        draft.set("py-autoreload", 1, "for development only")


def _milliseconds(key: str) -> Handler:
    def handle(draft: Draft, name: str, value: object) -> None:
        try:
            draft.set(key, max(1, round(int(str(value)) / 1000)))
        except ValueError:
            draft.miss(name, f"{value} is no number")

    return handle


_HANDLERS: dict[str, Handler] = {
    "interface": _interface,
    "workers": to("processes"),
    "blocking-threads": _threads,
    "backlog": to("listen", "at most net.core.somaxconn"),
    "backpressure": without("threads bounds the requests that run; the rest wait in the queue"),
    "http1-buffer-size": to("buffer-size"),
    "http1-header-read-timeout": _milliseconds("http-timeout"),
    "http1-keep-alive": _keep_alive,
    "workers-lifetime": to("max-worker-lifetime"),
    "workers-max-rss": to("reload-on-rss", _MEGABYTES),
    "workers-kill-timeout": to("worker-reload-mercy"),
    "respawn-failed-workers": ignore,
    "respawn-interval": without("a worker that dies is replaced at once, then with pauses"),
    "rss-sample-interval": without("memory is sampled every second"),
    "rss-samples": without("the limit counts at once"),
    "working-dir": to("chdir"),
    "env-files": to("envdir", "review: envdir takes a directory, --env-file a file"),
    "process-name": to("procname-prefix-spaced"),
    "pid-file": to("pidfile"),
    "access-log": _access_log,
    "access-log-fmt": without("review: log-format"),
    "log": ignore,
    "log-level": without("there are no levels: log lines are facts"),
    "log-config": without("the application configures logging itself"),
    "reload": _reload,
    "reload-paths": to("touch-reload"),
    "reload-ignore-dirs": without("py-auto-reload-ignore names modules"),
    "reload-ignore-patterns": without("py-auto-reload-ignore names modules"),
    "reload-ignore-paths": without("py-auto-reload-ignore names modules"),
    "reload-tick": ignore,
    "reload-ignore-worker-failure": ignore,
    "metrics": _flag("enable-metrics"),
    "metrics-scrape-interval": without("metrics are read when they are asked for"),
    "static-path-dir-to-file": to("static-index"),
    "static-path-expires": without("review: static-expires-uri"),
    "url-path-prefix": without("mount = /prefix=module:callable with manage-script-name"),
    "uds-permissions": to("chmod-socket"),
    "ssl-keyfile-password": without("a server cannot type; store the key without a password"),
    "ssl-protocol-min": without("TLS 1.2 or later is spoken"),
    "ssl-crl": without("let nginx check client certificates"),
    "ssl-client-verify": ignore,
    **dict.fromkeys(
        (
            "http",
            "http2-adaptive-window",
            "http2-initial-connection-window-size",
            "http2-initial-stream-window-size",
            "http2-keep-alive-interval",
            "http2-keep-alive-timeout",
            "http2-max-concurrent-streams",
            "http2-max-frame-size",
            "http2-max-headers-size",
            "http2-max-send-buffer-size",
        ),
        without(_HTTP2),
    ),
    **dict.fromkeys(
        (
            "runtime-threads",
            "runtime-blocking-threads",
            "runtime-mode",
            "loop",
            "task-impl",
            "blocking-threads-idle-timeout",
            "http1-pipeline-flush",
            "ws",
        ),
        without(_RUNTIME),
    ),
    **dict.fromkeys(
        (
            "host",
            "port",
            "uds",
            "factory",
            "ssl-certificate",
            "ssl-keyfile",
            "ssl-ca",
            "static-path-route",
            "static-path-mount",
            "metrics-address",
            "metrics-port",
        ),
        ignore,
    ),
}

_FLAGS = [
    "log",
    "access-log",
    "respawn-failed-workers",
    "http1-keep-alive",
    "http1-pipeline-flush",
    "ws",
    "factory",
    "metrics",
    "reload",
    "http2-adaptive-window",
    "ssl-client-verify",
    "reload-ignore-worker-failure",
]
_LISTS = ("env-files", "reload-paths", "reload-ignore-dirs", "reload-ignore-paths")


SWITCHES = switches(_HANDLERS, _FLAGS, _LISTS)


def from_options(arguments: Sequence[str]) -> Draft:
    """The equivalent of a command line."""
    values, others = read_options("granian", arguments, SWITCHES)
    if len(others) > 1:
        raise UsageError(f"granian: one application is served, got {' and '.join(others)}")
    draft = Draft(" ".join(["granian", *arguments]))
    # granian looks for rsgi unless it is told otherwise.
    values.setdefault("interface", "rsgi")
    if others:
        target = others[0] if ":" in others[0] else f"{others[0]}:app"
        write_application(draft, target, bool(values.get("factory")))
    else:
        draft.miss("application", "none is named; write module = package.module:callable")
    _address(draft, values)
    write_service(draft)
    apply(draft, values, _HANDLERS)
    if "static-path-mount" in values:
        route = values.get("static-path-route", "/static")
        draft.set("static-map", f"{route}={values['static-path-mount']}")
    if values.get("metrics"):
        address = values.get("metrics-address", "127.0.0.1")
        draft.set("stats", f"{address}:{values.get('metrics-port', 9090)}")
    if "access-log" not in values:
        draft.set("disable-logging", True, "granian logs no requests unless it is told to")
    return draft


def _address(draft: Draft, values: dict[str, object]) -> None:
    if values.get("uds"):
        address = str(values["uds"])
    else:
        address = f"{values.get('host', '127.0.0.1')}:{values.get('port', 8000)}"
    if values.get("ssl-certificate"):
        certificate = values["ssl-certificate"]
        parts = [address, certificate, values.get("ssl-keyfile") or certificate]
        if values.get("ssl-ca"):
            parts += ["HIGH", values["ssl-ca"]]
        draft.set("https", ",".join(map(str, parts)))
    else:
        draft.set("http-socket", address)
