"""A fork whose child is an orphan at once."""

import errno
import os
import resource

import pytest

from quaich.sys import family, process


def test_the_child_belongs_to_the_adopter() -> None:
    """In a process of its own, which adopts orphans."""
    reader, writer = os.pipe()
    middle = os.fork()
    if middle == 0:
        process.adopt_orphans()
        here = os.getpid()
        pid = family.fork_away()
        if pid == 0:
            # The one in between may still be about to end.
            while os.getppid() != here:
                pass
            os._exit(7)
        done, status = os.waitpid(pid, 0)
        os.write(writer, f"{done == pid} {os.WEXITSTATUS(status)}".encode())
        os._exit(0)
    os.close(writer)
    assert os.waitpid(middle, 0)[1] == 0
    assert os.read(reader, 100) == b"True 7"
    os.close(reader)


@pytest.mark.skipif(os.geteuid() == 0, reason="root has no limit of processes")
def test_no_more_processes() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NPROC)
    resource.setrlimit(resource.RLIMIT_NPROC, (0, hard))
    try:
        with pytest.raises(BlockingIOError):
            family.fork_away()
    finally:
        resource.setrlimit(resource.RLIMIT_NPROC, (soft, hard))


def test_what_the_kernel_refuses_is_an_error() -> None:
    with pytest.raises(OSError, match="prctl") as caught:
        family.prctl(99999)
    assert caught.value.errno == errno.EINVAL
