"""What quaich knows and will never act on, why, and what to use instead.

Whole groups first, then single names.  Each text completes "not supported: ...".
"""

from typing import NamedTuple


class Refusal(NamedTuple):
    """Why an option is refused, and what does its work instead."""

    why: str
    use: str


_ROUTER = Refusal(
    "requests are not routed between machines by the application server",
    "an upstream of nginx (quaich nginx) with several servers",
)
_SUBSCRIPTION = Refusal(
    "servers do not announce themselves to a router",
    "an upstream of nginx, or the service discovery of the platform",
)
_ZERG = Refusal(
    "workers are not lent between servers",
    "cheaper and processes; a reload never stops serving",
)
_LEGION = Refusal(
    "servers do not elect a leader among themselves",
    "a lock in Valkey, Redis or the database, or the platform's own scheduler",
)
_SYMBOLS = Refusal(
    "there are no C symbols of a server to call",
    "a Python import: pyimport, or postfork in the application",
)

BY_GROUP = {
    "fastrouter": _ROUTER,
    "sslrouter": _ROUTER,
    "rawrouter": _ROUTER,
    "subscription": _SUBSCRIPTION,
    "zerg": _ZERG,
    "legion": _LEGION,
    "symcall": _SYMBOLS,
    "plugins": Refusal(
        "there are no plugins: Python and its protocols are built in",
        "a server made for the other language, beside this one behind nginx",
    ),
}

_PYPY = Refusal("PyPy is not embedded", "quaich installed into PyPy and started by it")
_MODIFIERS = Refusal("modifiers select plugins, and there are none", "mount")
_NAMESPACES = Refusal(
    "namespaces, cgroups and jails are the service manager's",
    "systemd (PrivateTmp=, ProtectSystem=, MemoryMax=, ...) or a container",
)
_MOUNTING = Refusal(
    "file systems are not mounted by an application server",
    "a systemd mount unit, BindPaths=, or the container's volumes",
)
_MULTICAST = Refusal(
    "requests over UDP and multicast are not served", "a socket, or a message queue"
)
_BINARY = Refusal("it concerns the uWSGI binary", "quaich help, and pip to install or upgrade")
_GATEWAY_NPH = Refusal(
    "raw and persistent variants of the gateway protocols are not served",
    "socket, http-socket, scgi-socket or fastcgi-socket",
)
_UNBIT = Refusal(
    "configuration is not taken from a message or a broker", "files below emperor's directory"
)
_CACHE_NET = Refusal("caches are not copied between machines", "Valkey, Redis or memcached")
_OLD_INTERFACES = Refusal("the interface never became a standard", "WSGI: module or wsgi-file")
_DUMPERS = Refusal(
    "a privileged process would run another program in its place", "hooks, or a service unit"
)
_ROUTER_MAP = Refusal(
    "HTTP is served by the workers, so there is no router to tell where to go",
    "mount, or an upstream of nginx",
)

_BY_TEXT: tuple[tuple[str, Refusal], ...] = (
    (
        (
            "pypy-lib pypy-setup pypy-home pypy-wsgi pypy-wsgi-file pypy-ini-paste pypy-paste "
            "pypy-eval pypy-eval-post-fork pypy-exec pypy-exec-post-fork pypy-pp pypy-python-path "
            "pypy-pythonpath"
        ),
        _PYPY,
    ),
    (
        (
            "http-socket-modifier1 http-socket-modifier2 https-socket-modifier1 "
            "https-socket-modifier2 fastcgi-modifier1 fastcgi-modifier2 scgi-modifier1 "
            "scgi-modifier2 raw-modifier1 raw-modifier2 http-modifier1 http-modifier2"
        ),
        _MODIFIERS,
    ),
    (
        (
            "pivot-root pivot_root unshare unshare2 setns-socket setns-socket-skip setns-skip "
            "setns setns-preopen jailed jail jail-ip4 jail-ip6 jidfile jid-file jail2 libjail "
            "jail-attach refork re-fork refork-as-root re-fork-as-root refork-post-jail "
            "re-fork-post-jail cgroup cgroup-opt cgroup-dir-mode namespace namespace-keep-mount "
            "ns namespace-net ns-net emperor-use-clone emperor-cap vassals-cap vassal-cap"
        ),
        _NAMESPACES,
    ),
    (
        (
            "mount-asap mount-pre-jail mount-post-jail mount-in-jail mount-as-root "
            "mount-as-vassal mount-as-emperor umount-asap umount-pre-jail umount-post-jail "
            "umount-in-jail umount-as-root umount-as-vassal umount-as-emperor"
        ),
        _MOUNTING,
    ),
    (
        (
            "call-asap call-pre-jail call-post-jail call-in-jail call-as-root call-as-user "
            "call-as-user-atexit call-pre-app call-post-app call-as-vassal call-as-vassal1 "
            "call-as-vassal3 call-as-emperor call-as-emperor1 call-as-emperor2 call-as-emperor4 "
            "after-request-call print-sym print-symbol"
        ),
        _SYMBOLS,
    ),
    ("udp multicast multicast-ttl multicast-loop", _MULTICAST),
    ("raw-socket python-raw puwsgi-socket fastcgi-nph-socket scgi-nph-socket", _GATEWAY_NPH),
    (
        (
            "extract binary-path binary-append-data cflags dot-h config-py build-plugin "
            "imperial-monitor-list imperial-monitors-list logger-list loggers-list alarm-list "
            "alarms-list cheaper-algo-list cheaper-algos-list cheaper-list router-list "
            "routers-list clock-list clocks-list loop-list loops-list plugins-list plugin-list "
            "python-version"
        ),
        _BINARY,
    ),
    (
        (
            "privileged-binary-patch unprivileged-binary-patch privileged-binary-patch-arg "
            "unprivileged-binary-patch-arg binsh worker-exec worker-exec2 python-worker-override"
        ),
        _DUMPERS,
    ),
    (
        (
            "emperor-proxy-socket emperor-wrapper emperor-wrapper-override "
            "emperor-wrapper-fallback emperor-broodlord vassal-sos vassal-sos-backlog "
            "emperor-magic-exec"
        ),
        _UNBIT,
    ),
    ("cache-udp-server cache-udp-node cache-sync", _CACHE_NET),
    ("web3 pump wsgi-lite", _OLD_INTERFACES),
    (
        (
            "http-zerg http-fallback http-use-cache http-use-pattern http-use-base "
            "http-use-code-string http-use-socket http-to http-subscription-server "
            "http-subscription-fallback-key http-resubscribe http-stud-prefix http-cheap http-uid "
            "http-gid http-manage-rtsp http-manage-source"
        ),
        _ROUTER_MAP,
    ),
    (
        (
            "legion-cron cron-legion unique-legion-cron unique-cron-legion legion-curl-cron "
            "legion-cron-curl curl-cron-legion cron-curl-legion legion-attach-daemon "
            "legion-smart-attach-daemon legion-smart-attach-daemon2"
        ),
        _LEGION,
    ),
    (
        "curl-cron cron-curl",
        Refusal("there is no HTTP client in the server", "cron2 with curl as its command"),
    ),
    (
        "snmp snmp-community",
        Refusal("SNMP is not spoken", "stats, or /metrics with Prometheus and its SNMP bridge"),
    ),
    (
        "rrdtool rrdtool-freq rrdtool-lib",
        Refusal("round-robin databases are not written", "stats-push to carbon, or /metrics"),
    ),
    (
        "geoip-country geoip-city geoip-use-disk",
        Refusal("the GeoIP database it reads is discontinued", "ngx_http_geoip2_module"),
    ),
    (
        "upload-progress",
        Refusal("uploads are not tracked in files", "nginx's upload progress, or the browser's"),
    ),
    (
        "ugreen ugreen-stacksize stackless greenlet",
        Refusal("the engine is no longer maintained", "gevent or asyncio"),
    ),
    ("tornado", Refusal("tornado runs on asyncio today", "asyncio")),
    (
        "profiler",
        Refusal("there is no profiler in the server", "py-spy record --pid, or cProfile"),
    ),
    (
        "reload-on-fd brutal-reload-on-fd fs-brutal-reload",
        Refusal("a reload is asked for by a file, a signal or a command", "touch-reload"),
    ),
    (
        "check-mountpoint mountpoint-check check-mount mount-check",
        Refusal("mounts are not watched", "RequiresMountsFor= of systemd, which stops with them"),
    ),
    (
        "never-swap",
        Refusal("memory is not locked", "MemorySwapMax=0 of systemd, or of the container"),
    ),
    (
        "no-server command-mode",
        Refusal("there is no mode that starts and does not serve", "quaich check, or pyrun"),
    ),
    (
        "notify-socket",
        Refusal("state is not sent as datagrams", "Type=notify of systemd, or quaich status"),
    ),
    ("nagios ping ping-timeout", Refusal("servers do not ping each other", "check_http")),
    ("cgi-mode", Refusal("it forces a CGI-style variable set", "module with any WSGI framework")),
    (
        "ssl-enable3 ssl-enable-sslv3 ssl-enable-tlsv1",
        Refusal("SSL 3 and TLS 1.0 are broken", "TLS 1.2 or later, which is the default"),
    ),
    (
        "exception-handler",
        Refusal("exceptions are not passed to plugins", "the log, or the framework's reporting"),
    ),
    (
        "wsgi-accept-buffer wsgi-accept-buffers",
        Refusal("an application returns bytes, as PEP 3333 says", "bytes(view)"),
    ),
    (
        "after-request-hook",
        Refusal("nothing is run between requests but the application", "middleware of WSGI"),
    ),
    ("file-write", Refusal("configuration files write no other files", "hook-asap = write:")),
)

BY_OPTION = {name: refusal for names, refusal in _BY_TEXT for name in names.split()}


def of(name: str, group: str) -> Refusal | None:
    """The refusal of an option of a group, if it is refused."""
    return BY_OPTION.get(name) or BY_GROUP.get(group)
