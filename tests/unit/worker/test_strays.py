"""What processes that the application forks let go of."""

import errno
import os
import socket
from typing import Any

import pytest

from quaich.worker import strays
from quaich.worker.lounge import open_pair
from tests.support.desk import GET, hall, reply_from


def hello(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


def test_the_number_stays_taken() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        strays.let_go_of([ours.fileno()])
        assert theirs.recv(1) == b"", "nobody holds the other end"
        assert os.path.samestat(os.fstat(ours.fileno()), os.stat(os.devnull))


def test_no_descriptor_to_do_it_with(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def let_go(fd: int) -> None:
        tried.append(fd)
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(strays, "let_go", let_go)
    strays.let_go_of([7, 8])
    assert tried == [7]


@pytest.mark.parametrize("lounge", [False, True])
def test_a_fork_of_a_worker_holds_none_of_its_clients(lounge: bool) -> None:
    """Whether the worker has heirs, to which it would hand them, or not."""
    ends = open_pair() if lounge else None
    with hall(hello, lounge=ends) as here:
        client = here.client(GET)
        reply_from(client)
        here.parked()
        # While it serves, others may be about to touch what it holds.
        here.pause()
        pid = os.fork()
        if pid == 0:
            here.engine.forsake()
            fds = [here.listener.fileno(), *here.engine.table]
            gone = [os.readlink(f"/proc/self/fd/{fd}") for fd in fds]
            os._exit(0 if gone == [os.devnull] * 2 else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        here.engine.resume()
        client.sendall(GET)
        assert reply_from(client).endswith(b"hello"), "its own parent still serves it"
