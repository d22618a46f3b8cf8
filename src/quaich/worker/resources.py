"""What a process of the application may take of the machine: limits, niceness, CPUs, sockets.

``claim`` is for the process that loads the application, before it loses its privileges (raising a
limit needs them), and what it sets passes to every worker; ``settle`` is for each worker.
"""

import errno
import os
import resource
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from quaich.config.effective import Config
from quaich.config.together import socket_map
from quaich.errors import QuaichError
from quaich.sys import process

_MEGABYTE = 1024 * 1024
_T = TypeVar("_T")


class Shortage(QuaichError):
    """``limit-as`` leaves no room for what has to be done."""


def claim(config: Config) -> None:
    """Set the limits that hold for every process of the application."""
    taken = process.memory()[0] if config.limit_as else 0
    if config.limit_as and config.limit_as * _MEGABYTE <= taken:
        # Under it nobody could even say why.
        megabytes = -(-taken // _MEGABYTE)
        raise Shortage(_too_little(config, f"{megabytes} MB are taken before anything is loaded"))
    for option, kind, value in (
        ("limit-as", resource.RLIMIT_AS, (config.limit_as or 0) * _MEGABYTE),
        ("limit-nproc", resource.RLIMIT_NPROC, config.limit_nproc),
        ("max-fd", resource.RLIMIT_NOFILE, config.max_fd),
    ):
        if value:
            _limit(config, option, kind, value)
    if config.prio is not None:
        try:
            os.setpriority(os.PRIO_PROCESS, 0, config.prio)
        except OSError as error:
            raise _refused(config, "prio", config.prio, error) from None


def shortage(config: Config, error: BaseException) -> str:
    """What to say of an error behind which there is ``limit-as``, or nothing."""
    seen: BaseException | None = error
    while config.limit_as and seen is not None:
        if _is_shortage(seen):
            return _too_little(config, "memory ran out under it")
        seen = seen.__cause__ or seen.__context__
    return ""


@contextmanager
def within_limits(config: Config) -> Iterator[None]:
    """Have what ``limit-as`` makes impossible end in a ``Shortage`` that says so."""
    try:
        yield
    except (MemoryError, SystemError, OSError, RuntimeError, ImportError) as error:
        text = shortage(config, error)
        if not text:
            raise
        raise Shortage(text) from None


def _is_shortage(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    # An interpreter that is short of memory may fail to say so.
    if isinstance(error, (MemoryError, SystemError)):
        return True
    # Its words, for a stack, and those of the loader of shared objects.
    words = ("can't start new thread", "failed to map segment", "Cannot allocate memory")
    return any(each in str(error) for each in words)


def _too_little(config: Config, what: str) -> str:
    place = config.place_of("limit-as")
    return (
        f"{place}{': ' if place else ''}limit-as = {config.limit_as}: {what}; "
        "expected more megabytes (1024, say)"
    )


def settles(config: Config) -> bool:
    """Whether ``settle`` has anything to do."""
    return bool(config.cpu_affinity or config.threads_stacksize)


def settle(config: Config, slot: int) -> None:
    """Give a worker its CPUs and its threads their stacks."""
    if config.cpu_affinity:
        available = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, cpus(slot, config.cpu_affinity, available))
    if config.threads_stacksize:
        import threading

        threading.stack_size(config.threads_stacksize * 1024)


def cpus(slot: int, count: int, available: Sequence[int]) -> set[int]:
    """The CPUs of a worker: ``count`` of them, dealt out in turn."""
    first = (slot - 1) * count
    return {available[(first + number) % len(available)] for number in range(count)}


def served(config: Config, slot: int, doors: Sequence[_T]) -> Sequence[_T]:
    """What a worker accepts from: all but what ``map-socket`` gives to others only."""
    if not config.map_socket:
        return doors
    mapped = socket_map(config.map_socket)
    return [each for number, each in enumerate(doors) if slot in mapped.get(number, {slot})]


def _limit(config: Config, option: str, kind: int, value: int) -> None:
    try:
        resource.setrlimit(kind, (value, value))
    except (OSError, ValueError) as error:
        raise _refused(config, option, getattr(config, option.replace("-", "_")), error) from None


def _refused(config: Config, option: str, value: object, error: Exception) -> QuaichError:
    place = config.place_of(option)
    reason = getattr(error, "strerror", None) or str(error)
    advice = "; only root can raise it" if isinstance(error, (PermissionError, ValueError)) else ""
    return QuaichError(
        f"{place}{': ' if place else ''}{option} = {value}: {reason.lower()}{advice}"
    )
