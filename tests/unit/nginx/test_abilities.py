"""What ``nginx -V`` says, read."""

from quaich.nginx.abilities import modules, openssl, settings, version

DEBIAN = """\
nginx version: nginx/1.22.1
built with OpenSSL 3.0.9 30 May 2023 (running with OpenSSL 3.5.1 1 Jul 2025)
TLS SNI support enabled
configure arguments: --with-cc-opt='-g -O2 -fPIC' --prefix=/usr/share/nginx \
--conf-path=/etc/nginx/nginx.conf --with-compat --with-http_ssl_module --with-http_v2_module \
--with-http_perl_module=dynamic --without-http_scgi_module --without-http-cache
"""


def test_version() -> None:
    assert version(DEBIAN) == (1, 22, 1)
    assert version("nginx version: openresty/1.27.1.2") == (1, 27, 1, 2)
    assert version("command not found") == ()


def test_openssl_is_the_one_that_runs() -> None:
    assert openssl(DEBIAN) == (3, 5)
    assert openssl("built with OpenSSL 1.1.1w") == (1, 1)
    assert openssl("built with BoringSSL") == (0, 0)


def test_settings() -> None:
    found = settings(DEBIAN)
    assert found["conf-path"] == "/etc/nginx/nginx.conf"
    assert found["with-cc-opt"] == "-g -O2 -fPIC"
    assert found["with-compat"] == ""


def test_modules() -> None:
    loaded = ("/usr/lib/nginx/modules/ngx_http_brotli_filter_module.so",)
    found = modules(DEBIAN, loaded)
    assert {"http_ssl", "http_v2", "http_uwsgi", "http_gzip", "http_brotli_filter"} <= found
    assert not {"http_scgi", "http_cache", "http_perl", "http_v3"} & found
    assert "http_perl" in modules(DEBIAN, ("modules/ngx_http_perl_module.so",))
