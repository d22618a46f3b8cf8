"""The monotonic clock in whole microseconds, read without building a float."""

import time

try:
    import cython
except ImportError:
    from quaich.sys import cy as cython


def micros() -> int:
    """Microseconds of CLOCK_MONOTONIC, which no clock step can turn back."""
    if cython.compiled:
        return c_micros()  # type: ignore[name-defined, no-any-return]
    else:
        return time.monotonic_ns() // 1000
