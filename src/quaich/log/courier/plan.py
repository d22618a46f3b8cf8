"""What the configuration wants of the courier, and whether it wants one at all; pure."""

from collections.abc import Sequence

from quaich.config import loggers
from quaich.config.effective import Config
from quaich.config.loggers import Encoder, Route, Sink
from quaich.log.courier.letter import REQUEST, SERVER
from quaich.log.courier.routing import Routing
from quaich.values import dataclass

JOURNAL = "/run/systemd/journal/socket"


@dataclass(frozen=True)
class Plan:
    """The sinks for the server's lines, then those for requests, and what is done before."""

    server: tuple[Sink, ...]
    request: tuple[Sink, ...]

    @property
    def sinks(self) -> tuple[Sink, ...]:
        """All of them; behind the last is the place where the log would have been."""
        return (*self.server, *self.request)

    def encoders(self, config: Config, index: int) -> Sequence[Encoder]:
        """The encoders of a sink; those of the place for all others are the server's."""
        requests = len(self.server) <= index < len(self.sinks)
        texts = config.log_req_encoder if requests else config.log_encoder
        name = self.sinks[index].name if index < len(self.sinks) else ""
        found = [loggers.encoder(text) for text in texts]
        return [each for each in found if each.sink in ("", name)]

    def routings(self, config: Config) -> dict[bytes, Routing]:
        """The rules for each sort of line."""
        otherwise = len(self.sinks)
        server = Routing(
            self.server,
            _routes(config.log_route),
            config.log_filter,
            config.log_drain,
            otherwise=otherwise,
        )
        if not self.request and not config.log_req_route:
            return {SERVER: server, REQUEST: server}
        request = Routing(
            self.request,
            _routes(config.log_req_route),
            otherwise=otherwise,
            first=len(self.server),
        )
        return {SERVER: server, REQUEST: request}


def plan(config: Config) -> Plan:
    """The plan of a configuration."""
    server = []
    if plain_file(config) is None:
        server += [loggers.sink(text) for text in config.logger]
    if config.log_syslog is not None:
        server.append(Sink("syslog", config.log_syslog))
    if config.log_socket is not None:
        server.append(Sink("socket", config.log_socket))
    return Plan(tuple(server), tuple(loggers.sink(text) for text in config.req_logger))


def plain_file(config: Config) -> str | None:
    """The path of a log that is one file and nothing else: every process writes to it itself."""
    if len(config.logger) != 1 or _more_than_loggers(config):
        return None
    sink = loggers.sink(config.logger[0])
    return sink.argument if sink.type == "file" and not sink.name else None


def carries_server(config: Config) -> bool:
    """Whether the server's own lines, and what the application prints, go through the courier."""
    if plain_file(config) is not None:
        return False
    return bool(config.logger) or _more_than_loggers(config)


def _more_than_loggers(config: Config) -> bool:
    return bool(
        config.log_route
        or config.log_syslog is not None
        or config.log_socket is not None
        or config.log_encoder
        or config.log_filter
        or config.log_drain
        or config.log_worker_output
        or config.log_alarm
    )


def carries_requests(config: Config) -> bool:
    """Whether request lines do."""
    return carries_server(config) or bool(config.req_logger or config.log_req_encoder)


def _routes(texts: Sequence[str]) -> list[Route]:
    return [loggers.route(text) for text in texts]
