"""Rows: how a running server is told what to do."""

from quaich.config import kinds
from quaich.config.options.row import DIFFERS, Option

_CHECKED = "a process that is neither quaich nor uWSGI is never signalled"


def _signal(name: str, text: str) -> Option:
    return Option(
        name, kinds.ANYTHING, "reload-control", text, acts=True, relation=DIFFERS, why=_CHECKED
    )


OPTIONS = (
    Option(
        "master-fifo",
        kinds.PATHS,
        "reload-control",
        "take commands, a letter each, from a FIFO; of several, 0 to 9 choose one",
        implies=("master",),
        relation=DIFFERS,
        why="only a FIFO is replaced by it; it is made again when it vanishes, and vacuum removes "
        "it",
        reloadable=False,
    ),
    Option(
        "control",
        kinds.PATH_OR_OFF,
        "reload-control",
        "where quaich reload, stop, status and their like reach the server; false for nowhere",
        modern=True,
        both_doors=True,
        reloadable=False,
    ),
    _signal("stop", "stop the server that a pid file names (SIGINT), and exit"),
    _signal("reload", "reload the server that a pid file names (SIGHUP), and exit"),
    _signal("pause", "pause or resume the server that a pid file names (SIGTSTP), and exit"),
    _signal("suspend", "the same as pause"),
    _signal("resume", "the same as pause"),
    Option(
        "connect-and-read",
        kinds.ANYTHING,
        "tools",
        "connect to an address, print what it sends, and exit",
        acts=True,
    ),
)
