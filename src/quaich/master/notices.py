"""What the service manager is told, as data: a view of the server in, messages out.

The messages are systemd's (sd_notify): READY when the first generation serves and after every
reload, RELOADING before one, STOPPING, a STATUS in words, the watchdog's sign of life, and more
time while something loads; that for at most ``LONGEST``, and not for a start that seems in vain, so
that such a start, or one that hangs, is still ended.
"""

from quaich.values import dataclass

LONGEST = 600.0
"""Seconds for which more time is asked: the slowest start that is taken for one."""

EXTENSION = 30.0
_EXTEND_EVERY = 10.0


@dataclass(frozen=True)
class View:
    """The server: the generation that serves (0: none yet), its workers, and what goes on.

    ``raising`` is the generation that a reload brings up, 0 when there is no reload; ``in_vain`` a
    start whose workers die before they are ready.
    """

    serving: int
    workers: int
    raising: int = 0
    ending: bool = False
    in_vain: bool = False


class Notices:
    """Remembers what was told, ``before`` to begin with.

    ``due`` is when to be asked again although nothing happens.
    """

    def __init__(self, watchdog: float, now: float, before: View | None = None) -> None:
        # Half of what is granted, as systemd's manual has it.
        self._pulse = watchdog / 2
        self._next_pulse = now + self._pulse if watchdog else None
        self._next_extension: float | None = now
        self._since = now
        self._before = before
        self._reloading = 0

    def due(self) -> float | None:
        """The next sign of life, or the next asking for time."""
        times = (self._next_pulse, self._next_extension)
        return min((each for each in times if each is not None), default=None)

    def look(self, view: View, now: float) -> list[str]:
        """The messages that are due."""
        messages = self._news(view, now)
        self._before = view
        loading = not view.ending and (not view.serving or bool(self._reloading))
        hopeless = view.in_vain and not view.raising
        if not loading or hopeless or now - self._since > LONGEST:
            self._next_extension = None
        elif self._next_extension is None or now >= self._next_extension:
            self._next_extension = now + _EXTEND_EVERY
            messages.append(f"EXTEND_TIMEOUT_USEC={int(EXTENSION * 1000000)}")
        if self._next_pulse is not None and now >= self._next_pulse:
            self._next_pulse = now + self._pulse
            messages.append("WATCHDOG=1")
        return messages

    def _news(self, view: View, now: float) -> list[str]:
        before = self._before
        if view.ending:
            if before is None or not before.ending:
                return [self._with_status("STOPPING=1", "stopping")]
            return []
        if not view.serving and view.in_vain and not (before and before.in_vain):
            return [self._with_status("", "workers die before they are ready, see the log")]
        if not view.serving:
            return [] if before else [self._with_status("", "loading the application")]
        serves = f"generation {view.serving}, {view.workers} worker{'s'[: view.workers != 1]}"
        if before is None or not before.serving:
            return [self._with_status("READY=1", serves)]
        found = []
        if self._reloading and view.raising != self._reloading:
            text = serves
            if view.serving < self._reloading:
                text = f"{serves}; generation {self._reloading} was dropped, see the log"
            self._reloading = 0
            found.append(self._with_status("READY=1", text))
        elif view != before and not view.raising and view.workers != before.workers:
            found.append(self._with_status("", serves))
        if view.raising and not self._reloading:
            self._reloading, self._since = view.raising, now
            self._next_extension = now + _EXTEND_EVERY
            state = f"RELOADING=1\nMONOTONIC_USEC={int(now * 1000000)}"
            found.append(self._with_status(state, f"{serves}; generation {view.raising} loads"))
        return found

    def _with_status(self, state: str, text: str) -> str:
        return f"{state}\nSTATUS={text}".lstrip("\n")
