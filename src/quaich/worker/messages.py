"""What a zygote and its workers tell the master, and what the master asks of the zygote.

One message is one packet of JSON on a sequenced-packet socket; the kernel adds the sender's pid, so
nobody can speak for another process.  What does not decode to a known message is a ``ValueError``:
the other end runs application code and is not trusted to be sane.
"""

import json
from dataclasses import asdict, dataclass, fields

# The longest packet: a reason is cut so that a message always fits.
LIMIT = 65536
_LONGEST_TEXT = 2000


@dataclass(frozen=True)
class Loaded:
    """The zygote is ready to fork."""


@dataclass(frozen=True)
class LoadFailed:
    """The zygote gives up; ``status`` is the exit status of a server that needs it."""

    reason: str
    status: int


@dataclass(frozen=True)
class Forked:
    """A worker was forked and waits at the gate."""

    slot: int
    pid: int


@dataclass(frozen=True)
class ForkFailed:
    """A worker could not be forked."""

    slot: int
    reason: str


@dataclass(frozen=True)
class Ready:
    """The sending worker accepts connections."""

    slot: int


@dataclass(frozen=True)
class Fork:
    """The master asks for a worker, in one of its seats on the scoreboard."""

    slot: int
    seat: int


Message = Loaded | LoadFailed | Forked | ForkFailed | Ready | Fork

_KINDS: dict[str, type[Message]] = {
    each.__name__: each for each in (Loaded, LoadFailed, Forked, ForkFailed, Ready, Fork)
}


def encode(message: Message) -> bytes:
    """The packet for a message."""
    values = {
        name: value[:_LONGEST_TEXT] if isinstance(value, str) else value
        for name, value in asdict(message).items()
    }
    return json.dumps([type(message).__name__, values]).encode("ascii")


def decode(packet: bytes) -> Message:
    """The message in a packet."""
    try:
        kind, values = json.loads(packet)
        wanted = _KINDS[kind]
        for field in fields(wanted):
            value = values[field.name]
            if type(value) is not field.type:
                raise TypeError(f"{field.name} is {value!r}")
        return wanted(**values)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ValueError(f"not a message: {packet[:100]!r}") from error
