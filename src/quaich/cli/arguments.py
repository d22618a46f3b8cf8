"""argparse for the commands of deployed sites: mistakes end as one line, like all others here."""

import argparse
from typing import Any, NoReturn

from quaich.config.suggest import hint
from quaich.errors import UsageError


class Parser(argparse.ArgumentParser):
    """A parser whose errors are UsageErrors, and that knows what was probably meant."""

    def __init__(self, *args: Any, **more: Any) -> None:
        more.setdefault("allow_abbrev", False)
        more.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(*args, **more)

    def error(self, message: str) -> NoReturn:
        """Raise instead of leaving."""
        command = self.prog.removeprefix("quaich ")
        if message.startswith("unrecognized arguments: -"):
            word = message.split()[2].partition("=")[0]
            known = [each[2:] for each in self._option_string_actions if each.startswith("--")]
            message = f"unknown option {word}{hint(word, known, '--')}"
        raise UsageError(f"{command}: {message}; quaich {command} --help")


def common(parser: Parser, dry_run: bool = False, asks: bool = False) -> None:
    """The options that every command of a site has, or every one that changes something."""
    parser.add_argument("--json", action="store_true", help="print the outcome as JSON")
    if dry_run:
        parser.add_argument("--dry-run", action="store_true", help="only print what would be done")
        # A script need not know which commands ask.
        text = "do not ask" if asks else "accepted everywhere; this command does not ask"
        parser.add_argument("--yes", "-y", action="store_true", help=text)
