"""Variables of gateway requests: which are kept, and the path where none is named."""

import pytest

from quaich.errors import ProtocolError
from quaich.wire.gateway import MAX_VARIABLES, complete, find_path, keep
from quaich.wire.http1 import Head


def read(*pairs: tuple[str, bytes]) -> tuple[Head, dict[str, object]]:
    head = Head()
    environ: dict[str, object] = {}
    for name, value in pairs:
        octets = name.encode("latin-1")
        keep(head, environ, octets + value, 0, len(octets), len(octets), len(octets + value))
    complete(head, environ)
    return head, environ


def test_a_repeated_name_keeps_its_last_value() -> None:
    assert read(("A", b"1"), ("A", b"2"))[1] == {"A": "2"}


@pytest.mark.parametrize("name", ["HTTP_PROXY", "HTTP_CONTENT_LENGTH", "HTTP_CONTENT_TYPE"])
def test_what_poses_as_something_else_is_dropped(name: str) -> None:
    head, environ = read((name, b"x"))
    assert (environ, head.dropped, head.fields) == ({}, 1, 1)


def test_variables_that_load_code_are_remarked() -> None:
    assert read(("UWSGI_FILE", b"x"))[0].dynamic
    assert not read(("UWSGI_FILES", b"x"))[0].dynamic


def test_lengths() -> None:
    assert read()[0].content_length == -1
    assert read(("CONTENT_LENGTH", b""))[0].content_length == -1
    assert read(("CONTENT_LENGTH", b"7"), ("CONTENT_LENGTH", b"07"))[0].content_length == 7
    for between in ((), (("CONTENT_LENGTH", b""),)):
        with pytest.raises(ProtocolError, match="two content lengths that differ"):
            read(("CONTENT_LENGTH", b"7"), *between, ("CONTENT_LENGTH", b"8"))
    assert read(("CONTENT_LENGTH", b"7"), ("CONTENT_LENGTH", b""))[0].content_length == -1
    for wrong in (b"-7", b"+7", b"7 ", b"0x7", b"7" * 19):
        with pytest.raises(ProtocolError) as caught:
            read(("CONTENT_LENGTH", wrong))
        assert caught.value.status == 400


def test_the_number_of_variables_is_bounded() -> None:
    pairs = [("A", b"")] * MAX_VARIABLES
    assert read(*pairs)[0].fields == MAX_VARIABLES
    with pytest.raises(ProtocolError, match="more than"):
        read(*pairs, ("A", b""))


def test_facts() -> None:
    head, _ = read(
        ("REQUEST_METHOD", b"HEAD"), ("REQUEST_URI", b"/a?b"), ("SERVER_PROTOCOL", b"HTTP/1.0")
    )
    assert (head.method, head.uri, head.protocol, head.is_head) == (
        *("HEAD", "/a?b", "HTTP/1.0"),
        True,
    )
    assert read()[0].method == ""


@pytest.mark.parametrize(
    ("given", "script", "path"),
    [
        # nginx's fastcgi_params: the whole path is called a script.
        ({"SCRIPT_NAME": "/a/b", "DOCUMENT_URI": "/a/b", "REQUEST_URI": "/a/b?q"}, "", "/a/b"),
        # nginx's scgi_params.
        ({"DOCUMENT_URI": "/a b", "REQUEST_URI": "/a%20b"}, "", "/a b"),
        # Apache's: nothing but what the client sent.
        ({"REQUEST_URI": "/a%20b/../c?q=/x"}, "", "/c"),
        ({"REQUEST_URI": "*"}, "", ""),
        ({}, "", ""),
        # A mount point.
        ({"SCRIPT_NAME": "/shop", "DOCUMENT_URI": "/shop/cart"}, "/shop", "/cart"),
        ({"SCRIPT_NAME": "/shop", "DOCUMENT_URI": "/shop/"}, "/shop", "/"),
        ({"SCRIPT_NAME": "/shop", "DOCUMENT_URI": "/shopping"}, "", "/shopping"),
        ({"SCRIPT_NAME": "/", "DOCUMENT_URI": "/"}, "", "/"),
        # What is said is believed.
        ({"SCRIPT_NAME": "/s", "PATH_INFO": "", "DOCUMENT_URI": "/a"}, "/s", ""),
    ],
)
def test_the_path(given: dict[str, str], script: str, path: str) -> None:
    environ: dict[str, object] = dict(given)
    find_path(environ)
    assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == (script, path)


def test_a_broken_path_is_refused() -> None:
    with pytest.raises(ProtocolError):
        find_path({"REQUEST_URI": "/%zz"})
