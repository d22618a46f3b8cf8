import os
import pwd

import pytest

from quaich.errors import ConfigError, QuaichError
from quaich.sys.privileges import Identity, drop, find

NOBODY = pwd.getpwnam("nobody")


def test_names_and_numbers() -> None:
    assert find(None, None) == Identity(None, None, ())
    by_name = find("nobody", None)
    assert (by_name.uid, by_name.gid) == (NOBODY.pw_uid, NOBODY.pw_gid)
    assert NOBODY.pw_gid in by_name.groups
    assert find(str(NOBODY.pw_uid), None) == by_name
    assert find("nobody", "0").gid == 0
    assert find("54321", "65432") == Identity(54321, 65432, (65432,))
    assert find(None, "65432") == Identity(None, 65432, (65432,))


@pytest.mark.parametrize(
    ("uid", "gid", "text"),
    [
        ("no-such-user", None, "a.ini:1: uid = no-such-user: there is no such user"),
        ("nobody", "no-such-group", "a.ini:2: gid = no-such-group: there is no such group"),
        ("54321", None, "a.ini:1: uid = 54321: the user has no name"),
    ],
)
def test_who_does_not_exist_is_refused(uid: str, gid: str | None, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        find(uid, gid, "a.ini:1", "a.ini:2")
    assert str(caught.value).startswith(text)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can change users")
def test_root_is_gone_after_the_drop() -> None:
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            drop(find("nobody", None))
            same = os.getresuid() == (NOBODY.pw_uid,) * 3
            same = same and os.getresgid() == (NOBODY.pw_gid,) * 3 and 0 not in os.getgroups()
            status = 0 if same else 2
            try:
                drop(Identity(0, 0, ()))
                status = 3
            except QuaichError:
                pass
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
