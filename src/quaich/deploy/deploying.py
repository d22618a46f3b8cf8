"""Deploy and rollback: what each step of their plans does."""

import contextlib
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from quaich.deploy import (
    change,
    checks,
    commands,
    detect,
    environment,
    front,
    ini,
    place,
    plan,
    probe,
    records,
    releases,
    server,
    source,
    trust,
)
from quaich.deploy import site as sites
from quaich.deploy.faults import reason
from quaich.deploy.plan import Plan
from quaich.deploy.say import Say
from quaich.deploy.source import Source
from quaich.errors import QuaichError
from quaich.values import dataclass, replace

_DRAIN_EXTRA = 5.0


@dataclass(frozen=True)
class Outcome:
    """A change that is over: the release that is served, and the one before it."""

    release: str
    previous: str
    address: str = ""


@contextlib.contextmanager
def changing(where: place.Place, what: str, say: Say, by: commands.Actor) -> Iterator[None]:
    """Hold the site for a change: directories there, lock held, interrupted changes put right."""
    place.prepare(where, by)
    with records.locked(where.paths.lock, where.who, what):
        change.recover(where, say, lambda made: complete(where, made, say))
        yield


def refuse_if_locked(where: place.Place) -> None:
    """Raise QuaichError where an operator has locked the site against deployments."""
    held = records.read_json(f"{where.paths.state}/locked.json")
    if held is not None:
        because = f": {held['reason']}" if held.get("reason") else ""
        raise QuaichError(
            f"{where.paths.name} is locked by {held['user']} since {held['since']}{because}; "
            f"quaich unlock {where.paths.name}"
        )


def definition(where: place.Place, from_source: str, given: Mapping[str, Any]) -> sites.Site:
    """The site by the file beside the application, that of the machine, and the flags."""
    found = []
    for path in (from_source, where.paths.definition):
        text = records.read(path) if path else None
        if text is not None:
            said = sites.read(text, path)
            if path == from_source and where.layout.is_system:
                trust.check(said, where.paths.definition)
            found.append(said)
    return sites.merge(where.paths.name, [*found, sites.flags(given)])


def facts(where: place.Place, site: sites.Site, what: str, stage: bool = False) -> plan.Facts:
    """What a plan depends on."""
    return plan.Facts(
        source=what,
        previous=releases.current(where.paths),
        was_running=server.is_running(where.paths),
        has_nginx=front.is_wanted(site),
        stage=stage,
        keep=site.keep,
    )


class Deployment:
    """A new release on its way."""

    def __init__(
        self, where: place.Place, what: Source, said: Mapping[str, Any], stage: bool, say: Say
    ) -> None:
        if find_spec("tomllib") is None:
            raise QuaichError(
                "quaich deploy reads TOML, and needs Python 3.11 or later for it; the application "
                "may have another one: --python"
            )
        self.where, self.source, self.said, self.stage, self.say = where, what, said, stage, say
        self.site = self._definition(what.path if what.kind == source.DIRECTORY else "")
        _check_front(where, self.site)
        self.by = place.actor(where.layout, self.site)
        self.base = commands.environment(self.by, where.environ)
        self.release = ini.Release("", self.site, "", "", "")
        self.settings = ""
        self.fetched = ""
        self.version = ""
        self.serial = 0

    def plan(self) -> Plan:
        """What would be done now."""
        self.serial, name = releases.next_id(self.where.paths, time.strftime("%Y%m%d"))
        return plan.deploy(
            self.where.paths.name,
            name,
            facts(self.where, self.site, str(self.source), self.stage),
        )

    def run(self) -> Outcome:
        """Do it; raises QuaichError with everything as before."""
        made = self.plan()
        releases.take_id(self.where.paths, self.serial, made.release)
        under_way = change.Change(self.where, made, self.say)
        under_way.perform(
            {
                plan.BUILD: lambda: self._build(made.release),
                plan.CHECK: self._check,
                **_letting_in(self.where, under_way, lambda: self.release, self.say),
            }
        )
        return _outcome(self.where, made, self.release.site)

    def _definition(self, directory: str) -> sites.Site:
        path = f"{directory}/site.toml" if directory else ""
        return definition(self.where, path, self.said)

    def _build(self, name: str) -> str:
        started = time.monotonic()
        paths = self.where.paths
        root = f"{paths.releases}/{name}"
        os.mkdir(root, 0o755)
        app = f"{root}/app"
        env = commands.build_environment(self.by, self.where.environ)
        self.fetched = source.fetch(self.source, app, self.by, env)
        if self.source.kind == source.GIT:
            self.site = self._definition(app)
            _check_front(self.where, self.site)
        wheel = self.source.path if self.source.kind == source.WHEEL else ""
        house = self.site.wheelhouse
        if house:
            house = os.path.join(app, house)
        if self.source.kind != source.GIT:
            # Nobody else can have touched it yet.
            source.own(app, self.by)
        wanted = environment.recipe(app, wheel, self.site.python, house)
        made = environment.make(wanted, paths.environments, app, self.by, env)
        found = self._detect(app, bool(wheel))
        self.version, self.settings = made.version, found.settings
        self.release = ini.Release(
            id=name,
            site=self.site,
            root=app,
            environment=made.path,
            app=found.app,
            pythonpath=found.pythonpath,
            identity=place.identity(self.where.layout, self.site),
            host=_host(self.site),
        )
        checks.compile_all(self._bench())
        packages = f"{made.packages} package{'' if made.packages == 1 else 's'}"
        reused = " (environment reused)" if made.is_reused else ""
        seconds = time.monotonic() - started
        return f"release {name} · Python {made.version} · {packages}{reused} · {seconds:.1f}s"

    def _detect(self, app: str, is_wheel: bool) -> detect.Found:
        if is_wheel:
            if not self.site.app:
                raise QuaichError("a wheel says nothing of its application: --app shop:application")
            return detect.Found(self.site.app, "", "")
        top = f"{app}/{self.site.chdir}".rstrip("/.")
        if not os.path.isdir(top):
            raise QuaichError(f"[site] chdir: {self.site.chdir}: there is no such directory")
        return detect.detect(
            lambda name: records.read(f"{top}/{name}"),
            os.listdir(top),
            self.site.app,
            self.site.django,
        )

    def _bench(self) -> checks.Bench:
        return checks.bench(
            self.release, self.by, self.base, self.where.paths.variables, self.where.data
        )

    def _check(self) -> str:
        at = self._bench()
        site = self.site
        said = [checks.hooks(at, "pre_deploy", site.pre_deploy)]
        text = ini.trial(self.release, self.where.paths)
        path = ini.trial_configuration(self.where.paths)
        records.write(path, text, 0o600)
        try:
            environ = self.where.environ
            seconds = site.start_timeout
            imported, warnings = checks.configuration(path, self.release, seconds, environ)
        finally:
            records.remove(path)
        for warning in warnings:
            self.say.note(warning)
        # An application for another Python is only loaded by that, when it is started.
        said.append("import ok" if imported else "configuration ok")
        if self.settings:
            said += self._django(at)
        else:
            said.append(checks.hooks(at, "migrate", site.migrate))
        if self.where.layout.is_system:
            # An application that cannot change its own code stays what was deployed.
            source.own(self.release.root, commands.Actor(0, 0))
        self._keep()
        return " · ".join(filter(None, said))

    def _django(self, at: checks.Bench) -> list[str]:
        for warning in checks.deploy_check(at):
            self.say.note(f"check --deploy: {warning}")
        said = []
        root, url = checks.static_facts(at, self.settings)
        if root:
            said.append(checks.collect_static(at))
            self.release = replace(self.release, site=_with_static(self.site, root, url))
        said.append(checks.hooks(at, "migrate", self.site.migrate) or checks.migrate(at))
        return said

    def _keep(self) -> None:
        kept = releases.Kept(
            serial=self.serial,
            release=self.release,
            source=self.fetched,
            made=records.moment(time.time()),
            by=self.where.who.user,
            python=self.version,
            settings=self.settings,
        )
        releases.keep(self.where.paths, kept)


def roll_back(where: place.Place, name: str, say: Say) -> Outcome:
    """Let in a release that is there; raises QuaichError with everything as before."""
    kept = releases.get(where.paths, name)
    made = rollback_plan(where, kept)
    _check_front(where, kept.release.site)
    under_way = change.Change(where, made, say)
    under_way.perform(_letting_in(where, under_way, lambda: kept.release, say))
    return _outcome(where, made, kept.release.site)


def rollback_plan(where: place.Place, kept: releases.Kept) -> Plan:
    """What letting in a release that is there takes."""
    site = kept.release.site
    return plan.rollback(where.paths.name, kept.id, facts(where, site, ""))


def complete(where: place.Place, made: Plan, say: Say) -> None:
    """Finish a change that was decided when it was interrupted."""
    if made.change == plan.DESTROY:
        from quaich.deploy import destroying

        destroying.clear(where, say)
        return
    releases.served(where.paths)
    _prune(where, releases.get(where.paths, made.release).release.site.keep)


def _letting_in(
    where: place.Place, under_way: change.Change, release: Any, say: Say
) -> Mapping[str, change.Action]:
    """What the steps do by which a release comes to be served."""

    def start() -> str:
        return _try(where, release())

    def nginx() -> str:
        under_way.is_front_touched = True
        try:
            return front.put(release().site, where.layout, where.paths)
        except QuaichError:
            # It has put everything back itself; what ends it by a signal has not.
            under_way.is_front_touched = False
            raise

    def finish() -> str:
        return _finish(where, release(), say)

    return {
        plan.START: start,
        plan.SWITCH: lambda: under_way.let_in(release()),
        plan.NGINX: nginx,
        plan.FINISH: finish,
    }


def _try(where: place.Place, release: ini.Release) -> str:
    site = release.site
    text = ini.trial(release, where.paths)
    with server.trial(where.paths, text, site.start_timeout, where.environ) as seconds:
        what = f"{site.name}@{release.id}"
        answer = probe.judge(ini.trial_socket(where.paths), site.health, release.host, what)
        took = f"GET {site.health.target} {answer.status} in {answer.seconds * 1000:.0f} ms"
    return f"{what} ready in {seconds:.1f}s · {took}"


def _finish(where: place.Place, release: ini.Release, say: Say) -> str:
    site = release.site
    releases.served(where.paths)
    drained = server.drained(where.paths, (site.harakiri or 60) + _DRAIN_EXTRA)
    said = [f"drained in {drained:.1f}s" if drained is not None else "old workers still finish"]
    if site.post_deploy:
        by = place.actor(where.layout, site)
        base = commands.environment(by, where.environ)
        at = checks.bench(release, by, base, where.paths.variables, where.data)
        said.append(checks.hooks(at, "post_deploy", site.post_deploy))
    try:
        gone, environments = _prune(where, site.keep)
    except OSError as error:
        say.note(f"old releases are not removed: {reason(error)}")
    else:
        if gone or environments:
            said.append(f"removed {', '.join(gone) or f'{environments} environments'}")
    return " · ".join(said)


def _prune(where: place.Place, keep: int) -> tuple[list[str], int]:
    return releases.prune(where.paths, keep)


def _check_front(where: place.Place, site: sites.Site) -> None:
    """What is wrong with [nginx], or that there is none, is said before anything is done."""
    if front.is_wanted(site):
        front.nginx(where.layout)
        front.facts_of(site, where.layout, where.paths)


def _outcome(where: place.Place, made: Plan, site: sites.Site) -> Outcome:
    address = ""
    if front.is_wanted(site):
        address = front.address(front.facts_of(site, where.layout, where.paths))
    return Outcome(made.release, made.previous, address)


def _host(site: sites.Site) -> str:
    hosts: Any = site.nginx.get("hosts") or ["localhost"]
    return str(hosts if isinstance(hosts, str) else hosts[0]).replace("*.", "www.", 1)


def _with_static(site: sites.Site, root: str, url: str) -> sites.Site:
    """The site with Django's static files, unless their address is spoken for."""
    there: Sequence[Any] = site.nginx.get("static", ())
    if any(isinstance(each, dict) and each.get("url") == url for each in there):
        return site
    return replace(site, nginx={**site.nginx, "static": [*there, {"url": url, "path": root}]})
