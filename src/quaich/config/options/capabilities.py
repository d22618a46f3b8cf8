"""What a known but unsupported option waits for: the capability that will bring it.

A group has one capability; names that belong elsewhere are listed under theirs.
"""

APPLICATIONS = "applications"
LIFECYCLE = "lifecycle"
HOOKS = "hooks"
LOGGING = "logging"
STATISTICS = "statistics and metrics"
SOCKETS = "socket options"
TLS = "TLS"
ROUTING = "routing"
STATIC = "static files"
WEBSOCKETS = "websockets"
ENGINES = "async engines"
SPOOLER = "spooler"
MULES = "mules"
CRON = "cron"
SIGNALS = "signals and timers"
RPC = "RPC"
CACHE = "cache"
SHARED = "locks, queues and shared memory"
EMPEROR = "emperor"

BY_GROUP = {
    "tools": LIFECYCLE,
    "python": APPLICATIONS,
    "apps": APPLICATIONS,
    "process": LIFECYCLE,
    "harakiri": LIFECYCLE,
    "reload-control": LIFECYCLE,
    "hooks": HOOKS,
    "misc": LOGGING,
    "metrics-push": STATISTICS,
    "http-router": SOCKETS,
    "tls": TLS,
    "routing": ROUTING,
    "headers": ROUTING,
    "static": STATIC,
    "websockets-chunked": WEBSOCKETS,
    "async-loops": ENGINES,
    "spooler": SPOOLER,
    "mules": MULES,
    "cron": CRON,
    "signals-timers": SIGNALS,
    "rpc": RPC,
    "cache": CACHE,
    "queue": SHARED,
    "ipc-locks": SHARED,
    "emperor": EMPEROR,
}

_ELSEWHERE = {
    APPLICATIONS: "force-cwd",
    STATISTICS: "py-tracebacker",
    SPOOLER: (
        "spooler-harakiri spooler-import spooler-pyimport spooler-py-import "
        "spooler-python-import touch-spoolers-reload"
    ),
    MULES: "mule-harakiri mule-reload-mercy touch-mules-reload hook-as-mule",
    SIGNALS: "touch-signal fs-signal",
    EMPEROR: (
        "hook-emperor-start hook-emperor-stop hook-emperor-reload hook-emperor-lost "
        "hook-as-vassal hook-as-emperor exec-as-vassal exec-as-emperor"
    ),
    TLS: "https-export-cert https-session-context http-to-https",
    WEBSOCKETS: "http-websockets",
    STATIC: "http-auto-gzip",
    SHARED: "py-sharedarea",
    ENGINES: "gevent gevent-monkey-patch gevent-early-monkey-patch gevent-wait-for-hub asyncio",
}

BY_OPTION = {name: what for what, names in _ELSEWHERE.items() for name in names.split()}
CAPABILITIES = tuple(sorted({*BY_GROUP.values(), *_ELSEWHERE}))


def of(name: str, group: str) -> str:
    """The capability that an option of a group belongs to; empty when it has none."""
    return BY_OPTION.get(name) or BY_GROUP.get(group, "")
