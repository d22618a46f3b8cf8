"""The courier's beginning, in the process that was made for it: open the sinks, then work.

Where no sink is a file, which has to be opened again one day, it becomes the user that workers run
as; it executes no code of the application either way.
"""

import mmap
import os
import signal
import socket
from collections.abc import Callable, Collection

from quaich.config.effective import Config
from quaich.config.outlets import log_alarm
from quaich.log.courier.bell import Bell
from quaich.log.courier.encode import encoder
from quaich.log.courier.making import outlet
from quaich.log.courier.outlets import File, Outlet, Stream
from quaich.log.courier.plan import Plan, plan
from quaich.log.courier.work import Courier, Queue
from quaich.log.file import Target
from quaich.values import dataclass

_TOLD = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)


@dataclass(frozen=True)
class Setting:
    """What the master has prepared: descriptors, and ``otherwise``, the log file there would have
    been; ``origin`` is the stderr from before, ``bell`` where the master hears of alarms."""

    inlet: int
    pipe: int
    bell: int
    counters: int
    origin: int
    otherwise: Target | None
    target: Callable[[str], Target]
    now: Callable[[], float]


def queues(config: Config, the_plan: Plan, setting: Setting) -> list[Queue]:
    """The sinks of a plan, none of them open."""

    def file(name: str) -> Outlet:
        return File(setting.target(name), config.log_maxsize, config.log_backupname, setting.now)

    found = []
    for index, sink in enumerate(the_plan.sinks):
        encoders = [encoder(each) for each in the_plan.encoders(config, index)]
        made = outlet(
            sink,
            origin=setting.origin,
            file=file,
            # In uWSGI's place, what collects the lines looks for its name.
            ident="quaich" if config.door == "modern" else "uwsgi",
            host=socket.gethostname(),
            packet=config.rsyslog_packet_size,
        )
        found.append(Queue(sink.shown, made, encoders))
    last: Outlet = Stream(setting.origin)
    if setting.otherwise is not None:
        last = file(setting.otherwise.name)
    encoders = [encoder(each) for each in the_plan.encoders(config, len(found))]
    found.append(Queue("stderr" if setting.otherwise is None else "log", last, encoders))
    return found


def begin(config: Config, setting: Setting, become: Callable[[], None]) -> None:
    """Be the courier until the server ends; ``become`` gives up privileges."""
    told, teller = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(teller, warn_on_full_buffer=False)
    for number in _TOLD:
        signal.signal(number, lambda number, frame: None)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    the_plan = plan(config)
    found = queues(config, the_plan, setting)
    for queue in found:
        queue.outlet.open()
    if not any(isinstance(queue.outlet, File) for queue in found):
        become()
    memory = mmap.mmap(setting.counters, 0)
    cells = memoryview(memory).cast("Q")

    def count(index: int, sent: int, dropped: int) -> None:
        cells[2 * index] = sent
        cells[2 * index + 1] = dropped

    inlet = socket.socket(fileno=setting.inlet)
    bell = None
    if config.log_alarm:
        alarms = [log_alarm(text) for text in config.log_alarm]
        bell = Bell(alarms, config.not_log_alarm, socket.socket(fileno=setting.bell))
    Courier(found, the_plan.routings(config), inlet, setting.pipe, count, bell).run(told)


def keep_only(kept: Collection[int]) -> None:
    """Close every other descriptor: listening sockets above all, and the master's lifeline."""
    for name in os.listdir("/proc/self/fd"):
        if int(name) not in kept:
            try:
                os.close(int(name))
            except OSError:
                pass  # the one that listed them
