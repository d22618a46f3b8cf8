"""Known options that need no action, because quaich does otherwise or always what they ask for.

By reason; a reason completes "accepted without effect: ...".
"""

_GONE_CLIENTS = "a client that goes away is logged nowhere and raises nothing, except in write()"
_LOCKS = "shared state is guarded by the kernel's own locks"
_NO_ROUTER = "the workers serve HTTP themselves, so there is no router process to tune"
_NO_LIMIT = "there is no table of a fixed size"

_REASONS = {
    _GONE_CLIENTS: (
        "ignore-sigpipe ignore-write-errors write-errors-tolerance write-errors-exception-only "
        "disable-write-exception"
    ),
    _LOCKS: "lock-engine ftok persistent-ipcsem",
    _NO_ROUTER: (
        "http-events http-gracetime http-harakiri http-quiet http-stats http-stats-server http-ss "
        "http-buffer-size http-connect-timeout "
        "http-server-name-as-http-host"
    ),
    _NO_LIMIT: "max-vars",
    "regular expressions are Python's own": "pcre-jit",
    "a crash ends the worker by its own signal, so that the system can keep a core": (
        "backtrace-depth use-abort"
    ),
    "orphans are always reaped": "reaper",
    "the interpreter of a worker that ends is never taken apart": "skip-atexit-teardown",
    "the master looks once a second": "check-interval mem-collector-freq",
    "the master tells every worker itself": "propagate-touch",
    "workers share their memory because they are forked after loading": "ksm",
    "nothing but uWSGI's own API ever showed it": "mode",
    "the kernel's monotonic clock is always used": "clock",
    "a body is always received whole before the application is called": (
        "post-buffering-bufsize body-read-warning"
    ),
    "what an alarm does never holds up the master": "alarm-cheap",
    "every descriptor is closed on exec": "close-on-exec close-on-exec2",
    "there are no gateway processes": "force-gateway",
    "responses are sent as the application makes them": "start_response-nodelay",
    "the rules of WSGI are always checked": "wsgi-strict",
    "there are no plugins to choose between": "allowed-modifiers remap-modifier",
}

REASONS = {name: reason for reason, names in _REASONS.items() for name in names.split()}
