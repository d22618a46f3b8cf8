"""A fork whose child is an orphan at once."""

import errno
import os
import resource

import pytest

from quaich.sys import family, process

COMPILED = not family.__file__.endswith(".py")


def test_the_children_belong_to_the_adopter() -> None:
    """In a process of its own, which adopts orphans."""
    reader, writer = os.pipe()
    middle = os.fork()
    if middle == 0:
        process.adopt_orphans()
        here = os.getpid()
        pids: list[int] = []
        index = family.fork_away(3, pids)
        if index >= 0:
            # The one in between may still be about to end.
            while os.getppid() != here:
                pass
            os._exit(7 + index)
        ended = [os.waitpid(pid, 0) for pid in pids]
        same = [pid for pid, _ in ended] == pids
        statuses = [os.WEXITSTATUS(status) for _, status in ended]
        os.write(writer, f"{index} {same} {statuses}".encode())
        os._exit(0)
    os.close(writer)
    assert os.waitpid(middle, 0)[1] == 0
    assert os.read(reader, 100) == b"-1 True [7, 8, 9]"
    os.close(reader)


@pytest.mark.parametrize(
    ("limit", "most", "reason"),
    [
        pytest.param(
            resource.RLIMIT_NPROC,
            0,
            errno.EAGAIN,
            marks=pytest.mark.skipif(os.geteuid() == 0, reason="root has no limit of processes"),
        ),
        pytest.param(
            resource.RLIMIT_NOFILE,
            3,
            errno.EMFILE,
            marks=pytest.mark.skipif(COMPILED, reason="in C no descriptor is needed"),
        ),
    ],
)
def test_no_more_processes(limit: int, most: int, reason: int) -> None:
    soft, hard = resource.getrlimit(limit)
    pids: list[int] = []
    resource.setrlimit(limit, (most, hard))
    try:
        assert family.fork_away(2, pids) == -1
    finally:
        resource.setrlimit(limit, (soft, hard))
    assert pids == [-reason, -reason]


@pytest.mark.skipif(os.geteuid() != 0, reason="another user cannot become who has processes")
def test_the_one_in_between_can_fork_no_more() -> None:
    """Who forks, who is in between and the first of them count: the limit is reached with three."""
    reader, writer = os.pipe()
    gate, opener = os.pipe()
    middle = os.fork()
    if middle == 0:
        process.adopt_orphans()
        os.setgid(61234)
        os.setuid(61234)
        resource.setrlimit(resource.RLIMIT_NPROC, (3, 3))
        pids: list[int] = []
        index = family.fork_away(3, pids)
        if index >= 0:
            # It counts until the process above, with the other end, has ended.
            os.close(opener)
            os.read(gate, 1)
            os._exit(0)
        os.write(writer, f"{[min(pid, 1) for pid in pids]}".encode())
        os._exit(0)
    os.close(opener)
    assert os.waitpid(middle, 0)[1] == 0
    assert os.read(reader, 100) == f"[1, {-errno.EAGAIN}, {-errno.EAGAIN}]".encode()
    for fd in (writer, reader, gate):
        os.close(fd)


def test_what_the_kernel_refuses_is_an_error() -> None:
    with pytest.raises(OSError, match="prctl") as caught:
        family.prctl(99999)
    assert caught.value.errno == errno.EINVAL
