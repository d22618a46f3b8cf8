"""One small application for each path, each with one misbehaviour that the table of
``tests/server/test_misbehaviour.py`` states the outcome of.

``/count_closed?NAME`` tells how often ``close()`` of what ``/NAME`` returned was called; those of
which it is counted return a ``Closing``.
"""

import asyncio
import gc
import io
import os
import sys
import tempfile
import threading
import time

import behaviours
from behaviours import PLAIN, Closing, closed

MISTAKE = "a secret in a message"

kept = {}


def application(environ, start_response):
    behaviour = BEHAVIOURS.get(environ["PATH_INFO"][1:])
    if behaviour is None:
        start_response("404 Not Found", PLAIN)
        return [b"no such behaviour"]
    return behaviour(environ, start_response)


def headers(*pairs):
    """An application that answers ``x`` with these headers."""

    def answer(environ, start_response):
        start_response("200 OK", list(pairs))
        return [b"x"]

    return answer


def status(text):
    """An application that answers ``x`` with this status."""

    def answer(environ, start_response):
        start_response(text, PLAIN)
        return [b"x"]

    return answer


def returns(value):
    """An application that returns this."""

    def answer(environ, start_response):
        start_response("200 OK", PLAIN)
        return value

    return answer


def gives(name, *pieces):
    """An application whose iterable gives these, and counts its closing."""

    def answer(environ, start_response):
        start_response("200 OK", PLAIN)
        return Closing(name, pieces)

    return answer


def writes(*pieces):
    """An application that calls ``write`` with these, and returns one more."""

    def answer(environ, start_response):
        write = start_response("200 OK", PLAIN)
        for piece in pieces:
            write(piece)
        return [b"end"]

    return answer


def fails(error):
    """An application that raises this."""

    def answer(environ, start_response):
        raise error

    return answer


def fails_between(name, error):
    """An application whose iterable gives one piece, then raises this."""

    def pieces():
        yield b"half of it"
        raise error

    def answer(environ, start_response):
        start_response("200 OK", PLAIN)
        return Closing(name, pieces())

    return answer


class Odd(str):
    """A str whose methods lie about its characters."""

    def encode(self, *args):
        return b"X"

    def __format__(self, spec):
        return "X"

    def __hash__(self):
        return hash("X")

    def __eq__(self, other):
        return other == "X"


class Octets(bytes):
    """Bytes of a class of its own."""


class Unprintable(Exception):
    def __str__(self):
        raise RuntimeError("no words for it")


class Cyclic(Exception):
    def __init__(self):
        super().__init__(MISTAKE)
        self.__cause__ = self


# Framing.

length_empty = headers(("Content-Length", ""))
length_plus = headers(("Content-Length", "+1"))
length_fraction = headers(("Content-Length", "1.0"))
length_hexadecimal = headers(("Content-Length", "0x1"))
length_with_space = headers(("Content-Length", "1 "))
length_list = headers(("Content-Length", "1, 1"))
length_underscore = headers(("Content-Length", "1_0"))
length_foreign_digit = headers(("Content-Length", "\u0661"))
length_superscript = headers(("Content-Length", "\xb2"))
length_overlong = headers(("Content-Length", "9" * 30))
length_negative = headers(("Content-Length", "-1"))
length_twice = headers(("Content-Length", "1"), ("CONTENT-LENGTH", "1"))
length_differs = headers(("Content-Length", "1"), ("Content-Length", "2"))
length_and_chunked = headers(("Content-Length", "1"), ("Transfer-Encoding", "chunked"))
coding_gzip = headers(("Transfer-Encoding", "gzip, chunked"))
connection_names = headers(("Connection", "X-Private"), ("X-Private", "1"))
connection_close = headers(("Connection", "keep-alive, Close"))
own_status = headers(("Status", "302 Found"))


def chunks_itself(environ, start_response):
    """The body is framed by the application; its own framing is a part of the body then."""
    start_response("200 OK", [*PLAIN, ("Transfer-Encoding", "chunked")])
    return [b"1\r\nx\r\n0\r\n\r\n"]


def length_zero_with_body(environ, start_response):
    start_response("200 OK", [*PLAIN, ("Content-Length", "0")])
    return Closing("length_zero_with_body", [b"a body"])


def too_long(environ, start_response):
    start_response("200 OK", [*PLAIN, ("Content-Length", "5")])
    return Closing("too_long", [b"he", b"llo, and HTTP/1.1 200 OK\r\n\r\n", b"more"])


def too_long_written(environ, start_response):
    write = start_response("200 OK", [*PLAIN, ("Content-Length", "5")])
    write(b"hello, and more")
    write(b"more")
    return [b"more"]


def too_short(environ, start_response):
    start_response("200 OK", [*PLAIN, ("Content-Length", "50")])
    return Closing("too_short", [b"hello"])


def too_short_written(environ, start_response):
    start_response("200 OK", [*PLAIN, ("Content-Length", "50")])(b"hello")
    return []


def nothing_though_promised(environ, start_response):
    start_response("200 OK", [*PLAIN, ("Content-Length", "50")])
    return []


def no_content_written(environ, start_response):
    start_response("204 No Content", [("Content-Length", "5")])(b"hello")
    return [b"more"]


def no_content_pieces(environ, start_response):
    start_response("204 No Content", [])
    return Closing("no_content_pieces", [b"hello", b"more"])


def not_modified_length(environ, start_response):
    start_response("304 Not Modified", [("Content-Length", "5"), ("ETag", '"x"')])
    return Closing("not_modified_length", [b"hello"])


def reset_content(environ, start_response):
    start_response("205 Reset Content", [])
    return [b"unwanted"]


# Status and headers.

status_bytes = status(b"200 OK")
status_none = status(None)
status_int = status(200)
status_tuple = status(("200", "OK"))
status_empty = status("")
status_bare = status("200")
status_glued = status("200OK")
status_two_digits = status("99 Low")
status_four_digits = status("1000 High")
status_signed = status("-20 Low")
status_foreign_digits = status("\u0662\u0660\u0660 OK")
status_space_before = status(" 200 OK")
status_tab = status("200\tOK")
status_zero = status("000 Nothing")
status_continue = status("100 Continue")
status_switching = status("101 Switching Protocols")
status_early = status("103 Early Hints")
status_crlf = status("200 OK\r\nSet-Cookie: evil=1")
status_lf = status("200 OK\nSet-Cookie: evil=1")
status_cr = status("200 OK\rSet-Cookie: evil=1")
status_head_end = status("200 OK\r\n\r\n<script>")
status_nul = status("200 O\0K")
status_not_latin_1 = status("200 \u20ac")
status_surrogate = status("200 \udcff")
status_odd = status(Odd("200 OK\r\nSet-Cookie: evil=1"))
status_999 = status("999 Beyond")

header_value_crlf = headers(("X", "a\r\nSet-Cookie: evil=1"))
header_value_folded = headers(("X", "a\r\n b"))
header_value_lf = headers(("X", "a\nSet-Cookie: evil=1"))
header_value_cr = headers(("X", "a\rSet-Cookie: evil=1"))
header_value_ends = headers(("X", "a\r\n\r\n<script>"))
header_value_nul = headers(("X", "a\0b"))
header_value_escape = headers(("X", "a\x1bb"))
header_value_delete = headers(("X", "a\x7fb"))
header_value_wide = headers(("X", "\u010d\u010a"))
header_value_surrogate = headers(("X", "\udcff"))
header_value_bytes = headers(("X", b"a"))
header_value_none = headers(("X", None))
header_value_int = headers(("X", 1))
header_value_odd = headers(("X", Odd("a\r\nSet-Cookie: evil=1")))
header_value_latin_1 = headers(("X", "caf\xe9"))
header_name_empty = headers(("", "a"))
header_name_space = headers(("X Y", "a"))
header_name_space_after = headers(("X ", "a"))
header_name_colon = headers(("X:", "a"))
header_name_crlf = headers(("X\r\nSet-Cookie", "evil=1"))
header_name_lf = headers(("X\nSet-Cookie", "evil=1"))
header_name_nul = headers(("X\0", "a"))
header_name_latin_1 = headers(("caf\xe9", "a"))
header_name_wide = headers(("X\u010a", "a"))
header_name_bytes = headers((b"X", "a"))
header_name_none = headers((None, "a"))
header_name_odd = headers((Odd("X\r\nSet-Cookie"), "evil=1"))
header_list = headers(["X", "a"])
header_string = headers("Xa")
header_three = headers(("X", "a", "b"))
header_none = headers(None)
headers_enormous = headers(("X", "a" * 100_000))
headers_countless = headers(*[(f"X-{number}", "a" * 100) for number in range(2000)])


def headers_none(environ, start_response):
    start_response("200 OK", None)
    return [b"x"]


def headers_dict(environ, start_response):
    start_response("200 OK", {"X": "a"})
    return [b"x"]


def headers_iterator(environ, start_response):
    start_response("200 OK", iter(PLAIN))
    return [b"x"]


def headers_changed_later(environ, start_response):
    mine = [("X", "a")]
    start_response("200 OK", mine)
    mine[0] = ("X", "a\r\nSet-Cookie: evil=1")
    return [b"x"]


# What is returned.

returns_none = returns(None)
returns_int = returns(1)
returns_str = returns("text")
returns_bytearray = returns(bytearray(b"x"))
returns_memoryview = returns(memoryview(b"x"))
returns_dict = returns({"a": 1})
returns_whole_bytes = returns(b"whole")
returns_octets = returns(Octets(b"whole"))
returns_class = returns(Closing)
list_of_str = returns([b"a", "b"])
list_of_int = returns([b"a", 1])
list_of_none = returns([None])
list_of_bytearray = returns([bytearray(b"x")])
list_of_memoryview = returns([memoryview(b"x")])
list_of_octets = returns([Octets(b"x")])
list_of_lists = returns([[b"x"]])

first_str = gives("first_str", "text", b"x")
first_none = gives("first_none", None)
first_bytearray = gives("first_bytearray", bytearray(b"x"))
then_str = gives("then_str", b"half of it", "text")
then_int = gives("then_int", b"half of it", 1)
then_memoryview = gives("then_memoryview", b"half of it", memoryview(b"x"))
empty_first = gives("empty_first", b"", b"", b"late")
only_empty = gives("only_empty", b"", b"")


class Lying(Closing):
    def __len__(self):
        return 1


def length_lies(environ, start_response):
    start_response("200 OK", PLAIN)
    return Lying("length_lies", [b"one,", b"two"])


class LyingList(list):
    def __len__(self):
        return 1


def list_length_lies(environ, start_response):
    start_response("200 OK", PLAIN)
    return LyingList([b"one,", b"two"])


def iterates_itself_for_ever(environ, start_response):
    """The iterator raises StopIteration once, and gives more when it is asked again."""

    class Iterator:
        asked = 0

        def __iter__(self):
            return self

        def __next__(self):
            self.asked += 1
            if self.asked == 2:
                raise StopIteration
            return b"once"

    start_response("200 OK", PLAIN)
    return Iterator()


def close_not_callable(environ, start_response):
    class Iterable(Closing):
        close = 5

    start_response("200 OK", PLAIN)
    return Iterable("close_not_callable", [b"fine"])


def close_fails(name, error):
    """An application whose iterable gives a whole body, and raises this when it is closed."""

    class Iterable(Closing):
        def close(self):
            super().close()
            raise error

    def answer(environ, start_response):
        start_response("200 OK", PLAIN)
        return Iterable(name, [b"fine"])

    return answer


close_raises = close_fails("close_raises", RuntimeError(MISTAKE))
close_exits = close_fails("close_exits", SystemExit(3))


def close_writes(environ, start_response):
    write = start_response("200 OK", PLAIN)

    class Iterable(Closing):
        def close(self):
            super().close()
            write(b"after the end")

    return Iterable("close_writes", [b"fi", b"ne"])


def close_hidden(environ, start_response):
    class Iterable(Closing):
        def __getattribute__(self, name):
            if name == "close":
                closed["close_hidden"] = closed.get("close_hidden", 0) + 1
                raise KeyboardInterrupt
            return super().__getattribute__(name)

    start_response("200 OK", PLAIN)
    return Iterable("close_hidden", [b"fine"])


# start_response and write.


def never_started(environ, start_response):
    return Closing("never_started", [b"x"])


def never_started_empty(environ, start_response):
    return []


def started_late(environ, start_response):
    start_response("201 Created", PLAIN)
    yield b"late"


def started_too_late(environ, start_response):
    yield b"x"
    start_response("200 OK", PLAIN)


def started_twice(environ, start_response):
    start_response("200 OK", PLAIN)
    start_response("200 OK", PLAIN)
    return [b"x"]


def started_twice_none(environ, start_response):
    start_response("200 OK", PLAIN)
    start_response("200 OK", PLAIN, None)
    return [b"x"]


def started_without_arguments(environ, start_response):
    start_response()
    return [b"x"]


def replaced(environ, start_response):
    start_response("200 OK", [("X-First", "1"), ("Content-Length", "500")])
    try:
        raise RuntimeError(MISTAKE)
    except RuntimeError:
        start_response("503 Service Unavailable", PLAIN, sys.exc_info())
    return [b"replaced"]


def replaced_too_late(environ, start_response):
    def pieces():
        start_response("200 OK", PLAIN)
        yield b"half of it"
        try:
            raise RuntimeError(MISTAKE)
        except RuntimeError:
            start_response("503 Service Unavailable", PLAIN, sys.exc_info())
        yield b"never"

    return Closing("replaced_too_late", pieces())


def replaced_by_nonsense(environ, start_response):
    start_response("200 OK", PLAIN)
    start_response("200 OK", PLAIN, "no exc_info")
    return [b"x"]


def replaced_by_nonsense_too_late(environ, start_response):
    start_response("200 OK", PLAIN)(b"half of it")
    start_response("200 OK", PLAIN, "no exc_info")
    return [b"x"]


def replaced_and_swallowed(environ, start_response):
    """Goes on after the exception that start_response raised again."""
    start_response("200 OK", PLAIN)(b"one,")
    try:
        try:
            raise RuntimeError(MISTAKE)
        except RuntimeError:
            start_response("503 Service Unavailable", PLAIN, sys.exc_info())
    except RuntimeError:
        pass
    return [b"two"]


write_str = writes("text")
write_none = writes(None)
write_bytearray = writes(bytearray(b"x"))
write_memoryview = writes(memoryview(b"x"))
write_octets = writes(Octets(b"x"))
write_then_str = writes(b"half of it", "text")
write_mixed = writes(b"one,", b"", b"two,")


def write_kept(environ, start_response):
    kept["write"] = start_response("200 OK", PLAIN)
    return Closing("write_kept", [b"fine"])


def write_of_another(environ, start_response):
    """Calls the ``write`` of the request before."""
    start_response("200 OK", PLAIN)
    kept["write"](b"into another reply")
    return [b"x"]


def write_in_thread(environ, start_response):
    write = start_response("200 OK", PLAIN)
    caught = []

    def body():
        try:
            write(b"from elsewhere")
        except Exception as error:
            caught.append(str(error))

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    return [repr(caught).encode()]


def write_after_the_end(environ, start_response):
    """A thread that goes on writing when the request is long answered."""
    write = start_response("200 OK", PLAIN)

    def body():
        end = time.monotonic() + 1
        while time.monotonic() < end:
            try:
                write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            except Exception:
                time.sleep(0.001)

    threading.Thread(target=body, daemon=True).start()
    return [b"fine"]


# Exceptions.

raises = fails(RuntimeError(MISTAKE))
raises_exit = fails(SystemExit(3))
raises_exit_text = fails(SystemExit(MISTAKE))
raises_interrupt = fails(KeyboardInterrupt())
raises_generator_exit = fails(GeneratorExit())
raises_stop = fails(StopIteration())
raises_base = fails(BaseException(MISTAKE))
raises_cancelled = fails(asyncio.CancelledError())
raises_memory = fails(MemoryError())
raises_os_error = fails(BrokenPipeError(32, MISTAKE))
raises_unprintable = fails(Unprintable())
raises_cyclic = fails(Cyclic())

between_error = fails_between("between_error", RuntimeError(MISTAKE))
between_exit = fails_between("between_exit", SystemExit(0))
between_interrupt = fails_between("between_interrupt", KeyboardInterrupt())
between_base = fails_between("between_base", BaseException(MISTAKE))
between_cancelled = fails_between("between_cancelled", asyncio.CancelledError())
between_stop = fails_between("between_stop", StopIteration())
between_os_error = fails_between("between_os_error", ConnectionResetError(104, MISTAKE))


def raises_before_first(environ, start_response):
    start_response("200 OK", PLAIN)
    raise RuntimeError(MISTAKE)
    yield b"never"


def raises_in_iter(environ, start_response):
    class Iterable(Closing):
        def __iter__(self):
            raise RuntimeError(MISTAKE)

    start_response("200 OK", PLAIN)
    return Iterable("raises_in_iter", [])


def raises_forged(environ, start_response):
    """What it raises holds lines of its own."""
    raise RuntimeError("one\n[pid: 1|app: 0|req: 1/1] forged\n\x1b[31mred")


class Unspeakable(Exception):
    """Nothing can be asked of it."""

    @property
    def __class__(self):
        raise ValueError("no class")

    @property
    def __traceback__(self):
        raise ValueError("no traceback")

    def __str__(self):
        raise SystemExit("no text")


def raises_unspeakable(environ, start_response):
    raise Unspeakable


def recurses(environ, start_response):
    return recurses(environ, start_response)


def recurses_while_giving(environ, start_response):
    start_response("200 OK", PLAIN)

    def pieces():
        yield b"half of it"
        recurses(environ, start_response)

    return Closing("recurses_while_giving", pieces())


# The environ, its streams and the process.


def environ_cleared(environ, start_response):
    environ.clear()
    start_response("200 OK", PLAIN)
    return [b"fine"]


def environ_ruined(environ, start_response):
    for key in list(environ):
        environ[key] = None
    environ[5] = object()
    start_response("200 OK", PLAIN)
    return [b"fine"]


def errors_closed(environ, start_response):
    environ["wsgi.errors"].write("closing\n")
    environ["wsgi.errors"].close()
    start_response("200 OK", PLAIN)
    return [b"fine"]


def errors_given_bytes(environ, start_response):
    environ["wsgi.errors"].write(b"bytes")
    start_response("200 OK", PLAIN)
    return [b"x"]


def errors_given_anything(environ, start_response):
    errors = environ["wsgi.errors"]
    errors.write("surrogate \udcff and \u20ac\n")
    errors.writelines(["one ", "line\n"])
    print("printed", file=errors)
    errors.write("no line end")
    errors.flush()
    errors.write("\n")
    start_response("200 OK", PLAIN)
    return [b"fine"]


def input_closed(environ, start_response):
    environ["wsgi.input"].close()
    start_response("200 OK", PLAIN)
    return [b"fine"]


def input_read_late(environ, start_response):
    write = start_response("200 OK", PLAIN)
    write(b"got ")
    return [environ["wsgi.input"].read()]


def input_read_in_pieces(environ, start_response):
    body = environ["wsgi.input"]
    seen = [body.read(0), body.readline(2), body.readlines(1), body.read(1), next(body)]
    seen += [list(body), body.read(), body.read(5), body.readline(), body.readlines()]
    start_response("200 OK", PLAIN)
    return [repr(seen).encode()]


def exits_at_exit(environ, start_response):
    """Leaves a handler that fails when it is called."""
    import atexit

    atexit.register(lambda: 1 / 0)
    start_response("200 OK", PLAIN)
    return [b"fine"]


def forks(environ, start_response):
    """The child comes back too."""
    os.fork()
    start_response("200 OK", PLAIN)
    return [b"one answer"]


def forks_while_giving(environ, start_response):
    def pieces():
        yield b"one "
        os.fork()
        yield b"answer"

    start_response("200 OK", PLAIN)
    return Closing("forks_while_giving", pieces())


def closes_streams(environ, start_response):
    sys.stderr.close()
    sys.stdout.close()
    start_response("200 OK", PLAIN)
    return [b"fine"]


def collects(environ, start_response):
    gc.disable()
    gc.set_threshold(0)
    start_response("200 OK", PLAIN)
    return [b"fine"]


# Files.


def temporary(content=b"0123456789", mode="w+b"):
    file = tempfile.TemporaryFile(mode)
    file.write(content)
    file.seek(0)
    return file


def counted(environ, name, file, size=4096):
    """Wrap a file, and count its closing."""

    class File:
        def __getattr__(self, attribute):
            return getattr(file, attribute)

        def close(self):
            closed[name] = closed.get(name, 0) + 1
            file.close()

    return environ["wsgi.file_wrapper"](File(), size)


def file_at_offset(environ, start_response):
    file = temporary()
    file.read(3)
    start_response("200 OK", PLAIN)
    return counted(environ, "file_at_offset", file)


def file_past_its_end(environ, start_response):
    file = temporary()
    file.seek(50)
    start_response("200 OK", PLAIN)
    return counted(environ, "file_past_its_end", file)


def file_without_number(environ, start_response):
    start_response("200 OK", PLAIN)
    return counted(environ, "file_without_number", io.BytesIO(b"0123456789"), 3)


def file_of_text(environ, start_response):
    start_response("200 OK", PLAIN)
    return counted(environ, "file_of_text", temporary("0123456789", "w+"))


def file_of_text_in_memory(environ, start_response):
    start_response("200 OK", PLAIN)
    return counted(environ, "file_of_text_in_memory", io.StringIO("text"))


def file_closed(environ, start_response):
    file = temporary()
    file.close()
    start_response("200 OK", PLAIN)
    return counted(environ, "file_closed", file)


def file_promised_longer(environ, start_response):
    start_response("200 OK", [*PLAIN, ("Content-Length", "50")])
    return counted(environ, "file_promised_longer", temporary())


def file_promised_shorter(environ, start_response):
    start_response("200 OK", [*PLAIN, ("Content-Length", "5")])
    return counted(environ, "file_promised_shorter", temporary())


def file_after_write(environ, start_response):
    start_response("200 OK", PLAIN)(b"before ")
    return counted(environ, "file_after_write", temporary())


def file_of_a_pipe(environ, start_response):
    reader, writer = os.pipe()
    os.write(writer, b"0123456789")
    os.close(writer)
    start_response("200 OK", PLAIN)
    return counted(environ, "file_of_a_pipe", os.fdopen(reader, "rb"))


def file_truncated(environ, start_response):
    """Becomes shorter when the server has looked at its size."""

    class File:
        def __init__(self):
            self.file = temporary(b"x" * 100_000)
            self.read = self.file.read
            self.fileno = self.file.fileno

        def tell(self):
            os.ftruncate(self.fileno(), 10)
            return 0

        def close(self):
            closed["file_truncated"] = closed.get("file_truncated", 0) + 1
            self.file.close()

    start_response("200 OK", PLAIN)
    return environ["wsgi.file_wrapper"](File())


def file_that_raises(environ, start_response):
    class File:
        def read(self, size):
            raise RuntimeError(MISTAKE)

        def close(self):
            closed["file_that_raises"] = closed.get("file_that_raises", 0) + 1

    start_response("200 OK", PLAIN)
    return environ["wsgi.file_wrapper"](File())


def file_without_read(environ, start_response):
    start_response("200 OK", PLAIN)
    return environ["wsgi.file_wrapper"](object())


BEHAVIOURS = {name: value for name, value in globals().items() if callable(value)}
BEHAVIOURS |= {"hello": behaviours.hello, "count_closed": behaviours.count_closed}
