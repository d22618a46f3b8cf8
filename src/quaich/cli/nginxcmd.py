"""``quaich nginx``: which of its commands is meant."""

import sys
from collections.abc import Sequence

from quaich.errors import UsageError

USAGE = """\
Usage: quaich nginx lint [options] [FILE...|-]     mistakes in a configuration; see --help
"""


def run(argv: Sequence[str]) -> int:
    """The command; ``argv[0]`` is its name."""
    if argv[1:2] == ["lint"]:
        from quaich.cli import nginxlint

        return nginxlint.run(argv[2:])
    if argv[1:] and argv[1] not in ("-h", "--help"):
        raise UsageError(f'quaich nginx: unknown command "{argv[1]}"; expected lint')
    (sys.stdout if argv[1:] else sys.stderr).write(USAGE)
    return 0 if argv[1:] else 1
