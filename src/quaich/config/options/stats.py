"""Rows: what the server shows of itself, and to whom."""

from quaich.config import kinds
from quaich.config.options.row import DIFFERS, NO_ARGUMENT, SAME, Option

_MASTER = ("master",)


def _flag(name: str, text: str, *, aliases: tuple[str, ...] = (), why: str = "") -> Option:
    return Option(
        name,
        kinds.FLAG,
        "stats",
        text,
        aliases=aliases,
        arg=NO_ARGUMENT,
        default=False,
        implies=_MASTER,
        relation=DIFFERS if why else SAME,
        why=why,
    )


OPTIONS = (
    Option(
        "stats",
        kinds.ADDRESSES,
        "stats",
        "show statistics, metrics and health at an address",
        aliases=("stats-server",),
        implies=_MASTER,
        relation=DIFFERS,
        why="every address given is served, by HTTP too; one beyond this machine needs "
        "stats-public, and a UNIX socket is the server's own user's unless chmod-socket is given",
        reloadable=False,
    ),
    Option(
        "stats-public",
        kinds.FLAG,
        "stats",
        "let stats listen beyond this machine: everybody who can connect reads it",
        arg=NO_ARGUMENT,
        default=False,
        modern=True,
        both_doors=True,
        reloadable=False,
    ),
    _flag(
        "stats-http",
        "show statistics by HTTP only: wait for a request",
        why="a request by HTTP is understood without it as well; pages of other sites may not "
        "read the answer",
    ),
    _flag("stats-minified", "show statistics on one line", aliases=("stats-min",)),
    _flag("stats-no-cores", "leave the cores out of the statistics"),
    _flag("stats-no-metrics", "leave the metrics of enable-metrics out of the statistics"),
    Option(
        "enable-metrics",
        kinds.FLAG,
        "metrics",
        "show uWSGI's metrics among the statistics",
        arg=NO_ARGUMENT,
        default=False,
        implies=_MASTER,
        relation=DIFFERS,
        why="counters go on across reloads; /metrics needs no option",
    ),
    Option(
        "metrics-no-cores",
        kinds.FLAG,
        "metrics",
        "leave the cores out of the metrics of enable-metrics",
        arg=NO_ARGUMENT,
        default=False,
        implies=_MASTER,
    ),
    Option(
        "stats-push",
        kinds.STRINGS,
        "stats",
        "send statistics again and again: statsd:ADDRESS[,PREFIX], file:PATH, socket:ADDRESS",
        implies=_MASTER,
        relation=DIFFERS,
        why="a metric that did not change is not sent to statsd again; other kinds are refused",
        reloadable=False,
    ),
    Option(
        "stats-pusher-default-freq",
        kinds.seconds(1),
        "stats",
        "seconds between two pushes of stats-push",
        aliases=("stats-pushers-default-freq",),
        default=3,
        implies=_MASTER,
    ),
)
