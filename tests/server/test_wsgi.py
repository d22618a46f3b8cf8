"""PEP 3333 over real sockets: applications that keep to it and applications that do not."""

import re
from pathlib import Path

import pytest

from tests.server.conftest import BEHAVIOURS, Site
from tests.support import http, uwsgi
from tests.support.net import exchange
from tests.support.ports import free_port

HOST = b"Host: a\r\n"

both = pytest.mark.parametrize("protocol", ["http", "uwsgi"])

REFUSED = {
    "returns_str": "gave str",
    "returns_str_in_list": "a list holding str",
    "returns_none": "returned None",
    "returns_int": "'int' object is not iterable",
    "returns_bytearray": "a list holding bytearray",
    "yields_str": "gave str",
    "writes_str": "write: expected bytes, got str",
    "no_start_response": "without calling start_response",
    "no_start_response_empty": "without calling start_response",
    "raises": "RuntimeError: a secret",
    "raises_after_start": "RuntimeError: a secret",
    "raises_in_first_piece": "RuntimeError: a secret",
    "raises_in_iter": "RuntimeError: a secret",
    "exits": "SystemExit",
    "interrupts": "KeyboardInterrupt",
    "exits_in_iteration": "SystemExit",
    "recurses": "RecursionError",
    "headers_tuple": "headers must be a list, got tuple",
    "headers_lists": "must be a tuple of name and value",
    "header_of_three": "must be a tuple of name and value",
    "header_bytes": "must be str",
    "header_int": "must be str",
    "header_crlf": "control character",
    "header_lf": "control character",
    "header_nul": "control character",
    "header_name_space": "'X Y' is not a header name",
    "header_name_colon": "'X:' is not a header name",
    "header_name_empty": "'' is not a header name",
    "header_not_latin_1": "only latin-1 characters can",
    "status_bytes": "status must be a str, got bytes",
    "status_int": "status must be a str, got int",
    "status_words": "must begin with three digits",
    "status_crlf": "control character",
    "status_interim": "interim status",
    "status_empty": "must begin with three digits",
    "two_lengths": "two Content-Length headers",
    "length_negative": "must be a number of octets",
    "length_words": "must be a number of octets",
    "starts_twice": "a second time without exc_info",
    "wraps_nothing": "AttributeError: 'object' object has no attribute 'read'",
}


@both
@pytest.mark.parametrize("name", REFUSED)
def test_a_mistake_before_the_head_is_a_500_and_a_log_line(
    site: Site, protocol: str, name: str
) -> None:
    before = site.server.log.count(f"GET /{name}")
    reply = site.get(f"/{name}", protocol)
    assert reply.status == 500
    assert reply.body == b"Internal Server Error\n"
    assert not reply.all("Set-Cookie")
    text = re.escape(REFUSED[name])
    if "Error:" in REFUSED[name] or name in ("exits", "interrupts", "exits_in_iteration"):
        site.server.wait_line(rf"the application raised: GET /{name}$", 10)
        site.server.wait_line(text, 10)
        frames = re.findall('File "(.*?)"', _traceback(site.server.log, name))
        assert "behaviours.py" in frames[0], "our own frames do not come first"
    elif name in ("recurses", "returns_int"):
        site.server.wait_line(text, 10)
    else:
        site.server.wait_line(rf"error: application error: GET /{name}: .*{text}", 10)
    assert site.server.log.count(f"GET /{name}") > before


def _traceback(log: str, name: str) -> str:
    lines = log.partition(f"the application raised: GET /{name}\n")[2].splitlines()
    end = next((n for n, line in enumerate(lines) if line and line[0] not in " T"), len(lines))
    return "\n".join(lines[:end])


def test_every_mistake_left_the_server_as_it_was(site: Site) -> None:
    for name in REFUSED:
        with site.client() as client:
            assert client.request(f"/{name}").status == 500
            assert client.closed()
    assert site.get("/hello").body == b"hello"


@both
@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("hello", b"hello"),
        ("two_pieces", b"one,two"),
        ("empty_pieces", b"one,two"),
        ("no_pieces", b""),
        ("no_dunder_iter", b"xx"),
        ("by_index", b"ab"),
        ("whole_bytes", b"whole"),
        ("writes", b"one,two,three"),
        ("writes_and_length", b"hello"),
        ("close_raises", b"fine"),
        ("too_long", b"hello"),
        ("too_long_list", b"hello"),
    ],
)
def test_bodies(site: Site, protocol: str, name: str, body: bytes) -> None:
    reply = site.get(f"/{name}", protocol)
    assert (reply.status, reply.body) == (200, body)


class TestStatus:
    def test_late_start(self, site: Site) -> None:
        reply = site.get("/late_start")
        assert (reply.status, reply.reason, reply.body) == (201, "Created", b"late")

    def test_a_bare_code_gets_its_reason(self, site: Site) -> None:
        reply = site.get("/status_bare")
        assert (reply.status, reply.reason) == (404, "Not Found")

    def test_latin_1(self, site: Site) -> None:
        reply = site.get("/latin_1")
        assert (reply.reason, reply.get("X")) == ("caf\xe9", "caf\xe9")

    @both
    def test_replaced_by_exc_info(self, site: Site, protocol: str) -> None:
        reply = site.get("/replaces", protocol)
        assert (reply.status, reply.body) == (503, b"replaced")
        assert reply.all("X-First") == []
        assert reply.get("X-Second") == "1"


class TestHeaders:
    def test_date_and_server(self, site: Site) -> None:
        reply = site.get("/hello")
        assert reply.get("Server") == "quaich"
        date = reply.get("Date") or ""
        assert re.fullmatch(
            r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT", date
        )

    def test_the_application_may_give_its_own(self, site: Site) -> None:
        reply = site.get("/own_date")
        assert reply.get("Date") == "Thu, 01 Jan 1970 00:00:00 GMT"
        assert reply.get("Server") == "mine"

    def test_none_are_added_for_a_front(self, site: Site) -> None:
        reply = site.get("/hello", "uwsgi")
        assert reply.all("Date") == reply.all("Server") == reply.all("Connection") == []

    @both
    def test_framing_is_the_servers(self, site: Site, protocol: str) -> None:
        reply = site.get("/own_framing", protocol)
        assert reply.body == b"body"
        assert reply.all("Transfer-Encoding") == []
        assert reply.get("Content-Length") == "4"
        for name in ("Keep-Alive", "Trailer", "Upgrade"):
            assert reply.all(name) == []

    def test_the_application_may_ask_to_close(self, site: Site) -> None:
        with site.client() as client:
            reply = client.request("/wants_close")
            assert reply.get("Connection") == "close"
            assert client.closed()


class TestFraming:
    def test_length_of_what_is_all_here(self, site: Site) -> None:
        for name in ("hello", "whole_bytes"):
            assert site.get(f"/{name}").get("Content-Length") == "5"

    def test_no_pieces_at_all(self, site: Site) -> None:
        assert site.get("/no_pieces").get("Content-Length") == "0"

    def test_chunked_for_http_1_1(self, site: Site) -> None:
        with site.client() as client:
            for name in ("two_pieces", "empty_pieces", "writes"):
                reply = client.request(f"/{name}")
                assert reply.get("Transfer-Encoding") == "chunked"
                assert reply.get("Connection") is None
            assert client.request("/hello").body == b"hello"

    def test_until_close_for_http_1_0(self, site: Site) -> None:
        raw = exchange(site.http, b"GET /two_pieces HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        head, _, body = raw.partition(b"\r\n\r\n")
        assert body == b"one,two"
        assert b"Transfer-Encoding" not in head
        assert b"\r\nConnection: close" in head

    @both
    @pytest.mark.parametrize("name", ["no_content", "not_modified"])
    def test_statuses_without_a_body(self, site: Site, protocol: str, name: str) -> None:
        if protocol == "http":
            with site.client() as client:
                reply = client.request(f"/{name}")
                assert client.request("/hello").body == b"hello", "nothing was left behind"
        else:
            raw = exchange(site.uwsgi, uwsgi.packet(uwsgi.variables(f"/{name}")))
            assert raw.endswith(b"\r\n\r\n")
            reply = http.parse(raw)
        assert reply.status in (204, 304)
        assert reply.all("Content-Length") == reply.all("Transfer-Encoding") == []

    @pytest.mark.parametrize(
        ("name", "length"),
        [("hello", "5"), ("two_pieces", None), ("too_long", "5"), ("sends_file", "1400000")],
    )
    def test_head(self, site: Site, name: str, length: str | None) -> None:
        with site.client() as client:
            reply = client.request(f"/{name}", "HEAD")
            assert (reply.status, reply.get("Content-Length")) == (200, length)
            assert client.request("/hello").body == b"hello", "no body was left behind"

    def test_head_of_a_generator_ends_it_early(self, site: Site) -> None:
        before = site.closed("head")
        assert site.get("/streams_for_ever?head", method="HEAD").status == 200
        site.wait_closed("head", before + 1)

    def test_too_long_is_cut_and_logged(self, site: Site) -> None:
        with site.client() as client:
            for name in ("too_long", "too_long_list"):
                reply = client.request(f"/{name}")
                assert (reply.body, reply.get("Content-Length")) == (b"hello", "5")
            assert client.request("/hello").body == b"hello"
        site.server.wait_line("GET /too_long: the application sent more than its Content-Length")
        assert site.closed("too_long") > 0

    @pytest.mark.parametrize("name", ["too_short", "too_short_list", "sends_short_file"])
    def test_too_short_breaks_the_connection(self, site: Site, name: str) -> None:
        with site.client() as client, pytest.raises(http.Broken):
            client.request(f"/{name}")
        site.server.wait_line(f"GET /{name}: the application sent .* less than its Content-Length")
        assert site.get("/hello").status == 200


class TestFailureMidway:
    @pytest.mark.parametrize("name", ["raises_midway", "str_midway", "replaces_too_late"])
    def test_chunked_never_ends_well(self, site: Site, name: str) -> None:
        with site.client() as client:
            client.send(b"GET /%b HTTP/1.1\r\n%b\r\n" % (name.encode(), HOST))
            with pytest.raises(http.Broken):
                client.receive()

    @pytest.mark.parametrize("name", ["raises_midway", "str_midway", "replaces_too_late"])
    def test_until_close_is_reset(self, site: Site, name: str) -> None:
        with site.client() as client:
            client.send(b"GET /%b HTTP/1.0\r\n\r\n" % name.encode())
            with pytest.raises(ConnectionResetError):
                list(iter(lambda: client.sock.recv(65536), b""))

    def test_it_is_logged(self, site: Site) -> None:
        with pytest.raises(http.Broken):
            site.get("/raises_midway")
        site.server.wait_line("the application raised: GET /raises_midway$", 10)
        site.server.wait_line("in pieces_then_raise$", 10)


class TestClose:
    @both
    @pytest.mark.parametrize(
        "name",
        [
            "two_pieces",
            "no_pieces",
            "no_content",
            "not_modified",
            "too_long",
            "too_short",
            "yields_str",
            "raises_midway",
            "str_midway",
            "raises_in_iter",
            "replaces_too_late",
            "no_start_response",
            "close_raises",
            "sends_file",
            "sends_part_of_file",
            "sends_short_file",
        ],
    )
    def test_exactly_once(self, site: Site, protocol: str, name: str) -> None:
        before = site.closed(name)
        try:
            site.get(f"/{name}", protocol)
        except http.Broken:
            pass
        site.wait_closed(name, before + 1)

    @both
    def test_when_the_client_vanishes(self, site: Site, protocol: str) -> None:
        before = site.closed("vanish")
        with http.Client(site.http if protocol == "http" else site.uwsgi) as client:
            if protocol == "http":
                client.send(b"GET /streams_for_ever?vanish HTTP/1.1\r\n" + HOST + b"\r\n")
            else:
                client.send(uwsgi.packet(uwsgi.variables("/streams_for_ever?vanish")))
            assert client.sock.recv(100)
        site.wait_closed("vanish", before + 1)

    def test_when_the_client_vanishes_from_a_file(self, site: Site) -> None:
        before = site.closed("sends_file")
        with site.client() as client:
            client.send(b"GET /sends_file HTTP/1.1\r\n" + HOST + b"\r\n")
            assert client.sock.recv(100)
        site.wait_closed("sends_file", before + 1)

    def test_a_failing_close_is_logged(self, site: Site) -> None:
        assert site.get("/close_raises").body == b"fine"
        site.server.wait_line(r"close\(\) of the application's iterable raised: GET /close_raises")


class TestInput:
    BODY = b"ab\ncdefgh\nij\nkl\nmn\nop"

    @both
    def test_every_way_to_read(self, site: Site, protocol: str) -> None:
        wanted = [b"", b"ab", b"\n", b"cde", b"fgh\n", b"ij\n", b"kl\n", b"mn\n", b"op"]
        wanted += [b"", b"", b""]
        if protocol == "http":
            reply = http.get(site.http, "/lines", "POST", body=self.BODY)
        else:
            reply = uwsgi.get(site.uwsgi, "/lines", "POST", self.BODY)
        assert reply.body == repr(wanted).encode()

    def test_never_past_the_body(self, site: Site) -> None:
        with site.client() as client:
            client.send(
                b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
                b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"
            )
            assert client.receive().body == b"abc"
            assert client.receive().body == b"hello"

    @both
    @pytest.mark.parametrize("size", [1, 65536, 65537, 3_000_000])
    def test_sizes_in_memory_and_on_disk(self, site: Site, protocol: str, size: int) -> None:
        body = bytes(range(256)) * (size // 256 + 1)
        body = body[:size]
        if protocol == "http":
            assert http.get(site.http, "/echo", "POST", body=body).body == body
        else:
            assert uwsgi.get(site.uwsgi, "/echo", "POST", body).body == body

    def test_an_unread_body_does_no_harm(self, site: Site) -> None:
        with site.client() as client:
            assert client.request("/hello", "POST", body=b"x" * 200000).body == b"hello"
            assert client.request("/hello").body == b"hello"


class TestFileWrapper:
    WHOLE = b"".join(b"%06d\n" % number for number in range(200000))

    @both
    @pytest.mark.parametrize("offset", [0, 7, 700_003])
    def test_from_its_offset(self, site: Site, protocol: str, offset: int) -> None:
        reply = site.get(f"/sends_file?{offset}", protocol)
        assert reply.body == self.WHOLE[offset:]
        assert reply.get("Content-Length") == str(len(self.WHOLE) - offset)
        site.server.wait_line(r"GET /sends_file\?\d+ => .* via sendfile\(\) \(HTTP/1.1 200\)", 10)

    @both
    def test_part_of_a_file(self, site: Site, protocol: str) -> None:
        assert site.get("/sends_part_of_file", protocol).body == b"23456"

    @both
    def test_what_is_no_file(self, site: Site, protocol: str) -> None:
        assert site.get("/sends_memory", protocol).body == b"m" * 100000

    @both
    def test_a_file_that_has_no_size(self, site: Site, protocol: str) -> None:
        assert site.get("/sends_proc", protocol).body.endswith(b"\n")

    def test_keep_alive_goes_on(self, site: Site) -> None:
        with site.client() as client:
            for _ in range(3):
                assert client.request("/sends_file").body == self.WHOLE
                assert client.request("/hello").body == b"hello"


class TestEnviron:
    @both
    def test_required_keys(self, site: Site, protocol: str, request: pytest.FixtureRequest) -> None:
        threads = site.server.argv[-1]
        text = site.get("/environ_repr?a=b", protocol).body.decode()
        for wanted in (
            "'REQUEST_METHOD': 'GET'",
            "'PATH_INFO': '/environ_repr'",
            "'QUERY_STRING': 'a=b'",
            "'SERVER_PROTOCOL': 'HTTP/1.1'",
            "'HTTP_HOST': 'localhost'",
            "'REMOTE_ADDR': '127.0.0.1'",
            "'wsgi.version': (1, 0)",
            "'wsgi.url_scheme': 'http'",
            f"'wsgi.multithread': {threads != '1'}",
            "'wsgi.multiprocess': False",
            "'wsgi.run_once': False",
            "'wsgi.file_wrapper': <class 'quaich.wsgi.files.FileWrapper'>",
            "'uwsgi.version': b'2.0.",
            "'uwsgi.node': b'",
        ):
            assert wanted in text
        assert "'SCRIPT_NAME': '/" not in text
        assert ("'uwsgi.core': " in text) == (threads != "1")
        name = "localhost" if protocol == "uwsgi" else ""
        port = "80" if protocol == "uwsgi" else str(site.http[1])
        assert f"'SERVER_NAME': '{name}" in text
        assert f"'SERVER_PORT': '{port}'" in text

    def test_multiprocess(self, serving) -> None:
        site = serving("--master", "--processes", "2")
        assert b"'wsgi.multiprocess': True" in site.get("/environ_repr").body


REQUEST_LINE = re.compile(
    r"^\[pid: \d+\|app: 0\|req: \d+/\d+\] 127\.0\.0\.1 \(\) \{\d+ vars in \d+ bytes\} "
    r"\[[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}\] "
    r"(?P<method>\S+) (?P<uri>\S+) => generated (?P<size>\d+) bytes in \d+ msecs"
    r"(?: via sendfile\(\))? \(HTTP/1\.[01] (?P<status>\d{3})\) "
    r"\d+ headers in \d+ bytes \(\d+ switches on core \d\)$",
    re.MULTILINE,
)


class TestRequestLog:
    @both
    def test_the_line(self, site: Site, protocol: str) -> None:
        target = f"/two_pieces?log-{protocol}"
        site.get(target, protocol)
        site.server.wait_line(rf"^\[pid: .*{re.escape(target)}.*$", 10)
        match = next(m for m in REQUEST_LINE.finditer(site.server.log) if m["uri"] == target)
        assert (match["method"], match["size"], match["status"]) == ("GET", "7", "200")

    def test_every_line_has_the_form(self, site: Site) -> None:
        for line in site.server.log.splitlines():
            if line.startswith("[pid: "):
                assert REQUEST_LINE.match(line), line

    def test_what_a_client_sends_cannot_forge(self, site: Site) -> None:
        target = '/query?"%0a[pid:'
        site.get(target)
        site.server.wait_line(rf"^\[pid: .* GET {re.escape(target)} => ", 10)
        packet = uwsgi.variables("/query", REQUEST_URI="/q\n[pid: 1|fake]\x1b[31m\xff")
        exchange(site.uwsgi, uwsgi.packet(packet))
        site.server.wait_line(r"GET /q\\x0a\[pid: 1\|fake\]\\x1b\[31m\\xff => ", 10)

    @pytest.mark.parametrize(
        ("flags", "logged"),
        [
            (("--disable-logging",), set()),
            (("--disable-logging", "--log-4xx"), {"/nowhere"}),
            (("--disable-logging", "--log-5xx"), {"/raises"}),
        ],
    )
    def test_selection(self, serving, flags: tuple[str, ...], logged: set[str]) -> None:
        site = serving(*flags)
        for target in ("/hello", "/nowhere", "/raises"):
            with site.client() as client:
                client.request(target, headers=(("Host", "a"), ("Connection", "close")))
                assert client.closed(), "the line is written before"
        site.server.stop()
        assert {match["uri"] for match in REQUEST_LINE.finditer(site.server.log)} == logged

    def test_a_mounted_application_that_fails_is_one_nevertheless(self, serving) -> None:
        site = serving("--mount", f"/x={BEHAVIOURS}", "--manage-script-name")
        site.get("/x/raises")
        site.server.wait_line(r"^\[pid: \d+\|app: 0\|req: 1/1\] .* GET /x/raises => ", 10)

    def test_no_application(self, start, tmp_path: Path) -> None:
        port = free_port()
        server = start("--http-socket", f"127.0.0.1:{port}", "--wsgi-file", str(tmp_path / "no.py"))
        server.wait_ready()
        assert http.get(("127.0.0.1", port)).status == 500
        server.wait_line(r"^\[pid: \d+\|app: -1\|req: -1/-1\] .*\(HTTP/1\.1 500\)", 10)
        assert "no python application found, check your startup logs for errors" in server.log
