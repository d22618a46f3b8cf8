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
        kinds.PUSHES,
        "stats",
        "send the metrics again and again to statsd or a socket, or append statistics to a file",
        implies=_MASTER,
        relation=DIFFERS,
        why="statsd and file are built in; statsd gets by how much a counter grew; other kinds are "
        "refused",
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
    Option(
        "carbon",
        kinds.CARBONS,
        "metrics-push",
        "send statistics to a carbon server by TCP",
        implies=_MASTER,
        relation=DIFFERS,
        why="a name is looked up each time, and what cannot be sent is not tried again",
        reloadable=False,
    ),
    Option(
        "carbon-freq",
        kinds.seconds(1),
        "metrics-push",
        "seconds between two times that statistics are sent to carbon",
        default=60,
    ),
    Option(
        "carbon-timeout",
        kinds.seconds(1),
        "metrics-push",
        "seconds that a carbon server may take",
        default=3,
    ),
    Option(
        "carbon-id",
        kinds.STRING,
        "metrics-push",
        "the server's name among those of its host (its first socket without it)",
    ),
    Option(
        "carbon-root",
        kinds.STRING,
        "metrics-push",
        "what the names begin with",
        default="uwsgi",
    ),
    Option(
        "carbon-hostname-dots",
        kinds.STRING,
        "metrics-push",
        "what stands for a dot in the name of the host",
    ),
    Option(
        "carbon-no-workers",
        kinds.FLAG,
        "metrics-push",
        "send the sums only",
        arg=NO_ARGUMENT,
        default=False,
    ),
    Option(
        "alarm",
        kinds.ALARMS,
        "alarms",
        "what an alarm does: NAME cmd:COMMAND, NAME log:, or NAME udp:ADDRESS",
        implies=_MASTER,
        relation=DIFFERS,
        why="commands run as the user of the workers, and of one alarm one at a time; other kinds "
        "are refused",
        reloadable=False,
    ),
    Option(
        "alarm-backlog",
        kinds.STRINGS,
        "alarms",
        "raise an alarm when the queue of a socket is full",
        aliases=(
            *("backlog-alarm", "lq-alarm", "alarm-lq"),
            *("alarm-listen-queue", "listen-queue-alarm"),
        ),
        implies=_MASTER,
        relation=DIFFERS,
        why="UNIX sockets count, too",
        reloadable=False,
    ),
    Option(
        "metric-threshold",
        kinds.THRESHOLDS,
        "metrics",
        "raise an alarm while a metric is at least as large as a value",
        aliases=("metric-alarm", "alarm-metric"),
        implies=_MASTER,
        relation=DIFFERS,
        why="a metric is not reset by it: reset= is refused",
        reloadable=False,
    ),
    Option(
        "alarm-freq",
        kinds.seconds(0),
        "alarms",
        "seconds in which the same alarm is not raised again",
        default=3,
    ),
    Option(
        "alarm-msg-size",
        kinds.count(1, 65536),
        "alarms",
        "the longest message of an alarm, in octets",
        default=8192,
    ),
)
