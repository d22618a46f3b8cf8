"""What a process of the application may take of the machine: limits, niceness, CPUs, sockets.

``claim`` is for the process that loads the application, before it loses its privileges (raising a
limit needs them), and what it sets passes to every worker; ``settle`` is for each worker.
"""

import os
import resource
from collections.abc import Sequence
from typing import TypeVar

from quaich.config.effective import Config
from quaich.config.together import socket_map
from quaich.errors import QuaichError

_MEGABYTE = 1024 * 1024
_T = TypeVar("_T")


def claim(config: Config) -> None:
    """Set the limits that hold for every process of the application."""
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
