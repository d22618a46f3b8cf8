"""From a list of items to one frozen ``Config``: what each means, what is missing, what is odd.

Precedence is order: the last scalar wins, lists collect.  An error stops with the place, the
option and what was expected; anything that only deserves a word becomes a note of the
configuration, which is logged once at the start.
"""

from collections.abc import Mapping, Sequence

from quaich.config import commandline, environment
from quaich.config.build import COMPATIBLE, MAX_NOTES, MODERN, Builder
from quaich.config.collect import Collector, Exit
from quaich.config.effective import Config
from quaich.config.item import COMMAND_LINE, Item
from quaich.config.options import BY_LONG_NAME
from quaich.config.options.row import OPTIONAL
from quaich.config.remarks import shorten
from quaich.config.sources import Host
from quaich.errors import ConfigError, UsageError
from quaich.values import dataclass

__all__ = ["MAX_NOTES", "Resolution", "compatible", "dump", "modern", "shorten"]

DEFAULT_ADDRESS = "127.0.0.1:8080"
DEFAULT_MODERN_ADDRESS = "127.0.0.1:8000"
_ACTIONS = ("help", "version")
# What is done at once with the value, wherever it stands; on a command line nothing else is read.
_ERRANDS = ("stop", "reload", "pause", "suspend", "resume", "connect-and-read")
_MODERN_DEFAULTS = ("master", "need_app", "die_on_term", "vacuum", "strict")


@dataclass(frozen=True)
class Resolution:
    """A configuration and the items it was made from.

    ``action`` is set when something else than serving was asked for: ``help`` and ``version``
    (nothing else was looked at then), ``dump-options``, ``get`` (``output`` holds the values),
    ``exit`` (with ``status``), or an errand such as ``stop`` (``output`` holds the pid file).
    ``printed`` is what ``print`` and ``iprint`` have to say, and ``fallback`` the configuration to
    use when this one cannot be started.
    """

    config: Config
    items: tuple[Item, ...] = ()
    action: str = ""
    status: int = 0
    output: tuple[str, ...] = ()
    printed: tuple[str, ...] = ()
    fallback: str = ""


def compatible(argv: Sequence[str], environ: Mapping[str, str], host: Host | None = None) -> Config:
    """The configuration of uWSGI's own command line; ``argv[0]`` is the program."""
    return read_compatible(argv, environ, host or Host()).config


def modern(argv: Sequence[str], environ: Mapping[str, str], host: Host | None = None) -> Config:
    """The configuration of ``quaich serve``; ``argv[0]`` is the word ``serve``."""
    return read_modern(argv, environ, host or Host()).config


def read_compatible(
    argv: Sequence[str],
    environ: Mapping[str, str],
    host: Host,
    errors: list[ConfigError] | None = None,
) -> Resolution:
    """As ``compatible``, with what it was made from.

    Given a list, errors of single settings are put there instead of raised, and those settings
    are left out.
    """
    line = commandline.compatible(argv[1:])
    action = _action(line.items)
    if action:
        return Resolution(Config(), action=action)
    errand = _errand(line.items)
    if errand is not None:
        return errand
    collector = Collector(host, environ)
    try:
        collector.add_all(environment.read(environ, environment.UWSGI))
        collector.add_all(line.items)
        for argument in line.others:
            # uWSGI's own processes are shown with such words behind their name.
            if not argument.startswith("["):
                collector.add_file(argument)
        return _build(COMPATIBLE, collector, environ, host, errors)
    except Exit as leave:
        return _left(collector, leave.status)
    except ConfigError as error:
        error.fallback = collector.fallback
        raise


def read_modern(
    argv: Sequence[str],
    environ: Mapping[str, str],
    host: Host,
    errors: list[ConfigError] | None = None,
) -> Resolution:
    """As ``modern``, with what it was made from; ``errors`` as in ``read_compatible``."""
    line = commandline.modern(argv[1:])
    action = _action(line.items)
    if action:
        return Resolution(Config(), action=action)
    collector = Collector(host, environ)
    try:
        collector.add_all(_application(line))
        collector.add_all(line.items)
        return _build(MODERN, collector, environ, host, errors)
    except Exit as leave:
        return _left(collector, leave.status)


def _build(
    door: str,
    collector: Collector,
    environ: Mapping[str, str],
    host: Host,
    errors: list[ConfigError] | None,
) -> Resolution:
    collector.finish()
    collector.add_all(environment.read(environ, environment.QUAICH))
    collector.finish()
    builder = Builder(door, collector, host, errors)
    errand = _errand(builder.items)
    if errand is not None:
        return errand
    wanted = [item for item in builder.items if item.key in ("get", "dump-options")]
    if wanted:
        return Resolution(
            Config(),
            tuple(builder.items),
            action=wanted[0].key,
            output=tuple(builder.wanted()),
            printed=tuple(collector.printed),
        )
    if door == MODERN:
        builder.values.update(dict.fromkeys(_MODERN_DEFAULTS, True))
    builder.apply()
    if door == COMPATIBLE:
        _listen_compatible(builder, host, errors)
    else:
        _listen_modern(builder)
    return Resolution(
        builder.finish(),
        tuple(builder.items),
        printed=(*collector.printed, *builder.printed),
        fallback=collector.fallback,
    )


def _left(collector: Collector, status: int) -> Resolution:
    return Resolution(
        Config(),
        tuple(collector.items),
        action="exit",
        status=status,
        printed=tuple(collector.printed),
        fallback=collector.fallback,
    )


def dump(items: Sequence[Item]) -> str:
    """The items as the ini file that ``show-config`` prints."""
    lines = "".join(
        f"{item.key} = {'true' if item.value is None else item.value}\n" for item in items
    )
    return f"\n;uWSGI instance configuration\n[uwsgi]\n{lines};end of configuration\n\n"


def _action(items: Sequence[Item]) -> str:
    for item in items:
        option = BY_LONG_NAME[item.key]
        if option.name in _ACTIONS:
            return option.name
    return ""


def _errand(items: Sequence[Item]) -> Resolution | None:
    for item in items:
        if item.key in _ERRANDS:
            return Resolution(Config(), action=item.key, output=(item.value or "",))
    return None


def _application(line: commandline.CommandLine) -> list[Item]:
    if not line.others:
        return []
    if len(line.others) > 1:
        message = f"one application is served, got {' and '.join(line.others)}"
        for item in line.items:
            if item.value is None and BY_LONG_NAME[item.key].arg == OPTIONAL:
                message += f"; a value of --{item.key} needs an equals sign"
        raise UsageError(message, code="QX106")
    target = line.others[0]
    is_file = target.endswith((".py", ".wsgi")) or "/" in target
    return [Item("wsgi-file" if is_file else "module", target, COMMAND_LINE, COMMAND_LINE)]


def _listen_modern(builder: Builder) -> None:
    if not builder.has_application:
        raise UsageError("nothing to serve: write quaich serve module:app", code="QX150")
    if not builder.listeners:
        builder.listen(DEFAULT_MODERN_ADDRESS, "http", "bind", "")


def _listen_compatible(builder: Builder, host: Host, errors: list[ConfigError] | None) -> None:
    if builder.listeners:
        return
    protocol = builder.values.get("protocol", "auto")
    if host.stdin_is_socket():
        builder.listen("fd://0", "uwsgi" if protocol == "auto" else protocol, "socket", "")
        return
    if not builder.has_application:
        error = UsageError(
            "nothing to serve: give a socket and an application, for example "
            "quaich --http-socket 127.0.0.1:8080 --module wsgi",
            code="QX150",
        )
        if errors is None:
            raise error
        # Something may be configured that could not be understood, which is said already.
        if not errors:
            errors.append(error)
        return
    builder.listen(DEFAULT_ADDRESS, protocol, "socket", "")
    spoken = "HTTP and the uwsgi protocol" if protocol == "auto" else protocol
    builder.note("QX004", f"no socket option: listening on {DEFAULT_ADDRESS} for {spoken}")
