"""The facts of a site: what is accepted, and how each mistake is said."""

import re
from pathlib import Path

import pytest

from quaich.errors import QuaichError
from quaich.nginx.facts import Cache, Front, Limit, Listen, Server, Static, front
from quaich.nginx.fields import Fields

GOOD: dict[str, object] = {"hosts": ["a.example"], "servers": ["unix:/run/a.sock"]}


def made(**more: object) -> Front:
    table = {**GOOD, **{key.replace("_", "-"): value for key, value in more.items()}}
    return front(table, site="shop", place="shop.toml")


def mistake(**more: object) -> str:
    with pytest.raises(QuaichError) as caught:
        made(**more)
    text = str(caught.value)
    assert text.startswith("shop.toml: nginx.")
    assert "\n" not in text
    return text.removeprefix("shop.toml: nginx.")


def test_the_least() -> None:
    found = front(GOOD, site="shop", place="shop.toml", port=8080)
    assert found == Front(
        "shop", ("a.example",), (Server("unix:/run/a.sock"),), (Listen("", 8080),)
    )


def test_everything() -> None:
    found = made(
        hosts=["Shop.Example", "*.shop.example", "10.0.0.1", "[::1]", "xn--9ca.example"],
        listen=[80, "127.0.0.1:8080", "[::1]:81", "*:82"],
        servers=[
            "/run/a.sock",
            "10.0.0.2:3031",
            {"address": "b.example:80", "weight": 2, "backup": True, "fail-timeout": "1m"},
        ],
        static=[{"url": "/static/", "path": "/srv/a b/", "hashed": True, "max-age": "1d"}],
        cache=[{"path": "/news/", "time": "1m", "cookies": ["sid"]}],
        limit=[{"path": "/login", "rate": "5/m", "burst": 3}],
        body_size="8m",
        harakiri="30s",
        real_ip=["10.0.0.0/8", "fd00::/8"],
        real_ip_header="proxy-protocol",
    )
    assert found.hosts == ("shop.example", "*.shop.example", "10.0.0.1", "[::1]", "xn--9ca.example")
    assert found.listen == (
        Listen("", 80),
        Listen("127.0.0.1", 8080),
        Listen("[::1]", 81),
        Listen("", 82),
    )
    assert found.servers[0] == Server("unix:/run/a.sock")
    assert found.servers[2] == Server("b.example:80", 2, True, fail_timeout=60)
    assert found.static == (Static("/static/", "/srv/a b", True, False, 86400),)
    assert found.cache == (Cache("/news/", 60, 3600, ("sid",)),)
    assert found.limits == (Limit("/login", "5r/m", 3),)
    assert (found.body_size, found.harakiri) == (8 << 20, 30)
    assert found.real_ip_header == "proxy_protocol"


@pytest.mark.parametrize(
    "host",
    [
        "a;b",
        "a b",
        "a{",
        "$host",
        "a\nb",
        'a"b',
        "`id`",
        "a/b",
        "~^a",
        "_",
        "",
        "-a",
        "a..b",
        "a" * 64,
        "*",
        "a.*",
        ".a",
        "a,b",
        "a'",
        "a#",
        7,
    ],
)
def test_a_host_that_is_none(host: object) -> None:
    assert "expected a host name like" in mistake(hosts=[host])


@pytest.mark.parametrize(
    ("host", "advice"),
    [
        ("a.example:80", "without a port"),
        ("https://a.example", "without https://"),
        ("\xe9.example", "write xn--9ca.example"),
    ],
)
def test_a_host_with_too_much(host: str, advice: str) -> None:
    assert advice in mistake(hosts=[host])


@pytest.mark.parametrize(
    "path", ["srv", "", "/a$b", "/a\nb", "/a\0b", "/a/../b", "/a\x7f", 5, "/\udcff"]
)
def test_a_path_that_is_none(path: object) -> None:
    text = mistake(static=[{"url": "/static/", "path": path}])
    assert text.startswith("static[1].path: expected a")


@pytest.mark.parametrize(
    "url", ["static/", "/a b/", "/a;/", "/$a/", "/a%20/", "//a/", "/../", "/a/./", '/"', "/{", "/#"]
)
def test_a_url_that_is_none(url: str) -> None:
    assert mistake(static=[{"url": url, "path": "/srv"}]).startswith(
        "static[1].url: expected a path"
    )


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        (
            "servers",
            ["10.0.0.1"],
            "servers: expected host:port, or a socket like unix:/run/quaich/shop/app.sock, got",
        ),
        ("servers", ["unix:/a:b"], "no colon"),
        ("servers", ["unix:/" + "a" * 120], "at most 107"),
        ("servers", ["10.0.0.1:99999"], "expected host:port"),
        ("servers", [{"address": "a:1", "wieght": 2}], "a server of address, weight"),
        ("servers", [{"address": "a:1", "backup": True}], "neither backup nor down"),
        ("servers", ["a:1", "a:1"], "a:1 is there twice"),
        ("listen", [0], "a port, or address:port"),
        ("listen", [80, 80], "80 is there twice"),
        ("listen", ["a.example:80"], "an IP address"),
        ("protocol", "uwgsi", "expected one of uwsgi, http, scgi, fastcgi; did you mean uwsgi?"),
        ("body_size", "8q", "a size like 8m"),
        ("body_size", True, "a size like 8m"),
        ("harakiri", "30 s", "a time like 10s"),
        ("harakiri", "30d", "a week at most"),
        ("real_ip", ["10.0.0.1/8"], "a network like 10.0.0.0/8"),
        ("real_ip", ["0.0.0.0/0"], "smaller than everyone"),
        ("real_ip_header", "X Y", "the name of a header"),
        ("limit", [{"path": "/l", "rate": "5"}], "a rate like 10/s"),
        (
            "limit",
            [{"path": "/l", "rate": "5/m", "brust": 1}],
            "limit[1].brust: there is no such key; did you mean burst?",
        ),
        ("limit", [{"rate": "5/m"}], "limit[1].path: is missing"),
        ("cache", [{"path": "/c/", "time": 0}], "a second at least"),
        ("cache", [{"path": "/c/", "cookies": ["a|b"]}], "the name of a cookie"),
        ("headers", {"X-A": "a$b"}, "without $"),
        ("headers", {"X-A": "a\r\nb"}, "a text of one line"),
        ("headers", {"X A": "b"}, "the name of a header"),
        ("static", "x", "an array of tables"),
        ("static", [{"url": "/", "path": "/srv"}], "below /"),
        ("internal", [{"url": "/p", "path": "/srv"}], "ends in a slash"),
        ("tls", {"kind": "file"}, "did you mean files?"),
        ("tls", {"certificate": "/c.pem"}, "tls.key: is missing"),
        ("tls", {"kind": "acme", "key": "/c.pem"}, "is not used with kind acme"),
        ("tls", {"kind": "acme", "contact": "a"}, "a mail address"),
        ("tls", {"kind": "acme", "issuer": "https://a/;"}, "without spaces and signs"),
        ("hsts", "1d", "needs [nginx.tls]"),
        ("http3", True, "needs [nginx.tls]"),
        ("include", ["/etc/*.conf"], "not a pattern"),
        ("maintenance", {"allow": ["me"]}, "a network like"),
        ("hots", ["a"], "hots: there is no such key; did you mean hosts or hsts?"),
    ],
)
def test_mistakes(key: str, value: object, said: str) -> None:
    assert said in mistake(**{key: value})


def test_contradictions() -> None:
    both = {"static": [{"url": "/a/", "path": "/srv"}], "cache": [{"path": "/a/"}]}
    assert "served from files and passed to the application" in mistake(**both)
    tls = {"certificate": "/c", "key": "/k", "port": 80}
    assert "80 is the port of HTTPS" in mistake(tls=tls)
    assert "no wildcard can be" in mistake(hosts=["*.a.example"], tls={"kind": "certbot"})
    assert "real-ip: is missing" in mistake(real_ip_header="proxy-protocol")


def test_a_key_in_the_place_of_a_missing_one_is_named() -> None:
    with pytest.raises(QuaichError, match="host: there is no such key; did you mean hosts"):
        front({"host": "a.example"}, site="shop", place="shop.toml")


def test_maintenance_that_is_off() -> None:
    assert made(maintenance={"on": False, "retry-after": 5}).maintenance is None
    closed = made(maintenance={}).maintenance
    assert closed is not None
    assert closed.retry_after == 300


REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "site.md"


def test_the_reference_has_every_key(monkeypatch: pytest.MonkeyPatch) -> None:
    known: dict[str, set[str]] = {}
    done = Fields.done

    def noted(self: Fields) -> None:
        known.setdefault(self._prefix, set()).update(self._known)
        done(self)

    monkeypatch.setattr(Fields, "done", noted)
    some = {"url": "/a/", "path": "/srv"}
    made(
        static=[some],
        internal=[{**some, "url": "/b/"}],
        limit=[{"path": "/l", "rate": "1/s"}],
        cache=[{"path": "/c"}],
        tls={"certificate": "/c", "key": "/k"},
        maintenance={},
    )
    text = REFERENCE.read_text()
    tables = {"static", "internal", "limit", "cache", "tls", "maintenance"}
    for prefix, keys in known.items():
        name = prefix.removesuffix(".").partition("[")[0]
        section = re.search(rf"## \[+{re.escape(name)}\]+\n(.*?)(?=\n## |\Z)", text, re.DOTALL)
        assert section, name
        for key in keys - tables:
            assert f"`{key}`" in section[1], f"{name}: {key}"


def test_the_keys_of_the_reference_are_known() -> None:
    text = REFERENCE.read_text().partition("## [nginx]")[2].partition("A table in `servers`")[0]
    keys = re.findall(r"^\| `([a-z0-9-]+)` \|", text, re.MULTILINE)
    assert len(keys) > 10
    for key in keys:
        with pytest.raises(QuaichError) as caught:
            front({**GOOD, key: object()}, site="shop", place="x")
        assert "no such key" not in str(caught.value)
