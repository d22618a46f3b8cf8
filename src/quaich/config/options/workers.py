"""Rows: how a worker is ended for a request that runs too long."""

from quaich.config import kinds
from quaich.config.options.row import DIFFERS, NO_ARGUMENT, NO_EFFECT, Option

OPTIONS = (
    Option(
        "harakiri-graceful-timeout",
        kinds.SECONDS,
        "harakiri",
        "seconds between the signal to a worker whose request runs too long and its end",
        default=0,
        relation=DIFFERS,
        why="a request that ends in this time leaves its worker as it is, also with other threads",
    ),
    Option(
        "harakiri-graceful-signal",
        kinds.count(1, 31),
        "harakiri",
        "the number of the signal of harakiri-graceful-timeout; an application may handle it",
        default=15,
    ),
    Option(
        "harakiri-queue-threshold",
        kinds.NUMBER,
        "harakiri",
        "end no request for its time while no more than this many connections wait to be accepted",
        default=0,
        relation=DIFFERS,
        why="it counts the longest of the listen queues",
    ),
    Option(
        "harakiri-no-arh",
        kinds.FLAG,
        "harakiri",
        aliases=("no-harakiri-arh", "no-harakiri-after-req-hook"),
        arg=NO_ARGUMENT,
        relation=NO_EFFECT,
        why="nothing runs after a request that could be counted as a part of it",
    ),
)
