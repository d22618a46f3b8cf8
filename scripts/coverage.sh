#!/bin/sh
# coverage.sh [TEST...]: what the tests reach of wire/, wsgi/ and worker/, branch by branch.
#
# Their unit tests run, and those tests of real servers that reach what needs processes; every
# process that they start is measured, as far as it ends by itself.  All is put together into one
# report.  Fails where a test does, or where a branch is left.  With arguments only these tests run,
# and the report is of what they reach.
#
# What is not compiled is measured, by the Python of .venv-pure (make test makes it).
set -eu
. "$(dirname "$0")/lib.sh"
cd "$(dirname "$0")/.."

python=${QUAICH_COVERAGE_PYTHON:-$PWD/.venv-pure/bin/python}
[ -x "$python" ] || fail "there is no $python; make test makes it"
least=100
if [ $# -gt 0 ]; then
    least=0
else
    set -- tests/unit/wire tests/unit/wsgi tests/unit/worker tests/server/test_limits.py
fi

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
# Workers that have become another user leave their part here too.
chmod 1777 "$dir"
cat >"$dir/coveragerc" <<EOF
[run]
branch = True
parallel = True
# A server's processes are forked, execute each other, and end by os._exit.
patch = _exit, execv, fork
source =
    $PWD/src/quaich/wire
    $PWD/src/quaich/wsgi
    $PWD/src/quaich/worker
data_file = $dir/data
disable_warnings = no-data-collected
EOF

status=0
PYTHONPATH=$PWD/src COVERAGE_PROCESS_START=$dir/coveragerc \
    "$python" -m pytest -q -n "$(getconf _NPROCESSORS_ONLN)" --dist loadgroup "$@" || status=1
# A process that was killed while it wrote has left a part of a file.
"$python" -m coverage combine -q --rcfile="$dir/coveragerc" "$dir" 2>/dev/null ||
    fail "nothing was measured"
"$python" -m coverage report --data-file="$dir/data" -m --skip-covered --fail-under="$least" ||
    status=1
exit $status
