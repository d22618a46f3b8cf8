"""Stands in for Cython's own ``cython`` module where that is not installed.

A compiled module never executes this: Cython replaces ``cython.compiled`` while it translates.
Types are declared in the ``.pxd`` files beside the hot modules, so nothing else is needed.
"""

compiled = False
