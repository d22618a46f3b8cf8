"""Who the application runs as: user and group looked up early, and dropped to for good.

The order is the one that cannot leave a way back: supplementary groups, group, user; each step is
checked, and at the end root must be out of reach.  A user or group that does not exist is refused
before anything is started.
"""

import grp
import os
import pwd
from dataclasses import dataclass

from quaich.errors import ConfigError, QuaichError


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


def _group(name: str, place: str) -> int:
    try:
        return int(name) if name.isdecimal() else grp.getgrnam(name).gr_gid
    except KeyError:
        raise ConfigError(f"gid = {name}: there is no such group", place) from None


def find(uid: str | None, gid: str | None, uid_place: str = "", gid_place: str = "") -> Identity:
    """The identity that the options ``uid`` and ``gid`` (names or numbers) ask for."""
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
        if identity.gid is not None:
            os.setgroups(identity.groups)
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
