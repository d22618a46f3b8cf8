"""``quaich migrate``: another server's options as a commented ini, and what has no equivalent."""

import os
import shlex
import sys
from collections.abc import Sequence

from quaich.cli.migrate import granian, gunicorn, uvicorn
from quaich.cli.migrate.draft import Draft
from quaich.config.suggest import hint
from quaich.errors import UsageError

USAGE = """\
Usage: quaich migrate gunicorn.conf.py
       quaich migrate gunicorn OPTIONS...
       quaich migrate granian OPTIONS...
       quaich migrate uvicorn OPTIONS...

The options may also be given as one quoted text.  The ini goes to stdout, what has no equivalent
to stderr.
"""

_SERVERS = {
    "gunicorn": gunicorn.from_options,
    "granian": granian.from_options,
    "uvicorn": uvicorn.from_options,
}


def run(argv: Sequence[str]) -> int:
    """The command; ``argv[0]`` is its name."""
    arguments = list(argv[1:])
    if not arguments or arguments[0] in ("-h", "--help"):
        (sys.stdout if arguments else sys.stderr).write(USAGE)
        return 0 if arguments else 1
    if len(arguments) == 1 and " " in arguments[0] and not os.path.exists(arguments[0]):
        try:
            arguments = shlex.split(arguments[0])
        except ValueError as error:
            raise UsageError(f"migrate: {error}") from None
    draft = _draft(arguments)
    sys.stdout.write(draft.ini())
    sys.stderr.write(draft.remarks())
    return 0


def _draft(arguments: list[str]) -> Draft:
    name = os.path.basename(arguments[0])
    if name in _SERVERS:
        return _SERVERS[name](arguments[1:])
    if name.endswith(".py"):
        if len(arguments) > 1:
            raise UsageError("migrate: one gunicorn.conf.py, or gunicorn -c FILE OPTIONS...")
        return gunicorn.from_file(arguments[0])
    raise UsageError(
        f'migrate: expected gunicorn, granian, uvicorn or a gunicorn.conf.py, got "{name}"'
        f"{hint(name, _SERVERS)}"
    )
