"""The name that ``ps``, ``top`` and ``pgrep`` show of this process.

The kernel shows the octets where the command line was, so a name is cut to that room: what follows
it is the environment, which C code still reads.  The short name (``comm``) has room for 15.
"""

_PR_SET_NAME = 15
_ARGUMENTS = 47
"""Where the address of the command line stands in /proc/self/stat, from the first field on."""


def set_title(title: str) -> bool:
    """Show ``title``; False where the kernel does not tell where."""
    import ctypes

    libc = ctypes.CDLL(None)
    text = title.encode("utf-8", "surrogateescape").replace(b"\0", b"")
    try:
        with open("/proc/self/stat", "rb") as file:
            # The second field is in parentheses and may itself hold spaces.
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return False
    start, end = (int(fields[_ARGUMENTS - 2 + i]) for i in (0, 1))
    if not 0 < start < end:
        return False
    room = end - start
    # The last octet stays zero: otherwise the kernel reads on into the environment.
    ctypes.memmove(start, text[: room - 1].ljust(room, b"\0"), room)
    libc.prctl(_PR_SET_NAME, ctypes.c_char_p(text[:15]), 0, 0, 0)
    return True
