"""Socket addresses as operators write them, in uWSGI's forms and in ``--bind``'s.

    127.0.0.1:8080  localhost:80  :8080  tcp:host:port  TCP; no host means every IPv4 address
    [::1]:8080  :::8080                                 TCP over IPv6 only
    127.0.0.1:0  127.0.0.1:                             a port that the kernel chooses
    /run/site.sock  site.sock  unix:site.sock           a UNIX socket
    @name  \\0name                                       an abstract UNIX socket
    fd://3  ::                                          inherited from the parent (``::`` is 0)

An abstract name ends in a NUL octet, as uWSGI's does: peers must use the same length.  Refused,
with what was expected: a port that is not one, an IPv6 address without brackets, a UNIX path that
the kernel cannot hold, and the forms of uWSGI that quaich has no counterpart for.
"""

import socket
from enum import Enum

from quaich.errors import ConfigError
from quaich.values import dataclass

# sockaddr_un holds 108 octets, the last of them a NUL.
LONGEST_PATH = 107

FORMS = "host:port, [ipv6]:port, :port, /path, @abstract or fd://N"


class Kind(Enum):
    """What sort of socket an address names."""

    TCP = "tcp"
    UNIX = "unix"
    ABSTRACT = "abstract"
    INHERITED = "inherited"


@dataclass(frozen=True)
class Address:
    """One parsed address; ``name`` is how it is shown.  Fields that do not apply are empty."""

    kind: Kind
    name: str
    host: str = ""
    port: int = 0
    path: str = ""
    fd: int = -1

    @property
    def family(self) -> int:
        """The address family of the socket to create."""
        if self.kind is Kind.TCP:
            return socket.AF_INET6 if ":" in self.host else socket.AF_INET
        return socket.AF_UNIX


def parse(text: str, place: str = "") -> Address:
    """The address that ``text`` writes; ``place`` is where it was written, for the error."""
    try:
        return _parse(text.strip())
    except ValueError as error:
        raise ConfigError(f"{text}: {error}", place) from None


def _parse(text: str) -> Address:
    if not text:
        raise ValueError(f"empty address; expected {FORMS}")
    if "\0" in text:
        raise ValueError("an address cannot contain a NUL octet; expected " + FORMS)
    if text == "::":
        return Address(Kind.INHERITED, "fd://0", fd=0)
    if text.startswith("fd://"):
        number = text.removeprefix("fd://")
        if not _is_number(number) or len(number) > 6:
            raise ValueError("expected the number of an open descriptor after fd://")
        return Address(Kind.INHERITED, text, fd=int(number))
    if text.startswith("unix:"):
        text = text.removeprefix("unix:")
        return _abstract(text) if text.startswith("@") else _unix(text)
    if text.startswith("tcp:"):
        return _tcp(text.removeprefix("tcp:").removeprefix("//"))
    if text.startswith("="):
        raise ValueError("=N stands for a shared-socket only in options that listen")
    if text.startswith("@"):
        return _abstract(text)
    if text.startswith("\\0"):
        return _abstract("@" + text.removeprefix("\\0"))
    if ":" not in text or text.startswith(("/", "./", "../")):
        return _unix(text)
    return _tcp(text)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal()


def _unix(path: str) -> Address:
    size = len(path.encode("utf-8", "surrogateescape"))
    if not path:
        raise ValueError("expected the path of a UNIX socket")
    if size > LONGEST_PATH:
        raise ValueError(f"the path has {size} octets; the kernel allows {LONGEST_PATH}")
    if path.isdecimal():
        raise ValueError(f"expected {FORMS}; did you mean :{path}?")
    return Address(Kind.UNIX, path, path=path)


def _abstract(text: str) -> Address:
    name = text.removeprefix("@")
    size = len(name.encode("utf-8", "surrogateescape"))
    if not name:
        raise ValueError("expected a name after @")
    if size > LONGEST_PATH - 1:
        raise ValueError(f"the name has {size} octets; the kernel allows {LONGEST_PATH - 1}")
    return Address(Kind.ABSTRACT, text, path=f"\0{name}\0")


def _tcp(text: str) -> Address:
    host, colon, port_text = text.rpartition(":")
    if not colon or text.endswith("]"):
        raise ValueError("expected host:port")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        if not _is_ipv6(host):
            raise ValueError("expected an IPv6 address between [ and ]")
    elif host == "::":
        pass
    elif ":" in host:
        raise ValueError(f"an IPv6 address is written [{host}]:{port_text}")
    elif "*" in host:
        raise ValueError("wildcards are not supported; write the address or its host name")
    elif "/" in host or "/" in port_text:
        raise ValueError(f"expected {FORMS}; a relative path with a colon starts with ./")
    if port_text and not _is_number(port_text):
        raise ValueError(f"the port is {port_text!r}; expected a number from 0 to 65535")
    port = int(port_text[:6] or "0")
    if port > 65535:
        raise ValueError(f"the port is {port_text}; expected a number from 0 to 65535")
    host = host or "0.0.0.0"
    return Address(Kind.TCP, tcp_name(host, port), host=host, port=port)


def _is_ipv6(host: str) -> bool:
    try:
        socket.inet_pton(socket.AF_INET6, host.partition("%")[0])
    except OSError:
        return False
    return True


def tcp_name(host: str, port: int) -> str:
    """``host:port``, with brackets where the host needs them."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
