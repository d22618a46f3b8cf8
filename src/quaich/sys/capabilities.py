"""Capabilities: single powers of root that a process keeps after it became another user.

``keep`` comes before the change of user, ``limit_to`` after it.  The capabilities then hold for the
process, for what it forks, and (as ambient ones) for what it executes; the others are gone.  What
the kernel refuses is an OSError.
"""

import os

from quaich.sys.family import prctl

_NAMES = (
    "chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable "
    "net_bind_service net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio "
    "sys_chroot sys_ptrace sys_pacct sys_admin sys_boot sys_nice sys_resource sys_time "
    "sys_tty_config mknod lease audit_write audit_control setfcap mac_override mac_admin syslog "
    "wake_alarm block_suspend audit_read perfmon bpf checkpoint_restore"
)
NUMBERS = {name: number for number, name in enumerate(_NAMES.split())}

_PR_SET_KEEPCAPS = 8
_PR_CAPBSET_DROP = 24
_PR_CAP_AMBIENT = 47
_AMBIENT_RAISE = 2
_VERSION_3 = 0x20080522


def keep() -> None:
    """Do not lose them in the change from root to another user."""
    # Here already: the library may be closed to that user.
    import ctypes  # noqa: F401

    prctl(_PR_SET_KEEPCAPS, 1)


def limit_to(names: tuple[str, ...]) -> None:
    """Have exactly these.

    Root would get all of them back with the next program it executes, so for root the others are
    taken out of what can ever be had.
    """
    import ctypes

    wanted = sorted({NUMBERS[name] for name in names})
    if os.geteuid() == 0:
        for number in NUMBERS.values():
            if number not in wanted:
                try:
                    prctl(_PR_CAPBSET_DROP, number)
                except OSError:
                    pass  # a kernel that does not know it cannot grant it
    word = ctypes.c_uint32
    header = (word * 2)(_VERSION_3, 0)
    masks = [sum(1 << number % 32 for number in wanted if number // 32 == half) for half in (0, 1)]
    # Effective, permitted, inheritable: of the low half, then of the high one.
    data = (word * 6)(*[mask for mask in masks for _ in range(3)])
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.capset(header, data) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    for number in wanted:
        prctl(_PR_CAP_AMBIENT, _AMBIENT_RAISE, number)
