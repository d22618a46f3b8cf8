"""Whether the log goes to the journal by itself: where systemd has made stderr a stream to it.

Through its native protocol each line keeps its severity, its worker and its request id, which the
stream loses.  What the configuration says of the log counts more.
"""

import os
from collections.abc import Mapping

from quaich.config.effective import Config
from quaich.log.courier.plan import JOURNAL, carries_server, plain_file
from quaich.values import replace

_LOGGER = ("systemd",)


def is_journal(variables: Mapping[str, str], fd: int) -> bool:
    """Whether a descriptor is the stream that systemd names in ``JOURNAL_STREAM``."""
    device, _, inode = variables.get("JOURNAL_STREAM", "").partition(":")
    try:
        info = os.fstat(fd)
    except OSError:
        return False
    return (device, inode) == (str(info.st_dev), str(info.st_ino))


def to_journal(config: Config, variables: Mapping[str, str], fd: int = 2) -> Config:
    """The configuration of a server that starts, with the journal for its log where it is so."""
    if not _may(config) or not is_journal(variables, fd) or not os.path.exists(JOURNAL):
        return config
    return replace(config, logger=_LOGGER)


def as_before(config: Config, first: Config) -> Config:
    """The configuration of a reload, with what the start has found."""
    return replace(config, logger=_LOGGER) if first.logger == _LOGGER and _may(config) else config


def _may(config: Config) -> bool:
    if not (config.master or config.processes > 1):
        return False
    names = (config.logto, config.logto2, config.daemonize, config.daemonize2)
    return not any(names) and not carries_server(config) and plain_file(config) is None
