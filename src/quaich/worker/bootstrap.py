"""What the master hands to a zygote when it executes it.

Both read this module, and the master nothing else of what a zygote is made of: what only loads and
serves applications has no place in the memory of a process that does neither.
"""

import json

from quaich import __version__
from quaich.config.base import encryption
from quaich.config.effective import Config
from quaich.net.listen import BoundListener
from quaich.values import asdict, dataclass


class OtherVersion(Exception):
    """The master runs another quaich than is installed; ``channel`` is where to tell it."""

    def __init__(self, channel: int, other: str) -> None:
        super().__init__(
            f"quaich={__version__} is installed, and the master is still quaich={other}; "
            "quaich upgrade replaces it, a restart of the server does too"
        )
        self.channel = channel


@dataclass(frozen=True)
class Bootstrap:
    """All that a zygote is given; it arrives as JSON in an inherited file.

    ``need_app`` is true where the generation is worthless without an application, and ``leftovers``
    are the files (path, device, inode) to remove should the master be killed; ``board`` is where
    a log file that was opened anew is taken from, ``courier`` where lines for that are left.
    """

    config: Config
    generation: int
    master: int
    listeners: tuple[BoundListener, ...]
    scoreboard: int
    channel: int
    lifeline: int
    lounge: tuple[int, int]
    need_app: bool
    leftovers: tuple[tuple[str, int, int], ...]
    board: int | None = None
    courier: int | None = None

    def descriptors(self) -> list[int]:
        """Every descriptor the zygote must inherit."""
        return [
            self.scoreboard,
            self.channel,
            self.lifeline,
            *self.lounge,
            *(each for each in (self.board, self.courier) if each is not None),
            *(each.fd for each in self.listeners),
        ]

    def to_json(self) -> str:
        """The text for ``from_json``."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        values["quaich"] = __version__
        values["config"] = self.config.to_json()
        values["listeners"] = [asdict(each) for each in self.listeners]
        return json.dumps(values)

    @classmethod
    def from_json(cls, text: str) -> "Bootstrap":
        """What ``to_json`` wrote; ``OtherVersion`` when that was another version's."""
        values = json.loads(text)
        other = values.pop("quaich", "?")
        if other != __version__:
            raise OtherVersion(values["channel"], other)
        values["config"] = Config.from_json(values["config"])
        values["lounge"] = tuple(values["lounge"])
        listeners = values["listeners"]
        for each in listeners:
            each["inode"] = tuple(each["inode"]) if each["inode"] else None
            each["tls"] = encryption(each["tls"])
        values["listeners"] = tuple(BoundListener(**each) for each in listeners)
        values["leftovers"] = tuple((path, dev, ino) for path, dev, ino in values["leftovers"])
        return cls(**values)
