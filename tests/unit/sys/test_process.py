import os
import signal
from collections.abc import Callable

import pytest

from quaich.sys import process


def in_child(run: Callable[[], bool]) -> bool:
    """Run in a forked child; whether it returned True."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            status = 0 if run() else 1
        finally:
            os._exit(status)
    return os.waitpid(pid, 0)[1] == 0


def test_a_parent_that_is_gone_is_noticed() -> None:
    parent = os.getpid()
    assert in_child(lambda: process.die_with_parent(parent))
    assert in_child(lambda: not process.die_with_parent(1))


def test_orphans_are_adopted() -> None:
    def run() -> bool:
        process.adopt_orphans()
        reader, writer = os.pipe()
        if os.fork() == 0:
            if os.fork() == 0:
                os.read(reader, 1)
                os._exit(7)
            os._exit(0)
        os.wait()
        os.write(writer, b"!")
        return os.waitstatus_to_exitcode(os.wait()[1]) == 7

    assert in_child(run)


def test_no_new_privileges() -> None:
    def run() -> bool:
        process.gain_no_privileges()
        with open("/proc/self/status") as file:
            return "NoNewPrivs:\t1" in file.read()

    assert in_child(run)


@pytest.mark.parametrize("closed", [(0,), (2,), (0, 1, 2)])
def test_closed_standard_descriptors_are_opened(closed: tuple[int, ...]) -> None:
    def run() -> bool:
        for fd in closed:
            os.close(fd)
        process.open_standard_descriptors()
        opened = [os.readlink(f"/proc/self/fd/{fd}") for fd in closed]
        return opened == ["/dev/null"] * len(closed) and os.get_inheritable(closed[0])

    assert in_child(run)


def test_signals_left_blocked_or_ignored_are_reset() -> None:
    def run() -> bool:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        process.reset_signals()
        return (
            not signal.pthread_sigmask(signal.SIG_BLOCK, ())
            and signal.getsignal(signal.SIGCHLD) is signal.SIG_DFL
            and signal.getsignal(signal.SIGHUP) is signal.SIG_DFL
        )

    assert in_child(run)


@pytest.mark.parametrize(
    ("status", "text"),
    [(0, "exit=0"), (22 << 8, "exit=22"), (11, "signal=SIGSEGV"), (134, "signal=SIGABRT")],
)
def test_the_end_of_a_process_in_words(status: int, text: str) -> None:
    assert process.describe_end(status) == text
