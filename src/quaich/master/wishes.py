"""What is asked for and takes its time: reloads one after another, and who waits for which end.

A part of the plan, and as pure.  Of several reloads that are asked for while one is under way one
becomes of them, the last, and all who asked are answered with its outcome.
"""

from collections.abc import Callable, Iterable

from quaich.master.vocabulary import Answer, Asked, Meaning, Progress
from quaich.values import dataclass, field

RELOADS = (Meaning.RELOAD, Meaning.BRUTAL_RELOAD, Meaning.CHAIN_RELOAD, Meaning.RESTORE)
AT_REST = (*RELOADS, Meaning.UPGRADE)
"""What waits until no reload is under way."""

_ENDING = "the server stops"


@dataclass(frozen=True)
class Wish:
    """A new generation, or an old one again, that is asked for under these tickets."""

    meaning: Meaning
    argument: int | None = None
    tickets: tuple[int, ...] = ()


def answers(tickets: Iterable[int], ok: bool, text: str) -> list[Answer]:
    """The same answer to everybody who waits for one."""
    return [Answer(ticket, ok, text) for ticket in tickets if ticket]


@dataclass
class Wishes:
    """The reload under way, the one to follow, and what else somebody waits for.

    ``pending`` holds, for a ticket, the condition under which it is answered: it gives the outcome,
    or None while there is none.
    """

    now: Wish | None = None
    next: Wish | None = None
    leavers: list[int] = field(default_factory=list)
    pending: list[tuple[int, Callable[[], tuple[bool, str] | None]]] = field(default_factory=list)

    def add(self, event: Asked) -> None:
        """Ask for a reload after the one under way."""
        waiting = self.next.tickets if self.next else ()
        self.next = Wish(event.meaning, event.argument, (*waiting, event.ticket))

    def progress(self, text: str) -> list[Progress]:
        """Tell those who wait for the reload under way."""
        tickets = self.now.tickets if self.now else ()
        return [Progress(ticket, text) for ticket in tickets if ticket]

    def over(self, ok: bool, text: str) -> list[Answer]:
        """The reload under way is over, well or badly."""
        wish, self.now = self.now, None
        return answers(wish.tickets if wish else (), ok, text)

    def refuse(self) -> list[Answer]:
        """The server ends: there will be no reload."""
        refused = [wish for wish in (self.now, self.next) if wish]
        self.now = self.next = None
        waiting = [ticket for ticket, _ in self.pending]
        self.pending = []
        tickets = [ticket for wish in refused for ticket in wish.tickets]
        return answers([*tickets, *waiting], False, _ENDING)

    def refused(self, ticket: int) -> list[Answer]:
        """The server ends already."""
        return answers([ticket], False, _ENDING)

    def settle(self) -> list[Answer]:
        """Answer those whose condition is met by now."""
        found = []
        for entry in list(self.pending):
            outcome = entry[1]()
            if outcome is not None:
                self.pending.remove(entry)
                found += answers([entry[0]], *outcome)
        return found
