"""What the server owns as a whole, and all that a master hands on when it is executed anew.

Only values: descriptors are numbers here.  What cannot be read back was written by another version,
and is a ValueError.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from quaich.config.base import encryption
from quaich.config.effective import Config
from quaich.errors import ConfigError
from quaich.master import carry
from quaich.master.plan import Plan
from quaich.master.policy import policy_of
from quaich.master.vocabulary import Asked, Meaning
from quaich.net.listen import BoundListener
from quaich.stats.scoreboard import MAGIC
from quaich.values import asdict, dataclass, field

FORMAT = 1
"""Another number where ``State``, or what a side carries, has another form: who cannot read that
says so before it is too late to go back."""


@dataclass(frozen=True)
class Estate:
    """What the server owns as a whole, beyond any generation.

    ``leftovers`` (path, device, inode) are the files that must go if the master is killed;
    ``lounge`` (to read, to write) is where workers leave their clients to each other; ``board`` (to
    post at, to take from) is where a log file that is opened anew is handed out, if there is one;
    ``courier`` is where lines are left for the courier, if there is one.
    """

    listeners: tuple[BoundListener, ...]
    leftovers: tuple[tuple[str, int, int], ...]
    lounge: tuple[int, int]
    board: tuple[int, int] | None = None
    courier: int | None = None

    def descriptors(self) -> list[int]:
        """Every descriptor of it."""
        return [
            *(each.fd for each in self.listeners),
            *self.lounge,
            *(self.board or ()),
            *([] if self.courier is None else [self.courier]),
        ]


@dataclass(frozen=True)
class Carried:
    """What is held for a generation."""

    config: Config
    need_app: bool
    scoreboard: int


@dataclass(frozen=True)
class State:
    """All that another master goes on from.

    ``channels`` are (generation, pid of the zygote, descriptor), ``watch`` is what files looked
    like, ``answers`` the tickets under
    which this was asked for, ``signals`` those that came in between, and ``then`` what is to be
    done after it.
    """

    config: Config
    estate: Estate
    plan: Plan
    held: Mapping[int, Carried]
    channels: Sequence[tuple[int, int, int]]
    lifeline: tuple[int, int]
    sides: Mapping[str, Any] = field(default_factory=dict)
    watch: Any = None
    descriptors: Sequence[int] = ()
    answers: Sequence[int] = ()
    signals: Sequence[str] = ()
    then: Sequence[Asked] = ()

    def to_data(self) -> carry.Data:
        """The state as JSON has it."""
        return {
            "format": FORMAT,
            "scoreboard": MAGIC,
            "config": self.config.to_json(),
            "listeners": [asdict(each) for each in self.estate.listeners],
            "leftovers": self.estate.leftovers,
            "lounge": self.estate.lounge,
            "board": self.estate.board,
            "courier": self.estate.courier,
            "plan": carry.dump(self.plan),
            "held": [
                (number, each.config.to_json(), each.need_app, each.scoreboard)
                for number, each in self.held.items()
            ],
            "channels": self.channels,
            "lifeline": self.lifeline,
            "sides": self.sides,
            "watch": self.watch,
            "descriptors": self.descriptors,
            "answers": self.answers,
            "signals": self.signals,
            "then": [(each.meaning.value, each.ticket, each.argument) for each in self.then],
        }

    @classmethod
    def from_data(cls, data: carry.Data) -> "State":
        """The state that ``to_data`` gave."""
        try:
            if (data["format"], data["scoreboard"]) != (FORMAT, MAGIC):
                raise ValueError("it is of another version")
            held = {
                number: Carried(Config.from_json(config), need_app, scoreboard)
                for number, config, need_app, scoreboard in data["held"]
            }
            policies = {number: policy_of(each.config) for number, each in held.items()}
            return cls(
                config=Config.from_json(data["config"]),
                estate=Estate(
                    tuple(_listener(each) for each in data["listeners"]),
                    tuple((path, device, inode) for path, device, inode in data["leftovers"]),
                    (data["lounge"][0], data["lounge"][1]),
                    data["board"] and (data["board"][0], data["board"][1]),
                    data.get("courier"),
                ),
                plan=carry.load(data["plan"], policies),
                held=held,
                channels=[(generation, pid, fd) for generation, pid, fd in data["channels"]],
                lifeline=(data["lifeline"][0], data["lifeline"][1]),
                sides=data["sides"],
                watch=data["watch"],
                descriptors=data["descriptors"],
                answers=data["answers"],
                signals=data["signals"],
                then=[Asked(Meaning(word), ticket, arg) for word, ticket, arg in data["then"]],
            )
        except (KeyError, TypeError, ValueError, IndexError, ConfigError) as error:
            raise ValueError(f"the state of the master cannot be read: {error}") from None


def _listener(data: carry.Data) -> BoundListener:
    inode = tuple(data["inode"]) if data["inode"] else None
    # A master of before had none that encrypts.
    return BoundListener(**(data | {"inode": inode, "tls": encryption(data.get("tls"))}))
