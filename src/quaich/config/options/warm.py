"""Rows: how a generation gets ready before it serves, and what has it begin again."""

from quaich.config import kinds
from quaich.config.options.row import DIFFERS, NO_ARGUMENT, Option

_OWN = "quaich's own"
_REPLACED = (
    "the next worker is ready before this one leaves, so it may answer a few more requests; "
    "it needs a master"
)

OPTIONS = (
    Option(
        "lazy-apps",
        kinds.FLAG,
        "reload-control",
        "load the application in each worker, and not once before they are forked",
        aliases=("lazy",),
        arg=NO_ARGUMENT,
        default=False,
        relation=DIFFERS,
        why="a reload always loads it anew, so lazy is the same; without a master it has no effect",
    ),
    Option(
        "warmup",
        kinds.STRINGS,
        "python",
        "request this path of the application before the workers are forked, so that what it "
        "imports and caches is loaded once and shared; http://HOST/PATH names the host too",
        relation=DIFFERS,
        why=_OWN,
        modern=True,
        both_doors=True,
    ),
    Option(
        "ready-path",
        kinds.STRING,
        "reload-control",
        "let a worker serve only when this path of the application gives 2xx or 3xx; "
        "http://HOST/PATH names the host too",
        relation=DIFFERS,
        why=_OWN,
        modern=True,
        both_doors=True,
    ),
    Option(
        "post-fork",
        kinds.STRINGS,
        "python",
        "call module:function in each worker after the fork, before it serves",
        relation=DIFFERS,
        why=_OWN,
        modern=True,
        both_doors=True,
    ),
    Option(
        "refork-after",
        kinds.NUMBER,
        "reload-control",
        "when the workers serve, fork them once more from a process that has answered this many "
        "requests to the paths of warmup (or to /)",
        default=0,
        relation=DIFFERS,
        why=_OWN,
        implies=("master",),
        modern=True,
        both_doors=True,
    ),
    Option(
        "py-auto-reload",
        kinds.SECONDS,
        "python",
        "look every these seconds for changes in the files of imported modules, and reload "
        "(for development)",
        aliases=("py-autoreload", "python-auto-reload", "python-autoreload"),
        default=0,
        relation=DIFFERS,
        why="a broken file never replaces the code that works, and mending it is noticed",
        implies=("master",),
    ),
    Option(
        "py-auto-reload-ignore",
        kinds.STRINGS,
        "python",
        "do not look at the file of this module (py-auto-reload)",
        implies=("master",),
    ),
    Option(
        "reload-on-exception",
        kinds.FLAG,
        "reload-control",
        "replace a worker in which the application raised an exception",
        arg=NO_ARGUMENT,
        default=False,
        relation=DIFFERS,
        why=_REPLACED,
    ),
    Option(
        "reload-on-exception-type",
        kinds.STRINGS,
        "reload-control",
        "replace a worker in which the application raised an exception of this type",
        relation=DIFFERS,
        why=_REPLACED,
    ),
    Option(
        "reload-on-exception-value",
        kinds.STRINGS,
        "reload-control",
        "replace a worker in which the application raised an exception with this text",
        relation=DIFFERS,
        why=_REPLACED,
    ),
    Option(
        "reload-on-exception-repr",
        kinds.STRINGS,
        "reload-control",
        "replace a worker in which the application raised an exception with this repr()",
        relation=DIFFERS,
        why=_REPLACED,
    ),
)
