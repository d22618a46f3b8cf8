"""Rendered files become nginx's configuration, and what was before comes back if they fail.

In this order: what an earlier run left half done is undone; the whole configuration is tested as it
is, so that another's mistake is told from ours; the files are swapped; tested again; reloaded;
verified; and the site is asked through nginx.  Whatever fails from the swap on puts the old files
back, reloads and verifies that too.  When nothing differs nothing is touched, and nginx is not
reloaded.
"""

import difflib
import os
import shutil
from collections.abc import Callable, Mapping

from quaich.nginx import control, neighbours, ownmain, placing
from quaich.nginx.errors import NginxError
from quaich.nginx.install import Nginx, remarks
from quaich.nginx.neighbours import Place
from quaich.nginx.placing import Placed
from quaich.nginx.render import DEFAULT, SITE, site_file
from quaich.nginx.tree import Disk, parse
from quaich.values import dataclass

# Says what is wrong with the site as a client sees it; nothing when it answers as it should.
Probe = Callable[[], str]


@dataclass(frozen=True)
class Applied:
    """What was done; ``remarks`` are facts that the operator should know, a line each."""

    is_changed: bool
    is_reloaded: bool = False
    is_started: bool = False
    is_stopped: bool = False
    files: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


class _Conflict(NginxError):
    """Something of somebody else's is in the way; ``detail`` shows it beside ours."""

    def __init__(self, message: str, detail: str) -> None:
        super().__init__(message)
        self.detail = detail


def diff(nginx: Nginx, site: str, files: Mapping[str, str]) -> str:
    """What ``apply`` would change, as a unified diff; empty when nothing.

    Raises NginxError when something of somebody else's is in the way.
    """
    dump = control.check(nginx)[1] if os.path.exists(nginx.config) else ""
    changes = _changes(nginx, site, dict(files), _around(nginx, dump), [])
    mine = placing.ours(nginx)
    parts = []
    for path, text in changes.items():
        parts.append(_compared(path, placing.read(path), path, text))
    for name, text in files.items():
        if "/" not in name:
            continue
        before_path = _snippet_in_use(nginx, site, mine, name.rpartition("/")[2])
        path = f"{nginx.snippets}/{name}"
        before = placing.read(before_path) if before_path else None
        parts.append(_compared(before_path or path, before, path, text))
    return "".join(parts)


def _compared(old_path: str, old: str | None, new_path: str, new: str | None) -> str:
    if old == new:
        return ""
    lines = difflib.unified_diff(
        (old or "").splitlines(keepends=True),
        (new or "").splitlines(keepends=True),
        "/dev/null" if old is None else old_path,
        "/dev/null" if new is None else new_path,
    )
    return "".join(lines)


def _snippet_in_use(nginx: Nginx, site: str, mine: Mapping[str, Placed], name: str) -> str:
    placed = mine.get(f"{nginx.sites}/{site_file(site)}")
    for line in placed.text.splitlines() if placed else ():
        word = line.strip().removeprefix("include ").removesuffix(";")
        if line.strip().startswith("include quaich/") and word.endswith(f"/{name}"):
            return f"{nginx.snippets}/{word.removeprefix('quaich/')}"
    return ""


def apply(nginx: Nginx, site: str, files: Mapping[str, str], *, probe: Probe) -> Applied:
    """Make the site's files these, reload nginx and verify that it serves by them.

    Raises NginxError, and everything is as before, when nginx refuses them, the reload fails or
    ``probe`` finds the site wrong.
    """
    try:
        return _apply(nginx, site, dict(files), probe)
    except OSError as error:
        raise _unwritable(error) from None


def remove(nginx: Nginx, site: str) -> Applied:
    """Take the site's files away and reload; nothing of anybody else is touched."""
    try:
        return _apply(nginx, site, {}, lambda: "")
    except OSError as error:
        raise _unwritable(error) from None


def _unwritable(error: OSError) -> NginxError:
    return NginxError(
        f"{error.filename or 'nginx'}: {error.strerror or error}; nothing was changed"
    )


def _apply(nginx: Nginx, site: str, files: dict[str, str], probe: Probe) -> Applied:
    with placing.locked(nginx):
        is_new_main = nginx.is_private and ownmain.prepare(nginx)
        is_recovered = placing.restore(nginx)
        wrong, dump = control.check(nginx)
        if wrong and not _is_own(nginx, site, wrong):
            raise NginxError(
                f"nginx's configuration is broken already, and was not touched: {wrong}"
            )
        pid = control.master(nginx)
        if (is_recovered or is_new_main) and pid and not wrong:
            control.reload(nginx, pid)
        placing.prune_snippets(nginx)
        said: list[str] = []
        changes = _changes(nginx, site, files, _around(nginx, dump), said)
        if not changes and (pid or not files):
            return Applied(False, remarks=tuple(said))
        return _change(nginx, files, changes, probe, said, site)


def _around(nginx: Nginx, dump: str) -> list[Place]:
    """The server blocks there are; from the files where nginx would not print them."""
    if dump or not os.path.exists(nginx.config):
        return neighbours.servers(dump)
    return neighbours.servers_in(parse(Disk(), nginx.config, os.path.dirname(nginx.config)))


def _is_own(nginx: Nginx, site: str, wrong: str) -> bool:
    """Whether a mistake is in the site's file or in what that includes: replacing it may help."""
    path = f"{nginx.sites}/{site_file(site)}"
    tree = parse(Disk(), path, os.path.dirname(nginx.config))
    files = {path, placing.link(nginx, path), *(each.file for each in tree.walk())} - {""}
    return any(f" in {each}:" in wrong or f'"{each}"' in wrong for each in files)


def _changes(
    nginx: Nginx, site: str, files: dict[str, str], around: list[Place], said: list[str]
) -> dict[str, str | None]:
    """The site files to write and those to remove; raises for what is somebody else's."""
    mine = placing.ours(nginx)
    wanted = placing.wanted(nginx, site, files) if files else {}
    own = {path for path, each in mine.items() if placing.is_owned(each, site)}
    links = {placing.link(nginx, path) for path in own}
    others = [each for each in around if each.file not in own | links]
    for path, text in list(wanted.items()):
        _refuse_foreign(path, text, own)
        servers = neighbours.servers_of(path, text)
        if path != f"{nginx.sites}/{site_file(site)}":
            listens = {where for each in servers for where in each.defaults}
            other = neighbours.default_of(listens, others)
            if other:
                port = min(port for _, port in listens)
                said.append(f"unknown hosts on port {port} are answered by {other.place}")
                del wanted[path]
            continue
        found = neighbours.same_host(servers, others)
        if found:
            other, host, port = found
            theirs = placing.read(other.file) or ""
            raise _Conflict(
                f"{other.place}: serves {host} on port {port} already, and is not quaich's; "
                "remove it, or give the site another host",
                _compared(other.file, theirs, path, text),
            )
    changes: dict[str, str | None] = {}
    for path, text in wanted.items():
        if path not in mine or mine[path].text != text or not placing.is_linked(nginx, path):
            changes[path] = text
    for path in own - set(wanted):
        if mine[path].kind == SITE or not _is_needed(mine[path], mine, wanted, site):
            changes[path] = None
    return changes


def _refuse_foreign(path: str, text: str, own: set[str]) -> None:
    there = placing.read(path)
    if there is not None and path not in own:
        raise _Conflict(
            f"{path}: was not written by quaich for this site; move it away, or use another name",
            _compared(path, there, path, text),
        )


def _is_needed(
    default: Placed, mine: Mapping[str, Placed], wanted: Mapping[str, str], site: str
) -> bool:
    """Whether a site still listens where this default server does."""
    listens = {
        where
        for each in neighbours.servers_of(default.path, default.text)
        for where in each.listens
    }
    texts = [
        (path, each.text)
        for path, each in mine.items()
        if each.kind != DEFAULT and each.owner != site
    ]
    return any(
        each.listens & listens
        for path, text in (*texts, *wanted.items())
        for each in neighbours.servers_of(path, text)
    )


def _change(
    nginx: Nginx,
    files: dict[str, str],
    changes: dict[str, str | None],
    probe: Probe,
    said: list[str],
    site: str,
) -> Applied:
    for path, placed in placing.ours(nginx).items():
        if path in changes and placed.is_edited:
            aside = placing.set_aside(placed)
            said.append(f"{path} had been changed by hand; that text is kept in {aside}")
    try:
        placing.add_snippets(nginx, files)
        placing.swap(nginx, changes)
    except OSError:
        placing.restore(nginx)
        placing.prune_snippets(nginx)
        raise
    pid = control.master(nginx)
    is_tested = False
    try:
        wrong, _ = control.check(nginx)
        if wrong:
            raise NginxError(f"nginx refuses the configuration: {wrong}")
        is_tested = True
        if pid:
            control.reload(nginx, pid)
        elif files:
            control.start(nginx)
        offset = control.size(nginx.error_log)
        wrong = probe()
        if wrong:
            why = control.complaint(nginx, offset)
            raise NginxError(f"the site does not answer through nginx: {wrong}{why}")
    except BaseException as error:
        told = _back(nginx, is_tested, bool(pid))
        if isinstance(error, NginxError):
            raise NginxError(f"{error}; {told}") from None
        raise
    placing.commit(nginx, changes)
    placing.prune_snippets(nginx)
    is_over = bool(pid) and not files and nginx.is_private and not placing.ours(nginx)
    if is_over:
        control.stop(nginx)
    if not files:
        shutil.rmtree(f"{nginx.abilities.spool}/quaich-{site}-cache", ignore_errors=True)
    if any("uwsgi_pass" in text for text in files.values()):
        said += remarks(nginx)
    is_started = bool(files) and not pid
    return Applied(True, bool(pid), is_started, is_over, tuple(changes), tuple(said))


def _back(nginx: Nginx, is_tested: bool, has_run: bool) -> str:
    """Restore the old files, and the old behaviour if it may have changed; what became of it."""
    placing.restore(nginx)
    placing.prune_snippets(nginx)
    pid = control.master(nginx)
    if not is_tested or not pid:
        return "the old files are back"
    wrong, _ = control.check(nginx)
    if wrong:
        return f"the old files are back, but nginx now refuses those: {wrong}"
    try:
        if not has_run:
            control.stop(nginx)
            return "the old files are back, and nginx is stopped as before"
        control.reload(nginx, pid)
    except NginxError as error:
        return f"the old files are back, but {error}"
    return "the old files are back and serve"
