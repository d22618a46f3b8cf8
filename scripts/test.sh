#!/bin/sh
# test.sh [PYTEST-ARGUMENT...]: the whole suite, compiled and uncompiled.
#
# Both runs are made even if the first fails.  Where nothing could be compiled there is one run.
set -eu
. "$(dirname "$0")/lib.sh"

workers=$(($(getconf _NPROCESSORS_ONLN) + 2))
status=0

# suite BUILD DIR: one run; the tests check that the build is what it is said to be.
suite() {
    build=$1
    dir=$2
    shift 2
    say ""
    say "== the test suite, $build =="
    QUAICH_TESTS_BUILD=$build "$dir/bin/python" -m pytest -q -n "$workers" --dist loadgroup "$@" ||
        status=1
}

if [ -d .venv ] && [ "${QUAICH_PURE:-}" != 1 ]; then
    if (cd .venv && find lib -name '*.so' -path '*/site-packages/quaich/*') | grep -q .; then
        suite compiled .venv "$@"
    else
        say "nothing was compiled here: the suite runs uncompiled only"
    fi
fi
suite uncompiled .venv-pure "$@"
exit $status
