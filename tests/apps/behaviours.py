"""One small application for each path: most of them make one mistake that PEP 3333 forbids.

``/count_closed?NAME`` tells how often ``close()`` of what ``/NAME`` returned was called.
"""

import io
import os
import signal
import sys
import tempfile
import threading
import time

PLAIN = [("Content-Type", "text/plain")]

closed = {}


class Closing:
    """An iterable that counts calls of its ``close``."""

    def __init__(self, name, pieces):
        self.name = name
        self.pieces = pieces

    def __iter__(self):
        return iter(self.pieces)

    def close(self):
        closed[self.name] = closed.get(self.name, 0) + 1


def application(environ, start_response):
    behaviour = globals().get(environ["PATH_INFO"][1:])
    if not callable(behaviour):
        start_response("404 Not Found", PLAIN)
        return [b"no such behaviour"]
    return behaviour(environ, start_response)


def count_closed(environ, start_response):
    start_response("200 OK", PLAIN)
    return [str(closed.get(environ["QUERY_STRING"], 0)).encode()]


def hello(environ, start_response):
    start_response("200 OK", PLAIN)
    return [b"hello"]


def echo(environ, start_response):
    start_response("200 OK", PLAIN)
    return [environ["wsgi.input"].read()]


def query(environ, start_response):
    start_response("200 OK", PLAIN)
    return [environ["QUERY_STRING"].encode("latin-1")]


def lines(environ, start_response):
    """Reads its body in every way that wsgi.input offers."""
    body = environ["wsgi.input"]
    seen = [body.read(0), body.read(2), body.readline(), body.readline(3), body.readline()]
    seen += body.readlines(1)
    seen += [next(iter(body))]
    seen += list(body)
    seen += [body.read(5), body.read(), body.readline()]
    assert body.readlines() == []
    start_response("200 OK", PLAIN)
    return [repr(seen).encode()]


def two_pieces(environ, start_response):
    start_response("200 OK", PLAIN)
    return Closing("two_pieces", [b"one,", b"two"])


def empty_pieces(environ, start_response):
    start_response("200 OK", PLAIN)
    return Closing("empty_pieces", [b"", b"one,", b"", b"two", b""])


def no_pieces(environ, start_response):
    start_response("200 OK", PLAIN)
    return Closing("no_pieces", [])


def late_start(environ, start_response):
    """A generator: start_response is called when the first piece is asked for."""
    start_response("201 Created", PLAIN)
    yield b"late"


def no_dunder_iter(environ, start_response):
    class Iterator:
        left = 2

        def __next__(self):
            self.left -= 1
            if self.left < 0:
                raise StopIteration
            return b"x"

    class Iterable:
        def __iter__(self):
            return Iterator()

    start_response("200 OK", PLAIN)
    return Iterable()


def by_index(environ, start_response):
    class Sequence:
        def __getitem__(self, index):
            return [b"a", b"b"][index]

    start_response("200 OK", PLAIN)
    return Sequence()


def whole_bytes(environ, start_response):
    start_response("200 OK", PLAIN)
    return b"whole"


def writes(environ, start_response):
    write = start_response("200 OK", PLAIN)
    write(b"one,")
    write(b"")
    write(b"two,")
    return [b"three"]


def writes_and_length(environ, start_response):
    write = start_response("200 OK", [*PLAIN, ("Content-Length", "5")])
    write(b"hel")
    write(b"lo")
    return []


def writes_str(environ, start_response):
    start_response("200 OK", PLAIN)("text")
    return []


def writes_megabytes(environ, start_response):
    write = start_response("200 OK", PLAIN)
    for _ in range(64):
        write(b"w" * 65536)
    return Closing("writes_megabytes", [])


# Mistakes before anything was sent.


def returns_str(environ, start_response):
    start_response("200 OK", PLAIN)
    return "text"


def returns_str_in_list(environ, start_response):
    start_response("200 OK", PLAIN)
    return [b"bytes", "text"]


def returns_none(environ, start_response):
    start_response("200 OK", PLAIN)


def returns_int(environ, start_response):
    start_response("200 OK", PLAIN)
    return 42


def returns_bytearray(environ, start_response):
    start_response("200 OK", PLAIN)
    return [bytearray(b"x")]


def yields_str(environ, start_response):
    start_response("200 OK", PLAIN)
    return Closing("yields_str", ["text"])


def no_start_response(environ, start_response):
    return Closing("no_start_response", [b"body"])


def no_start_response_empty(environ, start_response):
    return []


def raises(environ, start_response):
    raise RuntimeError("a secret in a message")


def raises_after_start(environ, start_response):
    start_response("200 OK", PLAIN)
    raise RuntimeError("a secret in a message")


def raises_in_first_piece(environ, start_response):
    start_response("200 OK", PLAIN)
    raise RuntimeError("a secret in a message")
    yield b"never"


def raises_in_iter(environ, start_response):
    class Bad:
        def __iter__(self):
            raise RuntimeError("a secret in a message")

        def close(self):
            closed["raises_in_iter"] = closed.get("raises_in_iter", 0) + 1

    start_response("200 OK", PLAIN)
    return Bad()


def exits(environ, start_response):
    sys.exit(3)


def interrupts(environ, start_response):
    raise KeyboardInterrupt


def exits_in_iteration(environ, start_response):
    start_response("200 OK", PLAIN)
    yield b""
    raise SystemExit


def recurses(environ, start_response):
    return recurses(environ, start_response)


def headers_tuple(environ, start_response):
    start_response("200 OK", tuple(PLAIN))
    return [b"x"]


def headers_lists(environ, start_response):
    start_response("200 OK", [["Content-Type", "text/plain"]])
    return [b"x"]


def header_of_three(environ, start_response):
    start_response("200 OK", [("a", "b", "c")])
    return [b"x"]


def header_bytes(environ, start_response):
    start_response("200 OK", [("Content-Type", b"text/plain")])
    return [b"x"]


def header_int(environ, start_response):
    start_response("200 OK", [("Content-Length", 1)])
    return [b"x"]


def header_crlf(environ, start_response):
    start_response("200 OK", [("X", "a\r\nSet-Cookie: evil=1")])
    return [b"x"]


def header_lf(environ, start_response):
    start_response("200 OK", [("X", "a\nSet-Cookie: evil=1")])
    return [b"x"]


def header_nul(environ, start_response):
    start_response("200 OK", [("X", "a\0b")])
    return [b"x"]


def header_name_space(environ, start_response):
    start_response("200 OK", [("X Y", "a")])
    return [b"x"]


def header_name_colon(environ, start_response):
    start_response("200 OK", [("X:", "a")])
    return [b"x"]


def header_name_empty(environ, start_response):
    start_response("200 OK", [("", "a")])
    return [b"x"]


def header_not_latin_1(environ, start_response):
    start_response("200 OK", [("X", "\u20ac")])
    return [b"x"]


def status_bytes(environ, start_response):
    start_response(b"200 OK", PLAIN)
    return [b"x"]


def status_int(environ, start_response):
    start_response(200, PLAIN)
    return [b"x"]


def status_words(environ, start_response):
    start_response("OK", PLAIN)
    return [b"x"]


def status_crlf(environ, start_response):
    start_response("200 OK\r\nX: y", PLAIN)
    return [b"x"]


def status_interim(environ, start_response):
    start_response("100 Continue", PLAIN)
    return [b"x"]


def status_empty(environ, start_response):
    start_response("", PLAIN)
    return [b"x"]


def two_lengths(environ, start_response):
    start_response("200 OK", [("Content-Length", "1"), ("content-length", "1")])
    return [b"x"]


def length_negative(environ, start_response):
    start_response("200 OK", [("Content-Length", "-1")])
    return [b"x"]


def length_words(environ, start_response):
    start_response("200 OK", [("Content-Length", "one")])
    return [b"x"]


def starts_twice(environ, start_response):
    start_response("200 OK", PLAIN)
    start_response("200 OK", PLAIN)
    return [b"x"]


# What is mended, or visibly broken.


def status_bare(environ, start_response):
    start_response("404", PLAIN)
    return [b"x"]


def too_long(environ, start_response):
    start_response("200 OK", [*PLAIN, ("Content-Length", "5")])
    return Closing("too_long", [b"hel", b"lo, and more", b"and more"])


def too_long_list(environ, start_response):
    start_response("200 OK", [*PLAIN, ("Content-Length", "5")])
    return [b"hello, and more"]


def too_short(environ, start_response):
    start_response("200 OK", [*PLAIN, ("Content-Length", "50")])
    return Closing("too_short", [b"hello"])


def too_short_list(environ, start_response):
    start_response("200 OK", [*PLAIN, ("Content-Length", "50")])
    return [b"hello"]


def raises_midway(environ, start_response):
    start_response("200 OK", PLAIN)
    return Closing("raises_midway", pieces_then_raise())


def pieces_then_raise():
    yield b"half of it"
    raise RuntimeError("a secret in a message")


def str_midway(environ, start_response):
    start_response("200 OK", PLAIN)
    return Closing("str_midway", [b"bytes", "text"])


def close_raises(environ, start_response):
    class Bad(Closing):
        def close(self):
            super().close()
            raise RuntimeError("close() failed")

    start_response("200 OK", PLAIN)
    return Bad("close_raises", [b"fine"])


def replaces(environ, start_response):
    """An error handler that changes its mind before anything was sent."""
    start_response("200 OK", [("X-First", "1")])
    try:
        raise RuntimeError("found late")
    except RuntimeError:
        start_response("503 Service Unavailable", [("X-Second", "1")], sys.exc_info())
    return [b"replaced"]


def replaces_too_late(environ, start_response):
    start_response("200 OK", PLAIN)
    return Closing("replaces_too_late", late_replacement(start_response))


def late_replacement(start_response):
    yield b"half of it"
    try:
        raise RuntimeError("found too late")
    except RuntimeError:
        start_response("503 Service Unavailable", PLAIN, sys.exc_info())
    yield b"never"


def own_framing(environ, start_response):
    start_response(
        "200 OK",
        [
            ("Transfer-Encoding", "chunked"),
            ("Connection", "Keep-Alive"),
            ("Keep-Alive", "timeout=1000"),
            ("Trailer", "X"),
            ("Upgrade", "h2c"),
            *PLAIN,
        ],
    )
    return [b"body"]


def own_date(environ, start_response):
    start_response("200 OK", [("Date", "Thu, 01 Jan 1970 00:00:00 GMT"), ("Server", "mine")])
    return [b"x"]


def wants_close(environ, start_response):
    start_response("200 OK", [*PLAIN, ("Connection", "close")])
    return [b"x"]


def no_content(environ, start_response):
    start_response("204 No Content", [("Content-Length", "5")])
    return Closing("no_content", [b"hello"])


def not_modified(environ, start_response):
    start_response("304 Not Modified", [("ETag", '"x"')])
    return Closing("not_modified", [b"hello"])


def latin_1(environ, start_response):
    start_response("200 caf\xe9", [("X", "caf\xe9")])
    return [b"x"]


# Files.


def sends_file(environ, start_response):
    """A file of the numbers 0 to 199999, its offset in the query."""
    file = tempfile.TemporaryFile()
    file.write(b"".join(b"%06d\n" % number for number in range(200000)))
    file.seek(int(environ["QUERY_STRING"] or 0))
    start_response("200 OK", PLAIN)
    return counted(environ, file, "sends_file")


def counted(environ, file, name):
    class Counted:
        read = file.read
        fileno = file.fileno
        tell = file.tell

        def close(self):
            closed[name] = closed.get(name, 0) + 1
            file.close()

    return environ["wsgi.file_wrapper"](Counted(), 4096)


def sends_part_of_file(environ, start_response):
    file = tempfile.TemporaryFile()
    file.write(b"0123456789")
    file.seek(2)
    start_response("200 OK", [*PLAIN, ("Content-Length", "5")])
    return counted(environ, file, "sends_part_of_file")


def sends_short_file(environ, start_response):
    file = tempfile.TemporaryFile()
    file.write(b"0123456789")
    file.seek(0)
    start_response("200 OK", [*PLAIN, ("Content-Length", "50")])
    return counted(environ, file, "sends_short_file")


def sends_memory(environ, start_response):
    start_response("200 OK", PLAIN)
    return environ["wsgi.file_wrapper"](io.BytesIO(b"m" * 100000), 1000)


def sends_proc(environ, start_response):
    """A file whose size the kernel gives as 0."""
    start_response("200 OK", PLAIN)
    return environ["wsgi.file_wrapper"](open("/proc/self/comm", "rb"))


def wraps_nothing(environ, start_response):
    environ["wsgi.file_wrapper"](object())


# Time and size.


def big(environ, start_response):
    size = int(environ["QUERY_STRING"] or 20_000_000)
    start_response("200 OK", [*PLAIN, ("Content-Length", str(size))])
    return [b"b" * size]


def streams(environ, start_response):
    """As many pieces of as many octets as the query says, each with the thread that made it."""
    start_response("200 OK", PLAIN)
    return Closing("streams", stream_pieces(*map(int, environ["QUERY_STRING"].split("x"))))


def stream_pieces(count, size):
    for _ in range(count):
        yield b"%d" % threading.get_ident() + b"x" * (size - len(b"%d" % threading.get_ident()))


def streams_for_ever(environ, start_response):
    start_response("200 OK", PLAIN)
    name = environ["QUERY_STRING"]
    return Closing(name, for_ever())


def for_ever():
    while True:
        yield b"x" * 32768


def streams_slowly(environ, start_response):
    """A piece each half second without end."""
    start_response("200 OK", PLAIN)
    return Closing(environ["QUERY_STRING"], slow_pieces())


def slow_pieces():
    while True:
        time.sleep(0.5)
        yield b"x"


def block_then_nothing(environ, start_response):
    """A block of as many octets as the query says, then nothing until ``release`` is there."""
    start_response("200 OK", PLAIN)
    return block_pieces(int(environ["QUERY_STRING"]))


def block_pieces(size):
    yield b"b" * size
    wait_for("release")
    yield b"end"


def block_written_then_nothing(environ, start_response):
    start_response("200 OK", PLAIN)(b"b" * int(environ["QUERY_STRING"]))
    wait_for("release")
    return [b"end"]


def holds(environ, start_response):
    """Says by a file that it runs, and answers when ``release`` is there."""
    open(environ["QUERY_STRING"], "x").close()
    wait_for("release")
    start_response("200 OK", PLAIN)
    return [b"held"]


def wait_for(name):
    end = time.monotonic() + 30
    while not os.path.exists(name) and time.monotonic() < end:
        time.sleep(0.01)


def runs(environ, start_response):
    """Counts, under the name in the query, how often it is called."""
    name = environ["QUERY_STRING"]
    closed[name] = closed.get(name, 0) + 1
    start_response("200 OK", PLAIN)
    return [b"ran"]


def raised_by_a_handler(environ, start_response):
    """A signal handler of its own raises when the request is over."""
    error = {"error": RuntimeError, "exit": SystemExit}[environ["QUERY_STRING"]]

    def handler(number, frame):
        raise error("raised by a handler")

    signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    start_response("200 OK", PLAIN)
    return [b"fine"]


barrier = threading.Barrier(4)


def meets(environ, start_response):
    """Answers only when four threads are in it at once."""
    barrier.wait(10)
    start_response("200 OK", PLAIN)
    return [b"met"]


def naps(environ, start_response):
    time.sleep(float(environ["QUERY_STRING"]))
    start_response("200 OK", PLAIN)
    return [b"awake"]


def environ_repr(environ, start_response):
    start_response("200 OK", PLAIN)
    return [repr({key: environ[key] for key in sorted(environ)}).encode()]
