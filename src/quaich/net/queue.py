"""How many connections wait in the kernel to be accepted.

TCP tells it by TCP_INFO of the listening socket; a UNIX socket's queue is only told by the kernel's
socket diagnostics (netlink), to which a question about one inode costs two short system calls.
Where the kernel says nothing (diagnostics not built in, a socket of another network namespace), the
answer is None: who asks must do without.
"""

import os
import socket
import struct

_TCP_INFO_LISTEN = struct.Struct("=8x4I2I")
# linux/netlink.h, linux/sock_diag.h, linux/unix_diag.h
_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_NLM_F_REQUEST = 1
_UDIAG_SHOW_RQLEN = 0x10
_UNIX_DIAG_RQLEN = 4
_HEADER = struct.Struct("=IHHII")
_REQUEST = struct.Struct("=BBHIIIII")
_MESSAGE = struct.Struct("=BBBBIII")
_ATTRIBUTE = struct.Struct("=HH")
_LENGTHS = struct.Struct("=II")
_ANY_COOKIE = 0xFFFFFFFF
_PATIENCE = 0.2


def listen_queue(fd: int) -> tuple[int, int] | None:
    """How many connections wait at a listening socket, and how many may."""
    try:
        with socket.socket(fileno=os.dup(fd)) as sock:
            if sock.family == socket.AF_UNIX:
                return _unix(os.fstat(fd).st_ino)
            if sock.family in (socket.AF_INET, socket.AF_INET6):
                return _tcp(sock)
    except OSError:
        pass
    return None


def _tcp(sock: socket.socket) -> tuple[int, int] | None:
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_LISTEN.size)
    if len(info) < _TCP_INFO_LISTEN.size:
        return None
    # tcpi_unacked and tcpi_sacked, which mean this in the state LISTEN.
    *_, waiting, most = _TCP_INFO_LISTEN.unpack(info)
    return waiting, most


def _unix(inode: int) -> tuple[int, int] | None:
    request = _REQUEST.pack(
        *(socket.AF_UNIX, 0, 0, 0, inode, _UDIAG_SHOW_RQLEN, _ANY_COOKIE, _ANY_COOKIE)
    )
    header = _HEADER.pack(
        _HEADER.size + len(request), _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, inode & 0xFFFFFFFF, 0
    )
    with socket.socket(
        socket.AF_NETLINK, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, _NETLINK_SOCK_DIAG
    ) as kernel:
        kernel.settimeout(_PATIENCE)
        kernel.sendto(header + request, (0, 0))
        return _read(kernel.recv(4096), inode)


def _read(packet: bytes, inode: int) -> tuple[int, int] | None:
    if len(packet) < _HEADER.size + _MESSAGE.size:
        return None
    size, kind, _, _, _ = _HEADER.unpack_from(packet)
    if kind != _SOCK_DIAG_BY_FAMILY or _MESSAGE.unpack_from(packet, _HEADER.size)[4] != inode:
        return None
    place, end = _HEADER.size + _MESSAGE.size, min(size, len(packet))
    while place + _ATTRIBUTE.size <= end:
        length, kind = _ATTRIBUTE.unpack_from(packet, place)
        if length < _ATTRIBUTE.size:
            return None
        if kind == _UNIX_DIAG_RQLEN and length >= _ATTRIBUTE.size + _LENGTHS.size:
            waiting, most = _LENGTHS.unpack_from(packet, place + _ATTRIBUTE.size)
            return waiting, most
        place += length + 3 & ~3
    return None
