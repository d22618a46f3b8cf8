"""Where everything of a site lives; pure.

A *system* layout (root) follows the File Hierarchy Standard and serves on port 80; a user's is by
the XDG base directories, on a port that needs no privilege, with an nginx of its own.  With
``QUAICH_PREFIX=DIR`` everything is below DIR, as for a user: to try out, and for tests.  Nothing
here looks whether a path exists.
"""

import re
from collections.abc import Mapping

from quaich.errors import QuaichError
from quaich.values import dataclass

# A name becomes a directory, a unit, a socket and a part of nginx's zone names, so it is plain.
_NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
MAX_NAME = 32

SYSTEM_PORT = 80
USER_PORT = 8080


@dataclass(frozen=True)
class SitePaths:
    """The paths of one site.

    ``definition`` says what the site is (written by the operator or by the first deploy),
    ``variables`` its environment (mode 0600); ``state`` holds the releases, ``run`` the sockets
    and ``log`` the logs.
    """

    name: str
    definition: str
    variables: str
    state: str
    run: str
    log: str

    @property
    def releases(self) -> str:
        """A directory of releases, one directory each, named by their ids."""
        return f"{self.state}/releases"

    @property
    def current(self) -> str:
        """The symbolic link to the release that is served."""
        return f"{self.state}/current"

    @property
    def environments(self) -> str:
        """Virtual environments, named by the hash of what they were made of."""
        return f"{self.state}/environments"

    @property
    def configuration(self) -> str:
        """The ini that the site's master reads; written by deploy, never by hand."""
        return f"{self.state}/quaich.ini"

    @property
    def journal(self) -> str:
        """What an interrupted change had begun."""
        return f"{self.state}/journal.json"

    @property
    def lock(self) -> str:
        """Held by the one change that is under way."""
        return f"{self.state}/lock"

    @property
    def audit(self) -> str:
        """Who changed what and when, a JSON object a line."""
        return f"{self.state}/audit.jsonl"

    @property
    def socket(self) -> str:
        """Where nginx reaches the workers."""
        return f"{self.run}/app.sock"

    @property
    def control(self) -> str:
        """The master's control socket."""
        return f"{self.run}/control.sock"

    @property
    def pidfile(self) -> str:
        """The master's process id."""
        return f"{self.run}/master.pid"


@dataclass(frozen=True)
class Layout:
    """The directories of all sites, and the port nginx listens on if nothing else is said.

    ``nginx`` is the prefix of a private nginx, or the empty string where the system's is used.
    """

    is_system: bool
    config: str
    state: str
    run: str
    log: str
    nginx: str
    http_port: int

    def site(self, name: str) -> SitePaths:
        """The paths of the site ``name``; raises QuaichError for a name that cannot be one."""
        check_name(name)
        return SitePaths(
            name=name,
            definition=f"{self.config}/{name}.toml",
            variables=f"{self.config}/{name}.env",
            state=f"{self.state}/{name}",
            run=f"{self.run}/{name}",
            log=f"{self.log}/{name}",
        )


def check_name(name: str) -> None:
    """Raise QuaichError unless ``name`` can name a site."""
    if len(name) > MAX_NAME or not _NAME.fullmatch(name):
        raise QuaichError(
            f'site "{name}": expected at most {MAX_NAME} lower-case letters, digits and single '
            "hyphens, beginning with a letter, like my-shop"
        )


def layout(uid: int, environ: Mapping[str, str]) -> Layout:
    """Where the sites of this user are; raises QuaichError if a user has no home."""
    prefix = environ.get("QUAICH_PREFIX", "")
    if prefix:
        if not prefix.startswith("/"):
            raise QuaichError(f'QUAICH_PREFIX: expected an absolute path, got "{prefix}"')
        prefix = prefix.rstrip("/")
        return Layout(
            is_system=False,
            config=f"{prefix}/etc",
            state=f"{prefix}/lib",
            run=f"{prefix}/run",
            log=f"{prefix}/log",
            nginx=f"{prefix}/nginx",
            http_port=USER_PORT,
        )
    if uid == 0:
        return Layout(
            is_system=True,
            config="/etc/quaich",
            state="/var/lib/quaich",
            run="/run/quaich",
            log="/var/log/quaich",
            nginx="",
            http_port=SYSTEM_PORT,
        )
    home = environ.get("HOME", "")
    state = _xdg(environ, "XDG_STATE_HOME", home, ".local/state")
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    return Layout(
        is_system=False,
        config=_xdg(environ, "XDG_CONFIG_HOME", home, ".config"),
        state=_xdg(environ, "XDG_DATA_HOME", home, ".local/share"),
        run=f"{runtime}/quaich" if runtime.startswith("/") else f"{state}/run",
        log=f"{state}/log",
        nginx=f"{state}/nginx",
        http_port=USER_PORT,
    )


def _xdg(environ: Mapping[str, str], name: str, home: str, below: str) -> str:
    """A base directory's part for quaich; a relative value is ignored, as specified."""
    base = environ.get(name, "")
    if base.startswith("/"):
        return f"{base.rstrip('/')}/quaich"
    if not home.startswith("/"):
        raise QuaichError(f"HOME: expected an absolute path, to keep sites below it (or {name})")
    return f"{home.rstrip('/')}/{below}/quaich"
