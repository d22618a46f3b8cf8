"""What nginx answers by itself: static and internal files, compression, headers, the closed page;
pure.

Every directory location has its slash on both sides, without which ``/static../`` would leave it,
and files and directories whose names begin with a dot are never served.
"""

import re
from collections.abc import Iterator

from quaich.nginx.abilities import Abilities
from quaich.nginx.facts import Front, Internal, Maintenance, Static
from quaich.nginx.passing import variable
from quaich.nginx.writing import Directive, Raw, block, line

_TYPES = (
    "application/atom+xml",
    "application/javascript",
    "application/json",
    "application/ld+json",
    "application/manifest+json",
    "application/rss+xml",
    "application/vnd.ms-fontobject",
    "application/wasm",
    "application/xhtml+xml",
    "application/xml",
    "font/otf",
    "font/ttf",
    "image/svg+xml",
    "image/x-icon",
    "text/css",
    "text/javascript",
    "text/plain",
    "text/xml",
)
_HASHED = Raw(r"~[.-][0-9a-f]{8,64}\.[A-Za-z0-9.]+$")
_YEAR = 365 * 86400
_DEFAULT_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
}
_CLOSED = (
    '<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>Back soon</title>'
    "<h1>Back soon</h1><p>This site is being worked on. Please try again in a few minutes.</p>"
    "</html>"
)
CLOSED = "@quaich_closed"


def compression(front: Front, nginx: Abilities) -> Iterator[Directive]:
    """Compression of answers of the usual textual types."""
    if not front.compresses:
        return
    if nginx.has("http_gzip"):
        yield line("gzip", "on")
        yield line("gzip_comp_level", 5)
        yield line("gzip_min_length", 1024)
        yield line("gzip_proxied", "any")
        yield line("gzip_vary", "on")
        yield line("gzip_types", *_TYPES)
    if nginx.has("http_brotli_filter"):
        yield line("brotli", "on")
        yield line("brotli_comp_level", 5)
        yield line("brotli_min_length", 1024)
        yield line("brotli_types", *_TYPES)


def static(each: Static, front: Front, nginx: Abilities, snippet: str) -> Directive:
    """The location of files, or of one file."""
    is_directory = each.url.endswith("/")
    inside = []
    if is_directory:
        inside.append(line("alias", f"{each.path.rstrip('/')}/"))
        inside.append(line("try_files", Raw("$uri"), "=404"))
        inside += _open_files()
    else:
        inside.append(line("alias", each.path))
    if each.is_precompressed and nginx.has("http_gzip_static"):
        inside.append(line("gzip_static", "on"))
    if each.is_precompressed and nginx.has("http_brotli_static"):
        inside.append(line("brotli_static", "on"))
    inside.append(line("include", snippet))
    inside.append(line("add_header", "Cache-Control", _age(each, front)))
    if not is_directory:
        return block("location", ["=", each.url], inside)
    hidden = Raw(rf"^{re.escape(each.url)}(?:.*/)?\.")
    inside.append(block("location", ["~", hidden], [line("return", 404)]))
    return block("location", ["^~", each.url], inside)


def _open_files() -> list[Directive]:
    """A busy file is looked up once a second, so that a deployment shows at once."""
    return [
        line("open_file_cache", "max=1000", "inactive=30s"),
        line("open_file_cache_valid", "1s"),
    ]


def _age(each: Static, front: Front) -> str:
    if not each.has_hashes:
        return f"public, max-age={each.max_age}"
    return variable(front, f"age{_ages(front).index(each.max_age) + 1}")


def _ages(front: Front) -> list[int]:
    return list(dict.fromkeys(each.max_age for each in front.static if each.has_hashes))


def internal(each: Internal) -> Directive:
    """A location that only the application can send a client to."""
    inside = [line("internal"), line("alias", f"{each.path.rstrip('/')}/")]
    return block("location", ["^~", each.url], inside)


def header_maps(front: Front) -> Iterator[Directive]:
    """For each header, its value where the application has not set it itself."""
    for number, (header, value) in enumerate(_headers(front).items(), 1):
        source, case = f"$upstream_http_{header.lower().replace('-', '_')}", ""
        if header == "Strict-Transport-Security":
            source, case = f"$https:{source}", "on:"
        cases = [line("default", ""), line(case, value)]
        yield block("map", [Raw(source), variable(front, f"h{number}")], cases)
    for number, age in enumerate(_ages(front), 1):
        cases = [
            line("default", f"public, max-age={age}"),
            line(_HASHED, f"public, max-age={_YEAR}, immutable"),
        ]
        yield block("map", [Raw("$uri"), variable(front, f"age{number}")], cases)


def headers(front: Front, nginx: Abilities) -> list[Directive]:
    """The contents of the header file, included wherever another header is added."""
    lines = [
        line("add_header", header, variable(front, f"h{number}"), "always")
        for number, header in enumerate(_headers(front), 1)
    ]
    if speaks_http3(front, nginx):
        lines.append(line("add_header", "Alt-Svc", f'h3=":{front.tls.port}"; ma=86400', "always"))
    return lines


def speaks_http3(front: Front, nginx: Abilities) -> bool:
    """Whether the site is served over QUIC."""
    return front.has_http3 and front.tls.is_on and nginx.has("http_v3")


def _headers(front: Front) -> dict[str, str]:
    found = dict(_DEFAULT_HEADERS)
    if front.hsts:
        more = "; includeSubDomains" if front.hsts_subdomains else ""
        found["Strict-Transport-Security"] = f"max-age={front.hsts}{more}"
    for header, value in front.headers:
        same = next((each for each in found if each.lower() == header.lower()), header)
        found[same] = value
    # The probe of a site knows its answers by this one.
    found = {name: value for name, value in found.items() if name.lower() != "x-request-id"}
    found["X-Request-ID"] = Raw("$request_id")
    return {header: value for header, value in found.items() if value}


def closed_to(front: Front, maintenance: Maintenance) -> Directive:
    """Which clients find the application closed."""
    inside = [line("default", 1), *(line(each, 0) for each in maintenance.allow)]
    return block("geo", [variable(front, "closed")], inside)


def closed_page(maintenance: Maintenance, snippet: str) -> list[Directive]:
    """What they get instead; files stay served, for the page may need them."""
    inside = [
        line("include", snippet),
        line("add_header", "Retry-After", maintenance.retry_after, "always"),
        line("add_header", "Cache-Control", "no-store", "always"),
    ]
    if maintenance.page:
        directory, _, file = maintenance.page.rpartition("/")
        inside += [line("root", directory or "/"), line("try_files", f"/{file}", "=503")]
        inside += _open_files()
    else:
        inside += [line("default_type", "text/html"), line("return", 503, _CLOSED)]
    return [line("error_page", 503, CLOSED), block("location", [CLOSED], inside)]


def closed_check(front: Front) -> Directive:
    """Inside a location: the closed page for those it is closed to."""
    return block("if", [Raw(f"({variable(front, 'closed')})")], [line("return", 503)])
