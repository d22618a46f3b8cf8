"""What a client of the statistics asks for: the octets it has sent so far → a question.

uWSGI's clients connect, send nothing and read.  Whoever speaks HTTP is recognised by the first
line.  Nothing but its method, its path and its Accept header is looked at, and a head has a limit.
"""

from quaich.values import dataclass

LONGEST = 8192
_METHODS = frozenset(
    ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT")
)


@dataclass(frozen=True)
class Question:
    """A request by HTTP; ``method`` is empty for who speaks something else."""

    method: str = ""
    path: str = ""
    accept: str = ""


def read(data: bytes) -> Question | None:
    """The question, None while it is not whole."""
    line, newline, rest = data.partition(b"\n")
    words = line.rstrip(b"\r").decode("latin-1").split(" ")
    if not newline:
        # As long as it can become a request line.
        return None if _may_begin(data) and len(data) < LONGEST else Question()
    if len(words) != 3 or words[0] not in _METHODS or not words[2].startswith("HTTP/1."):
        return Question()
    head, end, _ = (b"\n" + rest.replace(b"\r\n", b"\n")).partition(b"\n\n")
    if not end and len(data) < LONGEST:
        return None
    accept = ""
    for field in head.split(b"\n"):
        name, _, value = field.decode("latin-1").partition(":")
        if name.strip().lower() == "accept":
            accept = f"{accept},{value.strip()}" if accept else value.strip()
    return Question(words[0], words[1].partition("?")[0], accept)


def _may_begin(data: bytes) -> bool:
    word = data.partition(b" ")[0].decode("latin-1")
    return any(method.startswith(word) for method in _METHODS)


def response(
    status: str, body: bytes, kind: str = "text/plain; charset=utf-8", more: str = ""
) -> bytes:
    """An answer by HTTP, after which the connection ends."""
    head = (
        f"HTTP/1.1 {status}\r\n"
        f"Content-Type: {kind}\r\n"
        f"Content-Length: {len(body)}\r\n"
        "Cache-Control: no-store\r\n"
        f"{more}"
        "Connection: close\r\n\r\n"
    )
    return head.encode("latin-1") + body
