"""Certificates that certbot makes: whether they are there, and how to get them.

nginx does not start with a certificate that is not there, and certbot proves a host through nginx:
so a site is first served over HTTP alone, and over HTTPS once certbot has been.
"""

import os
import shlex

from quaich.nginx.facts import Front
from quaich.nginx.secure import files
from quaich.values import replace


def settled(front: Front) -> Front:
    """The facts as they can be served now."""
    is_pending = front.tls.kind == "certbot" and not all(map(os.path.exists, files(front)))
    return replace(front, tls=replace(front.tls, is_pending=is_pending))


def prepare(front: Front) -> None:
    """Make the directory that certbot leaves its proofs in."""
    if front.tls.kind == "certbot":
        os.makedirs(front.tls.webroot, mode=0o755, exist_ok=True)


def command(front: Front) -> list[str]:
    """The command that gets the certificate, and that nginx takes up each renewal with."""
    words = ["certbot", "certonly", "--webroot", "-w", front.tls.webroot]
    words += [part for host in front.hosts for part in ("-d", host)]
    if front.tls.contact:
        words += ["-m", front.tls.contact]
    return [*words, "--agree-tos", "-n", "--deploy-hook", "nginx -s reload"]


def advice(front: Front) -> list[str]:
    """What is left to do until HTTPS is spoken, a line each."""
    if not front.tls.is_pending:
        return []
    how = shlex.join(command(front))
    return [f"no certificate of {front.hosts[0]} yet, so HTTP only; get it and apply again: {how}"]
