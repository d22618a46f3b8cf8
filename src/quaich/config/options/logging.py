"""Rows: what is logged, and where to."""

from quaich.config import kinds
from quaich.config.options.row import NO_ARGUMENT, Option

OPTIONS = (
    Option(
        "logto",
        kinds.STRING,
        "logging",
        "append the log to a file, or send it to host:port by UDP",
        reloadable=False,
    ),
    Option(
        "disable-logging",
        kinds.FLAG,
        "logging",
        "do not log requests, except those that log-4xx and log-5xx ask for",
        short="L",
        arg=NO_ARGUMENT,
        default=False,
    ),
    Option(
        "log-4xx",
        kinds.FLAG,
        "logging",
        "log requests answered 4xx even when request logging is off",
        arg=NO_ARGUMENT,
        default=False,
    ),
    Option(
        "log-5xx",
        kinds.FLAG,
        "logging",
        "log requests answered 5xx even when request logging is off",
        arg=NO_ARGUMENT,
        default=False,
    ),
)
