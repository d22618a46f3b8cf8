"""Who the application runs as: user and group looked up early, and dropped to for good.

The order is the one that cannot leave a way back: supplementary groups, group, user; each step is
checked, and at the end root must be out of reach.  A user or group that does not exist is refused
before anything is started.  ``acting_as`` is the one step that is taken back: the master makes a
file that is to be the user's with no more rights than that user has.
"""

import grp
import os
import pwd
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from quaich.errors import ConfigError, QuaichError
from quaich.values import dataclass


@dataclass(frozen=True)
class Identity:
    """The user to become and the groups to be in; ``None`` keeps what is."""

    uid: int | None
    gid: int | None
    groups: tuple[int, ...]

    @property
    def is_current(self) -> bool:
        """Whether the process has this user and group already."""
        return self.uid in (None, os.geteuid()) and self.gid in (None, os.getegid())


def _group(name: str, place: str, option: str = "gid") -> int:
    try:
        return int(name) if name.isdecimal() else grp.getgrnam(name).gr_gid
    except KeyError:
        raise ConfigError(f"{option} = {name}: there is no such group", place) from None


@dataclass(frozen=True)
class MoreGroups:
    """Groups by name or number beside the first; ``initial`` are also those of the user."""

    names: Sequence[str] = ()
    initial: bool = True
    place: str = ""


def find(
    uid: str | None,
    gid: str | None,
    uid_place: str = "",
    gid_place: str = "",
    more: MoreGroups = MoreGroups(),
) -> Identity:
    """The identity that the options ``uid``, ``gid`` and ``add-gid`` ask for."""
    identity = _find(uid, gid, uid_place, gid_place)
    groups = identity.groups
    if not more.initial and identity.gid is not None:
        groups = (identity.gid,)
    added = tuple(_group(name, more.place, "add-gid") for name in more.names)
    if added and identity.gid is None:
        groups = tuple(os.getgroups())
    groups = tuple(dict.fromkeys((*groups, *added)))
    return Identity(identity.uid, identity.gid, groups)


def _find(uid: str | None, gid: str | None, uid_place: str, gid_place: str) -> Identity:
    group = None if gid is None else _group(gid, gid_place)
    if uid is None:
        return Identity(None, group, () if group is None else (group,))
    try:
        entry = pwd.getpwuid(int(uid)) if uid.isdecimal() else pwd.getpwnam(uid)
    except KeyError:
        if not uid.isdecimal():
            raise ConfigError(f"uid = {uid}: there is no such user", uid_place) from None
        if group is None:
            raise ConfigError(
                f"uid = {uid}: the user has no name and so no group; give gid too", uid_place
            ) from None
        return Identity(int(uid), group, (group,))
    if group is None:
        group = entry.pw_gid
    return Identity(entry.pw_uid, group, tuple(os.getgrouplist(entry.pw_name, group)))


def drop(identity: Identity) -> None:
    """Become ``identity``, and prove that there is no way back."""
    try:
        if identity.groups:
            os.setgroups(identity.groups)
        if identity.gid is not None:
            os.setresgid(identity.gid, identity.gid, identity.gid)
        if identity.uid is not None:
            os.setresuid(identity.uid, identity.uid, identity.uid)
    except OSError as error:
        raise QuaichError(
            f"cannot become user {identity.uid} and group {identity.gid}: {error.strerror}"
        ) from None
    if identity.gid is not None and os.getresgid() != (identity.gid,) * 3:
        raise QuaichError(f"the group is {os.getresgid()} after changing to {identity.gid}")
    if identity.uid is None:
        return
    if os.getresuid() != (identity.uid,) * 3:
        raise QuaichError(f"the user is {os.getresuid()} after changing to {identity.uid}")
    if identity.uid != 0:
        try:
            os.setuid(0)
        except PermissionError:
            return
        raise QuaichError(f"root can be regained by user {identity.uid}; refusing to go on")


@contextmanager
def acting_as(identity: Identity) -> Iterator[None]:
    """Be ``identity`` for a moment, as far as files are concerned; only root can, others stay."""
    if os.geteuid() != 0 or (identity.uid is None and identity.gid is None):
        yield
        return
    groups, group = os.getgroups(), os.getegid()
    try:
        os.setgroups(identity.groups)
        if identity.gid is not None:
            os.setegid(identity.gid)
        if identity.uid is not None:
            os.seteuid(identity.uid)
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
        os.setgroups(groups)
