"""Rendered files become nginx's configuration, and what was before comes back if they fail."""

from collections.abc import Callable, Mapping

from quaich.nginx.install import Nginx
from quaich.values import dataclass

# Says what is wrong with the site as a client sees it; nothing when it answers as it should.
Probe = Callable[[], str]


@dataclass(frozen=True)
class Applied:
    """What was done; ``remarks`` are facts that the operator should know, a line each."""

    is_changed: bool
    is_reloaded: bool = False
    is_started: bool = False
    files: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


def diff(nginx: Nginx, site: str, files: Mapping[str, str]) -> str:
    """What ``apply`` would change, as a unified diff; empty when nothing."""
    raise NotImplementedError


def apply(nginx: Nginx, site: str, files: Mapping[str, str], *, probe: Probe) -> Applied:
    """Make the site's files these, reload nginx and verify that it serves by them.

    Raises NginxError, and everything is as before, when nginx refuses them, the reload fails or
    ``probe`` finds the site wrong.
    """
    raise NotImplementedError


def remove(nginx: Nginx, site: str) -> Applied:
    """Take the site's files away and reload; nothing of anybody else is touched."""
    raise NotImplementedError
