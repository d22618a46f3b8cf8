"""Executing another interpreter that runs this very quaich.

The new interpreter must take no module from the directory it is started in, which belongs to the
application and may shadow the standard library: so it is started on a line of code that empties
that entry first.  Only the package itself is handed over, not the directory that it is in: that
one may hold packages for another version of Python.
"""

import os
import sys

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_CODE = (
    "import sys; sys.path[:] = [p for p in sys.path if p]; "
    "import importlib.util as u; p = sys.argv[2]; "
    "s = u.spec_from_file_location('quaich', p + '/__init__.py', submodule_search_locations=[p]); "
    "m = sys.modules['quaich'] = u.module_from_spec(s); s.loader.exec_module(m); "
    "import {module} as q; sys.exit(q.main())"
)


def execute(module: str, fd: int, python: str | None = None) -> None:
    """Replace this process by ``module.main()``, whose argument is a descriptor; OSError if not.

    Without a ``python`` it is run by the interpreter of this process.
    """
    environ = dict(os.environ)
    if python is not None:
        # It says where the library of this version is.
        environ.pop("PYTHONHOME", None)
    python = python or sys.executable
    os.set_inheritable(fd, True)
    argv = [python, "-c", _CODE.format(module=module), str(fd), _PACKAGE]
    os.execve(python, argv, environ)
