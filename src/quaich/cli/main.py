"""From argv to a command; the one place that turns an operator's mistake into a line and a status.

Which door: an option or a configuration file as the first argument, or the name ``uwsgi``, is the
compatible one; ``serve`` the modern one.  Everything heavy is imported by the command that needs
it, so that small commands start fast.
"""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TextIO

from quaich.errors import QuaichError, UsageError

if TYPE_CHECKING:
    from quaich.config.effective import Config
    from quaich.config.resolve import Resolution

INTERRUPTED = 130
_FILE_EXTENSIONS = ("ini", "xml", "yaml", "yml", "json", "js")

USAGE = """\
Usage: quaich serve module:app [options...]     serve a WSGI application over HTTP
       quaich --ini app.ini                     serve as a uWSGI configuration says
       quaich --http-socket :8080 -w module     the same by options

Commands: serve, help, version
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
    from quaich.config.sources import Host

    # A reload reads the same sources again, but the environment and stdin of the start.
    environ: Mapping[str, str] = dict(os.environ)
    host = Host()
    resolution = read(argv, environ, host)
    if resolution.action == "version":
        return _version(argv)
    if resolution.action == "help":
        return _help_options(argv[0])
    if resolution.config.show_config:
        from quaich.config.resolve import dump

        _print(dump(resolution.items), sys.stderr)

    def reload() -> "Config":
        return read(argv, environ, host).config

    from quaich.master.run import start

    return start(resolution.config, reload)


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


_COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "serve": _modern,
    "help": _help,
    "version": _version,
}
