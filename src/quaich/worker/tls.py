"""TLS, by the standard library: the certificates of a generation, and one connection's encryption.

Rules:

* TLS 1.2 and 1.3 with the ciphers that Python takes for safe, unless the operator names others; no
  renegotiation and no compression.
* Certificates and keys are read before privileges are dropped, anew for each generation.  A key is
  never written anywhere.
* A handshake is octets in and out like everything else: it holds no thread, and has the time that
  a head has.  Who speaks plain HTTP is told so.
* An orderly end is a close_notify; a reply that breaks ends without one.

Where nothing is encrypted, the ``ssl`` module is never imported.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from quaich.config.base import Encryption
from quaich.errors import ProtocolError, QuaichError
from quaich.net.listen import BoundListener
from quaich.worker.connection import Connection

if TYPE_CHECKING:
    import ssl

_PIECE = 65536

_SHORT = {
    "countryName": "C",
    "stateOrProvinceName": "ST",
    "localityName": "L",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "commonName": "CN",
    "domainComponent": "DC",
    "userId": "UID",
}


def contexts(listeners: Sequence[BoundListener]) -> dict[int, "ssl.SSLContext"]:
    """What the listeners that encrypt do it with, by their descriptors; raises QuaichError."""
    return {each.fd: context(each.tls, each.name) for each in listeners if each.tls is not None}


def context(tls: Encryption, name: str) -> "ssl.SSLContext":
    """The certificate, key and authority of one listener, read now."""
    import ssl

    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    made.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    made.set_alpn_protocols(["http/1.1"])
    what = f"{tls.certificate} with {tls.key}"
    try:
        made.load_cert_chain(tls.certificate, tls.key, password=_no_password)
        if tls.ciphers:
            what = f"ciphers {tls.ciphers}"
            made.set_ciphers(tls.ciphers)
        if tls.authority:
            what = tls.authority
            made.load_verify_locations(tls.authority)
            made.verify_mode = ssl.CERT_REQUIRED if tls.required else ssl.CERT_OPTIONAL
    except (OSError, ValueError) as error:
        # An SSLError is an OSError whose text names a line of OpenSSL's source.
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        text = str(reason).lower().replace("_", " ")
        raise QuaichError(f"{tls.place}: TLS at {name}: {what}: {text}") from None
    return made


def _no_password() -> str:
    raise ValueError("the key is protected by a password, which a server cannot type")


class Tls:
    """One connection: what reads it before its protocol, and what encodes all that is sent."""

    def __init__(self, made: "ssl.SSLContext") -> None:
        import ssl

        self._ssl = ssl
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._object = made.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._ready = False
        self._failed = False
        self._plain = False
        self.answer = b""

    def read(self, conn: Connection, data: bytes) -> bytes | None:
        """What of ``data`` is for the protocol, None at its end; raises ProtocolError."""
        self._incoming.write(data)
        pieces = []
        ended = False
        try:
            if not self._ready:
                self._object.do_handshake()
                self._ready = True
                conn.variables = self._variables()
            while True:
                piece = self._object.read(_PIECE)
                if not piece:
                    ended = True
                    break
                pieces.append(piece)
        except self._ssl.SSLWantReadError:
            pass
        except self._ssl.SSLError as error:
            self._failed = True
            self._plain = error.reason == "HTTP_REQUEST"
            if self._plain:
                raise ProtocolError(400, "plain HTTP was sent to a port that speaks TLS") from None
            raise ProtocolError(400, f"TLS failed: {error.reason}") from None
        self.answer += self._outgoing.read()
        if ended and not pieces:
            return None
        return b"".join(pieces)

    def encode(self, data: bytes) -> bytes:
        """``data``, encrypted."""
        self._object.write(data)
        return self._outgoing.read()

    def last(self, page: bytes) -> bytes:
        """``page`` as the last that is said; after a failure it can be an alert only."""
        if self._plain:
            return page
        if self._failed:
            return self._outgoing.read()
        return self.encode(page) + self.farewell()

    def farewell(self) -> bytes:
        """A close_notify, once."""
        if not self._ready or self._failed:
            return b""
        self._failed = True
        try:
            self._object.unwrap()
        except self._ssl.SSLError:
            pass  # the other side's close_notify is not waited for
        return self._outgoing.read()

    def _variables(self) -> dict[str, Any]:
        """What is the same in the environ of all requests of the connection."""
        found = {"HTTPS": "on", "wsgi.url_scheme": "https"}
        cipher = self._object.cipher()
        found["SSL_PROTOCOL"] = self._object.version() or ""
        found["SSL_CIPHER"] = cipher[0] if cipher is not None else ""
        if self._object.context.verify_mode == self._ssl.CERT_NONE:
            return found
        # None where there is none; without an authority that vouches for it there is no handshake.
        certificate = self._object.getpeercert()
        found["SSL_CLIENT_VERIFY"] = "SUCCESS" if certificate else "NONE"
        if certificate:
            found.update(_names(certificate))
        return found


def _names(certificate: Any) -> dict[str, str]:
    subject = _pairs(certificate.get("subject", ()))
    issuer = _pairs(certificate.get("issuer", ()))
    return {
        "HTTPS_DN": "".join(f"/{name}={value}" for name, value in subject),
        "SSL_CLIENT_S_DN": _distinguished(subject),
        "SSL_CLIENT_I_DN": _distinguished(issuer),
        "SSL_CLIENT_M_SERIAL": str(certificate.get("serialNumber", "")),
        "SSL_CLIENT_V_START": str(certificate.get("notBefore", "")),
        "SSL_CLIENT_V_END": str(certificate.get("notAfter", "")),
    }


def _pairs(name: Any) -> list[tuple[str, str]]:
    """A name as pairs that an environ can hold, octets as latin-1 like everything else there."""
    return [
        (_SHORT.get(kind, kind), value.encode("utf-8", "replace").decode("latin-1"))
        for group in name
        for kind, value in group
    ]


def _distinguished(pairs: list[tuple[str, str]]) -> str:
    """A name as RFC 2253 writes it, the last part first."""
    return ",".join(f"{name}={_escaped(value)}" for name, value in reversed(pairs))


def _escaped(value: str) -> str:
    out = "".join("\\" + char if char in ',+"\\<>;' else char for char in value)
    if out[:1] in (" ", "#"):
        out = "\\" + out
    if len(out) > 1 and out.endswith(" "):
        out = out[:-1] + "\\ "
    return out
