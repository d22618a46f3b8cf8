"""Rows: what a worker and a request may use up, and how long whoever leaves may take."""

from quaich.config import kinds
from quaich.config.options.row import DIFFERS, NO_ARGUMENT, NO_EFFECT, Option

_RELIEF = "the next worker is ready before this one leaves"
_SERVES_ON = f"{_RELIEF}, so it serves somewhat more: what comes while that one starts"
_MEGABYTES = f"{_RELIEF}; the master looks once a second, whether or not there are requests"

OPTIONS = (
    Option(
        "harakiri",
        kinds.SECONDS,
        "harakiri",
        "end a worker in which a request runs longer than these seconds; its stacks are logged",
        short="t",
        default=0,
        relation=DIFFERS,
        why="time in which a request waits for its client does not count",
    ),
    Option(
        "harakiri-verbose",
        kinds.FLAG,
        "harakiri",
        arg=NO_ARGUMENT,
        relation=NO_EFFECT,
        why="the stacks of the threads are always logged",
    ),
    Option(
        "max-requests",
        kinds.NUMBER,
        "reload-control",
        "replace a worker after this many requests",
        short="R",
        default=0,
        relation=DIFFERS,
        why=_SERVES_ON,
    ),
    Option(
        "max-requests-delta",
        kinds.NUMBER,
        "reload-control",
        "add this many requests, times its number less one, to max-requests of each worker",
        default=0,
    ),
    Option(
        "min-worker-lifetime",
        kinds.SECONDS,
        "reload-control",
        "replace no worker that is younger than these seconds",
        default=10,
    ),
    Option(
        "max-worker-lifetime",
        kinds.SECONDS,
        "reload-control",
        "replace a worker after these seconds",
        default=0,
        relation=DIFFERS,
        why=_RELIEF,
    ),
    Option(
        "max-worker-lifetime-delta",
        kinds.SECONDS,
        "reload-control",
        "add these seconds, times its number less one, to max-worker-lifetime of each worker",
        default=0,
    ),
    Option(
        "reload-on-rss",
        kinds.NUMBER,
        "reload-control",
        "replace a worker whose resident memory is larger than this many megabytes",
        default=0,
        relation=DIFFERS,
        why=_MEGABYTES,
    ),
    Option(
        "reload-on-as",
        kinds.NUMBER,
        "reload-control",
        "replace a worker whose address space is larger than this many megabytes",
        default=0,
        relation=DIFFERS,
        why=_MEGABYTES,
    ),
    Option(
        "evil-reload-on-rss",
        kinds.NUMBER,
        "reload-control",
        "kill a worker whose resident memory is larger than this many megabytes",
        default=0,
        implies=("master",),
    ),
    Option(
        "evil-reload-on-as",
        kinds.NUMBER,
        "reload-control",
        "kill a worker whose address space is larger than this many megabytes",
        default=0,
        implies=("master",),
    ),
    Option(
        "worker-reload-mercy",
        kinds.SECONDS,
        "reload-control",
        "seconds a worker that is to leave has for its requests, before it is killed",
        default=60,
    ),
    Option(
        "reload-mercy",
        kinds.SECONDS,
        "reload-control",
        "seconds the workers before a reload have for their requests, before they are killed",
        default=60,
        relation=DIFFERS,
        why="the new workers serve meanwhile; it also bounds a graceful stop",
    ),
)
