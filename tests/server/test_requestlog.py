"""The request log of a running server, beside what uWSGI 2.0.31 wrote for the same octets."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.support import http, uwsgi
from tests.support.net import exchange
from tests.support.ports import free_port
from tests.support.server import Server

APP = """
def application(environ, start_response):
    path = environ["PATH_INFO"]
    headers = [("Content-Type", "text/plain"), ("X-Two", "2")]
    set_logvar = environ.get("quaich.set_logvar")
    environ["HTTP_X"] = "changed by the application"
    if "lv" in environ["QUERY_STRING"]:
        set_logvar("mine", "my value")
    if path == "/hooks":
        headers.append(("X-Set", str(set_logvar is not None)))
    if path == "/404":
        start_response("404 Not Found", headers)
        return [b"no"]
    if path == "/three":
        start_response("200 OK", headers)
        return (each for each in [b"a", b"", b"b"])
    if path == "/bare":
        start_response("200 OK", headers)
        return b"abc"
    if path == "/zero":
        start_response("200 OK", headers)
        return []
    if path == "/file":
        start_response("200 OK", headers)
        return environ["wsgi.file_wrapper"](open(__file__, "rb"))
    if path == "/read":
        start_response("200 OK", headers)
        return [b"%d" % len(environ["wsgi.input"].read())]
    start_response("200 OK", headers)
    return [b"hello"]
"""
NAMES = [
    *("uri", "method", "user", "addr", "host", "proto", "uagent", "referer", "status", "rsize"),
    *("cl", "vars", "core", "vsz", "rss", "vszM", "rssM", "pktsize", "modifier1", "modifier2"),
    *("headers", "werr", "rerr", "ioerr", "switches", "wid", "var.HTTP_X", "var.QUERY_STRING"),
    *("var.uwsgi.node", "metric.worker.1.requests", "mine", "nonsense"),
]
FORMAT = "MARK|" + "|".join(f"%({name})" for name in NAMES)


def over_http(
    target: str, method: str = "GET", more: tuple[str, ...] = (), body: bytes = b""
) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: ex.org", *more]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode() + body


def packet(target: str, more: Mapping[str, str], method: str = "GET", length: str = "") -> bytes:
    path, _, query = target.partition("?")
    return uwsgi.packet(
        {
            "QUERY_STRING": query,
            "REQUEST_METHOD": method,
            "CONTENT_TYPE": "",
            "CONTENT_LENGTH": length,
            "REQUEST_URI": target,
            "PATH_INFO": path,
            "DOCUMENT_ROOT": "/h",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REQUEST_SCHEME": "http",
            "REMOTE_ADDR": "10.1.2.3",
            "REMOTE_PORT": "5",
            "SERVER_PORT": "80",
            "SERVER_NAME": "localhost",
            "HTTP_HOST": "ex.org",
            **more,
        }
    )


_MORE = ("User-Agent: ua q", "Referer: http://r/", "X: one")

# What uWSGI printed; the port that it listened on has four digits here too.
TABLE = [
    (
        "http",
        over_http("/?lv=1", more=_MORE),
        (
            "/?lv=1|GET|-|127.0.0.1|ex.org|HTTP/1.1|ua q|http://r/|200|5|0|28|0|0|0|0|0|282|0|0|2|"
            "0|0|0|1|1|one|lv=1|-|0|my value|-"
        ),
    ),
    (
        "http",
        over_http("/read", "POST", _MORE, b"12345"),
        (
            "/read|POST|-|127.0.0.1|ex.org|HTTP/1.1|ua q|http://r/|200|1|5|30|0|0|0|0|0|301|0|0|2|"
            "0|0|0|1|1|one|-|-|0|-|-"
        ),
    ),
    (
        "http",
        over_http("/404"),
        (
            "/404|GET|-|127.0.0.1|ex.org|HTTP/1.1|-|-|404|2|0|22|0|0|0|0|0|218|0|0|2|"
            "0|0|0|1|1|-|-|-|0|-|-"
        ),
    ),
    (
        "http",
        over_http("/zero"),
        (
            "/zero|GET|-|127.0.0.1|ex.org|HTTP/1.1|-|-|200|0|0|22|0|0|0|0|0|220|0|0|2|"
            "0|0|0|0|1|-|-|-|0|-|-"
        ),
    ),
    (
        "uwsgi",
        packet("/?lv=2", {"HTTP_USER_AGENT": "", "REMOTE_USER": "bob"}),
        (
            "/?lv=2|GET|bob|10.1.2.3|ex.org|HTTP/1.1|-|-|200|5|0|32|0|0|0|0|0|314|0|0|2|"
            "0|0|0|1|1|-|lv=2|-|0|my value|-"
        ),
    ),
    (
        "uwsgi",
        packet("/read", {}, "POST", "3") + b"abc",
        (
            "/read|POST|-|10.1.2.3|ex.org|HTTP/1.1|-|-|200|1|3|28|0|0|0|0|0|278|0|0|2|"
            "0|0|0|1|1|-|-|-|0|-|-"
        ),
    ),
    (
        "uwsgi",
        packet("/", {"HTTP_X": "", "HTTP_HOST": ""}),
        "/|GET|-|10.1.2.3|-|HTTP/1.1|-|-|200|5|0|30|0|0|0|0|0|272|0|0|2|0|0|0|1|1|-|-|-|0|-|-",
    ),
    (
        "uwsgi",
        uwsgi.packet(
            {"REQUEST_METHOD": "GET", "REQUEST_URI": "/x", "PATH_INFO": "/x", "SERVER_NAME": "sn"}
        ),
        "/x|GET|-|-|sn|-|-|-|200|5|0|8|0|0|0|0|0|70|0|0|2|0|0|0|1|1|-|-|-|0|-|-",
    ),
]


class Place:
    """A server with both protocols, and what it wrote."""

    def __init__(self, start: StartServer, directory: Path, *options: str) -> None:
        (directory / "logged.py").write_text(APP)
        self.http = ("127.0.0.1", free_port())
        self.uwsgi = ("127.0.0.1", free_port())
        address = f"127.0.0.1:{self.http[1]}"
        self.server: Server = start(
            "--http-socket", address, "--socket", f"127.0.0.1:{self.uwsgi[1]}",
            "-w", "logged", "--need-app", *options,
        )  # fmt: skip
        self.server.wait_ready()

    def send(self, protocol: str, data: bytes) -> None:
        """Send a request, and wait until it is answered."""
        exchange(self.http if protocol == "http" else self.uwsgi, data, 10.0)

    def stop(self) -> str:
        self.server.stop()
        return self.server.log


@pytest.fixture
def place(start: StartServer, tmp_path: Path):  # type: ignore[no-untyped-def]
    return lambda *options: Place(start, tmp_path, *options)


def test_the_variables_are_those_of_uwsgi(place) -> None:
    running = place("--log-format", FORMAT)
    # uWSGI counts the digits of its port; here it may have more or fewer than those four.
    digits = len(str(running.http[1])) - 4
    for protocol, data, _ in TABLE:
        running.send(protocol, data)
    lines = [line for line in running.stop().splitlines() if line.startswith("MARK|")]
    assert len(lines) == len(TABLE)
    size = NAMES.index("pktsize")
    for line, (protocol, _, wanted) in zip(lines, TABLE, strict=True):
        expected = wanted.split("|")
        if protocol == "http":
            expected[size] = str(int(expected[size]) + digits + _name_difference())
        assert dict(zip(NAMES, line.split("|")[1:], strict=True)) == dict(
            zip(NAMES, expected, strict=True)
        )


def _name_difference() -> int:
    """The name of the machine is one of the variables; where uWSGI ran, it had two letters."""
    import socket

    return len(socket.gethostname()) - 2


def test_switches_are_the_pieces_that_the_application_gave(place) -> None:
    running = place("--log-format", "MARK %(uri) %(switches)")
    for target in ("/", "/three", "/bare", "/zero", "/file"):
        running.send("http", over_http(target))
    lines = [line[5:] for line in running.stop().splitlines() if line.startswith("MARK ")]
    # As uWSGI 2.0.31 counts them.
    assert lines == ["/ 1", "/three 3", "/bare 0", "/zero 0", "/file 0"]


def test_names_can_be_set_only_where_the_format_has_some(place) -> None:
    for text, offered in (("%(uri)", "False"), ("%(mine)", "True")):
        running = place("--log-format", text)
        reply = http.get(running.http, "/hooks")
        assert reply.get("X-Set") == offered
        running.stop()


def test_the_format_cannot_be_forged(place) -> None:
    running = place("--log-format", 'MARK "%(var.HTTP_X)" "%(uri)"')
    running.send("uwsgi", packet('/"\n\\', {"HTTP_X": 'a" "b\nMARK "'}))
    assert 'MARK "a\\x22 \\x22b\\x0aMARK \\x22" "/\\x22\\x0a\\x5c"\n' in running.stop()


@pytest.mark.parametrize(
    ("options", "logged"),
    [
        (("--log-4xx",), ["/404", "/zero", "/file", "/read"]),
        (("-L", "--log-zero"), ["/zero"]),
        (("-L", "--log-sendfile=true"), ["/file"]),
        (("-L", "--log-big", "100"), ["/file"]),
        (("-L", "--log-4xx", "--log-zero"), ["/404", "/zero"]),
        (("-L",), []),
    ],
)
def test_selection(place, options: tuple[str, ...], logged: list[str]) -> None:
    running = place("--log-format", "MARK %(uri)", *options)
    for target in ("/404", "/zero", "/file", "/read"):
        running.send("http", over_http(target))
    lines = running.stop().splitlines()
    assert [line[5:] for line in lines if line.startswith("MARK ")] == logged


def test_forwarded_micros_and_memory(place) -> None:
    running = place("--log-x-forwarded-for", "--log-micros", "--memory-report")
    running.send("http", over_http("/", more=("X-Forwarded-For: 1.2.3.4, 5.6.7.8",)))
    running.server.wait_line(
        r"^\{address space usage: [1-9]\d+ bytes/\d+MB\} \{rss usage: [1-9]\d+ bytes/\d+MB\} "
        r"\[pid: \d+\|app: 0\|req: 1/1\] 1\.2\.3\.4, 5\.6\.7\.8 \(\) .* in \d+ micros \(HTTP"
    )


def test_json(place) -> None:
    running = place("--log-json", "--master")
    cookie = "Cookie: session=s3cret"
    running.send("http", over_http("/read?a=b", "POST", (*_MORE, cookie), b"12345"))
    running.send("uwsgi", packet('/"\n\xff', {"HTTP_X_REQUEST_ID": "abc"}))
    log = running.stop()
    lines = [json.loads(line) for line in log.splitlines() if '"type":"request"' in line]
    first, second = lines
    assert (first["method"], first["path"], first["query"]) == ("POST", "/read", "a=b")
    assert (first["status"], first["bytes"], first["worker"]) == (200, 1, 1)
    assert first["total_us"] >= first["app_us"] > 0
    assert (first["user_agent"], first["referer"]) == ("ua q", "http://r/")
    assert (second["path"], second["request_id"]) == ('/"\n\\xff', "abc")
    assert "s3cret" not in log


@pytest.mark.parametrize(("word", "kind"), [("json", "{"), ("text", "["), ("off", "")])
def test_access_log_of_serve(start: StartServer, tmp_path: Path, word: str, kind: str) -> None:
    (tmp_path / "logged.py").write_text(APP)
    port = free_port()
    address = f"127.0.0.1:{port}"
    server = start("serve", "logged", "--bind", address, "--access-log", word)
    server.wait_ready()
    assert http.get(("127.0.0.1", port), "/hooks").status == 200
    server.stop()
    lines = [line for line in server.log.splitlines() if "/hooks" in line]
    assert [line[:1] for line in lines] == ([kind] if kind else [])
