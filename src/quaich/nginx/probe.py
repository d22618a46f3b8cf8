"""Whether a site answers through nginx, asked as a client would."""

import http.client
import socket
import ssl

from quaich.nginx.facts import Front

_TIMEOUT = 10
_GATEWAY = (502, 504)
_SERVED = "X-Request-ID"


def ask(front: Front, path: str = "/", expected: tuple[int, ...] = ()) -> str:
    """Request ``path`` of the site's first host; what is wrong, or nothing.

    Without ``expected`` any status is right but those that nginx gives for an application that
    cannot be reached: whether the application is healthy was asked before.
    """
    listen = front.listen[0]
    tls = front.tls
    port = tls.port if tls.is_on else listen.port
    address = listen.address.strip("[]") or "127.0.0.1"
    host = front.hosts[0].replace("*", "quaich")
    shown = f"{'https' if tls.is_on else 'http'}://{host}:{port}{path}"
    if front.real_ip_header == "proxy_protocol":
        return _connects(address, port, shown)
    try:
        connection = _connected(address, port, host, tls.is_on)
    except OSError as error:
        return f"{shown}: {error}"
    try:
        usual = 443 if tls.is_on else 80
        named = host if port == usual else f"{host}:{port}"
        connection.putrequest("GET", path, skip_host=True)
        connection.putheader("Host", named)
        connection.putheader("User-Agent", "quaich")
        connection.putheader("Connection", "close")
        connection.endheaders()
        reply = connection.getresponse()
        mine = reply.getheader(_SERVED)
        status = reply.status
    except (OSError, http.client.HTTPException) as error:
        return f"{shown}: {error or type(error).__name__}"
    finally:
        connection.close()
    if mine is None:
        return f"{shown}: status {status}, but by another server block"
    if expected and status not in expected:
        return f"{shown}: status {status}, expected {' or '.join(map(str, expected))}"
    if not expected and status in _GATEWAY:
        return f"{shown}: status {status}; nginx cannot reach the application"
    return ""


def _connected(address: str, port: int, host: str, is_secure: bool) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection(host, port, timeout=_TIMEOUT)
    made = socket.create_connection((address, port), _TIMEOUT)
    if is_secure:
        # The certificate may be a test's or the site's own; clients will judge it.
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        try:
            made = context.wrap_socket(made, server_hostname=host.strip("[]"))
        except OSError:
            made.close()
            raise
    connection.sock = made
    return connection


def _connects(address: str, port: int, shown: str) -> str:
    """Only whether it listens: a client that sends no PROXY header gets nothing."""
    try:
        socket.create_connection((address, port), _TIMEOUT).close()
    except OSError as error:
        return f"{shown}: {error}"
    return ""
