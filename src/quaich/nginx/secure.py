"""HTTPS: certificates, protocols, and where they may come from; pure.

Mozilla's intermediate profile: TLS 1.2 and 1.3, forward secrecy only, a post-quantum group where
OpenSSL has one.  There is no OCSP stapling, since the common authorities no longer offer OCSP.
"""

from collections.abc import Iterator

from quaich.nginx.abilities import Abilities
from quaich.nginx.errors import NginxError
from quaich.nginx.facts import Front, Tls
from quaich.nginx.passing import name
from quaich.nginx.writing import Directive, Raw, block, line

_CIPHERS = ":".join(
    (
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-RSA-AES256-GCM-SHA384",
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        "ECDHE-RSA-CHACHA20-POLY1305",
    )
)
_GROUPS = "X25519:prime256v1:secp384r1"
CHALLENGE = "/.well-known/acme-challenge/"
_LIVE = "/etc/letsencrypt/live"


def files(front: Front) -> tuple[str, str]:
    """The certificate and the key of a site whose certificate is in files."""
    tls = front.tls
    live = f"{_LIVE}/{front.hosts[0]}"
    return tls.certificate or f"{live}/fullchain.pem", tls.key or f"{live}/privkey.pem"


def issuer(front: Front, nginx: Abilities) -> Iterator[Directive]:
    """The authority that nginx's own ACME module asks, at the level of http."""
    if front.tls.kind != "acme":
        return
    inside = [
        line("uri", front.tls.issuer),
        line("state_path", f"{nginx.spool}/quaich-{front.site}-acme"),
        line("accept_terms_of_service"),
    ]
    if front.tls.contact:
        inside.insert(1, line("contact", f"mailto:{front.tls.contact}"))
    yield block("acme_issuer", [name(front, "acme")], inside)


def certificate(front: Front, nginx: Abilities) -> Iterator[Directive]:
    """The site's certificate and how TLS is spoken."""
    if front.tls.kind == "acme":
        yield line("acme_certificate", name(front, "acme"))
        yield line("ssl_certificate", Raw("$acme_certificate"))
        yield line("ssl_certificate_key", Raw("$acme_certificate_key"))
        if nginx.since(1, 27, 4):
            yield line("ssl_certificate_cache", "max=2")
    else:
        chain, key = files(front)
        yield line("ssl_certificate", chain)
        yield line("ssl_certificate_key", key)
    yield from protocols(nginx)
    yield line("ssl_ciphers", _CIPHERS)
    yield line("ssl_prefer_server_ciphers", "off")
    yield line("ssl_session_timeout", "1d")
    yield line("ssl_session_cache", f"shared:{name(front, 'tls')}:1m")
    if not nginx.since(1, 23, 2):
        # Before, nothing changes the key of the tickets as long as nginx runs.
        yield line("ssl_session_tickets", "off")


def protocols(nginx: Abilities) -> Iterator[Directive]:
    """Versions and groups, which are agreed on before nginx knows the host.

    So those of a port's default server count for all of its sites.
    """
    yield line("ssl_protocols", "TLSv1.2", "TLSv1.3")
    groups = f"X25519MLKEM768:{_GROUPS}" if nginx.openssl >= (3, 5) else _GROUPS
    yield line("ssl_ecdh_curve", groups)


def challenge(tls: Tls) -> Iterator[Directive]:
    """Where certbot leaves what the authority looks for."""
    if tls.kind == "certbot":
        inside = [line("root", tls.webroot), line("default_type", "text/plain")]
        yield block("location", ["^~", CHALLENGE], inside)


def check(front: Front, nginx: Abilities) -> None:
    """Raise NginxError when this nginx cannot do what the facts ask for."""
    if front.tls.is_on and not nginx.has("http_ssl"):
        raise NginxError(f"tls: nginx {nginx.release} is built without its ssl module")
    if front.tls.kind == "acme" and not nginx.has("http_acme"):
        raise NginxError(
            f"tls.kind = acme: nginx {nginx.release} has no ACME module loaded; install and load "
            "ngx_http_acme_module, or use certbot"
        )
