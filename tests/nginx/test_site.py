"""Rendered sites in real nginx: what clients and applications see of them."""

import gzip
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support import certificates
from tests.support.backends import OK, Backend, Request
from tests.support.http import Client
from tests.support.ports import free_port
from tests.support.processes import wait_until
from tests.support.sites import Sites

pytestmark = pytest.mark.nginx

NAME = "sta \"t'\\i;{c}#"

Start = Callable[..., Backend]


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Start a backend at a socket of its own."""
    running: list[Backend] = []

    def _start(
        behaviour: Callable[[Request], bytes | None] = lambda request: OK,
        protocol: str = "uwsgi",
        address: str = "",
    ) -> Backend:
        path = tmp_path_factory.mktemp("b") / "s"
        running.append(Backend(address or f"unix:{path}", behaviour, protocol))
        return running[-1]

    yield _start
    for each in running:
        each.stop()


def reply(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def answers(request: Request) -> bytes:
    """The application of most tests."""
    path = request.path
    if path == "/accel":
        return reply(b"", "X-Accel-Redirect: /protected/report.txt")
    if path == "/own":
        return reply(
            b"own",
            "Referrer-Policy: no-referrer",
            "X-Request-ID: own",
            "X-Content-Type-Options: nosniff",
        )
    if path == "/jar":
        return reply(b"jar", f"Set-Cookie: a={'x' * 9000}")
    if path.startswith("/c/cookie"):
        return reply(b"cookie", "Set-Cookie: a=b")
    if path.startswith("/c/"):
        return reply(f"{time.monotonic_ns()}".encode())
    return reply(json.dumps(request.variables).encode(), "Content-Type: application/json")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files to serve: a directory with an odd name, and a secret beside it."""
    top = tmp_path_factory.mktemp("files")
    static = top / NAME
    (static / ".git").mkdir(parents=True)
    (static / ".git" / "config").write_text("secret")
    (static / "app.css").write_text("a { color: red }")
    (static / "app.css.gz").write_bytes(gzip.compress(b"made before"))
    (static / "app.0123456789ab.js").write_text("1")
    (static / "ENV").write_text("not this one")
    (top / "ENV").write_text("secret")
    (top / f"{NAME}ENV").write_text("secret")
    (top / "private").mkdir()
    (top / "private" / "report.txt").write_text("report")
    (top / "favicon.ico").write_bytes(b"icon")
    return top


@pytest.fixture(scope="module")
def shop(sites: Sites, backend: Start, files: Path) -> Backend:
    """A site with a bit of everything."""
    made = backend(answers)
    static = {"path": str(files / NAME), "hashed": True, "precompressed": True}
    sites.site(
        "shop",
        servers=[made.address],
        body_size="4k",
        static=[
            {"url": "/static/", **static},
            {"url": "/favicon.ico", "path": str(files / "favicon.ico")},
        ],
        internal=[{"url": "/protected/", "path": str(files / "private")}],
        cache=[{"path": "/c/", "time": "1m"}],
        limit=[{"path": "/login/", "rate": "1/m", "burst": 0}],
        headers={"X-Frame-Options": "DENY"},
    )
    return made


@pytest.fixture(scope="module")
def silent() -> list[float]:
    """The status that came of silence, after how long, and how many requests there were."""
    return []


@pytest.fixture(scope="module", autouse=True)
def silence(sites: Sites, backend: Start, silent: list[float]) -> Iterator[threading.Thread]:
    """A request without an answer, under way while other tests run."""
    over = threading.Event()

    def waits(request: Request) -> bytes:
        over.wait(20)
        return OK

    made = backend(waits)
    sites.site("slow", servers=[made.address], harakiri=1)

    def ask() -> None:
        start = time.monotonic()
        status = sites.get("slow.example", "/", "POST", b"x").status
        silent.extend((status, time.monotonic() - start, len(made.requests)))

    thread = threading.Thread(target=ask)
    thread.start()
    yield thread
    over.set()
    thread.join(20)


def seen(
    sites: Sites, target: str = "/", host: str = "shop.example", **headers: str
) -> dict[str, str]:
    found: dict[str, str] = json.loads(sites.get(host, target, **headers).body)
    return found


def test_the_environment(sites: Sites, shop: Backend) -> None:
    found = seen(sites, "/a%20b/%C3%A9?q=1")
    assert found["PATH_INFO"] == "/a b/\xc3\xa9"
    assert found["REQUEST_URI"] == "/a%20b/%C3%A9?q=1"
    assert found["QUERY_STRING"] == "q=1"
    assert found["REQUEST_METHOD"] == "GET"
    assert found["SCRIPT_NAME"] == ""
    assert found["REMOTE_ADDR"] == "127.0.0.1"
    assert found["UWSGI_SCHEME"] == "http"
    assert "HTTPS" not in found


def test_the_host_keeps_its_port(sites: Sites, shop: Backend) -> None:
    named = f"shop.example:{sites.address[1]}"
    assert seen(sites, host=named)["HTTP_HOST"] == named


def test_what_a_client_says_of_itself_is_not_believed(sites: Sites, shop: Backend) -> None:
    found = seen(
        sites,
        Proxy="http://evil.example/",
        Forwarded="for=6.6.6.6;proto=https",
        X_Forwarded_For="6.6.6.6",
        X_Forwarded_Host="evil.example",
        X_Forwarded_Port="666",
        X_Forwarded_Prefix="/evil",
        X_Forwarded_Proto="https",
        X_Forwarded_SSL="on",
        X_Real_IP="6.6.6.6",
        X_Request_ID="evil",
        X_Original_URL="/evil",
    )
    assert not [name for name, value in found.items() if "evil" in value or "6.6.6.6" in value]
    assert not {"HTTP_PROXY", "HTTP_FORWARDED", "HTTP_X_FORWARDED_HOST"} & set(found)
    assert not {"HTTP_X_FORWARDED_SSL", "HTTP_X_FORWARDED_PORT"} & set(found)
    assert found["HTTP_X_FORWARDED_FOR"] == found["HTTP_X_REAL_IP"] == "127.0.0.1"
    assert found["HTTP_X_FORWARDED_PROTO"] == "http"


def test_names_with_underscores_are_no_second_way_in(sites: Sites, shop: Backend) -> None:
    with Client(sites.address) as client:
        client.send(
            b"GET / HTTP/1.1\r\nHost: shop.example\r\nX_Forwarded_For: 6.6.6.6\r\n"
            b"X_FORWARDED_HOST: evil.example\r\n\r\n"
        )
        body = client.receive().body
    assert b"evil" not in body
    assert b"6.6.6.6" not in body


def test_the_host_of_an_absolute_target_counts(sites: Sites, shop: Backend) -> None:
    with Client(sites.address) as client:
        client.send(b"GET http://shop.example/x HTTP/1.1\r\nHost: evil.example\r\n\r\n")
        found = json.loads(client.receive().body)
    assert found["HTTP_HOST"].startswith("shop.example")
    assert found["PATH_INFO"] == found["REQUEST_URI"] == "/x"


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nHost: other.example\r\n\r\n",
        b"GET http://other.example/ HTTP/1.1\r\nHost: shop.example\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: shop.example.evil\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
    ],
)
def test_unknown_hosts_are_refused(sites: Sites, shop: Backend, head: bytes) -> None:
    before = len(shop.requests)
    with Client(sites.address) as client:
        client.send(head)
        assert client.closed()
    assert len(shop.requests) == before


def test_big_cookies_both_ways(sites: Sites, shop: Backend) -> None:
    cookie = "a=" + "x" * 7000
    assert seen(sites, Cookie=cookie)["HTTP_COOKIE"] == cookie
    assert len(sites.get("shop.example", "/jar").get("Set-Cookie") or "") > 9000


def test_body_sizes(sites: Sites, shop: Backend) -> None:
    assert sites.get("shop.example", "/", "POST", b"x" * 4096).status == 200
    assert shop.requests[-1].body == b"x" * 4096
    assert sites.get("shop.example", "/", "POST", b"x" * 4097).status == 413


def test_the_request_id_reaches_the_application_and_the_client(sites: Sites, shop: Backend) -> None:
    first = sites.get("shop.example", "/", X_Request_ID="mine")
    given = json.loads(first.body)["HTTP_X_REQUEST_ID"]
    assert first.get("X-Request-ID") == given
    assert len(given) == 32
    assert seen(sites)["HTTP_X_REQUEST_ID"] != given


def test_security_headers_unless_the_application_has_its_own(sites: Sites, shop: Backend) -> None:
    for target in ("/", "/static/app.css", "/c/headers", "/static/none"):
        found = sites.get("shop.example", target)
        assert found.get("X-Content-Type-Options") == "nosniff", target
        assert found.get("Referrer-Policy") == "strict-origin-when-cross-origin", target
        assert found.get("X-Frame-Options") == "DENY", target
        assert found.get("Strict-Transport-Security") is None
        assert found.get("Server") == "nginx"
    assert sites.get("shop.example", "/own").get("Referrer-Policy") == "no-referrer"
    assert sites.get("shop.example", "/own").get("X-Request-ID") == "own"
    assert sites.get("shop.example", "/own").get("X-Content-Type-Options") == "nosniff"


def test_static_files(sites: Sites, shop: Backend) -> None:
    before = len(shop.requests)
    found = sites.get("shop.example", "/static/app.css")
    assert (found.status, found.body) == (200, b"a { color: red }")
    assert found.get("Cache-Control") == "public, max-age=3600"
    hashed = sites.get("shop.example", "/static/app.0123456789ab.js")
    assert hashed.get("Cache-Control") == "public, max-age=31536000, immutable"
    assert sites.get("shop.example", "/favicon.ico").body == b"icon"
    missing = sites.get("shop.example", "/static/none.css")
    assert (missing.status, missing.get("Cache-Control")) == (404, None)
    assert len(shop.requests) == before


def test_files_that_were_compressed_before(sites: Sites, shop: Backend) -> None:
    if not sites.nginx.abilities.has("http_gzip_static"):
        pytest.skip("nginx is built without gzip_static")
    found = sites.get("shop.example", "/static/app.css", Accept_Encoding="gzip")
    assert found.get("Content-Encoding") == "gzip"
    assert gzip.decompress(found.body) == b"made before"


@pytest.mark.parametrize(
    "target",
    [
        "/static../ENV",
        "/static../../ENV",
        "/static/../ENV",
        "/static/%2e%2e/ENV",
        "/static/..%2fENV",
        "/static/%2e%2e%2fENV",
        "/static//../../ENV",
        "/static/./../ENV",
        "/staticENV",
        "/static/.git/config",
        "/static/%2egit/config",
        "/static/x/../.git/config",
        "/static/..;/ENV",
        "/static/\\..\\ENV",
        "/protected/report.txt",
        "/favicon.ico/../ENV",
    ],
)
def test_nothing_outside_of_the_directory(sites: Sites, shop: Backend, target: str) -> None:
    found = sites.get("shop.example", target)
    assert b"secret" not in found.body
    assert found.body != b"report"


def test_files_that_the_application_hands_out(sites: Sites, shop: Backend) -> None:
    assert sites.get("shop.example", "/accel").body == b"report"


def test_text_is_compressed(sites: Sites, shop: Backend) -> None:
    found = sites.get("shop.example", "/", Accept_Encoding="gzip", X_Long="x" * 1500)
    assert found.get("Content-Encoding") == "gzip"
    assert found.get("Vary") == "Accept-Encoding"
    assert json.loads(gzip.decompress(found.body))["PATH_INFO"] == "/"


def test_a_path_without_its_slash_is_the_applications(sites: Sites, shop: Backend) -> None:
    assert seen(sites, "/login")["PATH_INFO"] == "/login"
    assert seen(sites, "/c")["PATH_INFO"] == "/c"


def test_a_rate_limit(sites: Sites, shop: Backend) -> None:
    statuses = [sites.get("shop.example", "/login/").status for _ in range(3)]
    assert statuses == [200, 429, 429]
    assert sites.get("shop.example", "/").status == 200


def test_the_cache_is_for_anonymous_clients(sites: Sites, shop: Backend) -> None:
    first = sites.get("shop.example", "/c/page?a=1")
    again = sites.get("shop.example", "/c/page?a=1")
    assert (first.get("X-Cache"), again.get("X-Cache")) == ("MISS", "HIT")
    assert first.body == again.body
    assert sites.get("shop.example", "/c/page?a=2").body != first.body
    for headers in ({"Cookie": "x=y; sessionid=1"}, {"Authorization": "Basic eA=="}):
        private = sites.get("shop.example", "/c/page?a=1", **headers)
        assert private.get("X-Cache") == "BYPASS"
        assert private.body != first.body
    assert sites.get("shop.example", "/c/page?a=1").body == first.body
    assert sites.get("shop.example", "/c/page?a=1", Cookie="notsessionid=1").body == first.body
    assert sites.get("shop.example", "/c/page?a=1", "POST").body != first.body
    assert sites.get("shop.example", "/c/page?a=1", "HEAD").get("X-Cache") == "MISS"
    sites.get("shop.example", "/c/cookie")
    assert sites.get("shop.example", "/c/cookie").get("X-Cache") == "MISS"


def test_the_cache_answers_for_a_dead_application(sites: Sites, backend: Start) -> None:
    made = backend(lambda request: reply(b"kept"))
    sites.site("stale", servers=[made.address], cache=[{"path": "/", "time": 1}])
    assert sites.get("stale.example").body == b"kept"
    made.stop()
    found = []

    def is_stale() -> bool:
        found.append(sites.get("stale.example"))
        return found[-1].get("X-Cache") in ("STALE", "UPDATING")

    wait_until(is_stale, 10, "an answer from the cache after it has expired")
    assert {each.status for each in found} == {200}
    assert sites.get("stale.example", "/other").status == 502


def dies(request: Request) -> None:
    """Takes a request and closes without an answer."""


def test_a_request_that_may_change_something_is_never_repeated(
    sites: Sites, backend: Start
) -> None:
    dying, good = backend(dies), backend()
    servers = [{"address": dying.address, "weight": 100}, good.address]
    sites.site("posts", servers=servers)
    assert sites.get("posts.example", "/", "POST", b"once").status == 502
    assert [each.body for each in dying.requests] == [b"once"]
    assert not good.requests
    # The server has failed, so the next request goes to the other one at once.
    assert sites.get("posts.example", "/", "POST", b"next").status == 200
    assert [each.body for each in good.requests] == [b"next"]


def test_a_request_that_only_reads_goes_to_the_next_server(sites: Sites, backend: Start) -> None:
    dying, good = backend(dies), backend()
    servers = [{"address": dying.address, "weight": 100}, good.address]
    sites.site("gets", servers=servers)
    assert sites.get("gets.example").status == 200
    assert (dying.paths(), good.paths()) == (["/"], ["/"])


def test_the_backup_serves_when_nobody_else_does(
    sites: Sites, backend: Start, tmp_path: Path
) -> None:
    good = backend(address=f"127.0.0.1:{free_port()}")
    servers = [f"unix:{tmp_path}/gone", {"address": good.address, "backup": True}]
    sites.site("spare", servers=servers)
    for _ in range(3):
        assert sites.get("spare.example", "/", "POST", b"x").status == 200
    assert len(good.requests) == 3


def test_a_503_of_the_application_is_an_answer(sites: Sites, backend: Start) -> None:
    busy = backend(lambda request: reply(b"busy", status="503 Busy"))
    spare = backend()
    sites.site("busy", servers=[busy.address, {"address": spare.address, "backup": True}])
    found = [sites.get("busy.example") for _ in range(4)]
    assert {(each.status, each.body) for each in found} == {(503, b"busy")}
    assert not spare.requests


def test_websockets_pass(sites: Sites, backend: Start) -> None:
    def switches(request: Request) -> bytes | None:
        if request.variables.get("HTTP_UPGRADE") != "websocket":
            return reply(json.dumps(request.variables).encode())
        assert request.variables["HTTP_CONNECTION"] == "upgrade"
        request.sock.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n"
        )
        while data := request.sock.recv(100):
            request.sock.sendall(data[::-1])
        return None

    made = backend(switches, "http", f"127.0.0.1:{free_port()}")
    sites.site("ws", servers=[made.address], protocol="http")
    named = f"ws.example:{sites.address[1]}"
    found = seen(sites, host=named, Proxy="evil", X_Forwarded_For="6.6.6.6")
    assert found["HTTP_HOST"] == named
    assert found["HTTP_X_FORWARDED_FOR"] == "127.0.0.1"
    assert "HTTP_PROXY" not in found
    assert len(found["HTTP_X_REQUEST_ID"]) == 32
    with Client(sites.address) as client:
        client.send(
            b"GET /ws HTTP/1.1\r\nHost: ws.example\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\n\r\n"
        )
        assert client.receive().status == 101
        client.send(b"abc")
        assert client._exactly(3, time.monotonic() + 10) == b"cba"


def test_maintenance(sites: Sites, backend: Start, files: Path) -> None:
    made = backend()
    static = [{"url": "/static/", "path": str(files / NAME)}]
    closed = {"allow": ["10.0.0.0/8"], "retry-after": 77}
    more = {"servers": [made.address], "static": static, "real_ip": ["127.0.0.1"]}
    sites.site("closed", maintenance=closed, **more)
    found = sites.get("closed.example", "/x", "POST", b"x")
    assert (found.status, found.get("Retry-After")) == (503, "77")
    assert found.get("Cache-Control") == "no-store"
    assert b"Back soon" in found.body
    assert not made.requests
    assert sites.get("closed.example", "/static/app.css").status == 200
    assert sites.get("closed.example", X_Forwarded_For="10.1.2.3").status == 200
    page = files / "my page.html"
    page.write_text("own words")
    sites.site("closed", maintenance={**closed, "page": str(page)}, **more)
    found = sites.get("closed.example")
    assert (found.status, found.get("Retry-After"), found.body) == (503, "77", b"own words")
    sites.site("closed", **more)
    assert sites.get("closed.example").status == 200


def test_balancers_in_front_are_believed_when_they_are_listed(sites: Sites, backend: Start) -> None:
    made = backend(answers)
    sites.site("behind", servers=[made.address], real_ip=["127.0.0.1"])
    given = {"X_Forwarded_For": "6.6.6.6, 1.2.3.4", "X_Forwarded_Proto": "https"}
    found = seen(sites, host="behind.example", **given)
    assert found["REMOTE_ADDR"] == found["HTTP_X_FORWARDED_FOR"] == "1.2.3.4"
    assert found["HTTPS"] == "on"
    assert found["UWSGI_SCHEME"] == found["HTTP_X_FORWARDED_PROTO"] == "https"
    assert "HTTPS" not in seen(sites, host="behind.example")
    odd = seen(sites, host="behind.example", X_Forwarded_Proto="gopher")
    assert odd["UWSGI_SCHEME"] == "http"


def test_https(sites: Sites, backend: Start, tmp_path: Path) -> None:
    certificates.make(tmp_path)
    made = backend(answers)
    port = free_port()
    tls = {
        "certificate": str(tmp_path / "server.pem"),
        "key": str(tmp_path / "server.key"),
        "port": port,
    }
    sites.site("safe", servers=[made.address], tls=tls, hsts="1d")
    moved = sites.get("safe.example", "/a?b=%20")
    assert (moved.status, moved.get("Location")) == (301, f"https://safe.example:{port}/a?b=%20")
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2", "http/1.1"])

    def connected(name: str) -> ssl.SSLSocket:
        plain = socket.create_connection(("127.0.0.1", port), 10)
        try:
            return context.wrap_socket(plain, server_hostname=name)
        except OSError:
            plain.close()
            raise

    with connected("safe.example") as made_:
        assert made_.version() == "TLSv1.3"
        assert made_.selected_alpn_protocol() == "h2"
    context.set_alpn_protocols(["http/1.1"])
    with connected("safe.example") as secure:
        secure.sendall(b"GET / HTTP/1.1\r\nHost: safe.example\r\nConnection: close\r\n\r\n")
        answer = b""
        while piece := secure.recv(65536):
            answer += piece
    assert b"Strict-Transport-Security: max-age=86400\r\n" in answer
    assert b'"HTTPS": "on"' in answer
    with pytest.raises(ssl.SSLError):
        connected("other.example")


def test_an_application_that_says_nothing(silence: threading.Thread, silent: list[float]) -> None:
    silence.join(20)
    status, seconds, requests = silent
    assert (status, requests) == (504, 1)
    assert 5.5 < seconds < 12
