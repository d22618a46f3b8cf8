"""An installed nginx: where it is, what it can do, and where sites belong in it."""

from collections.abc import Mapping

from quaich.errors import QuaichError
from quaich.nginx.abilities import Abilities
from quaich.values import dataclass


class NginxError(QuaichError):
    """nginx is absent, refuses a configuration, or does not do what it was told."""

    status = 5


@dataclass(frozen=True)
class Nginx:
    """One nginx.

    ``config`` is its main file; ``sites`` the directory of site files and ``enabled`` that of the
    links to them, or empty where the files themselves are read; ``snippets`` holds what site files
    include.  ``unit`` is the service that starts it, or empty.  ``is_private`` says that its main
    file is quaich's as well.
    """

    program: str
    abilities: Abilities
    prefix: str
    config: str
    sites: str
    enabled: str
    snippets: str
    pidfile: str
    error_log: str
    unit: str = ""
    is_private: bool = False


def system(environ: Mapping[str, str] | None = None) -> Nginx:
    """The nginx of the machine; raises NginxError when there is none, or none that can be used."""
    raise NotImplementedError


def private(prefix: str, port: int) -> Nginx:
    """An nginx of quaich's own below ``prefix``, for a port that needs no privilege."""
    raise NotImplementedError
