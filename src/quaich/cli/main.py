"""From argv to a command; the one place that turns an operator's mistake into a line and a status.

Which door: an option or a configuration file as the first argument, or the name ``uwsgi``, is the
compatible one; ``serve`` the modern one.  Everything heavy is imported by the command that needs
it, so that small commands start fast.
"""

import gc
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from quaich.cli.output import show
from quaich.errors import QuaichError, UsageError

if TYPE_CHECKING:
    from quaich.cli.consult import Again, Reading
    from quaich.config.effective import Config

INTERRUPTED = 130
# As of a program that SIGPIPE ended.
_READER_GONE = 141
# Set by a master that is executed anew, in place.
_RESUME = "QUAICH_RESUME"
_FILE_EXTENSIONS = ("ini", "xml", "yaml", "yml", "json", "js", "toml")

USAGE = """\
Usage: quaich serve module:app [options...]     serve a WSGI application over HTTP
       quaich --ini app.ini                     serve as a uWSGI configuration says
       quaich --http-socket :8080 -w module     the same by options

Commands: serve, check, config, explain, migrate, nginx, help, version
Running:  reload, stop, status, pause, resume, scale, upgrade, restore
Watching: top, logs
Deploying: setup, new, dev, doctor, report, deploy, rollback, promote, releases, destroy
Sites:    sites, start, restart, env, exec, run, shell, maintenance, lock, unlock, audit
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
    from quaich.cli.consult import COMPATIBLE

    return _serve(argv, COMPATIBLE)


def _modern(argv: list[str]) -> int:
    from quaich.cli.consult import MODERN

    return _serve(argv, MODERN)


def _serve(argv: list[str], door: str) -> int:
    from quaich.errors import ConfigError

    fallback = ""
    try:
        status, fallback = _start(argv, door)
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
    return _start([argv[0], fallback], door)[0]


def _start(argv: list[str], door: str) -> tuple[int, str]:
    """Do what the configuration says; the exit status, and what to try if that is 1."""
    from quaich.cli import consult

    # A reload reads the same sources again, but the environment and stdin of the start.
    environ = {k: v for k, v in os.environ.items() if not k.startswith(_RESUME)}
    stdin: bytes | None = None

    def reload() -> "Again":
        return consult.Again(consult.begin(door, argv, environ, stdin), accept)

    def accept(again: "Reading") -> "Config":
        nonlocal stdin
        stdin = again.stdin
        if again.action:
            raise QuaichError(f"the configuration now asks for {again.action}")
        return again.config

    if _RESUME in os.environ:
        from quaich.master.run import resume

        return resume(reload), ""
    # Most of a start is reading modules, which leaves no garbage: nobody needs to look for some.
    gc.disable()
    pending = consult.begin(door, argv, environ)
    # This process does its part while the other does.
    from quaich.master.run import start

    # And nobody needs to look at it later, which would also write to all of it.
    gc.freeze()
    gc.enable()
    reading = pending.wait()
    stdin = reading.stdin
    for text in reading.printed:
        show(f"{text}\n", sys.stderr)
    if reading.action:
        return _act(argv, reading), reading.fallback
    if reading.shown:
        show(reading.shown, sys.stderr)
    return start(reading.config, reload), reading.fallback


def _act(argv: list[str], reading: "Reading") -> int:
    """What a configuration asks for instead of serving."""
    if reading.action == "version":
        return _version(argv)
    if reading.action == "help":
        return _help_options(argv[0])
    if reading.action == "dump-options":
        from quaich.config.options import COMPATIBLE_NAMES

        return show("".join(f"{name}\n" for name in COMPATIBLE_NAMES))
    if reading.action in ("exit", "get"):
        show("".join(f"{text}\n" for text in reading.output))
        return reading.status
    from quaich.cli import errands

    return errands.run(reading.action, reading.output[0])


def _help_options(program: str) -> int:
    from quaich.config import help as texts

    if program == "serve":
        return show(texts.modern_help())
    return show(texts.compatible_help("uwsgi" if _called_uwsgi(program) else "quaich"))


def _version(argv: list[str]) -> int:
    from quaich.cli.version import describe

    return show(f"{describe()}\n")


def _help(argv: list[str]) -> int:
    return show(USAGE)


def _later(module: str) -> Callable[[list[str]], int]:
    """A command whose module is imported when it is called."""

    def command(argv: list[str]) -> int:
        from importlib import import_module

        run: Callable[[list[str]], int] = import_module(f"quaich.cli.{module}").run
        try:
            status = run(argv)
            sys.stdout.flush()
        except BrokenPipeError:
            # Nobody reads on (quaich check | head).  What is buffered would raise again at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return _READER_GONE
        return status

    return command


_COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "serve": _modern,
    "check": _later("check"),
    "config": _later("configcmd"),
    "explain": _later("explain"),
    "migrate": _later("migrate"),
    "reload": _later("operate"),
    "stop": _later("operate"),
    "status": _later("operate"),
    "top": _later("top"),
    "logs": _later("logs"),
    "pause": _later("operate"),
    "resume": _later("operate"),
    "scale": _later("operate"),
    "upgrade": _later("operate"),
    "restore": _later("operate"),
    "setup": _later("setup"),
    "new": _later("newcmd"),
    "dev": _later("dev"),
    "doctor": _later("doctor"),
    "report": _later("report"),
    "deploy": _later("deploycmd"),
    "rollback": _later("deploycmd"),
    "promote": _later("deploycmd"),
    "releases": _later("deploycmd"),
    "sites": _later("sitecmd"),
    "start": _later("sitecmd"),
    "restart": _later("sitecmd"),
    "maintenance": _later("sitecmd"),
    "env": _later("sitecmd"),
    "exec": _later("sitecmd"),
    "run": _later("sitecmd"),
    "shell": _later("sitecmd"),
    "lock": _later("sitecmd"),
    "unlock": _later("sitecmd"),
    "audit": _later("sitecmd"),
    "destroy": _later("sitecmd"),
    "nginx": _later("nginxcmd"),
    "help": _help,
    "version": _version,
}
