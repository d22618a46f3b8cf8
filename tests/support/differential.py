"""quaich beside h11 and llhttp: what the three make of the same octets, and where they may differ.

``disagreement`` finds where quaich accepts what one of the others refuses, where it sees another
request than one of them, and where it refuses what both accept.  Every difference that is meant is
a row here: ``STRICTER`` by the reason of quaich's refusal, ``H11`` and ``LLHTTP`` by what those two
do not take.
"""

import re
from typing import Any

from tests.support.intake import Seen, run
from tests.support.peers import CUT, READ, REFUSED, Message, read_h11, read_llhttp

STRICTER = {
    # What a router, a cache or an application may read in another way than the front did.
    "a host whose port is not a number": "RFC 3986, 3.2.3",
    "a host whose port is over 65535": "no such port; parsers cut it to 16 bits",
    "a host with a broken escape": "RFC 3986, 2.1",
    "a host with an empty label": "no such name in DNS; nginx refuses it too",
    "a host with an octet it may not hold": "RFC 9110, 7.2: userinfo, lists, paths, quotes",
    "a host without a name": "RFC 9110, 4.2.1",
    "an empty host": "RFC 9110, 4.2.1; nginx refuses it too",
    "a malformed IP literal as host": "RFC 3986, 3.2.2",
    "a percent sign without two hexadecimal digits": "RFC 3986, 2.1; a path is decoded here",
    "an encoded NUL in the path": "no file or route has one; C programs end their text there",
    "a request target that is neither a path nor an http URI": "RFC 9112, 3.2",
    "a request target with an octet it may not hold": "RFC 9112, 3.2: no fragment is sent",
    "an expectation other than 100-continue": "RFC 9110, 10.1.1: 417",
    # What frames a message in two ways.
    "Transfer-Encoding in an HTTP/1.0 request": "RFC 9112, 6.1: its framing is faulty",
    "a chunk extension without a name or a value": "RFC 9112, 7.1.1",
    "a chunk size followed by something else than an extension": "RFC 9112, 7.1.1",
    "a trailer that frames or routes a message (RFC 9110, 6.5.1)": "RFC 9110, 6.5.1",
    # Limits.
    "a chunk line or trailer that is too long": "bounded by MAX_LINE and MAX_TRAILERS",
    "chunk extensions that are longer than the data": "bounded by MAX_EXTENSIONS",
    "trailers that are too long": "bounded by MAX_TRAILERS",
    "a chunk size that is not 1 to 15 hexadecimal digits": "60 bits are enough",
    "more than 256 header fields": "bounded by MAX_FIELDS",
    "only HTTP/1.0 and HTTP/1.1 are spoken here": "RFC 9110, 15.6.6",
}
"""Reasons for which quaich alone refuses a request, and why it does."""

H11 = (
    (
        rb"\A\r\n|\n\r\n\r\n|[^\n]\r\n[^ \n]+ [^ \n]+ HTTP/1",
        "takes no empty line before a request line (RFC 9112, 2.2 wants one taken)",
    ),
    (
        # The end of the line before it is the body's.
        rb"(?is)\ncontent-length:.*?\r\n\r\n.*?\n\r\n[^ \n]+ [^ \n]+ HTTP/1",
        "takes no empty line before a request line (RFC 9112, 2.2 wants one taken)",
    ),
    (rb"\n[0-9a-fA-F]+[ \t]+;", "takes no space before a chunk extension (RFC 9112, 7.1.1)"),
    (rb"(?i)\ncontent-length:[ \t]*[0-9]{21}", "takes no length of more than 20 digits"),
)
"""What h11 refuses of what quaich accepts: a sign of it in the octets, and what it is."""

# llhttp knows a list of methods only; any token is one (RFC 9110, 9.1).
_METHODS = re.compile(
    r"(?:GET|HEAD|POST|PUT|DELETE|OPTIONS|TRACE|PATCH|PROPFIND|PROPPATCH|MKCOL|COPY|MOVE|LOCK|UNLOCK|"
    r"SEARCH|REPORT|MKACTIVITY|CHECKOUT|MERGE|NOTIFY|SUBSCRIBE|UNSUBSCRIBE|PURGE|LINK|UNLINK|BIND|"
    r"QUERY|M-SEARCH)"
)

LLHTTP = (
    (rb"HTTP/1\.[2-9]", "knows no minor version above 1 (RFC 9110, 2.5 wants it taken)"),
    (rb"\n[0-9a-fA-F]+[ \t]*;.*[ \t]", "takes no space in a chunk extension (RFC 9112, 7.1.1)"),
    (rb"\n[0-9a-fA-F]+[ \t]+;", "takes no space before a chunk extension (RFC 9112, 7.1.1)"),
    (rb"(?i)transfer-encoding:[^\n]*\t", "takes no tab beside chunked (RFC 9110, 5.6.3)"),
)
"""The same of llhttp, as httptools has it."""


def _environ(message: Message) -> dict[str, str]:
    """The variables of the fields a peer saw, by RFC 3875 and quaich's own rules."""
    found: dict[str, str] = {}
    for raw, octets in message.fields:
        name, value = raw.decode("latin-1"), octets.strip(b" \t").decode("latin-1")
        if "_" in name or name in ("proxy", "transfer-encoding"):
            continue
        key = name.upper().replace("-", "_")
        if key not in ("CONTENT_LENGTH", "CONTENT_TYPE"):
            key = f"HTTP_{key}"
        glue = "; " if name == "cookie" else ", "
        found[key] = found[key] + glue + value if key in found else value
    if any(name == b"transfer-encoding" for name, _ in message.fields):
        found["CONTENT_LENGTH"] = str(len(message.body))
    return found


def _difference(ours: Seen, theirs: Message) -> str:
    """How an accepted request differs from what a peer saw, or the empty string."""
    environ: dict[str, Any] = ours.environ
    fields = {key: environ[key] for key in environ if key.startswith(("HTTP_", "CONTENT_"))}
    expected = _environ(theirs)
    if environ["REQUEST_URI"][:1] not in ("/", "*"):
        expected["HTTP_HOST"] = fields["HTTP_HOST"]
    pairs = {
        "method": (environ["REQUEST_METHOD"], theirs.method.decode("latin-1")),
        "target": (environ["REQUEST_URI"], theirs.target.decode("latin-1")),
        "fields": (fields, expected),
        "body": (ours.body, theirs.body),
    }
    return "; ".join(
        f"{what}: {us!r}, not {them!r}" for what, (us, them) in pairs.items() if us != them
    )


def disagreement(data: bytes) -> str:
    """What is wrong with how quaich reads ``data``, or the empty string."""
    seen = run("http", [data] if data else [])
    peers = (("h11", read_h11(data), H11), ("llhttp", read_llhttp(data), LLHTTP))
    for index, ours in enumerate(seen):
        # A peer that ended the connection, or refused, says nothing about what follows.
        others = [(name, found[index], rows) for name, found, rows in peers if index < len(found)]
        if ours.status == 200:
            for name, theirs, rows in others:
                fault = _accepted(data, ours, theirs, name, rows)
                if fault:
                    return f"request {index}: {name} {fault}"
        elif ours.status == 0:
            for name, theirs, _ in others:
                if theirs.outcome == READ:
                    return f"request {index}: {name} does not wait for more"
        elif ours.reason not in STRICTER and [each.outcome for _, each, _ in others] == [
            READ,
            READ,
        ]:
            return f"request {index}: both accept it, and not quaich: {ours.reason}"
    return ""


def _accepted(
    data: bytes, ours: Seen, theirs: Message, name: str, rows: tuple[tuple[bytes, str], ...]
) -> str:
    """What is wrong with accepting, by the word of one peer."""
    if theirs.outcome == CUT:
        return "waits for more"
    if theirs.outcome == REFUSED:
        if name == "llhttp" and not _METHODS.fullmatch(ours.environ["REQUEST_METHOD"]):
            return ""
        return "" if any(re.search(sign, data) for sign, _ in rows) else "refuses it"
    found = _difference(ours, theirs)
    if not found and name == "h11" and theirs.version == "1.1" and ours.close != theirs.close:
        found = f"close: {ours.close}"
    return found and f"differs: {found}"
