"""A fork of the master as like to an executed interpreter as a zygote can tell.

The first zygote needs no new interpreter: the code is that of this moment, and what this process
has read of the library is shared with every worker instead of being read and held twice.  What an
application could see of the master is taken away here: descriptors, signal handlers, exit
functions, the path and the ``__main__`` of the command.

The frames of the master stay on the stack below, and with them all that they hold: a socket object
that was let go would close a number that is somebody else's by then.  So whoever comes here never
returns.
"""

import atexit
import gc
import os
import sys
from collections.abc import Collection
from types import ModuleType


def possible() -> bool:
    """Whether an interpreter that is executed would be like this one.

    Options of the interpreter are not handed on to it, so where there are some it is another.
    """
    first = sys.orig_argv[1:2]
    return first == ["-m"] or bool(first and not first[0].startswith("-"))


def assume(kept: Collection[int]) -> None:
    """Become it, with the descriptors ``kept`` and those that any child inherits."""
    # What is garbage now may own a descriptor, so it is not to be collected either.
    gc.freeze()
    for name in os.listdir("/proc/self/fd"):
        try:
            if int(name) not in kept and not os.get_inheritable(int(name)):
                os.close(int(name))
        except OSError:
            pass  # the one that listed them
    atexit._clear()
    if not getattr(sys.flags, "safe_path", False):
        # The directory of the command, or of where it was started.
        del sys.path[:1]
    sys.path[:] = [each for each in sys.path if each]
    sys.modules["__main__"] = ModuleType("__main__")
