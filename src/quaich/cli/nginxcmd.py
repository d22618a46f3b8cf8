"""``quaich nginx``: which of its commands is meant; the linter needs nothing of the others."""

from collections.abc import Sequence


def run(argv: Sequence[str]) -> int:
    """The command; ``argv[0]`` is its name."""
    if argv[1:2] == ["lint"]:
        from quaich.cli import nginxlint

        return nginxlint.run(argv[2:])
    from quaich.cli import nginxsite

    return nginxsite.run(argv)
