"""What the kernel says about processes: who is in a session, what they hold and what they cost."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGESIZE")


def wait_until(condition: Callable[[], object], timeout: float, what: str) -> None:
    """Poll until the condition is true; fail with ``what`` was waited for after ``timeout`` s."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout} s: {what}")
        time.sleep(0.01)


@dataclass(frozen=True)
class Stat:
    pid: int
    name: str
    state: str
    parent: int
    session: int
    utime: float
    stime: float


def stat(pid: int) -> Stat | None:
    """The process's line in /proc, or None when it is gone."""
    try:
        # A name is cut after 15 octets, which may be inside a character.
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name is in parentheses and may itself hold spaces and parentheses.
    name = text[text.index("(") + 1 : text.rindex(")")]
    fields = text[text.rindex(")") + 2 :].split()
    return Stat(
        pid=pid,
        name=name,
        state=fields[0],
        parent=int(fields[1]),
        session=int(fields[3]),
        utime=int(fields[11]) / TICK,
        stime=int(fields[12]) / TICK,
    )


def in_session(session: int) -> list[Stat]:
    """The living processes of a session, zombies left out."""
    found = (stat(int(entry)) for entry in os.listdir("/proc") if entry.isdigit())
    return [each for each in found if each and each.session == session and each.state != "Z"]


def open_descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def resident(pid: int) -> int:
    """The resident memory of a process, in bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
