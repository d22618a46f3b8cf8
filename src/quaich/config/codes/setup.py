"""QX0xx: configurations that work, and will hurt one day."""

from quaich.config.codes.row import NOTE, WARNING, Code

CODES = (
    Code(
        "QX001",
        NOTE,
        "no master",
        "master is off and there is one process.",
        "A worker that dies is not replaced and nothing can be reloaded, in uWSGI and in quaich.",
        "Write master = true.",
    ),
    Code(
        "QX002",
        NOTE,
        "several processes without a master",
        "processes is greater than 1 and master is off.",
        "uWSGI leaves the workers unsupervised: one that dies is gone, and stopping the first "
        "leaves the others alive. quaich always supervises them, and SIGTERM stops them.",
        "Write master = true and die-on-term = true.",
    ),
    Code(
        "QX003",
        NOTE,
        "SIGTERM reloads",
        "A master is on and die-on-term is not.",
        "In uWSGI, SIGTERM to the master reloads brutally instead of stopping; containers and "
        "systemd then wait and kill. quaich behind the compatible door does the same.",
        "Write die-on-term = true.",
    ),
    Code(
        "QX004",
        NOTE,
        "no socket option",
        "No option names an address to listen on.",
        "uWSGI refuses to start unless its stdin is a socket. quaich listens on 127.0.0.1:8080 "
        "and tells HTTP and the uwsgi protocol apart by the first byte.",
        "Write http-socket = 127.0.0.1:8080, or socket = /run/app.sock behind nginx.",
    ),
    Code(
        "QX006",
        NOTE,
        "a gateway protocol on a public address",
        "A socket that speaks uwsgi, SCGI or FastCGI listens on TCP beyond this machine.",
        "Whoever reaches it chooses REMOTE_USER, HTTPS and every other variable; uWSGI would even "
        "load code that they name (UWSGI_FILE).",
        "Listen on a UNIX socket or 127.0.0.1, or let a firewall admit only the proxy.",
    ),
    Code(
        "QX007",
        NOTE,
        "a socket that everybody may write to",
        "chmod-socket gives write permission to all users (bare, it means 666).",
        "Any local user can send requests that claim to come from the proxy.",
        "Write chmod-socket = 660 and chown-socket = user:group with the group of nginx.",
    ),
    Code(
        "QX008",
        NOTE,
        "a socket in a temporary directory",
        "The path of a UNIX socket or pid file is below /tmp or /var/tmp.",
        "Services that systemd starts with PrivateTmp=yes (nginx in several distributions) see "
        "another /tmp and cannot connect; cleaners delete old files there.",
        "Use a directory below /run that belongs to the service.",
    ),
    Code(
        "QX009",
        NOTE,
        "statistics for everybody",
        "stats listens on TCP beyond this machine, and stats-public says that this is meant.",
        "Whoever reaches the address reads which requests run, from whom, and how the server does; "
        "uWSGI shows their variables besides.",
        "Listen on 127.0.0.1 or a UNIX socket, or let a firewall admit only the collector.",
    ),
    Code(
        "QX020",
        NOTE,
        "a failed import would not stop the start",
        "need-app is not set.",
        "When the application cannot be loaded, uWSGI starts all the same and answers every "
        "request with 500; so does quaich behind the compatible door.",
        "Write need-app = true.",
    ),
    Code(
        "QX036",
        WARNING,
        "the request log writes secrets",
        "log-format names a variable that carries credentials, such as HTTP_COOKIE.",
        "Whoever can read the log can act as the clients in it.",
        "Leave the variable out, or log one that the application sets.",
    ),
)
