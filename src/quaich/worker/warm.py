"""Between loading and serving: an application is warmed up, a worker is set up and tried.

Warming up is a favour to the first clients: what fails there is said and has no other effect.
Setting up (the hooks of post-fork) and trying (ready-path) are conditions: a worker that does not
meet them does not serve.
"""

import sys
import time
from collections.abc import Callable, Sequence
from itertools import cycle, islice
from typing import Any

from quaich.config.effective import Config
from quaich.errors import LoadError, QuaichError
from quaich.log.server import Log
from quaich.wsgi import blame
from quaich.wsgi.environ import fixed
from quaich.wsgi.loader import Apps
from quaich.wsgi.rehearse import Outcome, rehearse
from quaich.wsgi.route import chooser
from quaich.wsgi.target import Target

WARMING = "quaich-warmup"
TRYING = "quaich-ready"
_EVERYWHERE = ("/",)

Hook = Callable[[], Any]


def find_hooks(config: Config) -> list[tuple[str, Hook]]:
    """The functions of post-fork, with how an error names them; raises LoadError."""
    found = []
    for value in config.post_fork:
        module_name, _, name = value.partition(":")
        target = Target("post-fork", value, config.place_of("post-fork"))
        if not name:
            raise LoadError(f"{target.where}: expected module:function")
        found.append((target.where, target.find(target.import_module(module_name), name)))
    return found


def set_up(hooks: Sequence[tuple[str, Hook]]) -> None:
    """In a worker, after the fork; raises LoadError for a hook that fails."""
    # Python's own generator is seeded anew by the fork itself.
    numpy = sys.modules.get("numpy.random")
    if numpy is not None:
        numpy.seed()
    for where, hook in hooks:
        try:
            hook()
        except BaseException as error:
            raise blame.raised(where, error) from None


def warm_up(config: Config, apps: Apps, log: Log) -> None:
    """Request the paths of warmup, each once."""
    play = _player(config, apps, WARMING)
    for path in config.warmup:
        outcome = play(path)
        if outcome.detail:
            log.block(outcome.detail)
        (log.warning if outcome.problem else log.info)(f"warmup path={path} {outcome}")


def serve(config: Config, apps: Apps, count: int, log: Log) -> None:
    """Request the paths of warmup in turn, ``count`` in all."""
    paths = config.warmup or _EVERYWHERE
    play = _player(config, apps, WARMING)
    started = time.monotonic()
    failed = 0
    count = count or len(paths)
    for path in islice(cycle(paths), count):
        outcome = play(path)
        if outcome.problem:
            failed += 1
            if failed == 1:
                log.warning(f"warmup path={path} {outcome}")
    log.info(f"warmup requests={count} failed={failed} seconds={time.monotonic() - started:.3f}")


def try_out(config: Config, apps: Apps, log: Log) -> None:
    """Request ready-path; raises QuaichError where that does not give 2xx or 3xx."""
    if config.ready_path is None:
        return
    outcome = _player(config, apps, TRYING)(config.ready_path)
    if outcome.good:
        return
    if outcome.detail:
        log.block(outcome.detail)
    place = config.place_of("ready-path")
    said = outcome.problem or f"expected a status of 2xx or 3xx, got {outcome.status}"
    raise QuaichError(f"{place}{': ' if place else ''}ready-path = {config.ready_path}: {said}")


def _player(config: Config, apps: Apps, agent: str) -> Callable[[str], Outcome]:
    choose = chooser(
        apps,
        manage_script_name=config.manage_script_name,
        ignore_script_name=config.ignore_script_name,
    )
    common = fixed(threads=config.threads, processes=max(1, config.processes))
    return lambda target: rehearse(choose, target, agent, common)
