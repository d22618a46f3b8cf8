"""What the master holds for each generation besides its processes: configuration and scoreboard.

A zygote is given what it needs of that, and its channel; what cannot be had is an OSError, and a
configuration that is refused a QuaichError.
"""

import os
import socket
from collections.abc import Iterator, Mapping

from quaich.config import logformat
from quaich.config.base import WARNING
from quaich.config.effective import FIXED, Config
from quaich.log.server import Log
from quaich.master.channels import Channel, Channels
from quaich.master.estate import Carried, Estate
from quaich.master.policy import most_workers, policy_of
from quaich.master.spawn import spawn
from quaich.master.vocabulary import ZygoteStarted
from quaich.stats.scoreboard import Scoreboard
from quaich.values import dataclass
from quaich.worker import startup
from quaich.worker.bootstrap import Bootstrap


@dataclass
class Held:
    """What is held for a generation."""

    config: Config
    need_app: bool
    scoreboard: Scoreboard


class Holdings:
    """All of it, by generation; ``config`` is what the server was started with."""

    def __init__(
        self,
        config: Config,
        estate: Estate,
        lifeline: int,
        channels: Channels,
        log: Log,
    ) -> None:
        self._config = config
        self._estate = estate
        self._lifeline = lifeline
        self._channels = channels
        self._log = log
        self._held: dict[int, Held] = {}
        # Whether this process has had no zygote and was not executed anew: see ``spawn``.
        self._untouched = True

    def __iter__(self) -> Iterator[Held]:
        return iter(self._held.values())

    def __contains__(self, number: int) -> bool:
        return number in self._held

    def get(self, number: int) -> Held | None:
        """What is held for a generation, None when it is gone."""
        return self._held.get(number)

    def boards(self) -> dict[int, Scoreboard]:
        """The scoreboards."""
        return {number: held.scoreboard for number, held in self._held.items()}

    def carry(self) -> dict[int, Carried]:
        """As values, for a master that is executed anew."""
        return {
            number: Carried(held.config, held.need_app, held.scoreboard.fd)
            for number, held in self._held.items()
        }

    def resume(self, carried: Mapping[int, Carried]) -> None:
        """Go on with that."""
        self._untouched = False
        for number, each in carried.items():
            board = Scoreboard.attach(each.scoreboard)
            self._held[number] = Held(each.config, each.need_app, board)

    def hold(self, number: int, fresh: Config | None = None) -> Held:
        """What a new generation is about; ``fresh`` is the configuration as it is written now."""
        config = self._config
        if fresh is not None:
            config = fresh
            startup.identity(config)
            for note in config.notes:
                (self._log.warning if note.severity == WARNING else self._log.info)(str(note))
            self._say_fixed(config)
        # A reload must not replace an application by none.
        need_app = fresh is not None or config.need_app
        return self._keep(number, config, need_app)

    def start(self, number: int, fresh: Config | None = None) -> ZygoteStarted:
        """Execute the zygote of a generation."""
        return self._spawn(number, self._held.get(number) or self.hold(number, fresh))

    def refork(self, number: int, parent: int) -> None:
        """Ask the zygote of a generation for that of another."""
        config = self._held[parent].config
        held = self._keep(number, config, True)
        self._channels.refork(number, parent, config.refork_after, held.scoreboard.fd)

    def forget(self, number: int) -> None:
        """Release what is held, if even that could be had, and close the channels."""
        held = self._held.pop(number, None)
        if held is not None:
            os.close(held.scoreboard.fd)
        self._channels.forget(number)

    def _keep(self, number: int, config: Config, need_app: bool) -> Held:
        held = Held(config, need_app, _scoreboard(config))
        held.scoreboard.heirs = True
        self._held[number] = held
        return held

    def _say_fixed(self, config: Config) -> None:
        """Name what changed in the configuration although a reload cannot change it."""
        changed = [name for name in FIXED if getattr(config, name) != getattr(self._config, name)]
        if config.listeners != self._config.listeners:
            changed.append("the addresses to listen on")
        if changed:
            names = ", ".join(name.replace("_", "-") for name in changed)
            self._log.warning(f"changed, but only by a restart: {names}")

    def _spawn(self, number: int, held: Held) -> ZygoteStarted:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            ours.setblocking(False)
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
            bootstrap = Bootstrap(
                config=held.config,
                generation=number,
                master=os.getpid(),
                listeners=self._estate.listeners,
                scoreboard=held.scoreboard.fd,
                channel=theirs.fileno(),
                lifeline=self._lifeline,
                lounge=self._estate.lounge,
                need_app=held.need_app,
                leftovers=self._estate.leftovers,
                board=self._estate.board and self._estate.board[1],
                courier=self._estate.courier,
            )
            pid = spawn(bootstrap, self._untouched)
            self._untouched = False
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        self._channels.add(Channel(number, pid, ours))
        return ZygoteStarted(number, pid, policy_of(held.config))


def _scoreboard(config: Config) -> Scoreboard:
    shown = len(logformat.metrics(config.log_format))
    return Scoreboard.create(most_workers(config), config.threads, shown)
