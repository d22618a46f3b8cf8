"""A site's nginx files from its facts; pure."""

from quaich.nginx.abilities import Abilities
from quaich.nginx.facts import Front


def site_file(site: str) -> str:
    """The name of a site's file."""
    return f"quaich-{site}.conf"


def render(front: Front, nginx: Abilities) -> dict[str, str]:
    """The text of each file by its name.

    Names without a slash are site files (the site's, and those of the servers that refuse unknown
    hosts); the others are relative to the directory of snippets.
    """
    raise NotImplementedError
