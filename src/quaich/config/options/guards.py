"""What would be lost if a planned or refused option were ignored.

Most such options may be skipped with a warning.  These may not: without them the server would be
less protected than its configuration says, would be configured differently, or would not be asked
to serve at all.  Using one is an error that gives the reason.
"""

_CONFINES = "it confines the server"
_DROPS = "it drops privileges; use uid and gid"
_TLS = "it protects connections with TLS"
_RULES = "its rules may refuse or protect requests"
_ACTION = "it asks for an action instead of a server"
_ANOTHER = "it asks for something else than an application server"
_LISTENS = "it opens an address that would not be served"
_ELECTS = "it decides which of several servers acts"

REASONS = {
    _CONFINES: (
        "pivot-root pivot_root unshare unshare2 setns setns-socket setns-socket-skip "
        "setns-skip setns-preopen jailed jail jail-ip4 jail-ip6 jail2 libjail jail-attach "
        "namespace namespace-net ns ns-net cgroup cgroup-opt emperor-cap vassal-cap vassals-cap"
    ),
    _DROPS: "http-uid http-gid",
    _TLS: (
        "https-export-cert https-session-context http-to-https sni sni-dir sni-regexp "
        "ssl-verify-depth "
        "sslrouter sslrouter2"
    ),
    _RULES: (
        "route route-host route-uri route-qs route-remote-addr route-user-agent "
        "route-remote-user route-referer route-label route-if route-if-not route-run "
        "final-route final-route-status final-route-host final-route-uri final-route-qs "
        "final-route-remote-addr final-route-user-agent final-route-remote-user "
        "final-route-referer final-route-label final-route-if final-route-if-not "
        "final-route-run error-route error-route-status error-route-host error-route-uri "
        "error-route-qs error-route-remote-addr error-route-user-agent "
        "error-route-remote-user error-route-referer error-route-label error-route-if "
        "error-route-if-not error-route-run response-route response-route-status "
        "response-route-host response-route-uri response-route-qs response-route-remote-addr "
        "response-route-user-agent response-route-remote-user response-route-referer "
        "response-route-label response-route-if response-route-if-not response-route-run"
    ),
    _ACTION: (
        "extract print-sym "
        "print-symbol imperial-monitor-list imperial-monitors-list signal logger-list "
        "loggers-list alarm-list alarms-list cheaper-algo-list cheaper-algos-list cheaper-list "
        "router-list routers-list clock-list clocks-list loop-list loops-list plugins-list "
        "plugin-list binary-append-data cflags dot-h config-py build-plugin ping "
        "nagios python-version no-server"
    ),
    _ANOTHER: "emperor fastrouter rawrouter",
    _LISTENS: ("fastcgi-nph-socket scgi-nph-socket raw-socket puwsgi-socket udp multicast zerg"),
    _ELECTS: "legion legion-mcast",
}

GUARDS = {name: reason for reason, names in REASONS.items() for name in names.split()}
