"""Whether and when the master becomes the quaich that is installed by now.

A part of the plan, and as pure.  Its rules:

* It is tried first, by a child, and everything else goes on meanwhile.
* A reload that reads the code anew is preceded by it where another quaich is installed than the
  master is, whether the reload begins at once or after another one.
* What is asked for during a trial follows it: reloads become one, and who asks for an upgrade waits
  for the one that is tried already.
* After a trial that ended well the master is executed anew, and what was to follow is done there.
  After one that ended badly, or that takes too long, it is done here, and what was tried is not
  tried again by itself.
* A server that ends ends its trial as well.

    event                                       trial
    an upgrade's or a reload's turn             none → TRYING     Try
    Tried well                                  TRYING → BECOMING Become
    Tried badly, too late, not executed         → none            EndTrial, and what follows
    drain, stop                                 → none            EndTrial
"""

from collections.abc import Sequence

from quaich import __version__
from quaich.master.fleet import Phase
from quaich.master.staff import Staff
from quaich.master.vocabulary import (
    Action,
    Asked,
    Become,
    EndTrial,
    Meaning,
    Policy,
    Progress,
    Tried,
    Try,
)
from quaich.master.wishes import LOADS, Wish

PATIENCE = 10.0
"""Seconds that the installed version has to read what it is to go on from."""

_TRIED = "the installed quaich is tried"


class Succession(Staff):
    """``outdated``, which the loop keeps up to date: the master is not what is installed now.

    The upgrade that is tried is the wish under way, ``wishes.now``, even if nobody asked for it;
    ``trial`` is the number of the last one.
    """

    def __init__(self, policy: Policy) -> None:
        super().__init__(policy)
        self.outdated = False
        self.trial = 0
        self._trial_until: float | None = None

    @property
    def trying(self) -> bool:
        """Whether another quaich is tried, or is to be executed at once."""
        return self.wishes.now is not None and self.wishes.now.meaning is Meaning.UPGRADE

    @property
    def busy(self) -> bool:
        """Whether a reload has to wait."""
        starts = self.phase is Phase.STARTING and not self.in_vain
        return starts or self.raising is not None or self.trying

    def go_on(self, asked: Sequence[Asked], now: float) -> list[Action]:
        """In the master that was executed anew: the first actions of what was to follow that."""
        self._actions = []
        if asked:
            tickets = tuple(each.ticket for each in asked)
            self.wishes.next = Wish(asked[-1].meaning, asked[-1].argument, tickets)
            self._follow(now)
        return self._actions

    def following(self) -> list[Asked]:
        """What is to follow: for ``go_on``."""
        wish = self.wishes.next
        return [Asked(wish.meaning, each, wish.argument) for each in wish.tickets] if wish else []

    def _begin(self, wish: Wish, now: float) -> None:
        """The turn of a wish has come."""
        if wish.meaning is Meaning.UPGRADE:
            self._try(wish, now)
        elif self.outdated and wish.meaning in LOADS:
            text = "another quaich is installed; the master becomes it before the reload"
            self._say("info", text)
            self._do(*(Progress(each, text) for each in wish.tickets if each))
            self.wishes.next = wish
            self._try(Wish(Meaning.UPGRADE), now)
        else:
            self._reload(wish, now)

    def _follow(self, now: float) -> None:
        """What has waited until now, if there is anything."""
        wish, self.wishes.next = self.wishes.next, None
        if wish is not None and not self.ending:
            self._begin(wish, now)

    def _reload(self, wish: Wish, now: float) -> None:
        """Raise a generation."""
        raise NotImplementedError

    def _try(self, wish: Wish, now: float) -> None:
        self.trial += 1
        self.wishes.now = wish
        self._trial_until = now + PATIENCE
        self._do(Try(self.trial))
        self._do(*self.wishes.progress(_TRIED))

    def _join(self, ticket: int) -> None:
        """Somebody asks for what is tried already."""
        self.wishes.join(ticket)
        if ticket:
            self._do(Progress(ticket, _TRIED))

    def _tried(self, event: Tried, now: float) -> None:
        if not self.trying or event.trial != self.trial:
            return
        if event.reason:
            self._stay(event.reason, now)
        else:
            self._trial_until = None
            self._do(Become(event.trial))

    def _look_at_trial(self, now: float) -> None:
        if self.trying and self._trial_until is not None and self._trial_until <= now:
            self._stay(f"the installed version does not start within {PATIENCE:g} s", now)

    def _stay(self, reason: str, now: float) -> None:
        text = f"the master stays what it is, quaich={__version__}: {reason}"
        self._say("error", text)
        self._end_trial()
        self.outdated = False
        self._do(*self.wishes.over(False, text))
        self._follow(now)

    def _end_trial(self) -> None:
        if self.trying:
            self._trial_until = None
            self._do(EndTrial())

    def _appointments(self) -> list[float]:
        times = super()._appointments()
        return times if self._trial_until is None else [*times, self._trial_until]
