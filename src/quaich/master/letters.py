"""The letters of the master's FIFO: what each asks for, in uWSGI's alphabet.

Pure: octets in, a list of what they mean out.  White space is nothing, so that ``echo r > fifo``
asks for one thing; a letter without a meaning is named once a burst, and ignored.
"""

from quaich.master.vocabulary import Meaning
from quaich.values import dataclass

MEANINGS = {
    "r": Meaning.RELOAD,
    "R": Meaning.BRUTAL_RELOAD,
    "c": Meaning.CHAIN_RELOAD,
    "w": Meaning.WORKERS_RELOAD,
    "W": Meaning.BRUTAL_WORKERS_RELOAD,
    "f": Meaning.REFORK,
    "q": Meaning.DRAIN,
    "Q": Meaning.STOP,
    "p": Meaning.PAUSE,
    "+": Meaning.MORE,
    "-": Meaning.FEWER,
    "C": Meaning.CHEAP,
    "s": Meaning.STATISTICS,
    "l": Meaning.REOPEN,
    "L": Meaning.ROTATE,
    "P": Meaning.PIDFILES,
}

UNSUPPORTED = {
    "B": "broodlord mode needs uWSGI's emperor",
    "E": "there is no emperor to scan again",
    "S": "there are no subscriptions to block",
}

_SLOTS = "0123456789"
_MOST_SHOWN = 16


@dataclass(frozen=True)
class Letter:
    """A letter that asks for something."""

    letter: str
    meaning: Meaning


@dataclass(frozen=True)
class Switch:
    """Listen to the FIFO of another slot from here on."""

    slot: int


@dataclass(frozen=True)
class Ignored:
    """Why something is not obeyed."""

    text: str


Word = Letter | Switch | Ignored


def read(data: bytes) -> list[Word]:
    """What a burst of letters means, in its order.

    To leave gracefully twice in one burst is to leave once: the plan takes a second wish for
    impatience, and nobody is that fast.
    """
    found: list[Word] = []
    strange: dict[str, None] = {}
    for char in data.decode("latin-1"):
        if char in MEANINGS:
            word: Word = Letter(char, MEANINGS[char])
            if word != Letter("q", Meaning.DRAIN) or word not in found:
                found.append(word)
        elif char in _SLOTS:
            found.append(Switch(int(char)))
        elif not char.isspace() and char != "\0":
            strange[char] = None
    for letter in [each for each in strange if each in UNSUPPORTED]:
        del strange[letter]
        found.append(Ignored(f"letter={letter} not supported: {UNSUPPORTED[letter]}"))
    if strange:
        more = len(strange) - _MOST_SHOWN
        shown = " ".join(ascii(each)[1:-1] for each in list(strange)[:_MOST_SHOWN])
        rest = f" and {more} more" if more > 0 else ""
        known = "".join(MEANINGS)
        found.append(Ignored(f"unknown letter {shown}{rest} ignored: expected one of {known}0-9"))
    return found
