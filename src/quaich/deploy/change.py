"""Going through a plan: step by step with the journal ahead, and back when something fails.

The journal names a step before it begins.  A failure, a signal and an interruption that only the
next run notices end in the same undo, made from the plan alone; what fails there leaves the
journal, and the next run tries again.
"""

import contextlib
import signal
from collections.abc import Callable, Iterator, Mapping

from quaich.deploy import front, ini, plan, probe, records, releases, server
from quaich.deploy.faults import FrontFault, reason
from quaich.deploy.layout import SitePaths
from quaich.deploy.place import Place, socket_owner
from quaich.deploy.plan import Plan
from quaich.deploy.say import Say
from quaich.errors import QuaichError
from quaich.nginx.install import NginxError

_RELOAD_EXTRA = 30.0
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

# What a kill may have left half written, under another name.
_WRITTEN: tuple[Callable[[SitePaths], str], ...] = (
    ini.trial_configuration,
    lambda paths: paths.configuration,
    lambda paths: paths.current,
    lambda paths: paths.journal,
)

# Does a step; a fact for the reader.
Action = Callable[[], str]


class Ended(Exception):
    """A signal asks this process to end; what was begun is to be taken back."""

    def __init__(self, number: int) -> None:
        super().__init__(f"ended by {signal.Signals(number).name}")
        self.status = 128 + number


class Change:
    """One plan under way."""

    def __init__(self, where: Place, made: Plan, say: Say) -> None:
        self.where, self.plan, self.say = where, made, say
        # Whether the server may run, and nginx may have, what is to be taken back.
        self.is_server_touched = False
        self.is_front_touched = False

    def perform(self, actions: Mapping[str, Action]) -> None:
        """Do every step; raises what made one fail, after everything begun is taken back."""
        begun: list[str] = []
        data = plan.to_data(self.plan)
        with _signals_raise():
            for number, step in enumerate(self.plan.steps, 1):
                try:
                    begun.append(step.name)
                    records.begin(self.where.paths, data, begun, self.where.who)
                    text = actions[step.name]()
                except BaseException as error:
                    self.say.failed(number, step.name, _words(error))
                    self._fail(begun)
                    self._tell_what_serves()
                    if isinstance(error, OSError):
                        raise QuaichError(f"{step.name}: {reason(error)}") from None
                    raise
                self.say.step(number, step.name, text)
        records.remove(self.where.paths.journal)

    def undo(self, begun: list[str]) -> bool:
        """Take back the steps that were begun; whether all of it worked."""
        worked = True
        for step in plan.undoing(self.plan, begun):
            try:
                self._undo(step.undo)
            except (NginxError, FrontFault) as error:
                # nginx keeps the files it has; the next change to the site writes them again.
                self.say.note(f"undo of {step.name}: {error}")
            except (QuaichError, OSError) as error:
                self.say.note(f"undo of {step.name} failed: {_words(error)}")
                worked = False
        return worked

    def let_in(self, release: ini.Release) -> str:
        """Make a release the one that is served: the step ``switch``."""
        paths = self.where.paths
        site = release.site
        owner = socket_owner(self.where.layout, site)
        timeout = site.start_timeout + _RELOAD_EXTRA
        records.write(paths.configuration, ini.serving(release, paths, owner), 0o600)
        records.link(paths.current, f"releases/{release.id}")
        if server.is_running(paths):
            before = server.generation(paths)
            self.is_server_touched = True
            try:
                server.reload(paths, timeout)
            except QuaichError:
                # What does not become ready never replaces the code before it.
                self.is_server_touched = server.generation(paths) != before
                raise
            done = "reloaded"
        else:
            self.is_server_touched = True
            self.where.manager.start(paths, timeout)
            done = "started"
        answer = probe.judge(paths.socket, site.health, release.host, "behind the switch")
        return f"{done} · GET {site.health.target} {answer.status}"

    def _tell_what_serves(self) -> None:
        serves = releases.current(self.where.paths)
        if serves and server.is_running(self.where.paths):
            self.say.note(f"{serves} serves")

    def _fail(self, begun: list[str]) -> None:
        paths = self.where.paths
        with _signals_wait():
            if plan.is_decided(self.plan, begun):
                # It serves; what is left over is not worth going back for.
                records.remove(paths.journal)
            elif self.undo(begun):
                with contextlib.suppress(OSError):
                    records.remove(paths.journal)

    def _undo(self, what: str) -> None:
        paths = self.where.paths
        if what == plan.FORGET:
            releases.forget(paths, self.plan.release)
        elif what == plan.END_TRIAL:
            records.remove(ini.trial_socket(paths))
            records.remove(ini.trial_configuration(paths))
        elif what == plan.RESTORE:
            self._restore()
        elif what == plan.HALT:
            self.where.manager.stop(paths)
            records.remove(paths.current)
            records.remove(paths.configuration)
        elif what == plan.NGINX_BACK and self.is_front_touched:
            front.put(
                releases.get(paths, self.plan.previous).release.site, self.where.layout, paths
            )
        elif what == plan.NGINX_AWAY and self.is_front_touched:
            front.away(paths.name, self.where.layout)

    def _restore(self) -> None:
        paths = self.where.paths
        release = releases.get(paths, self.plan.previous).release
        owner = socket_owner(self.where.layout, release.site)
        timeout = release.site.start_timeout + _RELOAD_EXTRA
        text = ini.serving(release, paths, owner)
        # A disk that is full must not keep from going back to what is there still.
        if records.read(paths.configuration) != text:
            records.write(paths.configuration, text, 0o600)
        if releases.current(paths) != release.id:
            records.link(paths.current, f"releases/{release.id}")
        running = server.is_running(paths)
        if running and not self.plan.was_running:
            self.where.manager.stop(paths)
        elif running and self.is_server_touched:
            server.reload(paths, timeout)
        elif not running and self.plan.was_running:
            self.where.manager.start(paths, timeout)


def recover(where: Place, say: Say, complete: Callable[[Plan], None]) -> None:
    """Put right what a run that was killed had begun; ``complete`` finishes what was decided."""
    paths = where.paths
    entry = records.read_json(paths.journal)
    if entry is None:
        records.remove(f"{paths.journal}.new")
        return
    try:
        made = plan.from_data(entry["plan"])
        begun = list(entry["begun"])
        by = f"{entry['user']} (pid {entry['pid']})"
    except (KeyError, TypeError):
        raise QuaichError(f"{paths.journal}: damaged; look at the site and remove it") from None
    last = begun[-1] if begun else "nothing"
    what = f"{made.change} {made.release}".strip()
    outcome = "completed" if plan.is_decided(made, begun) else "taken back"
    with _signals_wait():
        if outcome == "completed":
            complete(made)
        else:
            change = Change(where, made, say)
            change.is_server_touched = change.is_front_touched = True
            if not change.undo(begun):
                raise QuaichError(
                    f"{paths.name}: {what}, interrupted in {last}, cannot be undone yet"
                )
    for path in _WRITTEN:
        records.remove(f"{path(paths)}.new")
    records.remove(paths.journal)
    records.audit(
        paths,
        where.who,
        {"action": "recover", "release": made.release, "outcome": outcome, "interrupted": last},
    )
    say.note(f"{what} of {by} was interrupted in {last}: {outcome}")


@contextlib.contextmanager
def _signals_raise() -> Iterator[None]:
    """Let the signals that end a process end the change in order."""

    def handle(number: int, frame: object) -> None:
        raise Ended(number)

    before = {number: signal.signal(number, handle) for number in _ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _signals_wait() -> Iterator[None]:
    """Hold back the signals that end a process."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _words(error: BaseException) -> str:
    return reason(error) if isinstance(error, OSError) else str(error) or type(error).__name__
