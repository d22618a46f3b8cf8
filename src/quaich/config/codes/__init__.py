"""The table of diagnostics: every code there is, what causes it and what to do.

``QX0xx`` working configurations that will hurt, ``QX1xx`` the language and the sources, ``QX2xx``
what is not supported, ``QX3xx`` what is accepted without effect or differs, ``QX4xx`` the machine,
``QX5xx`` the application, ``QN0xx`` nginx.  A code keeps its meaning for ever; one that is no
longer given is not used again.  ``quaich explain`` and the reference page read nothing else.
"""

from quaich.config.base import Diagnostic
from quaich.config.codes.row import ERROR, NOTE, WARNING, Code
from quaich.patterns import pattern

__all__ = ["ERROR", "NOTE", "WARNING", "Code", "diagnose"]

_POSITION = pattern(r":([0-9]+)(?::([0-9]+))?$")


def diagnose(
    code: str, text: str, place: str = "", key: str = "", severity: str = ""
) -> Diagnostic:
    """A diagnostic of the code's own severity, unless another is given.

    Line and column are taken from the place (``site.ini:12`` or ``site.json:3:14``); ``key`` is
    the option as it was written.
    """
    # A server whose configuration gives no reason for one does without the table.
    from quaich.config.codes.table import CODES

    position = _POSITION.search(place)
    line, column = position.groups() if position else (0, 0)
    return Diagnostic(
        severity or CODES[code].severity,
        place,
        text,
        code=code,
        line=int(line),
        column=int(column or 0),
        key=key,
    )
