"""Which requests are logged; pure.

As in uWSGI all are, and with ``disable-logging`` those that one of the other options picks.
"""

from quaich.log.request import Answered
from quaich.values import dataclass


@dataclass(frozen=True)
class Selection:
    """Which requests are logged: all, or those that any of the others picks.

    By status, by milliseconds of at least ``slow``, by octets of a body of at least ``big``, by a
    body that is empty, by a file the kernel sent, by a client that could not be written to; 0 is
    none.
    """

    all: bool = True
    client_errors: bool = False
    server_errors: bool = False
    slow: int = 0
    big: int = 0
    zero: bool = False
    sendfile: bool = False
    failed: bool = False

    def any(self) -> bool:
        """Whether any request can be logged at all."""
        return self != Selection(all=False)

    def picks(self, r: Answered) -> bool:
        """Whether a request is logged."""
        return (
            (self.client_errors and 400 <= r.status < 500)
            or (self.server_errors and 500 <= r.status < 600)
            or (self.slow > 0 and r.micros // 1000 >= self.slow)
            or (self.big > 0 and r.sent >= self.big)
            or (self.zero and r.sent == 0)
            or (self.sendfile and r.how != "")
            or (self.failed and r.failed)
        )
