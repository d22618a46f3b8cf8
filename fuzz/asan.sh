#!/bin/sh
# asan.sh [INPUTS]: the compiled modules under AddressSanitizer, over INPUTS (a million) damaged HTTP
# requests, uwsgi packets, and SCGI and FastCGI connections.
#
# Needs gcc with libasan, and Cython and setuptools in the environment of PYTHON (.venv/bin/python).
# The modules that these inputs reach are built in a temporary copy.  Python itself is an ordinary one:
# its memory comes from malloc, so that a read past the end of a bytes object is seen.
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-.venv/bin/python}
inputs=${1:-1000000}
case $python in /*) ;; *) python=$PWD/$python ;; esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cp -r src setup.py pyproject.toml README.md "$work"
find "$work/src" -name '*.pxd' ! -path '*/wire/*' ! -name '__init__.pxd' ! -name call.pxd \
    ! -name connection.pxd ! -name intake.pxd ! -name request.pxd -delete
flags='-fsanitize=address -fno-omit-frame-pointer -O1 -g'
(cd "$work" && PYTHONPATH= QUAICH_PURE=0 CFLAGS=$flags LDFLAGS=-fsanitize=address \
    "$python" setup.py -q build_ext --inplace)

library=$(gcc -print-file-name=libasan.so)
export PYTHONPATH="$work/src"
export PYTHONMALLOC=malloc
export ASAN_OPTIONS=detect_leaks=0:abort_on_error=1
status=0
for fuzzer in connection http1 uwsgi gateways; do
    LD_PRELOAD=$library "$python" -c 'import sys
from quaich.wire import http1
sys.exit(not http1.__file__.endswith(".so"))' || { echo "nothing was compiled" >&2; exit 1; }
    printf '%s: ' "$fuzzer"
    LD_PRELOAD=$library "$python" "fuzz/$fuzzer.py" --inputs $((inputs / 4 + 1)) --seconds 86400 ||
        status=1
done
exit $status
