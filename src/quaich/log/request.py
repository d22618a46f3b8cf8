"""Request lines in uWSGI's default format, for the tools that read them.

Whatever came from a client is escaped before it is written: no octet outside visible ASCII, no
quote games, no second line.
"""

import time


class RequestLog:
    """Formats one line a request; the date is formatted once a second."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._second = -1
        self._date = ""

    def line(
        self,
        *,
        count: int,
        total: int,
        address: str,
        user: str,
        fields: int,
        size: int,
        method: str,
        uri: str,
        sent: int,
        microseconds: int,
        how: str,
        protocol: str,
        status: int,
        headers: int,
        headers_size: int,
        core: int,
        has_app: bool,
    ) -> bytes:
        """The line for one answered request, with its line end.

        ``count`` is this worker's requests, ``total`` the server's; ``fields`` and ``size`` are the
        request's variables as uWSGI counts them (names and values) and their octets in a packet;
        ``how`` is ``" via sendfile()"`` or empty.
        """
        now = int(time.time())
        if now != self._second:
            self._second = now
            self._date = time.ctime(now)
        app, counted = ("0", f"{count}/{total}") if has_app else ("-1", "-1/-1")
        text = (
            f"[pid: {self._pid}|app: {app}|req: {counted}] {escape(address)} ({escape(user)}) "
            f"{{{fields} vars in {size} bytes}} [{self._date}] {escape(method)} {escape(uri)} => "
            f"generated {sent} bytes in {microseconds // 1000} msecs{how} "
            f"({escape(protocol)} {status}) {headers} headers in {headers_size} bytes "
            f"(1 switches on core {core})\n"
        )
        return text.encode("latin-1", "backslashreplace")


def escape(text: str) -> str:
    """``text`` with every character that is not visible ASCII or a space written as ``\\xhh``."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character if " " <= character <= "~" else f"\\x{ord(character):02x}" for character in text
    )
