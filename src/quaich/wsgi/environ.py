"""What every environ holds whatever the request (PEP 3333), and what is derived from it.

Request variables come from the wire; the keys here are put over them, so that no packet and no
header can pose as ``wsgi.input`` or ``wsgi.errors``.
"""

import os
from typing import Any

from quaich.sys.lines import ErrorStream
from quaich.wsgi.files import FileWrapper

UWSGI_VERSION = b"2.0.31"
"""The uWSGI release whose contract an application may expect (``uwsgi.version``)."""


def fixed(*, threads: int, processes: int) -> dict[str, Any]:
    """The keys that are the same for every request of a worker."""
    return {
        "wsgi.version": (1, 0),
        "wsgi.errors": ErrorStream(),
        "wsgi.file_wrapper": FileWrapper,
        "wsgi.run_once": False,
        "wsgi.multithread": threads > 1,
        "wsgi.multiprocess": processes > 1,
        "wsgi.input_terminated": True,
        "wsgi.url_scheme": "http",
        "uwsgi.version": UWSGI_VERSION,
        "uwsgi.node": os.uname().nodename.encode(),
    }


def url_scheme(environ: dict[str, Any]) -> str:
    """uWSGI's rule: what the front says of the client's connection, else HTTPS, else http."""
    said = environ.get("UWSGI_SCHEME") or environ.get("HTTP_X_FORWARDED_PROTO")
    if said:
        return "https" if said.lower() == "https" else "http" if said.lower() == "http" else said
    for key in ("HTTPS", "HTTP_X_FORWARDED_SSL"):
        if environ.get(key, "").lower() in ("on", "1"):
            return "https"
    return "http"
