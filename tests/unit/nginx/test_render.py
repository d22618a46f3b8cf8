"""A site's files: by nginx's version and modules, with names that clash with nobody's."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quaich.errors import QuaichError
from quaich.nginx.abilities import Abilities
from quaich.nginx.errors import NginxError
from quaich.nginx.facts import PROTOCOLS, Front, front
from quaich.nginx.render import digest, render
from quaich.nginx.tree import Directive, Texts, parse
from quaich.values import replace

NAMES = "cache fastcgi geo gzip gzip_static limit_req map proxy realip rewrite scgi ssl uwsgi v2"
MODULES = frozenset(re.sub(r"\b(?=\w)", "http_", NAMES).split())
OLD = Abilities((1, 18, 0), MODULES, (1, 1), "/spool")
DEBIAN = Abilities((1, 22, 1), MODULES, (3, 0), "/spool")
MIDDLE = Abilities((1, 26, 3), MODULES | {"http_v3"}, (3, 5), "/spool")
NEWEST = Abilities((1, 31, 3), MODULES | {"http_v3", "http_acme"}, (3, 6), "/spool")
TLS = {"certificate": "/c.pem", "key": "/k.pem"}
STATIC = [{"url": "/static/", "path": "/srv/static", "hashed": True, "precompressed": True}]


def facts(site: str = "shop", **more: object) -> Front:
    table = {"hosts": ["a.example"], "servers": ["unix:/run/a.sock"]}
    table |= {key.replace("_", "-"): value for key, value in more.items()}
    return front(table, site=site, place="x")


def tree(nginx: Abilities, name: str = "quaich-shop.conf", **more: object) -> Directive:
    files = render(facts(**more), nginx)
    found = parse(Texts({name: files[name]}), name)
    assert not found.faults
    return found


def lines(nginx: Abilities, name: str = "quaich-shop.conf", **more: object) -> list[str]:
    return [each.shown() for each in tree(nginx, name, **more).walk()]


def test_the_files() -> None:
    files = render(facts(), DEBIAN)
    names = sorted(re.sub("[0-9a-f]{12}", "HASH", name) for name in files)
    assert names == [
        "quaich-default.80.conf",
        "quaich-shop.conf",
        "shop-HASH/headers",
        "shop-HASH/params",
    ]
    first, _, body = files["quaich-shop.conf"].partition("\n")
    assert first.startswith(f"# quaich site shop {digest(body)}: ")
    included = re.findall(r"include quaich/(\S+);", body)
    assert set(included) == {name for name in files if "/" in name}


def test_the_same_facts_are_the_same_files() -> None:
    assert render(facts(cache=[{"path": "/"}]), DEBIAN) == render(
        facts(cache=[{"path": "/"}]), DEBIAN
    )


def test_the_default_server_depends_on_the_port_alone() -> None:
    one = render(facts(), DEBIAN)
    other = render(facts("other", hosts=["b.example"], http2=False, compress=False), DEBIAN)
    assert one["quaich-default.80.conf"] == other["quaich-default.80.conf"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_each_pass_has_all_the_parameters_at_its_level(protocol: str) -> None:
    more = {"cache": [{"path": "/c/"}], "limit": [{"path": "/l"}], "protocol": protocol}
    more["limit"] = [{"path": "/l", "rate": "5/m"}]
    found = tree(DEBIAN, **more)
    passes = [each for each in found.walk() if each.name.endswith("_pass")]
    assert len(passes) == 4
    for each in passes:
        assert each.parent is not None
        includes = [one.args[0] for one in each.parent.all("include")]
        assert any(one.endswith("/params") for one in includes)
        assert not [one for one in each.parent.children if one.name.endswith("_param")]


def test_headers_are_repeated_wherever_one_is_added() -> None:
    found = tree(DEBIAN, static=STATIC, cache=[{"path": "/c/"}], maintenance={})
    adding = {each.parent for each in found.walk() if each.name == "add_header"}
    assert len(adding) == 3
    for block in adding:
        assert block is not None
        assert any(each.args[0].endswith("/headers") for each in block.all("include"))


def test_a_static_location_has_both_slashes() -> None:
    found = tree(DEBIAN, static=[*STATIC, {"url": "/favicon.ico", "path": "/srv/f.ico"}])
    locations = [each for each in found.walk() if each.name == "location" and each.all("alias")]
    assert locations[0].args == ("^~", "/static/")
    assert locations[0].all("alias")[0].args == ("/srv/static/",)
    assert locations[1].args == ("=", "/favicon.ico")
    assert locations[1].all("alias")[0].args == ("/srv/f.ico",)


def test_http2_by_version() -> None:
    assert "listen 443 ssl http2" in lines(DEBIAN, tls=TLS)
    middle = lines(MIDDLE, tls=TLS)
    assert "listen 443 ssl" in middle
    assert "http2 on" in middle
    assert not [each for each in lines(DEBIAN, tls=TLS, http2=False) if "http2" in each]


def test_http3_where_it_is_built() -> None:
    found = lines(MIDDLE, tls=TLS, http3=True)
    assert "listen 443 quic" in found
    default = lines(MIDDLE, "quaich-default.443-quic.conf", tls=TLS, http3=True)
    assert "listen 443 quic reuseport default_server" in default
    with pytest.raises(NginxError, match="built without http_v3_module, which http3 needs"):
        render(facts(tls=TLS, http3=True), DEBIAN)


def test_the_unknown_host_is_refused_in_tls_where_that_is_known() -> None:
    assert "quaich-default.443.conf" not in render(facts(tls=TLS), OLD)
    assert "ssl_reject_handshake on" in lines(DEBIAN, "quaich-default.443.conf", tls=TLS)
    assert set(render(facts(default_server=False), DEBIAN)) & {"quaich-default.80.conf"} == set()


def test_groups_and_tickets_by_version() -> None:
    assert any("X25519MLKEM768" in each for each in lines(MIDDLE, tls=TLS))
    assert not any("X25519MLKEM768" in each for each in lines(DEBIAN, tls=TLS))
    assert "ssl_session_tickets off" in lines(DEBIAN, tls=TLS)
    assert "ssl_session_tickets off" not in lines(MIDDLE, tls=TLS)
    assert not any("stapling" in each for each in lines(NEWEST, tls=TLS))


def test_the_host_by_version() -> None:
    def host(nginx: Abilities) -> str:
        files = render(facts(), nginx)
        text = next(files[name] for name in files if name.endswith("/params"))
        return next(each for each in text.splitlines() if "HTTP_HOST" in each)

    assert host(NEWEST) == "uwsgi_param HTTP_HOST $host$is_request_port$request_port;"
    assert host(DEBIAN) == "uwsgi_param HTTP_HOST $quaich_shop_host;"
    assert "map $server_port $quaich_shop_host" in lines(DEBIAN)
    assert not [each for each in lines(NEWEST) if each.startswith("map $server_port")]


def test_resolve_by_version() -> None:
    more: dict[str, object] = {"servers": ["a.example:80", "/s"], "resolver": ["10.0.0.1"]}
    found = lines(NEWEST, **more)
    assert "server a.example:80 max_fails=1 fail_timeout=5s resolve" in found
    assert "server unix:/s max_fails=1 fail_timeout=5s" in found
    with pytest.raises(NginxError, match=r"1\.27\.3 is the first"):
        render(facts(**more), MIDDLE)


def test_modules_that_are_missing_are_named() -> None:
    without = replace(DEBIAN, modules=frozenset({"http_rewrite"}))
    with pytest.raises(NginxError, match="http_uwsgi_module, which protocol uwsgi needs"):
        render(facts(), without)
    without = replace(DEBIAN, modules=MODULES - {"http_realip"})
    with pytest.raises(NginxError, match="real-ip"):
        render(facts(real_ip=["10.0.0.0/8"]), without)
    with pytest.raises(NginxError, match="no ACME module"):
        render(facts(tls={"kind": "acme"}), DEBIAN)
    without = replace(DEBIAN, modules=MODULES - {"http_gzip", "http_gzip_static"})
    assert not [each for each in lines(without, static=STATIC) if each.startswith("gzip")]


def test_brotli_where_it_is_loaded() -> None:
    brotli = replace(DEBIAN, modules=MODULES | {"http_brotli_filter", "http_brotli_static"})
    found = lines(brotli, static=STATIC)
    assert {"brotli on", "brotli_static on", "gzip_static on"} <= set(found)
    assert not [each for each in lines(DEBIAN, static=STATIC) if "brotli" in each]


def test_acme() -> None:
    found = lines(NEWEST, tls={"kind": "acme", "contact": "ops@a.example"})
    assert "acme_issuer quaich_shop_acme" in found
    assert "contact mailto:ops@a.example" in found
    assert "acme_certificate quaich_shop_acme" in found
    assert "ssl_certificate $acme_certificate" in found


def test_a_certificate_that_certbot_has_still_to_make() -> None:
    pending = facts(tls={"kind": "certbot"})
    pending = replace(pending, tls=replace(pending.tls, is_pending=True))
    text = render(pending, DEBIAN)["quaich-shop.conf"]
    assert "ssl" not in text
    assert "location ^~ /.well-known/acme-challenge/" in text
    text = render(facts(tls={"kind": "certbot"}), DEBIAN)["quaich-shop.conf"]
    assert "ssl_certificate /etc/letsencrypt/live/a.example/fullchain.pem;" in text
    assert "return 301 https://$host$request_uri;" in text


def test_timeouts_follow_the_harakiri() -> None:
    assert "uwsgi_read_timeout 35s" in lines(DEBIAN, harakiri=30)
    assert "uwsgi_read_timeout 65s" in lines(DEBIAN)


def test_failover_never_repeats_what_may_change_something() -> None:
    more: dict[str, object] = {"servers": ["a:1", "b:1", {"address": "c:1", "backup": True}]}
    found = lines(DEBIAN, **more)
    assert "uwsgi_next_upstream error timeout" in found
    assert "uwsgi_next_upstream_tries 3" in found


def test_ipv6_only_where_the_machine_speaks_it() -> None:
    assert "listen [::]:80" in lines(DEBIAN)
    assert "listen [::]:80" not in lines(replace(DEBIAN, has_ipv6=False))


def test_no_cached_answer_sets_a_cookie_for_others() -> None:
    found = lines(DEBIAN, cache=[{"path": "/"}])
    assert not [each for each in found if "ignore_headers" in each]
    assert "uwsgi_cache_bypass $quaich_shop_sess1 $http_authorization" in found


def test_names_fit_into_nginx_tables_and_differ_between_sites() -> None:
    site = "a234567890-234567890-234567890-2"
    more: dict[str, object] = {
        "cache": [{"path": "/"}, {"path": "/c/", "cookies": ["x"]}],
        "static": STATIC,
        "real_ip": ["10.0.0.0/8"],
        "maintenance": {},
        "protocol": "http",
        "headers": {"A-Very-Long-Name-Of-A-Header-Field-For-This-Test": "x"},
    }
    text = render(facts(site, **more), DEBIAN)[f"quaich-{site}.conf"]
    names = set(re.findall(r"\$(quaich_\w+)", text))
    assert len(names) > 8
    assert max(map(len, names)) <= 46
    zones = re.findall(r"(?:zone=|zone |shared:)(quaich_\w+)", text)
    assert len(set(zones)) == 2


NASTY = st.text("ab/.-_ ;{}\"'\\#@:=~^*?[]()|&+,%!é€0$\n", max_size=10)


@settings(max_examples=60, deadline=None)
@given(NASTY, NASTY, NASTY)
def test_no_fact_ends_its_directive(path: str, url: str, value: str) -> None:
    try:
        made = facts(
            static=[{"url": f"/s{url}/", "path": f"/{path}"}], headers={"X-Any": value or "-"}
        )
    except QuaichError as error:
        assert "\n" not in str(error)
        return
    text = render(made, DEBIAN)["quaich-shop.conf"]
    found = parse(Texts({"x": text}), "x")
    assert not found.faults
    assert {each.name for each in found.children} <= {"upstream", "map", "server", "include"}
    aliases = [each.args for each in found.walk() if each.name == "alias"]
    assert aliases == [(f"{made.static[0].path.rstrip('/')}/",)]
