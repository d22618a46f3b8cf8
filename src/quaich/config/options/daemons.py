"""Rows: programs that the master starts, watches and stops with the server."""

from quaich.config import daemons, kinds
from quaich.config.options.row import DIFFERS, NO_ARGUMENT, Option

_GROUP = "daemons"
_RESTARTS = "a reload restarts it only when the new workers serve"
_OUTLIVES = "the pid file is believed only when the process in it can be this daemon"
_NO_NAMESPACE = "ns_pid and notifypid are refused; a reloadsignal that does not end it is fine"


def _row(name: str, kind: kinds.Kind, text: str, why: str, *aliases: str) -> Option:
    return Option(
        name,
        kind,
        _GROUP,
        text,
        aliases=aliases,
        relation=DIFFERS,
        why=why,
        implies=("master",),
    )


OPTIONS = (
    _row("attach-daemon", daemons.PLAIN, "run this program beside the workers", _RESTARTS),
    _row(
        "attach-control-daemon",
        daemons.PLAIN,
        "run this program beside the workers, and stop when it ends",
        _RESTARTS,
    ),
    _row(
        "smart-attach-daemon",
        daemons.SMART,
        "as PIDFILE COMMAND, start this program, which goes into the background, unless it runs",
        _OUTLIVES,
    ),
    _row(
        "smart-attach-daemon2",
        daemons.SMART,
        "as PIDFILE COMMAND, start this program, which stays in the foreground, unless it runs",
        _OUTLIVES,
    ),
    _row(
        "attach-daemon2",
        daemons.PAIRS,
        "as cmd=COMMAND,key=value and so on, run this program beside the workers",
        _NO_NAMESPACE,
    ),
    Option(
        "daemons-honour-stdin",
        kinds.FLAG,
        _GROUP,
        "leave daemons the stdin of the master",
        arg=NO_ARGUMENT,
        default=False,
        implies=("master",),
    ),
)
