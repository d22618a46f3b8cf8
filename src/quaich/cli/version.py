"""What ``quaich --version`` says, found out without importing the request path."""

import sys
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec

from quaich import __version__


def is_compiled() -> bool:
    """Whether the request path would run as compiled extension modules."""
    spec = find_spec("quaich.wire.http1")
    origin = spec.origin if spec else None
    return origin is not None and origin.endswith(tuple(EXTENSION_SUFFIXES))


def describe() -> str:
    """``quaich 0.1.0 (compiled) Python 3.11.7 linux``."""
    how = "compiled" if is_compiled() else "uncompiled"
    python = ".".join(map(str, sys.version_info[:3]))
    return f"quaich {__version__} ({how}) Python {python} {sys.platform}"
