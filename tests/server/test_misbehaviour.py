"""What becomes of each misbehaviour of an application, on every protocol: the table.

A row says what the client sees, what the log says, and how often ``close()`` is called; after each
the next request, on the same connection where it stays open, is answered in step.  A protocol is
one entry of ``PROTOCOLS``; ``docs/reference/misbehaviour.md`` is the table for people.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.support import http, nginx, uwsgi
from tests.support.net import Address, connect
from tests.support.ports import free_port
from tests.support.processes import wait_until
from tests.support.server import Server, command

APP = Path(__file__).parent.parent / "apps" / "misbehaviours.py"

REFUSED = "refused"
"""A 500 that says nothing of the mistake."""
BROKEN = "broken"
"""What was begun is visibly not ended."""


@dataclass(frozen=True)
class Row:
    """``seen`` is REFUSED, BROKEN, or the body of a good answer; ``log`` a regular expression;
    ``first`` what is asked for before."""

    seen: str | bytes
    log: str = ""
    closes: int | None = None
    status: int = 200
    method: str = "GET"
    body: bytes = b""
    absent: tuple[str, ...] = ("Set-Cookie",)
    present: dict[str, str] = field(default_factory=dict)
    first: str = ""


def refused(log: str, closes: int | None = None) -> Row:
    return Row(REFUSED, log, closes, status=500)


def broken(log: str, closes: int | None = None) -> Row:
    return Row(BROKEN, log, closes)


NUMBER = "Content-Length must be a number of octets"
CONTROL = "control character in the status or a header"
LATIN = "only latin-1 characters can"
TEXT = "header names and values must be str"
PAIR = "a header must be a tuple of name and value"
INTERIM = "interim status, which only the server sends"
DIGITS = "status must begin with three digits"
LESS = "octets less than its Content-Length"
MORE = "more than its Content-Length; the rest was cut"

TABLE = {
    "length_empty": refused(NUMBER),
    "length_plus": refused(NUMBER),
    "length_fraction": refused(NUMBER),
    "length_hexadecimal": refused(NUMBER),
    "length_with_space": refused(NUMBER),
    "length_list": refused(NUMBER),
    "length_underscore": refused(NUMBER),
    "length_foreign_digit": refused(NUMBER),
    "length_superscript": refused(NUMBER),
    "length_overlong": refused(NUMBER),
    "length_negative": refused(NUMBER),
    "length_twice": refused("two Content-Length headers"),
    "length_differs": refused("two Content-Length headers"),
    "length_and_chunked": Row(b"x", absent=("Transfer-Encoding",)),
    "coding_gzip": Row(b"x", absent=("Transfer-Encoding",)),
    "chunks_itself": Row(
        b"1\r\nx\r\n0\r\n\r\n",
        "the header Transfer-Encoding was taken out",
        absent=("Transfer-Encoding",),
    ),
    "connection_names": Row(b"x"),
    "connection_close": Row(b"x"),
    "own_status": Row(b"x", "the header Status was taken out", absent=("Status",)),
    "length_zero_with_body": Row(b"", MORE, 1),
    "too_long": Row(b"hello", MORE, 1),
    "too_long_written": Row(b"hello", MORE),
    "too_short": broken(LESS, 1),
    "too_short_written": broken(LESS),
    "nothing_though_promised": broken(LESS),
    "no_content_written": Row(b"", status=204, absent=("Content-Length",)),
    "no_content_pieces": Row(b"", status=204, closes=1),
    "not_modified_length": Row(b"", status=304, closes=1),
    "reset_content": Row(b"unwanted", status=205),
    "status_bytes": refused("status must be a str, got bytes"),
    "status_none": refused("status must be a str, got NoneType"),
    "status_int": refused("status must be a str, got int"),
    "status_tuple": refused("status must be a str, got tuple"),
    "status_empty": refused(DIGITS),
    "status_bare": Row(b"x"),
    "status_glued": refused("a space must follow the status code"),
    "status_two_digits": refused(DIGITS),
    "status_four_digits": refused("a space must follow the status code"),
    "status_signed": refused(DIGITS),
    "status_foreign_digits": refused(DIGITS),
    "status_space_before": refused(DIGITS),
    "status_tab": refused("a space must follow the status code"),
    "status_zero": refused("interim status"),
    "status_continue": refused(INTERIM),
    "status_switching": refused(INTERIM),
    "status_early": refused(INTERIM),
    "status_crlf": refused(CONTROL),
    "status_lf": refused(CONTROL),
    "status_cr": refused(CONTROL),
    "status_head_end": refused(CONTROL),
    "status_nul": refused(CONTROL),
    "status_not_latin_1": refused(LATIN),
    "status_surrogate": refused(LATIN),
    "status_odd": refused(CONTROL),
    "status_999": Row(b"x", status=999),
    "header_value_crlf": refused(CONTROL),
    "header_value_folded": refused(CONTROL),
    "header_value_lf": refused(CONTROL),
    "header_value_cr": refused(CONTROL),
    "header_value_ends": refused(CONTROL),
    "header_value_nul": refused(CONTROL),
    "header_value_escape": refused(CONTROL),
    "header_value_delete": refused(CONTROL),
    "header_value_wide": refused(LATIN),
    "header_value_surrogate": refused(LATIN),
    "header_value_bytes": refused(TEXT),
    "header_value_none": refused(TEXT),
    "header_value_int": refused(TEXT),
    "header_value_odd": refused(CONTROL),
    "header_value_latin_1": Row(b"x", present={"X": "caf\xe9"}),
    "header_name_empty": refused("'' is not a header name"),
    "header_name_space": refused("'X Y' is not a header name"),
    "header_name_space_after": refused("'X ' is not a header name"),
    "header_name_colon": refused("'X:' is not a header name"),
    "header_name_crlf": refused("is not a header name"),
    "header_name_lf": refused("is not a header name"),
    "header_name_nul": refused("is not a header name"),
    "header_name_latin_1": refused("is not a header name"),
    "header_name_wide": refused("is not a header name"),
    "header_name_bytes": refused(TEXT),
    "header_name_none": refused(TEXT),
    "header_name_odd": refused("is not a header name"),
    "header_list": refused(PAIR),
    "header_string": refused(PAIR),
    "header_three": refused(PAIR),
    "header_none": refused(PAIR),
    "headers_enormous": refused("headers of more than 65536 octets"),
    "headers_countless": refused("headers of more than 65536 octets"),
    "headers_none": refused("headers must be a list, got NoneType"),
    "headers_dict": refused("headers must be a list, got dict"),
    "headers_iterator": refused("headers must be a list, got list_iterator"),
    "headers_changed_later": Row(b"x", present={"X": "a"}),
    "returns_none": refused("returned None"),
    "returns_int": refused("'int' object is not iterable"),
    "returns_str": refused("gave str"),
    "returns_bytearray": refused("gave int"),
    "returns_memoryview": refused("gave int"),
    "returns_dict": refused("gave str"),
    "returns_whole_bytes": Row(b"whole"),
    "returns_octets": refused("gave int"),
    "returns_class": refused("'type' object is not iterable"),
    "list_of_str": refused("a list holding str"),
    "list_of_int": refused("a list holding int"),
    "list_of_none": refused("a list holding NoneType"),
    "list_of_bytearray": refused("a list holding bytearray"),
    "list_of_memoryview": refused("a list holding memoryview"),
    "list_of_octets": refused("a list holding Octets"),
    "list_of_lists": refused("a list holding list"),
    "first_str": refused("gave str", 1),
    "first_none": refused("gave NoneType", 1),
    "first_bytearray": refused("gave bytearray", 1),
    "then_str": broken("gave str", 1),
    "then_int": broken("gave int", 1),
    "then_memoryview": broken("gave memoryview", 1),
    "empty_first": Row(b"late", closes=1),
    "only_empty": Row(b"", closes=1),
    "length_lies": Row(b"one,two", closes=1),
    "list_length_lies": Row(b"one,two"),
    "iterates_itself_for_ever": Row(b"once"),
    "close_not_callable": Row(b"fine", "'int' object is not callable"),
    "close_raises": Row(b"fine", "close.. of the application's iterable raised", 1),
    "close_exits": Row(b"fine", "SystemExit: 3", 1),
    "close_writes": Row(b"fine", "write was called after the end of its request", 1),
    "close_hidden": Row(b"fine", "KeyboardInterrupt", 1),
    "never_started": refused("without calling start_response", 1),
    "never_started_empty": refused("without calling start_response"),
    "started_late": Row(b"late", status=201),
    "started_too_late": refused("without calling start_response"),
    "started_twice": refused("a second time without exc_info"),
    "started_twice_none": refused("a second time without exc_info"),
    "started_without_arguments": refused("TypeError"),
    "replaced": Row(b"replaced", status=503, absent=("X-First",)),
    "replaced_too_late": broken("RuntimeError: a secret", 1),
    "replaced_by_nonsense": Row(b"x"),
    "replaced_by_nonsense_too_late": broken("AttributeError|TypeError"),
    "replaced_and_swallowed": Row(b"one,two"),
    "write_str": refused("write: expected bytes, got str"),
    "write_none": refused("write: expected bytes, got NoneType"),
    "write_bytearray": refused("write: expected bytes, got bytearray"),
    "write_memoryview": refused("write: expected bytes, got memoryview"),
    "write_octets": refused("write: expected bytes, got Octets"),
    "write_then_str": broken("write: expected bytes, got str"),
    "write_mixed": Row(b"one,two,end"),
    "write_kept": Row(b"fine", closes=1),
    "write_of_another": replace(
        refused("write was called after the end of its request"), first="write_kept"
    ),
    "write_in_thread": Row(rb"""["write was called in another thread than its request's"]"""),
    "write_after_the_end": Row(b"fine"),
    "raises": refused("RuntimeError: a secret"),
    "raises_exit": refused("SystemExit: 3"),
    "raises_exit_text": refused("SystemExit: a secret"),
    "raises_interrupt": refused("KeyboardInterrupt"),
    "raises_generator_exit": refused("GeneratorExit"),
    "raises_stop": refused("StopIteration"),
    "raises_base": refused("BaseException: a secret"),
    "raises_cancelled": refused("CancelledError"),
    "raises_memory": refused("MemoryError"),
    "raises_os_error": refused("BrokenPipeError"),
    "raises_unprintable": refused("Unprintable"),
    "raises_cyclic": refused("Cyclic: a secret"),
    "raises_before_first": refused("RuntimeError: a secret"),
    "raises_in_iter": refused("RuntimeError: a secret", 1),
    "raises_forged": refused("RuntimeError: one"),
    "raises_unspeakable": refused(r"in raises_unspeakable\n.*\n.*Unspeakable.*raises itself"),
    "between_error": broken("RuntimeError: a secret", 1),
    "between_exit": broken("SystemExit: 0", 1),
    "between_interrupt": broken("KeyboardInterrupt", 1),
    "between_base": broken("BaseException: a secret", 1),
    "between_cancelled": broken("CancelledError", 1),
    "between_stop": broken("generator raised StopIteration", 1),
    "between_os_error": broken("ConnectionResetError", 1),
    "recurses": refused("RecursionError"),
    "recurses_while_giving": broken("RecursionError", 1),
    "environ_cleared": Row(b"fine"),
    "environ_ruined": Row(b"fine"),
    "errors_closed": Row(b"fine", "^closing$"),
    "errors_given_bytes": refused("expects a str, got bytes"),
    "errors_given_anything": Row(b"fine", "^no line end$"),
    "input_closed": Row(b"fine", method="POST", body=b"body"),
    "input_read_late": Row(b"got a body", method="POST", body=b"a body"),
    "input_read_in_pieces": Row(
        repr([b"", b"ab", [b"\n"], b"c", b"d\n", [b"e\n", b"f"], b"", b"", b"", []]).encode(),
        method="POST",
        body=b"ab\ncd\ne\nf",
    ),
    "exits_at_exit": Row(b"fine"),
    "forks": Row(b"one answer", "forked by the application"),
    "forks_while_giving": Row(b"one answer", "forked by the application", 1),
    "closes_streams": Row(b"fine"),
    "collects": Row(b"fine"),
    "file_at_offset": Row(b"3456789", closes=1, present={"Content-Length": "7"}),
    "file_past_its_end": Row(b"", closes=1),
    "file_without_number": Row(b"0123456789", closes=1),
    "file_of_text": refused("gave str", 1),
    "file_of_text_in_memory": refused("gave str", 1),
    "file_closed": refused("ValueError: I/O operation on closed file|ValueError", 1),
    "file_promised_longer": broken(LESS, 1),
    "file_promised_shorter": Row(b"01234", closes=1),
    "file_after_write": Row(b"before 0123456789", closes=1),
    "file_of_a_pipe": Row(b"0123456789", closes=1),
    "file_truncated": broken(LESS, 1),
    "file_that_raises": refused("RuntimeError: a secret", 1),
    "file_without_read": refused("no attribute 'read'"),
}

assert len(TABLE) >= 60


class Http:
    """HTTP, directly: one connection for as long as it lives."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.client: http.Client | None = None

    def ask(self, target: str, method: str = "GET", body: bytes = b"") -> http.Response:
        if self.client is None:
            self.client = http.Client(self.address, 20)
        try:
            reply = self.client.request(target, method, body=body)
        except (http.Broken, ConnectionError):
            self.close()
            raise
        if reply.get("Connection") == "close":
            assert self.client.closed(), "what it announced"
            self.close()
        return reply

    def close(self) -> None:
        if self.client is not None:
            self.client.close()
            self.client = None


class Uwsgi:
    """The uwsgi protocol, directly; a reset is what it is."""

    def __init__(self, address: Address) -> None:
        self.address = address

    def ask(self, target: str, method: str = "GET", body: bytes = b"") -> http.Response:
        packet = uwsgi.packet(uwsgi.variables(target, method, len(body) if body else None))
        return http.parse(to_the_end(self.address, packet + body), method)

    def close(self) -> None:
        pass


def to_the_end(address: Address, data: bytes) -> bytes:
    """Everything that comes until the connection ends; a reset is no end."""
    pieces = []
    with connect(address, 20) as sock:
        sock.sendall(data)
        while True:
            try:
                piece = sock.recv(65536)
            except ConnectionResetError:
                raise http.Broken(f"reset after {b''.join(pieces)!r}") from None
            if not piece:
                return b"".join(pieces)
            pieces.append(piece)


@dataclass
class Sites:
    """One worker, its addresses by protocol, and a front."""

    server: Server
    addresses: dict[str, Address]

    def closed(self, name: str) -> int:
        return int(http.get(self.addresses["http"], f"/count_closed?{name}").body)


PROTOCOLS: dict[str, Callable[[Address], Http | Uwsgi]] = {
    "http": Http,
    "uwsgi": Uwsgi,
    "nginx-uwsgi": Http,
}

FRONT = """
    map $arg_by $upstream {{ unix unix:{path}; default 127.0.0.1:{port}; }}
    server {{
        listen 127.0.0.1:PORT;
        include uwsgi_params;
        location / {{ uwsgi_pass $upstream; }}
        location /proxied/ {{ proxy_pass http://unix:{path}.http:/; }}
    }}
"""


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    directory = tmp_path_factory.mktemp("misbehaviour")
    first, second = free_port(), free_port()
    argv = [
        *command(),
        *("--http-socket", f"127.0.0.1:{first}", "--socket", f"127.0.0.1:{second}"),
        *("--socket", str(directory / "unix"), "--http-socket", str(directory / "unix.http")),
        *("--wsgi-file", str(APP), "--master", "--threads", "2"),
        *("--pythonpath", str(APP.parent)),
    ]
    server = Server(argv, cwd=directory, output=directory / "server.log")
    front = None
    addresses: dict[str, Address] = {
        "http": ("127.0.0.1", first),
        "uwsgi": ("127.0.0.1", second),
        "unix": str(directory / "unix"),
    }
    try:
        server.wait_ready()
        if nginx.program() is not None:
            front = nginx.Nginx(
                directory / "nginx", FRONT.format(port=second, path=directory / "unix")
            )
            front.start()
            addresses["nginx-uwsgi"] = front.address
        yield Sites(server, addresses)
        assert len(server.children()) == 2, "the zygote and its one worker"
        server.stop()
    finally:
        if front is not None:
            front.stop()
        server.kill()


@pytest.fixture(params=[*PROTOCOLS])
def protocol(request: pytest.FixtureRequest, sites: Sites) -> str:
    name: str = request.param
    if name not in sites.addresses:
        pytest.skip("nginx is not installed")
    return name


@pytest.mark.parametrize("name", TABLE)
def test_the_outcome(sites: Sites, protocol: str, name: str) -> None:
    row = TABLE[name]
    seen = len(sites.server.log)
    before = sites.closed(name) if row.closes is not None else 0
    asker = PROTOCOLS[protocol](sites.addresses[protocol])
    try:
        if row.first:
            asker.ask(f"/{row.first}")
        look(asker, row, name, protocol)
        assert asker.ask("/hello").body == b"hello", "in step"
    finally:
        asker.close()
    if row.closes is not None:
        wait_until(lambda: sites.closed(name) >= before + 1, 10, f"{name} is closed")
        assert sites.closed(name) == before + row.closes
    if row.log and not row.log.startswith("the header"):
        wanted = re.compile(row.log, re.MULTILINE)
        wait_until(lambda: wanted.search(sites.server.log, seen), 10, f"the log says {row.log}")
    elif row.log:
        sites.server.wait_line(row.log)


def look(asker: Http | Uwsgi, row: Row, name: str, protocol: str) -> None:
    """Ask, and compare with the row."""
    if row.seen == BROKEN:
        try:
            reply = asker.ask(f"/{name}", row.method, row.body)
        except http.Broken:
            return
        assert protocol.startswith("nginx"), f"an answer that looks whole: {reply}"
        assert reply.status == 502
        return
    reply = asker.ask(f"/{name}", row.method, row.body)
    if row.seen == REFUSED:
        assert (reply.status, reply.body) == (500, b"Internal Server Error\n")
    else:
        assert (reply.status, reply.body) == (row.status, row.seen)
    for header in row.absent:
        if header == "Transfer-Encoding" and protocol.startswith("nginx"):
            continue
        assert reply.all(header) == []
    for header, value in row.present.items():
        assert reply.get(header) == value


CUT = [name for name, row in TABLE.items() if row.seen == BROKEN]


@pytest.mark.parametrize("name", CUT)
def test_a_cut_on_a_unix_socket(sites: Sites, name: str) -> None:
    """Where the end of the connection is the end of the reply, and there is no reset to send."""
    with pytest.raises(http.Broken):
        Uwsgi(sites.addresses["unix"]).ask(f"/{name}")
    assert Uwsgi(sites.addresses["unix"]).ask("/hello").body == b"hello"


@pytest.mark.nginx
@pytest.mark.parametrize("target", ["/{}?by=unix", "/proxied/{}"], ids=["uwsgi", "http"])
@pytest.mark.parametrize("name", CUT)
def test_a_cut_behind_nginx_on_a_unix_socket(sites: Sites, name: str, target: str) -> None:
    if "nginx-uwsgi" not in sites.addresses:
        pytest.skip("nginx is not installed")
    asker = Http(sites.addresses["nginx-uwsgi"])
    try:
        assert asker.ask(target.format(name)).status == 502
    except http.Broken:
        pass
    finally:
        asker.close()
    asker = Http(sites.addresses["nginx-uwsgi"])
    assert asker.ask(target.format("hello")).body == b"hello"
    asker.close()


@pytest.mark.parametrize("name", [name for name in TABLE if name not in CUT])
def test_head(sites: Sites, protocol: str, name: str) -> None:
    """HEAD never has a body, whatever the application makes of it."""
    asker = PROTOCOLS[protocol](sites.addresses[protocol])
    try:
        assert asker.ask(f"/{name}", "HEAD").body == b""
        assert asker.ask("/hello").body == b"hello"
    finally:
        asker.close()
