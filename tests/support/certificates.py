"""Certificates for tests, made by the openssl program: an authority, a server, a client."""

import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

_CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def _run(directory: Path, *args: str) -> None:
    subprocess.run(["openssl", *args], cwd=directory, capture_output=True, check=True, timeout=60)


def make(directory: Path, name: str = "server", subject: str = "/CN=localhost") -> None:
    """``NAME.pem`` and ``NAME.key``, signed by ``ca.pem``, which is made if it is not there."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    if not (directory / "ca.pem").exists():
        own = ("-x509", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Authority")
        _run(directory, "req", *own, "-addext", "keyUsage=critical,keyCertSign,cRLSign", *_CURVE)
    wanted = ("-keyout", f"{name}.key", "-out", f"{name}.csr", "-utf8", "-subj", subject)
    _run(directory, "req", *wanted, *_CURVE)
    # Python 3.13 asks for the identifiers of RFC 5280.
    (directory / "extensions").write_text(
        "subjectAltName=DNS:localhost,IP:127.0.0.1\n"
        "basicConstraints=CA:FALSE\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
    )
    signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "30")
    given = ("-in", f"{name}.csr", "-out", f"{name}.pem", "-extfile", "extensions")
    _run(directory, "x509", "-req", *given, *signed)


def trusting(directory: Path, client: str = "") -> ssl.SSLContext:
    """What a client needs to believe the server, and to show a certificate of its own."""
    context = ssl.create_default_context(cafile=str(directory / "ca.pem"))
    if client:
        context.load_cert_chain(directory / f"{client}.pem", directory / f"{client}.key")
    return context
