"""The request log of a worker, as its configuration wants it: its form, and what it picks."""

import os
from collections.abc import Callable

from quaich.config.effective import Config
from quaich.log.format import COMMON, FormatLog, Process
from quaich.log.jsonline import JsonLog
from quaich.log.request import RequestLog
from quaich.log.selection import Selection
from quaich.log.server import Log
from quaich.stats.scoreboard import Slot
from quaich.sys.process import memory
from quaich.worker.record import Output, Recorder


def recorder(
    config: Config,
    number: int,
    generation: int,
    slot: Slot,
    log: Output,
    metric: Callable[[int], int],
) -> Recorder | None:
    """Who writes the request lines of a worker; None where none are wanted.  ``metric`` gives the
    metrics that the format names, in their order."""
    selection = Selection(
        all=not config.disable_logging and config.access_log != "off",
        client_errors=config.log_4xx,
        server_errors=config.log_5xx,
        slow=config.log_slow,
        big=config.log_big,
        zero=config.log_zero,
        sendfile=config.log_sendfile,
        failed=config.log_ioerror,
    )
    if not selection.any():
        return None
    asked = memory if config.memory_report else None
    process = Process(os.getpid(), number, generation, asked, _ftime(config), metric)
    lines: FormatLog | JsonLog | RequestLog
    if (config.access_log or ("json" if config.log_json else "text")) == "json":
        lines = JsonLog(process)
    elif config.log_format is not None:
        lines = FormatLog(config.log_format, process)
    else:
        lines = RequestLog(process.pid, config.log_micros, asked)
    return Recorder(
        slot=slot,
        log=log,
        lines=lines,
        selection=selection,
        needs=getattr(lines, "needs", ()),
        open=getattr(lines, "open", False),
        forwarded=config.log_x_forwarded_for,
        gathering=isinstance(log, Log),
    )


def _ftime(config: Config) -> str:
    return config.log_date if config.logformat_strftime and config.log_date else COMMON
