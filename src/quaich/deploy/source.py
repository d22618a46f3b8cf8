"""Fetching what is deployed: a directory, a wheel, or ``GIT-URL#REF``, copied into a release.

A directory is copied without what ``ignore`` leaves out; links are kept when they stay inside the
source, and refused otherwise, since a release must not change when something beside it does.
Refused: sockets, devices and pipes, and a source that contains the place it is copied to.
"""

import os
import re
import shutil
import stat
from collections.abc import Sequence

from quaich.deploy import commands, ignore, records
from quaich.deploy.faults import ApplicationFault, reason
from quaich.errors import QuaichError
from quaich.values import dataclass

DIRECTORY, WHEEL, GIT = "directory", "wheel", "git"

_SCHEME = re.compile(r"(?:https?|ssh|git|file)://|[\w.-]+@[\w.-]+:")
_REF = re.compile(r"(?!-)[\w./@^~{}+-]+")
_GIT_SECONDS = 600.0


@dataclass(frozen=True)
class Source:
    """What to deploy: ``path`` is a directory, a file or a URL; ``ref`` a branch, tag or commit."""

    kind: str
    path: str
    ref: str = ""

    def __str__(self) -> str:
        # A URL may hold a password.
        shown = re.sub(r"(\w+://)[^/@\s]*@", r"\1", self.path)
        return f"{shown}#{self.ref}" if self.ref else shown


def locate(word: str) -> Source:
    """What a command line names."""
    address, sharp, ref = word.partition("#")
    is_local = bool(sharp) and os.path.isdir(address)
    if _SCHEME.match(address) or is_local:
        if sharp and not _REF.fullmatch(ref):
            raise QuaichError(f'{word}: expected a branch, tag or commit behind the #, got "{ref}"')
        return Source(GIT, os.path.abspath(address) if is_local else address, ref)
    path = os.path.abspath(word)
    if word.endswith(".whl"):
        if not os.path.isfile(path):
            raise QuaichError(f"{word}: there is no such wheel")
        return Source(WHEEL, path)
    if not os.path.isdir(path):
        raise QuaichError(f"{word}: expected a directory, a wheel or GIT-URL#REF")
    return Source(DIRECTORY, path)


def fetch(source: Source, target: str, by: commands.Actor, env: dict[str, str]) -> str:
    """Put the source at ``target``, a new directory; what it was, for the records."""
    os.mkdir(target, 0o755)
    if source.kind == WHEEL:
        return os.path.basename(source.path)
    if source.kind == GIT:
        return _clone(source, target, by, env)
    copied = _copy_tree(source.path, target, _rules(source.path), os.path.realpath(target))
    return f"{source.path} ({copied} files)"


def own(path: str, by: commands.Actor) -> None:
    """Give a tree to the actor."""
    owner = by.owner()
    if owner is None:
        return
    os.chown(path, *owner)
    for top, directories, files in os.walk(path):
        for name in (*directories, *files):
            os.chown(os.path.join(top, name), *owner, follow_symlinks=False)


def _clone(source: Source, target: str, by: commands.Actor, env: dict[str, str]) -> str:
    if shutil.which("git", path=env.get("PATH")) is None:
        raise QuaichError("git is not installed; it is needed to deploy from a repository")
    own(target, by)
    env = {**env, "GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_NOSYSTEM": "1"}

    def git(*words: str) -> str:
        return commands.run(
            ["git", *words], what="git", by=by, env=env, cwd=target, timeout=_GIT_SECONDS
        ).strip()

    git("init", "--quiet")
    git("fetch", "--quiet", "--depth", "1", "--", source.path, source.ref or "HEAD")
    git("checkout", "--quiet", "FETCH_HEAD")
    commit = git("rev-parse", "--short=12", "HEAD")
    shutil.rmtree(f"{target}/.git")
    _weed(target, _rules(target))
    return f"{source} at {commit}"


def _rules(top: str) -> Sequence[ignore.Rule]:
    for name in ignore.FILES:
        text = records.read(f"{top}/{name}")
        if text is not None:
            return ignore.rules(text)
    return ()


def _weed(top: str, rules: Sequence[ignore.Rule]) -> None:
    """Remove from a checkout what a copy would have left out."""
    for directory, directories, files in os.walk(top):
        inside = os.path.relpath(directory, top).removeprefix(".").lstrip("/")
        for name in list(directories):
            path = os.path.join(inside, name)
            whole = os.path.join(top, path)
            if not os.path.islink(whole) and ignore.is_left_out(path, True, rules):
                shutil.rmtree(whole)
                directories.remove(name)
        for name in files:
            path = os.path.join(inside, name)
            if ignore.is_left_out(path, False, rules):
                os.unlink(os.path.join(top, path))


def _copy_tree(top: str, target: str, rules: Sequence[ignore.Rule], forbidden: str) -> int:
    copied = 0
    pending = [""]
    while pending:
        inside = pending.pop()
        with os.scandir(os.path.join(top, inside)) as entries:
            for entry in entries:
                path = os.path.join(inside, entry.name)
                is_directory = entry.is_dir(follow_symlinks=False)
                if ignore.is_left_out(path, is_directory, rules):
                    continue
                to = os.path.join(target, path)
                if is_directory:
                    if _is_environment(entry.path):
                        continue
                    if forbidden.startswith(f"{os.path.realpath(entry.path)}/"):
                        raise QuaichError(
                            f"{top}: the releases are inside it, below {path}; deploy another "
                            "directory, or list this one in .quaichignore"
                        )
                    os.mkdir(to, 0o755)
                    pending.append(path)
                else:
                    _copy(entry, to, top, path)
                    copied += 1
    return copied


def _copy(entry: "os.DirEntry[str]", to: str, top: str, path: str) -> None:
    if entry.is_symlink():
        aim = os.readlink(entry.path)
        end = os.path.normpath(os.path.join(os.path.dirname(path), aim))
        if os.path.isabs(aim) or end == ".." or end.startswith("../"):
            raise ApplicationFault(
                f"{entry.path}: a link that leaves the directory: {aim}; copy what it points to, "
                "or list it in .quaichignore"
            )
        os.symlink(aim, to)
        return
    mode = entry.stat(follow_symlinks=False).st_mode
    if not stat.S_ISREG(mode):
        raise ApplicationFault(
            f"{entry.path}: neither a file nor a directory; list it in .quaichignore"
        )
    try:
        shutil.copyfile(entry.path, to)
        # The time stays, so that compiled files stay valid and caches of browsers too.
        shutil.copystat(entry.path, to)
        os.chmod(to, 0o755 if mode & 0o100 else 0o644)
    except OSError as error:
        raise QuaichError(f"{top}: it cannot be copied: {reason(error)}") from None


def _is_environment(path: str) -> bool:
    return os.path.exists(f"{path}/pyvenv.cfg")
