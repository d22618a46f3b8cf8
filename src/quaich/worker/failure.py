"""What the log says of an application's mistakes, and the end of a process that it forked.

A mistake of the application's is one line where quaich knows what was expected, and its traceback,
from its own first frame on, where it raised.  An exception's attributes and its text are code of
the application too, and may raise: so it is asked for its type only, and shown by ``shown``, out of
which nothing comes.
"""

import os
import sys
import traceback
from types import TracebackType
from typing import Any, NoReturn

from quaich.errors import ApplicationError
from quaich.log.request import escape
from quaich.log.server import Log
from quaich.worker.connection import Connection

_TRACE = BaseException.__dict__["__traceback__"]

_DEEPEST = 1100
"""Frames that are shown, the innermost: all of them below Python's own limit of recursion.  An
application may have raised that, and a million frames take a worker minutes to show."""


class Failures:
    """Reports to ``log``; ``removed`` are the header names that were reported already."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.removed: set[str] = set()

    def raised(self, conn: Connection, error: BaseException, what: str) -> None:
        """The application raised ``error``; ``what`` says where."""
        method, uri = _request_of(conn)
        if issubclass(type(error), ApplicationError):
            self.log.error(f"application error: {method} {uri}: {error}")
            return
        trace = _trace(error)
        while trace is not None and _is_ours(trace.tb_frame.f_globals):
            trace = trace.tb_next
        self.log.block(f"{what}: {method} {uri}\n{_text(error, trace)}")

    def complain(self, conn: Connection, complaint: str) -> None:
        """The application did not keep its word."""
        method, uri = _request_of(conn)
        self.log.error(f"application error: {method} {uri}: {complaint}")

    def report_removed(self, conn: Connection, names: list[str]) -> None:
        """Once for each name: it stands in every reply of such an application."""
        method, uri = _request_of(conn)
        for name in names:
            if name not in self.removed:
                self.removed.add(name)
                self.log.warning(
                    f"application: {method} {uri}: the header {name} was taken out; only the "
                    "server may send it (PEP 3333, hop-by-hop)"
                )

    def end_astray(self, error: BaseException | None) -> NoReturn:
        """End as a process ends that returns from its main program, or fails in it."""
        status = 1
        try:
            if isinstance(error, SystemExit):
                if error.code is None or isinstance(error.code, int):
                    status = (error.code or 0) & 0xFF
                else:
                    self.log.block(f"{error.code}\n")
            elif error is not None:
                self.log.block(shown(error))
            else:
                self.log.error(
                    f"pid={os.getpid()} was forked by the application and came back from its "
                    "request; ended (such a process has to end itself, by os._exit or sys.exit)"
                )
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(status)


def _request_of(conn: Connection) -> tuple[str, str]:
    head = conn.head
    if head is None:
        return "-", "-"
    # From a packet they may hold anything, and a line end would begin a line of the log.
    return escape(head.method), escape(head.uri.partition("?")[0])


def shown(error: BaseException) -> str:
    """An exception with its traceback, as far as it lets itself be shown."""
    return _text(error, _trace(error))


def _text(error: BaseException, trace: TracebackType | None) -> str:
    try:
        return "".join(traceback.format_exception(type(error), error, trace, limit=-_DEEPEST))
    except BaseException:
        stack = "".join(traceback.format_tb(trace, limit=-_DEEPEST))
        return f"{stack}{type.__repr__(type(error))} (it raises itself when it is shown)"


def _trace(error: BaseException) -> TracebackType | None:
    """Its traceback, even if its class has an attribute of its own by that name."""
    trace: TracebackType | None = _TRACE.__get__(error)
    return trace


def raised_by_us(error: BaseException) -> bool:
    """Whether the innermost frame of a traceback is the server's own."""
    trace = _trace(error)
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is None or _is_ours(trace.tb_frame.f_globals)


def _is_ours(names: dict[str, Any]) -> bool:
    return str(names.get("__name__", "")).startswith("quaich.")
