"""Certificates and keys that a configuration names: there, readable, belonging together, in date.

The date is found out by a handshake in memory with the certificate as its own authority, since the
standard library reads no certificate otherwise.
"""

import os
import ssl
from collections.abc import Iterator, Sequence

from quaich.config.base import Diagnostic, ListenSpec
from quaich.config.codes import diagnose


def examine(listeners: Sequence[ListenSpec]) -> list[Diagnostic]:
    """A finding per certificate that could not serve."""
    findings = []
    for spec in listeners:
        tls = spec.tls
        if tls is not None:
            for text in _faults(tls.certificate, tls.key, tls.authority):
                findings.append(diagnose("QX420", f"{spec.option}: {text}", tls.place, spec.option))
    return findings


def _faults(certificate: str, key: str, authority: str) -> Iterator[str]:
    paths = [path for path in (certificate, key, authority) if path]
    unusable = [path for path in paths if not os.access(path, os.R_OK) or os.path.isdir(path)]
    for path in unusable:
        yield f"{path} {'may not be read' if os.path.exists(path) else 'does not exist'}"
    if unusable:
        return
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        server.load_cert_chain(certificate, key, password=_no_password)
    except (ssl.SSLError, OSError, ValueError) as error:
        reason = str(getattr(error, "reason", None) or error).lower().replace("_", " ")
        yield f"{certificate} with {key}: {reason}"
        return
    fault = _date_fault(server, certificate)
    if fault:
        yield f"{certificate}: {fault}"


def _no_password() -> str:
    raise ValueError("the key is protected by a password, which a server cannot type")


def _date_fault(server: ssl.SSLContext, certificate: str) -> str:
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        client.load_verify_locations(certificate)
        ends = [
            client.wrap_bio(to_client, to_server),
            server.wrap_bio(to_server, to_client, server_side=True),
        ]
        for _ in range(4):
            for end in ends:
                try:
                    end.do_handshake()
                except ssl.SSLWantReadError:
                    continue
    except ssl.SSLCertVerificationError as error:
        if "expired" in error.verify_message or "not yet valid" in error.verify_message:
            return error.verify_message
    except ssl.SSLError:
        pass  # whatever it is, it is not the date
    return ""
