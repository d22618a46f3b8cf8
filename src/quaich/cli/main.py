"""From argv to a command; the one place that turns an operator's mistake into a line and a status.

Which door: an option or a configuration file as the first argument, or the name ``uwsgi``, is the
compatible one; ``serve`` the modern one.  Everything heavy is imported by the command that needs
it, so that small commands start fast.
"""

import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TextIO

from quaich.errors import QuaichError, UsageError

if TYPE_CHECKING:
    from quaich.config.effective import Config
    from quaich.config.resolve import Resolution

INTERRUPTED = 130
# Set by a master that is executed anew, in place.
_RESUME = "QUAICH_RESUME"
_FILE_EXTENSIONS = ("ini", "xml", "yaml", "yml", "json", "js", "toml")

USAGE = """\
Usage: quaich serve module:app [options...]     serve a WSGI application over HTTP
       quaich --ini app.ini                     serve as a uWSGI configuration says
       quaich --http-socket :8080 -w module     the same by options

Commands: serve, check, config, explain, migrate, help, version
More:     quaich serve --help, quaich --help
"""


def main(argv: Sequence[str]) -> int:
    """Run the command that ``argv`` (the program's name first) asks for; the exit status."""
    try:
        return _dispatch(list(argv))
    except QuaichError as error:
        detail = getattr(error, "detail", "")
        if detail:
            sys.stderr.write(detail if detail.endswith("\n") else f"{detail}\n")
        from quaich.config.base import printable

        sys.stderr.write(f"quaich: {printable(str(error))}\n")
        return error.status
    except KeyboardInterrupt:
        return INTERRUPTED


def _print(text: str, stream: TextIO | None = None) -> int:
    """Write to a reader who may leave early (``quaich --help | head``); always succeeds."""
    stream = stream or sys.stdout
    try:
        stream.write(text)
        stream.flush()
    except OSError:
        # Whatever is still buffered would raise again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return 0


def entry() -> int:
    """The console script."""
    return main(sys.argv)


def is_compatible(argv: Sequence[str]) -> bool:
    """Whether these arguments are uWSGI's."""
    if _called_uwsgi(argv[0]):
        return True
    if len(argv) < 2:
        return False
    first = argv[1]
    if first.startswith("-"):
        return True
    return "." in first and first.rpartition(".")[2].lower() in _FILE_EXTENSIONS


def _called_uwsgi(program: str) -> bool:
    return program.rpartition("/")[2] == "uwsgi"


def _dispatch(argv: list[str]) -> int:
    if is_compatible(argv):
        return _compatible(argv)
    if len(argv) < 2:
        sys.stderr.write(USAGE)
        return 1
    command = _COMMANDS.get(argv[1])
    if command is None:
        raise _unknown_command(argv[1])
    return command(argv[1:])


def _unknown_command(word: str) -> UsageError:
    from quaich.config.suggest import nearest

    found = nearest(word, _COMMANDS)
    if found:
        return UsageError(f'unknown command "{word}"; did you mean quaich {found}?')
    if word.endswith((".py", ".wsgi")) or ":" in word:
        return UsageError(f'unknown command "{word}"; to serve it, write quaich serve {word}')
    return UsageError(f'unknown command "{word}": expected {", ".join(_COMMANDS)}, or an option')


def _compatible(argv: list[str]) -> int:
    if argv[1:] == ["--version"]:
        return _version(argv)
    from quaich.config.resolve import read_compatible

    return _serve(argv, read_compatible)


def _modern(argv: list[str]) -> int:
    from quaich.config.resolve import read_modern

    return _serve(argv, read_modern)


def _serve(argv: list[str], read: "Callable[..., Resolution]") -> int:
    from quaich.errors import ConfigError

    fallback = ""
    try:
        status, fallback = _start(argv, read)
        if status != 1:
            return status
    except ConfigError as error:
        if not error.fallback:
            raise
        fallback = error.fallback
        sys.stderr.write(f"quaich: {error}\n")
    if not fallback:
        return status
    sys.stderr.write(f"quaich: the configuration failed; starting with {fallback} [QX149]\n")
    return _start([argv[0], fallback], read)[0]


def _start(argv: list[str], read: "Callable[..., Resolution]") -> tuple[int, str]:
    """Do what the configuration says; the exit status, and what to try if that is 1."""
    from quaich.config.sources import Host

    # A reload reads the same sources again, but the environment and stdin of the start.
    environ = {k: v for k, v in os.environ.items() if not k.startswith(_RESUME)}
    host = Host()

    def reload() -> "Config":
        again = read(argv, environ, host)
        if again.action:
            raise QuaichError(f"the configuration now asks for {again.action}")
        return again.config

    if _RESUME in os.environ:
        from quaich.master.run import resume

        return resume(reload), ""
    resolution = read(argv, environ, host)
    for text in resolution.printed:
        _print(f"{text}\n", sys.stderr)
    if resolution.action:
        return _act(argv, resolution), resolution.fallback
    if resolution.config.show_config:
        from quaich.config.resolve import dump

        _print(dump(resolution.items), sys.stderr)

    from quaich.master.run import start

    return start(resolution.config, reload), resolution.fallback


def _act(argv: list[str], resolution: "Resolution") -> int:
    """What a configuration asks for instead of serving."""
    if resolution.action == "version":
        return _version(argv)
    if resolution.action == "help":
        return _help_options(argv[0])
    if resolution.action == "dump-options":
        from quaich.config.options import COMPATIBLE_NAMES

        return _print("".join(f"{name}\n" for name in COMPATIBLE_NAMES))
    _print("".join(f"{text}\n" for text in resolution.output))
    return resolution.status


def _help_options(program: str) -> int:
    from quaich.config import help as texts

    if program == "serve":
        return _print(texts.modern_help())
    return _print(texts.compatible_help("uwsgi" if _called_uwsgi(program) else "quaich"))


def _version(argv: list[str]) -> int:
    from quaich.cli.version import describe

    return _print(f"{describe()}\n")


def _help(argv: list[str]) -> int:
    return _print(USAGE)


def _later(module: str) -> Callable[[list[str]], int]:
    """A command whose module is imported when it is called."""

    def command(argv: list[str]) -> int:
        from importlib import import_module

        run: Callable[[list[str]], int] = import_module(f"quaich.cli.{module}").run
        return run(argv)

    return command


_COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "serve": _modern,
    "check": _later("check"),
    "config": _later("configcmd"),
    "explain": _later("explain"),
    "migrate": _later("migrate"),
    "help": _help,
    "version": _version,
}
