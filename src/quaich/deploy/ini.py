"""The configurations that deploy writes: of a site's server, and of a release on trial; pure.

They are read through the compatible door, with everything said that is safe there.  A value is
written so that the reader's own signs (``%``, ``$(``, ``@(``) cannot take part in it; where one
cannot be written it is refused.  A release on trial is the same application with one worker on a
socket of its own: what else the server would open, start or log is left to the real one.
"""

from collections.abc import Iterator

from quaich.config.options import BY_LONG_NAME
from quaich.deploy.layout import SitePaths
from quaich.deploy.site import Site
from quaich.errors import QuaichError
from quaich.values import dataclass

HEADER = "; Written by quaich deploy for each release: a change here is lost. See site.toml.\n"

# What a trial takes over of [server]: how the application is loaded and run, nothing it opens.
_TRIED = ("python", "apps", "threads", "limits", "privileges-jail", "headers")

_BACKLOG = "1024"


@dataclass(frozen=True)
class Release:
    """A release as its server sees it; ``environment`` is the directory of its virtualenv.

    ``identity`` is the user and group to become, both empty where the server stays what it is.
    """

    id: str
    site: Site
    root: str
    environment: str
    app: str
    pythonpath: str = ""
    identity: tuple[str, str] = ("", "")
    host: str = "localhost"

    @property
    def directory(self) -> str:
        """Where the application is started."""
        inside = self.site.chdir.strip("/")
        return f"{self.root}/{inside}" if inside not in ("", ".") else self.root


def serving(release: Release, paths: SitePaths, socket_owner: str = "", processes: int = 0) -> str:
    """The configuration of the site's server; ``processes`` 0 is as many as the site says."""
    site = release.site
    settings = [
        *_application(release, paths),
        ("socket", paths.socket),
        ("chmod-socket", "660"),
        # nginx answers 502 at once when a UNIX socket's queue is full: a stall must fit into it.
        ("listen", _BACKLOG),
        *([("chown-socket", socket_owner)] if socket_owner else []),
        ("control", paths.control),
        ("safe-pidfile", paths.pidfile),
        ("logto", f"{paths.log}/server.log"),
        ("log-reopen", "true"),
        ("processes", str(processes or site.processes)),
        ("procname-prefix-spaced", site.name),
    ]
    if site.health.path and all(200 <= each < 400 for each in site.health.statuses):
        settings.append(("ready-path", f"http://{release.host}{site.health.path}"))
    settings += site.server
    return _text(settings)


def trial(release: Release, paths: SitePaths) -> str:
    """The configuration of the release before it is let in."""
    tried = [
        (key, value)
        for key, value in release.site.server
        if BY_LONG_NAME[key].group in _TRIED and key not in ("chroot",)
    ]
    settings = [
        *_application(release, paths),
        ("socket", trial_socket(paths)),
        ("chmod-socket", "600"),
        ("control", "false"),
        ("processes", "1"),
        *tried,
    ]
    return _text(settings)


def trial_socket(paths: SitePaths) -> str:
    """Where a release on trial answers."""
    return f"{paths.run}/trial.sock"


def trial_configuration(paths: SitePaths) -> str:
    """What a release on trial is started by."""
    return f"{paths.run}/trial.ini"


def _application(release: Release, paths: SitePaths) -> Iterator[tuple[str, str]]:
    site = release.site
    yield "strict", "true"
    yield "master", "true"
    yield "need-app", "true"
    yield "die-on-term", "true"
    # With die-on-term alone a SIGTERM would cut off the requests that run.
    yield "hook-master-start", "unix_signal:15 gracefully_kill_them_all"
    yield "vacuum", "true"
    user, group = release.identity
    if user:
        yield "uid", user
    if group:
        yield "gid", group
    yield "env-file", paths.variables
    yield "env", f"QUAICH_SITE={site.name}"
    yield "env", f"QUAICH_RELEASE={release.id}"
    yield "env", f"QUAICH_DATA={paths.state}/data"
    yield "chdir", release.directory
    yield "virtualenv", release.environment
    if release.pythonpath:
        yield "pythonpath", release.pythonpath
    module, colon, name = release.app.partition(":")
    yield "module", f"{module}:{name}" if colon else module
    yield "threads", str(site.threads)
    yield "enable-threads", "true"
    if site.harakiri:
        yield "harakiri", str(site.harakiri)
    yield "startup-timeout", str(site.start_timeout)


def _text(settings: list[tuple[str, str]]) -> str:
    return HEADER + "[uwsgi]\n" + "".join(f"{key} = {_safe(key, v)}\n" for key, v in settings)


def _safe(key: str, value: str) -> str:
    if any(sign in value for sign in ("\n", "\r", "\0", "$(", "@(", "%(")):
        raise QuaichError(
            f"{key} = {value!r}: a line break, $(, @( and %( cannot be in the path or the value"
        )
    return value.replace("%", "%%")
