"""One row of the table of diagnostics."""

from quaich.values import dataclass

ERROR = "error"
WARNING = "warning"
NOTE = "note"


@dataclass(frozen=True)
class Code:
    """A stable code and everything there is to say about it.

    ``severity`` is the usual one (``strict`` raises some).  ``consequence`` says what uWSGI does
    and, where that differs, what quaich does; ``remedy`` what to write instead.
    """

    code: str
    severity: str
    title: str
    cause: str
    consequence: str
    remedy: str
