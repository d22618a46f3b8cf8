"""The keys every environ holds, and the scheme."""

from typing import Any

import pytest

from quaich.wsgi.environ import fixed, url_scheme


@pytest.mark.parametrize(("threads", "processes"), [(1, 1), (4, 1), (1, 3)])
def test_true_to_fact(threads: int, processes: int) -> None:
    environ = fixed(threads=threads, processes=processes)
    assert environ["wsgi.multithread"] is (threads > 1)
    assert environ["wsgi.multiprocess"] is (processes > 1)
    assert environ["wsgi.run_once"] is False
    assert environ["wsgi.version"] == (1, 0)
    assert environ["wsgi.errors"].fileno() == 2
    assert isinstance(environ["uwsgi.version"], bytes)
    assert isinstance(environ["uwsgi.node"], bytes)


@pytest.mark.parametrize(
    ("environ", "scheme"),
    [
        ({}, "http"),
        ({"HTTPS": "on"}, "https"),
        ({"HTTPS": "1"}, "https"),
        ({"HTTPS": "ON"}, "https"),
        ({"HTTPS": "off"}, "http"),
        ({"HTTPS": ""}, "http"),
        ({"HTTP_X_FORWARDED_SSL": "on"}, "https"),
        ({"HTTP_X_FORWARDED_PROTO": "https"}, "https"),
        ({"HTTP_X_FORWARDED_PROTO": "HTTPS"}, "https"),
        ({"HTTP_X_FORWARDED_PROTO": "http", "HTTPS": "on"}, "http"),
        ({"HTTP_X_FORWARDED_PROTO": "", "HTTPS": "on"}, "https"),
        ({"UWSGI_SCHEME": "https", "HTTP_X_FORWARDED_PROTO": "http"}, "https"),
    ],
)
def test_scheme(environ: dict[str, Any], scheme: str) -> None:
    assert url_scheme(environ) == scheme
