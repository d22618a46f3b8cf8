import os
import socket

from quaich.machine import ports

HEAD = "  sl  local_address rem_address   st tx_queue tr tm->when retrnsmt uid timeout inode\n"


def row(address: str, state: str, inode: int) -> str:
    return f"   0: {address} 00000000:0000 {state} 0:0 0:0 0 0 0 {inode} 1\n"


def test_rows() -> None:
    text = HEAD + row("0100007F:1F90", "0A", 1) + row("00000000:0050", "0A", 2)
    text += row("00000000000000000000000001000000:0051", "0A", 3) + row(f"{'0' * 32}:0050", "0A", 4)
    text += row("0000000000000000FFFF00000100007F:0052", "0A", 5) + row("0100007F:0001", "01", 6)
    assert list(ports.rows(text)) == [
        (8080, True, "1"),
        (80, False, "2"),
        (81, True, "3"),
        (80, False, "4"),
        (82, True, "5"),
    ]


def test_a_socket_of_this_process() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        (found,) = ports.listeners([port])
    assert (found.port, found.is_local, found.pid) == (port, True, os.getpid())
    assert "python" in found.name or "pytest" in found.name
    assert ports.listeners([port]) == []
