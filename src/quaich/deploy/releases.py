"""The releases of a site on the disk: their records, which one is current, and what may go.

A release is a directory ``releases/ID`` with the application in ``app`` and its record in
``release.json``, which is written last: a directory without it is the rest of an interrupted build.
"""

import json
import os
import shutil
from typing import Any

from quaich.deploy import records
from quaich.deploy.ini import Release
from quaich.deploy.layout import SitePaths
from quaich.deploy.site import from_data, to_data
from quaich.errors import QuaichError
from quaich.values import dataclass

RECORD = "release.json"


@dataclass(frozen=True)
class Kept:
    """A release that is there; ``serial`` orders releases, whatever the clock said."""

    serial: int
    release: Release
    source: str
    made: str
    by: str
    python: str
    settings: str = ""

    @property
    def id(self) -> str:
        """Its name."""
        return self.release.id


def next_id(paths: SitePaths, day: str) -> tuple[int, str]:
    """The serial and the name of the next release on ``day``; no name is given twice."""
    last = records.read_json(f"{paths.state}/last.json") or {"serial": 0, "id": ""}
    head, _, tail = last["id"].rpartition("-")
    number = int(tail) + 1 if head == day else 1
    while os.path.lexists(f"{paths.releases}/{day}-{number}"):
        number += 1
    return last["serial"] + 1, f"{day}-{number}"


def take_id(paths: SitePaths, serial: int, name: str) -> None:
    """See to it that the name is not given again."""
    records.write(f"{paths.state}/last.json", json.dumps({"serial": serial, "id": name}) + "\n")


def keep(paths: SitePaths, kept: Kept) -> None:
    """Write the record of a release, by which it becomes one."""
    release = kept.release
    data = {
        "serial": kept.serial,
        "id": release.id,
        "source": kept.source,
        "made": kept.made,
        "by": kept.by,
        "python": kept.python,
        "settings": kept.settings,
        "environment": release.environment,
        "app": release.app,
        "pythonpath": release.pythonpath,
        "identity": list(release.identity),
        "host": release.host,
        "site": to_data(release.site),
    }
    path = f"{paths.releases}/{release.id}/{RECORD}"
    records.write(path, json.dumps(data, indent=1) + "\n", 0o600)


def get(paths: SitePaths, name: str) -> Kept:
    """The release of a name; raises QuaichError where there is none."""
    data = None
    if name and "/" not in name and not name.startswith("."):
        data = records.read_json(f"{paths.releases}/{name}/{RECORD}")
    if data is None:
        there = ", ".join(each.id for each in every(paths)) or "none"
        raise QuaichError(f"{paths.name}: there is no release {name}; there are: {there}")
    return _kept(paths, data)


def every(paths: SitePaths) -> list[Kept]:
    """All releases, the newest first."""
    found = []
    try:
        names = os.listdir(paths.releases)
    except FileNotFoundError:
        names = []
    for name in names:
        data = records.read_json(f"{paths.releases}/{name}/{RECORD}")
        if data is not None:
            found.append(_kept(paths, data))
    return sorted(found, key=lambda each: -each.serial)


def current(paths: SitePaths) -> str:
    """The name of the release that is served; empty where none is."""
    try:
        return os.path.basename(os.readlink(paths.current))
    except OSError:
        return ""


def before(paths: SitePaths) -> str:
    """The release to go back to: the one that was served before the current one came.

    A release that was gone back from does not come again by itself.
    """
    earlier = _earlier(paths)
    if earlier:
        return earlier[-1]
    if not current(paths):
        raise QuaichError(f"{paths.name}: nothing is served, so there is nothing to go back from")
    there = ", ".join(each.id for each in every(paths))
    raise QuaichError(f"{paths.name}: nothing served before {current(paths)}; there are: {there}")


def served(paths: SitePaths) -> None:
    """Note that the current release serves; going back to one forgets what came after it."""
    history = [*_earlier(paths), current(paths)]
    records.write(f"{paths.state}/served.json", json.dumps(history) + "\n")


def _earlier(paths: SitePaths) -> list[str]:
    """What was served before the current release, the latest last, as far as it is there."""
    history: list[str] = records.read_json(f"{paths.state}/served.json") or []
    now = current(paths)
    if now in history:
        history = history[: history.index(now)]
    return [each for each in history if os.path.exists(f"{paths.releases}/{each}/{RECORD}")]


def forget(paths: SitePaths, name: str) -> None:
    """Remove a release, whole or in part."""
    if not name or "/" in name or name.startswith("."):
        raise QuaichError(f"{name!r} is no release")
    path = f"{paths.releases}/{name}"
    records.remove(f"{path}/{RECORD}")
    if os.path.isdir(path):
        shutil.rmtree(path)


def prune(paths: SitePaths, keep_newest: int) -> tuple[list[str], int]:
    """Remove old releases, rests, and unused environments: the names, and how many of these."""
    there = every(paths)
    needed = (current(paths), *_earlier(paths)[-1:])
    gone = [each.id for each in there[max(keep_newest, 2) :] if each.id not in needed]
    rests = set(os.listdir(paths.releases)) - {each.id for each in there}
    for name in (*gone, *sorted(rests)):
        forget(paths, name)
    used = {os.path.basename(each.release.environment) for each in there if each.id not in gone}
    unused = [name for name in os.listdir(paths.environments) if name not in used]
    for name in unused:
        shutil.rmtree(f"{paths.environments}/{name}", ignore_errors=True)
    return gone, len(unused)


def _kept(paths: SitePaths, data: Any) -> Kept:
    try:
        release = Release(
            id=data["id"],
            site=from_data(data["site"]),
            root=f"{paths.releases}/{data['id']}/app",
            environment=data["environment"],
            app=data["app"],
            pythonpath=data["pythonpath"],
            identity=(data["identity"][0], data["identity"][1]),
            host=data["host"],
        )
        about = (data["source"], data["made"], data["by"], data["python"], data["settings"])
        return Kept(data["serial"], release, *about)
    except (KeyError, TypeError, ValueError, IndexError):
        place = f"{paths.releases}/{data.get('id', '?')}/{RECORD}"
        raise QuaichError(f"{place}: damaged; remove this release") from None
