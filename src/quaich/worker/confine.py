"""Taking a directory for the root (``chroot``): what has to be there before, and what is then not.

Modules that are needed later are imported first, since the library may not be inside.  It is no
protection from root: give a user too.
"""

import contextlib
import importlib
import os

from quaich.errors import QuaichError
from quaich.log.server import Log

# What the server, and most applications, import no earlier than when it is needed.
_NEEDED = (
    *("encodings.ascii", "encodings.idna", "encodings.latin_1", "encodings.utf_8"),
    *("encodings.unicode_escape", "encodings.raw_unicode_escape", "encodings.utf_16"),
    *("argparse", "ast", "asyncio", "base64", "bisect", "calendar", "cgitb", "codeop"),
    *("collections.abc", "concurrent.futures.thread", "configparser", "contextlib", "contextvars"),
    *("copy", "csv", "ctypes", "dataclasses", "datetime", "decimal", "difflib", "dis"),
    *("email.message", "email.mime.text", "email.parser", "email.utils", "enum", "fractions"),
    *("functools", "getpass", "gettext", "glob", "gzip", "hashlib", "heapq", "hmac", "html.parser"),
    *("http.client", "http.cookies", "http.server", "imaplib", "importlib.metadata"),
    *("importlib.resources", "inspect", "io", "ipaddress", "itertools", "json", "linecache"),
    *("locale", "logging.config", "logging.handlers", "mimetypes", "multiprocessing", "numbers"),
    *("opcode", "operator", "pathlib", "pickle", "pkgutil", "platform", "pprint", "queue"),
    *("quopri", "random", "re", "sched", "secrets", "select", "selectors", "shlex", "shutil"),
    *("smtplib", "socketserver", "sqlite3", "ssl", "statistics", "string", "stringprep", "struct"),
    *("subprocess", "tempfile", "textwrap", "threading", "timeit", "traceback", "tracemalloc"),
    *("types", "typing", "unicodedata", "urllib.parse", "urllib.request", "uuid", "warnings"),
    *("wsgiref.handlers", "wsgiref.util", "xml.etree.ElementTree", "xmlrpc.client", "zipfile"),
    *("zipimport", "zlib", "zoneinfo"),
)


def prepare() -> None:
    """Import what will be out of reach."""
    for name in _NEEDED:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def enter(directory: str, place: str, log: Log) -> None:
    """Take a directory for the root; a ``QuaichError`` where that is refused."""
    prefix = f"{place}: " if place else ""
    library = os.path.dirname(os.__file__)
    try:
        prepare()
        os.chroot(directory)
        os.chdir("/")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        if isinstance(error, PermissionError):
            reason += "; only root can change the root directory"
        raise QuaichError(f"{prefix}chroot = {directory}: {reason}") from None
    if not os.path.isdir(library):
        log.warning(
            f"{prefix}chroot = {directory}: there is no {library} in it; what the application "
            "imports beyond the common part of the library cannot be found"
        )
