"""What is known of an answered request, and its line in uWSGI's default format.

Whatever came from a client is escaped before it is written: no octet outside visible ASCII, no
quote games, no second line.
"""

import time
from collections.abc import Callable, Mapping, Sequence

try:
    import cython
except ImportError:
    from quaich.sys import cy as cython

MEGABYTE = 1048576

Need = tuple[str, str]
"""A key of the environ, and the one to look at where that is missing."""


class Answered:
    """One request, from the moment its application is called until its line is written.

    ``values`` are the variables that the format wants, as the client's they were; ``names`` what
    the application has set.  ``fields`` and ``size`` are the request's variables as uWSGI counts
    them (names and values) and their octets in a packet; ``sent`` are octets of the body;
    ``micros`` is the time until the reply was with the kernel, ``app_micros`` until the
    application was done; ``began`` is the wall clock at the start; ``how`` is
    ``" via sendfile()"`` or empty; ``count`` is this worker's requests, ``total`` the server's;
    ``failed`` that the client could not be written to; ``switches`` are the pieces of the body as
    the application gave it.
    """

    def __init__(self, address: str, user: str, method: str, uri: str, protocol: str) -> None:
        self.open(address, user, method, uri, protocol)

    def open(self, address: str, user: str, method: str, uri: str, protocol: str) -> None:
        """What is known when the request is whole; all that ``__new__`` leaves to be set."""
        self.address = address
        self.user = user
        self.method = method
        self.uri = uri
        self.protocol = protocol
        self.fields = 0
        self.size = 0
        self.values: tuple[str, ...] = ()
        self.names: dict[str, str] | None = None
        self.status = 0
        self.sent = 0
        self.headers = 0
        self.headers_size = 0
        self.micros = 0
        self.app_micros = 0
        self.began = 0.0
        self.how = ""
        self.core = 0
        self.count = 0
        self.total = 0
        self.has_app = True
        self.failed = False
        self.switches = 0

    def set(self, name: str, value: object) -> None:
        """Set a variable of the application's for the format of the log."""
        if self.names is None:
            self.names = {}
        self.names[_text(name)] = _text(value)


class RequestLog:
    """Formats one line a request; the date is formatted once a second.

    ``in_micros`` gives the time in microseconds; ``memory`` gives the address space and the
    resident memory of this process, where they are wanted.
    """

    def __init__(
        self,
        pid: int,
        in_micros: bool = False,
        memory: Callable[[], tuple[int, int]] | None = None,
    ) -> None:
        self._pid = pid
        self._in_micros = in_micros
        self._memory = memory
        self._second = -1
        self._date = ""

    def line(self, r: Answered) -> bytes:
        """The line for one answered request, with its line end."""
        second = int(r.began)
        if second != self._second:
            self._second = second
            self._date = time.ctime(second)
        app = f"0|req: {r.count}/{r.total}" if r.has_app else "-1|req: -1/-1"
        took = f"{r.micros} micros" if self._in_micros else f"{r.micros // 1000} msecs"
        memory = self._report() if self._memory is not None else ""
        text = (
            f"{memory}[pid: {self._pid}|app: {app}] {escape(r.address)} ({escape(r.user)}) "
            f"{{{r.fields} vars in {r.size} bytes}} [{self._date}] {escape(r.method)} "
            f"{escape(r.uri)} => generated {r.sent} bytes in {took}{r.how} "
            f"({escape(r.protocol)} {r.status}) {r.headers} headers in {r.headers_size} bytes "
            f"({r.switches} switches on core {r.core})\n"
        )
        return text.encode("ascii")

    def _report(self) -> str:
        assert self._memory is not None
        vsz, rss = self._memory()
        return (
            f"{{address space usage: {vsz} bytes/{vsz // MEGABYTE}MB}} "
            f"{{rss usage: {rss} bytes/{rss // MEGABYTE}MB}} "
        )


def escape(text: str) -> str:
    """``text`` with every character that is not visible ASCII or a space written as ``\\xhh``."""
    if cython.compiled:
        plain = c_is_visible(text)  # type: ignore[name-defined]
    else:
        plain = text.isascii() and text.isprintable()
    return text if plain else _escaped(text)


def _escaped(text: str) -> str:
    return "".join(
        character if " " <= character <= "~" else f"\\x{ord(character):02x}" for character in text
    )


def escape_quoted(text: str) -> str:
    """The same, fit to stand between double quotes."""
    return escape(text.replace("\\", "\\x5c").replace('"', "\\x22"))


def kept(environ: Mapping[str, object], needs: Sequence[Need]) -> tuple[str, ...]:
    """The values of some variables of a request, empty where there is none."""
    found = []
    for key, otherwise in needs:
        value = environ.get(key)
        if value is None and otherwise:
            value = environ.get(otherwise)
        found.append(value if isinstance(value, str) and "." not in key else "")
    return tuple(found)


def _text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
