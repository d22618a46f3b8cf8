"""What is asked for and takes its time: reloads one after another, and who waits for which end.

A part of the plan, and as pure.  Of several reloads that are asked for while one is under way one
becomes of them, the last, and all who asked are answered with its outcome; who asked for something
else than that, to restore a generation or to upgrade, is refused.
"""

from collections.abc import Callable, Iterable

from quaich.master.vocabulary import Answer, Asked, Meaning, Progress
from quaich.values import dataclass, field, replace

RELOADS = (Meaning.RELOAD, Meaning.BRUTAL_RELOAD, Meaning.CHAIN_RELOAD, Meaning.RESTORE)
AT_REST = (*RELOADS, Meaning.UPGRADE)
"""What waits until no reload is under way."""

LOADS = tuple(each for each in RELOADS if each is not Meaning.RESTORE)
"""What reads the code anew."""

_ENDING = "the server stops"


@dataclass(frozen=True)
class Wish:
    """A new generation, or an old one again, that is asked for under these tickets."""

    meaning: Meaning
    argument: int | None = None
    tickets: tuple[int, ...] = ()

    def serves(self, event: Asked) -> bool:
        """Whether it does what somebody else asks for as well."""
        if self.meaning in LOADS and event.meaning in LOADS:
            return True
        return (self.meaning, self.argument) == (event.meaning, event.argument)


@dataclass(frozen=True)
class Awaited:
    """Somebody waits until a generation has the workers that it should have.

    With ``until`` it is one that has been told to leave, and what is waited for is that it has
    left, so that the code before a reload answers nobody any more; but only until then.
    """

    ticket: int
    generation: int
    text: str
    until: float = 0.0


def answers(tickets: Iterable[int], ok: bool, text: str) -> list[Answer]:
    """The same answer to everybody who waits for one."""
    return [Answer(ticket, ok, text) for ticket in tickets if ticket]


@dataclass
class Wishes:
    """The reload (or the trial of another quaich) under way, the one to follow, and who else waits.

    ``pending`` are those who wait for workers.
    """

    now: Wish | None = None
    next: Wish | None = None
    leavers: list[int] = field(default_factory=list)
    pending: list[Awaited] = field(default_factory=list)

    def add(self, event: Asked) -> list[Answer]:
        """Ask for a reload after the one under way."""
        waiting: tuple[int, ...] = ()
        refused: list[Answer] = []
        if self.next is not None and self.next.serves(event):
            waiting = self.next.tickets
        elif self.next is not None:
            text = f"{event.meaning.value} was asked for after it, and is done instead"
            refused = answers(self.next.tickets, False, text)
        self.next = Wish(event.meaning, event.argument, (*waiting, event.ticket))
        return refused

    def join(self, ticket: int) -> None:
        """Somebody waits for the outcome of what is under way, too."""
        if self.now is not None:
            self.now = replace(self.now, tickets=(*self.now.tickets, ticket))

    def progress(self, text: str) -> list[Progress]:
        """Tell those who wait for the reload under way."""
        tickets = self.now.tickets if self.now else ()
        return [Progress(ticket, text) for ticket in tickets if ticket]

    def over(self, ok: bool, text: str) -> list[Answer]:
        """The reload under way is over, well or badly."""
        wish, self.now = self.now, None
        return answers(wish.tickets if wish else (), ok, text)

    def over_when_left(self, generation: int, text: str, until: float) -> None:
        """The reload under way is over, and well, once this generation has left."""
        wish, self.now = self.now, None
        tickets = wish.tickets if wish else ()
        self.pending += [Awaited(each, generation, text, until) for each in tickets if each]

    def refuse(self) -> list[Answer]:
        """The server ends: there will be no reload."""
        refused = [wish for wish in (self.now, self.next) if wish]
        self.now = self.next = None
        waiting = [each.ticket for each in self.pending]
        self.pending = []
        tickets = [ticket for wish in refused for ticket in wish.tickets]
        return answers([*tickets, *waiting], False, _ENDING)

    def refused(self, ticket: int) -> list[Answer]:
        """The server ends already."""
        return answers([ticket], False, _ENDING)

    def settle(self, outcome: Callable[[Awaited], str | None]) -> list[Answer]:
        """Answer those for whom there is an outcome by now."""
        found = []
        for each in list(self.pending):
            text = outcome(each)
            if text is not None:
                self.pending.remove(each)
                found += answers([each.ticket], True, text)
        return found
