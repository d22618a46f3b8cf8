import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quaich.errors import ConfigError
from quaich.net.address import Address, Kind, parse


@pytest.mark.parametrize(
    ("text", "name", "host", "port"),
    [
        ("127.0.0.1:8080", "127.0.0.1:8080", "127.0.0.1", 8080),
        (":8080", "0.0.0.0:8080", "0.0.0.0", 8080),
        (" :8080 ", "0.0.0.0:8080", "0.0.0.0", 8080),
        ("localhost:80", "localhost:80", "localhost", 80),
        ("127.0.0.1:0", "127.0.0.1:0", "127.0.0.1", 0),
        ("127.0.0.1:", "127.0.0.1:0", "127.0.0.1", 0),
        ("[::1]:80", "[::1]:80", "::1", 80),
        ("[::]:80", "[::]:80", "::", 80),
        (":::80", "[::]:80", "::", 80),
        ("[fe80::1%eth0]:80", "[fe80::1%eth0]:80", "fe80::1%eth0", 80),
        ("tcp:127.0.0.1:80", "127.0.0.1:80", "127.0.0.1", 80),
        ("tcp://127.0.0.1:80", "127.0.0.1:80", "127.0.0.1", 80),
        ("tcp::8080", "0.0.0.0:8080", "0.0.0.0", 8080),
    ],
)
def test_tcp(text: str, name: str, host: str, port: int) -> None:
    address = parse(text)
    assert address == Address(Kind.TCP, name, host=host, port=port)
    assert address.family == (socket.AF_INET6 if ":" in host else socket.AF_INET)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/run/site.sock", "/run/site.sock"),
        ("site.sock", "site.sock"),
        ("./a:b", "./a:b"),
        ("/run/a:b", "/run/a:b"),
        ("unix:/run/site.sock", "/run/site.sock"),
        ("unix:a:b", "a:b"),
        ("x" * 107, "x" * 107),
    ],
)
def test_unix(text: str, path: str) -> None:
    assert parse(text) == Address(Kind.UNIX, path, path=path)


@pytest.mark.parametrize("text", ["@name", "\\0name", "unix:@name"])
def test_abstract_names_end_in_a_nul_as_uwsgis_do(text: str) -> None:
    assert parse(text) == Address(Kind.ABSTRACT, "@name", path="\0name\0")


@pytest.mark.parametrize(("text", "fd"), [("fd://0", 0), ("fd://17", 17), ("::", 0)])
def test_inherited(text: str, fd: int) -> None:
    assert parse(text) == Address(Kind.INHERITED, f"fd://{fd}", fd=fd)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "empty address"),
        ("127.0.0.1:http", "the port is 'http'"),
        ("127.0.0.1:65536", "from 0 to 65535"),
        ("127.0.0.1:99999999999999", "from 0 to 65535"),
        ("127.0.0.1:-1", "the port is '-1'"),
        ("127.0.0.1:+1", "the port is '+1'"),
        ("127.0.0.1:8_0", "the port is '8_0'"),
        ("127.0.0.1:٨", "the port is"),
        ("::1:80", "an IPv6 address is written [::1]:80"),
        ("[nonsense]:80", "expected an IPv6 address"),
        ("[::1]", "expected host:port"),
        ("fd://", "expected the number"),
        ("fd://x", "expected the number"),
        ("fd://99999999", "expected the number"),
        ("@", "expected a name"),
        ("@" + "x" * 107, "the name has 107 octets; the kernel allows 106"),
        ("/" + "x" * 107, "the path has 108 octets; the kernel allows 107"),
        ("8080", "did you mean :8080?"),
        ("=0", "stands for a shared-socket"),
        ("127.0.0.*:80", "wildcards are not supported"),
        ("run/x:y/z", "a relative path with a colon starts with ./"),
        ("unix:", "expected the path"),
        ("tcp:localhost", "expected host:port"),
        ("a\0b:80", "NUL"),
    ],
)
def test_refused_with_place_and_expectation(text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text, "site.ini:3")
    assert str(caught.value).startswith("site.ini:3: ")
    assert expected in str(caught.value)


@given(st.text(max_size=120))
def test_any_text_is_an_address_or_a_configuration_error(text: str) -> None:
    try:
        parse(text)
    except ConfigError:
        pass
