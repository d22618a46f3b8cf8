"""Rows: how a reload goes, what asks for one, and what stays of the generation before."""

from quaich.config import kinds
from quaich.config.options.row import DIFFERS, NO_ARGUMENT, Option

_BESIDE = "the new workers are ready before the old ones leave"

OPTIONS = (
    Option(
        "touch-reload",
        kinds.PATHS,
        "reload-control",
        "reload when this file is created, removed or written",
        implies=("master",),
        relation=DIFFERS,
        why="a relative path starts at chdir",
    ),
    Option(
        "touch-workers-reload",
        kinds.PATHS,
        "reload-control",
        "replace the workers, without reading anything again, when this file is touched",
        implies=("master",),
        relation=DIFFERS,
        why=_BESIDE,
    ),
    Option(
        "touch-chain-reload",
        kinds.PATHS,
        "reload-control",
        "reload one worker after the other when this file is touched",
        implies=("master",),
        relation=DIFFERS,
        why="new code is loaded also without lazy-apps, and a failure restores the old workers",
    ),
    Option(
        "exit-on-reload",
        kinds.FLAG,
        "reload-control",
        "end, with status 0, instead of reloading",
        arg=NO_ARGUMENT,
        default=False,
    ),
    Option(
        "startup-timeout",
        kinds.SECONDS,
        "reload-control",
        "seconds a generation has to become ready; a reload that takes longer is dropped (120 by "
        "default), and, where it is set, a start ends",
        default=0,
        modern=True,
        both_doors=True,
    ),
    Option(
        "snapshot",
        kinds.count(0, 64),
        "reload-control",
        "keep this many generations before the serving one asleep, to be restored at once",
        default=0,
        modern=True,
        both_doors=True,
    ),
)
