"""A request that no client sent: the application is called in this process, and its reply dropped.

The request is written as HTTP and read by the parser that reads a client's, and the application is
found by the chooser that finds it for one, so what is rehearsed is what will be played.  Whatever
the application raises is a fact of the outcome; nothing climbs out of here.
"""

import io
import time
import traceback
from collections.abc import Callable, Mapping
from contextvars import copy_context
from typing import Any
from urllib.parse import quote

from quaich.errors import ApplicationError, ProtocolError
from quaich.values import dataclass
from quaich.wire.http1 import find_end, parse_head
from quaich.wsgi import blame
from quaich.wsgi.call import Exchange, Stamp

LOCAL = "127.0.0.1"
# What may stand in a request target; anything else is escaped, as a browser would.
_PLAIN = "/?:@!$&'()*+,;=%-._~[]"


@dataclass(frozen=True)
class Outcome:
    """What came of it: the reply's ``status``, or 0 and the ``problem``, with its traceback."""

    status: int
    seconds: float
    problem: str = ""
    detail: str = ""

    @property
    def good(self) -> bool:
        """Whether the reply is one of success, or leads elsewhere."""
        return 200 <= self.status < 400 and not self.problem

    def __str__(self) -> str:
        text = f"status={self.status} ms={self.seconds * 1000:.0f}"
        return f"{text}: {self.problem}" if self.problem else text


class _Nowhere:
    """What ``write`` sends to."""

    def is_home(self) -> bool:
        """Any thread may write what is dropped."""
        return True

    def write_through(self, data: bytes) -> None:
        """Drop it."""


def environ_of(target: str, agent: str, common: Mapping[str, Any]) -> dict[str, Any]:
    """The environ of a GET; ``target`` is a path, or an address that names the host too.

    Raises ProtocolError where it is neither.
    """
    if not target.startswith(("http://", "https://")):
        target = "/" + target.removeprefix("/")
    text = f"GET {quote(target, _PLAIN)} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: {agent}\r\n\r\n"
    data = text.encode("ascii")
    environ: dict[str, Any] = dict(common)
    secure = target.startswith("https://")
    environ |= {
        "SCRIPT_NAME": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "443" if secure else "80",
        "REMOTE_ADDR": LOCAL,
        "REMOTE_PORT": "0",
    }
    parse_head(data, 0, find_end(data, 0, 0), environ)
    environ["wsgi.input"] = io.BytesIO()
    environ["uwsgi.core"] = 0
    if secure:
        environ["HTTPS"] = "on"
        environ["wsgi.url_scheme"] = "https"
    return environ


def rehearse(
    choose: Callable[[dict[str, Any]], Any], target: str, agent: str, common: Mapping[str, Any]
) -> Outcome:
    """Request ``target``; ``common`` is what every environ holds, ``agent`` who says to ask."""
    started = time.monotonic()
    status = 0
    problem = detail = ""
    try:
        # What the application keeps for a request by context must not stay for all that follow.
        status = copy_context().run(_call, choose, environ_of(target, agent, common))
    except (ApplicationError, ProtocolError) as error:
        problem = str(error)
    except BaseException as error:
        trace = blame.trim(error.__traceback__)
        detail = "".join(traceback.format_exception(type(error), error, trace))
        problem = " ".join(traceback.format_exception_only(type(error), error)[-1].split())
    return Outcome(status, time.monotonic() - started, problem, detail)


def _call(choose: Callable[[dict[str, Any]], Any], environ: dict[str, Any]) -> int:
    application = choose(environ)
    if application is None:
        raise ApplicationError("there is no application for it")
    exchange = Exchange(_Nowhere(), True, 1, True, False, Stamp())
    result = application(environ, exchange.start_response)
    try:
        if result is None:
            raise ApplicationError("the application returned None; expected an iterable of bytes")
        for piece in (result,) if type(result) is bytes else result:
            if type(piece) is not bytes:
                raise ApplicationError(
                    f"the application's iterable gave {type(piece).__name__}; expected bytes"
                )
            exchange.part(piece)
        exchange.finish()
    finally:
        close = getattr(result, "close", None)
        if close is not None:
            close()
    # The end of the reply has asked for it.
    assert exchange.head is not None
    return int(exchange.head.status)
