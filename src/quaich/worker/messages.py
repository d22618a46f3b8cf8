"""What a zygote and its workers tell the master, and what the master asks of the zygote.

One message is one packet of JSON on a sequenced-packet socket; the kernel adds the sender's pid, so
nobody can speak for another process.  What does not decode to a known message is a ``ValueError``:
the other end runs application code and is not trusted to be sane.
"""

import json
from collections.abc import Iterable, Iterator
from typing import get_args

from quaich.values import asdict, dataclass, fields

# The longest packet: a reason is cut so that a message always fits.
LIMIT = 65536
_LONGEST_TEXT = 2000
# Six characters for each of the 4096 that the kernel takes at most, and some.
_LONGEST_PATH = 30000


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
class NotReady:
    """The sending worker gives up before it serves; ``status`` as in ``LoadFailed``."""

    slot: int
    reason: str
    status: int


@dataclass(frozen=True)
class Spent:
    """The sending worker serves, and asks to be replaced."""

    slot: int
    cause: str


@dataclass(frozen=True)
class Shown:
    """The sending worker has written its stacks to the log."""

    slot: int


@dataclass(frozen=True)
class Metrics:
    """The sending worker hands over its application's metrics; with it comes a file of memory."""

    slot: int


@dataclass(frozen=True)
class Modules:
    """Files that the sender's application was loaded from, or failed in; see ``modules``."""

    paths: tuple[str, ...]


@dataclass(frozen=True)
class Fork:
    """The master asks for a worker, in one of its seats on the scoreboard."""

    slot: int
    seat: int


@dataclass(frozen=True)
class Refork:
    """The master asks for a zygote of another generation, that has answered ``count`` requests.

    With it come two descriptors: that zygote's channel and its scoreboard.  It is forked like a
    worker, and then speaks for itself, as any zygote: ``Loaded``, or ``LoadFailed``.
    """

    generation: int
    count: int


@dataclass(frozen=True)
class Reforked:
    """That zygote was forked and waits at the gate."""

    generation: int
    pid: int


@dataclass(frozen=True)
class ReforkFailed:
    """It could not be forked."""

    generation: int
    reason: str


Message = (
    Loaded
    | LoadFailed
    | Forked
    | ForkFailed
    | Ready
    | NotReady
    | Spent
    | Shown
    | Metrics
    | Modules
    | Fork
    | Refork
    | Reforked
    | ReforkFailed
)

_TEXTS = tuple[str, ...]
_KINDS: dict[str, type[Message]] = {each.__name__: each for each in get_args(Message)}


def encode(message: Message) -> bytes:
    """The packet for a message."""
    values = {
        name: value[:_LONGEST_TEXT] if isinstance(value, str) else value
        for name, value in asdict(message).items()
    }
    return json.dumps([type(message).__name__, values]).encode("ascii")


def modules(paths: Iterable[str]) -> Iterator[Modules]:
    """As many messages as it takes to name these files; those of absurd length are left out."""
    batch: list[str] = []
    size = 0
    for path in paths:
        length = len(json.dumps(path)) + 2
        if length > _LONGEST_PATH:
            continue
        if size + length > LIMIT - 100:
            yield Modules(tuple(batch))
            batch, size = [], 0
        batch.append(path)
        size += length
    if batch:
        yield Modules(tuple(batch))


def decode(packet: bytes) -> Message:
    """The message in a packet."""
    try:
        kind, values = json.loads(packet)
        wanted = _KINDS[kind]
        for field in fields(wanted):
            value = values[field.name]
            if field.type == _TEXTS:
                if type(value) is not list or not all(type(each) is str for each in value):
                    raise TypeError(f"{field.name} is {value!r}")
                values[field.name] = tuple(value)
            elif type(value) is not field.type:
                raise TypeError(f"{field.name} is {value!r}")
        return wanted(**values)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ValueError(f"not a message: {packet[:100]!r}") from error
