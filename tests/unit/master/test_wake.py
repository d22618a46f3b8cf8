"""Who is woken, as data."""

import os
import threading

import pytest

from quaich.master.wake import Nudge, Seen, main_state, nudges
from tests.support.processes import wait_until


@pytest.mark.parametrize(
    ("running", "main", "expected"),
    [
        ((), "S", []),
        (((0, 7),), "S", [("SIGWINCH", 7)]),
        (((0, 7),), "D", [("SIGWINCH", 7)]),
        (((0, 7),), "R", []),
        (((0, 7),), "T", []),
        (((0, 7),), "", []),
        (((1, 7),), "S", [("SIGUSR2", 0)]),
        (((0, 7), (2, 9), (3, 9)), "S", [("SIGWINCH", 7), ("SIGUSR2", 0)]),
        (((0, 7), (2, 9)), "R", [("SIGUSR2", 0)]),
    ],
)
def test_who_is_sent_what(
    running: tuple[tuple[int, int], ...], main: str, expected: list[tuple[str, int]]
) -> None:
    workers = [Seen(40, running, main), Seen(41, (), "R")]
    assert nudges(workers) == [Nudge(40, name, since) for name, since in expected]


def test_the_state_of_a_main_thread() -> None:
    assert main_state(os.getpid()) == "R"
    pid = os.fork()
    if pid == 0:
        threading.Event().wait(30)
        os._exit(0)
    try:
        wait_until(lambda: main_state(pid) == "S", 10, "it sleeps")
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
    assert main_state(pid) == ""
