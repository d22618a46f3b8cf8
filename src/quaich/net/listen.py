"""Opening the listening sockets, so that nothing about them is ever briefly wrong.

The mode of a UNIX socket is right before it listens; a socket file is replaced only when nobody
answers on it, and anything else at its path is left alone.  An address that cannot be used is a
``BindError`` that names the address, the reason and the option.
"""

import errno
import grp
import os
import pwd
import socket
import stat
from collections.abc import Callable, Sequence

from quaich.config.base import Encryption, ListenSpec
from quaich.errors import BindError, ConfigError
from quaich.net import inherit
from quaich.net.address import Address, Kind, parse, tcp_name
from quaich.values import dataclass, replace

DEFAULT_BACKLOG = 100
SOMAXCONN = "/proc/sys/net/core/somaxconn"

# linux/in.h; the socket module does not name it.
_IP_FREEBIND = 15

# How long a connection without a byte may stay in the kernel before it is handed over anyway.
DEFER_SECONDS = 3


@dataclass(frozen=True)
class BoundListener:
    """A listening socket: non-blocking, close-on-exec.

    ``path`` is the file of a UNIX socket that we made, absolute, and ``inode`` its device and
    inode, by which it is known again before it is removed; ``tls`` is set where it encrypts.
    """

    fd: int
    protocol: str
    name: str
    family: int
    path: str | None = None
    inode: tuple[int, int] | None = None
    tls: Encryption | None = None


@dataclass(frozen=True)
class UnixRights:
    """Who may connect to the UNIX sockets: mode, and owner as ``user[:group]``."""

    mode: int | None = None
    owner: str | None = None
    owner_place: str = ""


@dataclass(frozen=True)
class SocketOptions:
    """What is asked of the kernel about listening sockets, and the connections that come by them.

    ``defer`` leaves a TCP connection in the kernel until its first data is there; ``fast_open`` is
    how many may come with data in their first packet; ``abstract`` makes every UNIX socket one
    without a file.
    """

    defer: bool = True
    reuse_port: bool = False
    freebind: bool = False
    keepalive: bool = False
    send_buffer: int | None = None
    receive_buffer: int | None = None
    fast_open: int | None = None
    abstract: bool = False


def backlog(wanted: int, written: str | None, somaxconn: int | None) -> int:
    """The length of the listen queue.

    ``written`` is the place of the option, None when it is the default.  The kernel would shorten
    a longer queue in silence; a default may be shortened, what was asked for is refused.
    """
    if somaxconn is None or wanted <= somaxconn:
        return wanted
    if written is None:
        return somaxconn
    raise ConfigError(
        f"listen = {wanted}: net.core.somaxconn allows at most {somaxconn}; "
        f"lower it, or raise that with sysctl -w net.core.somaxconn={wanted}",
        written,
    )


def read_somaxconn() -> int | None:
    """The longest listen queue that the kernel grants here, None when it does not say."""
    try:
        with open(SOMAXCONN, encoding="ascii") as file:
            return int(file.read())
    except (OSError, ValueError):
        return None


def open_listeners(
    specs: Sequence[ListenSpec],
    *,
    queue: int,
    rights: UnixRights,
    options: SocketOptions = SocketOptions(),
    inherited: Sequence[int] = (),
    protocol: str = "uwsgi",
    on_open: Callable[[BoundListener], None],
) -> None:
    """Open every socket; ``on_open`` learns of each at once, so that a failure can undo them.

    Relative paths are taken from the current directory.  Inherited sockets serve the addresses
    they are bound to; those that no option names speak ``protocol``.
    """
    directory = os.getcwd()
    addresses = [_meant(parse(spec.address, spec.place), options) for spec in specs]
    given = {fd: inherit.adopt(fd, "systemd") for fd in inherited}
    try:
        for spec, address in zip(specs, addresses, strict=True):
            match = next(
                (
                    fd
                    for fd, sock in given.items()
                    if fd == address.fd or inherit.is_bound_to(sock, address, directory)
                ),
                None,
            )
            if match is not None:
                found = _adopted(given.pop(match), spec.protocol, options)
                os.close(match)
            else:
                found = open_listener(spec, queue=queue, rights=rights, options=options)
            on_open(replace(found, tls=spec.tls))
        for fd in list(given):
            on_open(_adopted(given.pop(fd), protocol, options))
            os.close(fd)
    finally:
        for sock in given.values():
            sock.close()


def open_listener(
    spec: ListenSpec,
    *,
    queue: int,
    rights: UnixRights,
    options: SocketOptions = SocketOptions(),
) -> BoundListener:
    """Open one socket."""
    address = _meant(parse(spec.address, spec.place), options)
    source = f"(from {spec.option}{', ' if spec.option and spec.place else ''}{spec.place})"
    if address.kind is Kind.INHERITED:
        inherited = inherit.adopt(address.fd, f"{address.name} {source}")
        adopted = _adopted(inherited, spec.protocol, options)
        if address.fd > 2:
            os.close(address.fd)
        return adopted
    try:
        if address.kind is Kind.TCP:
            return _open_tcp(address, spec.protocol, queue, options)
        return _open_unix(address, spec.protocol, queue, rights)
    except BindError as error:
        raise BindError(f"{address.name}: {error} {source}") from None
    except OSError as error:
        raise BindError(f"{address.name}: {_reason(error, address)} {source}") from None


def _meant(address: Address, options: SocketOptions) -> Address:
    """The address, or the abstract socket of its name where all UNIX sockets are to be such."""
    if options.abstract and address.kind is Kind.UNIX:
        return parse(f"@{address.path}")
    return address


def _adopted(sock: socket.socket, protocol: str, options: SocketOptions) -> BoundListener:
    name = inherit.name_of(sock)
    if sock.family != socket.AF_UNIX:
        _prepare(sock, options)
    return BoundListener(sock.detach(), protocol, name, sock.family)


def _reason(error: OSError, address: Address) -> str:
    if isinstance(error, socket.gaierror):
        return f"the host name {address.host} cannot be resolved"
    reason = (error.strerror or str(error)).lower()
    if error.errno == errno.EACCES and address.kind is Kind.TCP and address.port < 1024:
        return f"{reason}; ports below 1024 need root or CAP_NET_BIND_SERVICE"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"this machine does not have the address {address.host}"
    return reason


def _prepare(sock: socket.socket, options: SocketOptions) -> None:
    """Set what accepted sockets inherit: one call here instead of one a connection."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if options.keepalive:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if options.send_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, options.send_buffer)
    if options.receive_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, options.receive_buffer)


def _open_tcp(address: Address, protocol: str, queue: int, options: SocketOptions) -> BoundListener:
    host: str | bytes = address.host
    if address.host.isascii():
        # A str is encoded by idna first, which is much to import for an address.
        host = address.host.encode()
    found = socket.getaddrinfo(host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    # Where a name means both, IPv4 is what uWSGI takes.
    family, _, _, _, target = min(found, key=lambda each: each[0] != socket.AF_INET)
    sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if options.reuse_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if options.freebind:
            sock.setsockopt(socket.IPPROTO_IP, _IP_FREEBIND, 1)
        if options.fast_open:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, options.fast_open)
        if options.defer:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, DEFER_SECONDS)
        _prepare(sock, options)
        sock.bind(target)
        sock.listen(queue)
        bound = sock.getsockname()
    except BaseException:
        sock.close()
        raise
    return BoundListener(sock.detach(), protocol, tcp_name(bound[0], bound[1]), family)


def _open_unix(address: Address, protocol: str, queue: int, rights: UnixRights) -> BoundListener:
    is_file = address.kind is Kind.UNIX
    owner = _owner(rights) if is_file and rights.owner is not None else None
    if is_file:
        _remove_stale(address.path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    made = None
    try:
        if not is_file:
            sock.bind(os.fsencode(address.path))
            sock.listen(queue)
            return BoundListener(sock.detach(), protocol, address.name, socket.AF_UNIX)
        _bind_with_mode(sock, address.path, rights.mode)
        info = os.lstat(address.path)
        made = (info.st_dev, info.st_ino)
        if owner is not None:
            os.chown(address.path, *owner, follow_symlinks=False)
        sock.listen(queue)
    except BaseException:
        sock.close()
        if made is not None:
            remove_file(address.path, made)
        raise
    path = os.path.abspath(address.path)
    return BoundListener(sock.detach(), protocol, address.name, socket.AF_UNIX, path, made)


def _bind_with_mode(sock: socket.socket, path: str, mode: int | None) -> None:
    # The file gets 0777 without the bits of the mask: no moment with another mode, no chmod.
    before = os.umask(0o777 & ~mode) if mode is not None else None
    try:
        sock.bind(path)
    finally:
        if before is not None:
            os.umask(before)


def _owner(rights: UnixRights) -> tuple[int, int]:
    text = rights.owner or ""
    user, _, group = text.partition(":")
    try:
        uid = -1 if not user else int(user) if user.isdecimal() else pwd.getpwnam(user).pw_uid
    except KeyError:
        raise ConfigError(
            f"chown-socket = {text}: there is no user {user}", rights.owner_place
        ) from None
    try:
        gid = -1 if not group else int(group) if group.isdecimal() else grp.getgrnam(group).gr_gid
    except KeyError:
        raise ConfigError(
            f"chown-socket = {text}: there is no group {group}", rights.owner_place
        ) from None
    return uid, gid


def _remove_stale(path: str) -> None:
    try:
        info = os.lstat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(info.st_mode):
        raise BindError("a file that is not a socket is there; remove it or choose another path")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
        except FileNotFoundError:
            return
        except BlockingIOError:
            pass  # its queue is full: somebody listens
    raise BindError("address already in use: another program listens on this socket")


def remove_file(path: str, inode: tuple[int, int]) -> None:
    """Remove a file if it still is the one we made."""
    try:
        info = os.lstat(path)
        if (info.st_dev, info.st_ino) == inode:
            os.unlink(path)
    except OSError:
        pass  # gone already, or no longer ours to remove
