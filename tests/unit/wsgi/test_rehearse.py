import contextvars
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from quaich.errors import ProtocolError
from quaich.wsgi.environ import fixed
from quaich.wsgi.loader import Apps
from quaich.wsgi.rehearse import Outcome, environ_of, rehearse
from quaich.wsgi.route import chooser

COMMON = fixed(threads=1, processes=2)
App = Callable[..., Any]


def run(app: App, target: str = "/") -> Outcome:
    return rehearse(chooser(Apps(app)), target, "quaich-warmup", COMMON)


def test_the_environ_is_that_of_a_request() -> None:
    environ = environ_of("/a%20b/ü?q=1", "quaich-ready", COMMON)
    assert environ["REQUEST_METHOD"] == "GET"
    assert environ["PATH_INFO"] == "/a b/\xc3\xbc"
    assert environ["QUERY_STRING"] == "q=1"
    assert environ["SCRIPT_NAME"] == ""
    assert environ["HTTP_HOST"] == environ["SERVER_NAME"] == "localhost"
    assert environ["HTTP_USER_AGENT"] == "quaich-ready"
    assert environ["SERVER_PROTOCOL"] == "HTTP/1.1"
    assert environ["wsgi.url_scheme"] == "http"
    assert environ["wsgi.input"].read() == b""
    assert environ["wsgi.multiprocess"] is True


def test_an_address_names_the_host_and_the_scheme() -> None:
    environ = environ_of("https://shop.example/x", "a", COMMON)
    assert environ["HTTP_HOST"] == "shop.example"
    assert environ["PATH_INFO"] == "/x"
    assert (environ["wsgi.url_scheme"], environ["HTTPS"]) == ("https", "on")


def test_a_path_without_its_slash() -> None:
    assert environ_of("health", "a", COMMON)["PATH_INFO"] == "/health"


def test_what_is_no_target() -> None:
    with pytest.raises(ProtocolError):
        environ_of("http:///x", "a", COMMON)
    assert run(lambda e, s: [], "http:///x").status == 0


class Body:
    def __init__(self, *pieces: Any) -> None:
        self.pieces, self.taken, self.closed = pieces, 0, 0

    def __iter__(self) -> Iterator[Any]:
        for piece in self.pieces:
            self.taken += 1
            yield piece

    def close(self) -> None:
        self.closed += 1


def test_the_iterable_is_consumed_and_closed() -> None:
    body = Body(b"a", b"", b"b")

    def app(environ: dict[str, Any], start_response: Any) -> Body:
        start_response("302 Found", [("Location", "/login")])(b"written")
        return body

    outcome = run(app)
    assert (outcome.status, outcome.problem, outcome.good) == (302, "", True)
    assert (body.taken, body.closed) == (3, 1)


def answer(status: str) -> App:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response(status, [])
        return [b"x"]

    return app


@pytest.mark.parametrize(("status", "good"), [(200, True), (399, True), (400, False), (500, False)])
def test_what_is_good(status: int, good: bool) -> None:
    outcome = run(answer(f"{status} Whatever"))
    assert (outcome.status, outcome.good) == (status, good)


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3), KeyboardInterrupt()])
def test_whatever_is_raised_is_contained(error: BaseException) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        raise error

    outcome = run(app)
    assert outcome.status == 0
    assert not outcome.good
    assert outcome.problem.startswith(type(error).__name__)
    assert "in app" in outcome.detail
    assert "rehearse.py" not in outcome.detail.split("in app")[0][:60]


def test_a_body_that_raises_is_closed_and_not_good() -> None:
    body = Body(b"a", "text")

    def app(environ: dict[str, Any], start_response: Any) -> Body:
        start_response("200 OK", [])
        return body

    outcome = run(app)
    assert "gave str; expected bytes" in outcome.problem
    assert not outcome.good
    assert body.closed == 1


@pytest.mark.parametrize("result", [None, [b"x"], []])
def test_without_start_response(result: Any) -> None:
    assert run(lambda environ, start_response: result).problem


def test_no_application() -> None:
    outcome = rehearse(chooser(Apps(None)), "/", "a", COMMON)
    assert outcome.problem == "there is no application for it"


def test_mount_points_are_found_as_for_a_request() -> None:
    seen = []

    def mounted(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        seen.append((environ["SCRIPT_NAME"], environ["PATH_INFO"]))
        return answer("204 No Content")(environ, start_response)

    choose = chooser(Apps(answer("500 No"), (("/shop", mounted),)), manage_script_name=True)
    assert rehearse(choose, "/shop/cart", "a", COMMON).status == 204
    assert seen == [("/shop", "/cart")]


def test_nothing_of_its_context_stays() -> None:
    kept: contextvars.ContextVar[str] = contextvars.ContextVar("kept", default="none")

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        kept.set("of a request")
        return answer("200 OK")(environ, start_response)

    assert run(app).good
    assert kept.get() == "none"


def test_what_is_written_is_dropped() -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])(b"written")
        return []

    assert run(app).good


def test_an_iterable_that_ends_without_a_status() -> None:
    class Silent:
        def __iter__(self) -> Any:
            return iter(())

    assert "without calling start_response" in run(lambda environ, start: Silent()).problem


def test_an_outcome_as_a_line_shows_it() -> None:
    assert str(Outcome(204, 0.0124)) == "status=204 ms=12"
    assert str(Outcome(0, 0.5, "why")) == "status=0 ms=500: why"
