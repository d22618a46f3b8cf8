#!/bin/sh
# test.sh [PYTEST-ARGUMENT...]: the whole suite, compiled and uncompiled.
#
# Both runs are made even if the first fails.  Where nothing could be compiled there is one run.
#
# What no compiled module has a part in, the configuration, what the master does with it, and the
# deployment of sites, is the same program in both builds, and tested in the first; whoever names tests gets just these, in both.
#
# The run is crowded on purpose: more tests at a time than there are processors.  What fails there,
# if it is not much, is run once more, one at a time on the machine that is quiet by then; what passes
# then missed a deadline in the crowd, is named in the output, and wants a look, but is no failure.
set -eu
. "$(dirname "$0")/lib.sh"

workers=$(($(getconf _NPROCESSORS_ONLN) + 2))
crowded_out=5
status=0

# suite BUILD DIR: one run; the tests check that the build is what it is said to be.
suite() {
    build=$1
    dir=$2
    shift 2
    say ""
    say "== the test suite, $build =="
    export QUAICH_TESTS_BUILD="$build"
    cache=$dir/test-cache
    rm -rf "$cache"
    result=0
    "$dir/bin/python" -m pytest -q -o cache_dir="$cache" -n "$workers" --dist loadgroup "$@" ||
        result=$?
    [ "$result" != 0 ] || return 0
    failed=$(grep -c '": true' "$cache/v/cache/lastfailed" 2>/dev/null) || failed=0
    if [ "$result" = 1 ] && [ "$failed" -gt 0 ] && [ "$failed" -le "$crowded_out" ]; then
        say "== $failed failed in the crowd; alone, $build =="
        "$dir/bin/python" -m pytest -v -o cache_dir="$cache" --last-failed "$@" || status=1
    else
        status=1
    fi
}

same="deploy unit/log/courier"
for name in bench cli config deploy machine master net nginx; do
    same="$same unit/$name"
done
for name in apply command lint protocols rendered site; do
    same="$same nginx/test_$name.py"
done
for name in alarm appmetrics bootstrap confine hooks inherited logswitch lounge messages naming \
    output resources script signals sources startup warm zygote; do
    same="$same unit/worker/test_$name.py"
done
for name in bench cheaper check commands control daemons dev fifo hooks language likeness loggers \
    machine outlets packaging resources service signal_table warm watching; do
    same="$same server/test_$name.py"
done
once=""
if [ -d .venv ] && [ "${QUAICH_PURE:-}" != 1 ]; then
    if (cd .venv && find lib -name '*.so' -path '*/site-packages/quaich/*') | grep -q .; then
        suite compiled .venv "$@"
        [ $# -gt 0 ] || once=$same
    else
        say "nothing was compiled here: the suite runs uncompiled only"
    fi
fi
for path in $once; do
    set -- "$@" "--ignore=tests/$path"
done
suite uncompiled .venv-pure "$@"
exit $status
