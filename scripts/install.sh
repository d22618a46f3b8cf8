#!/bin/sh
# install.sh DIR [EXTRA]: build quaich from this tree and install it into the environment DIR,
# with the dependencies of an extra (test, check).
#
# QUAICH_PURE=1 installs it uncompiled, QUAICH_PURE=0 makes a failure to compile an error; without
# it, whatever is missing for compiling is installed if that is allowed, and done without if not.
set -eu
. "$(dirname "$0")/lib.sh"

dir=$1
extra=${2:-}
python=$dir/bin/python
QUAICH_PURE=${QUAICH_PURE:-}
export QUAICH_PURE
export PIP_DISABLE_PIP_VERSION_CHECK=1

has_headers() {
    "$python" -c 'import os, sys, sysconfig
sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))'
}

has_compiler() {
    command -v "${CC:-cc}" >/dev/null 2>&1 || command -v gcc >/dev/null 2>&1
}

# What a build needs and does not find, as Debian packages.
missing_for_build() {
    has_compiler || printf 'gcc libc6-dev '
    if ! has_headers && is_debian_python "$python"; then
        "$python" -c 'import sys; print("python%d.%d-dev" % sys.version_info[:2])'
    fi
}

# Without pip or without a way to its packages: point the environment at the tree.
link_tree() {
    [ -z "$extra" ] || fail "$1; the tests need pip and the packages it installs"
    [ "$QUAICH_PURE" != 0 ] || fail "$1, and QUAICH_PURE=0 forbids going on uncompiled"
    say "$1: running quaich uncompiled from src/"
    site=$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    printf '%s\n' "$PWD/src" >"$site/quaich-tree.pth"
    cat >"$dir/bin/quaich" <<END
#!$PWD/$dir/bin/python
import sys
from quaich.cli.main import entry
sys.exit(entry())
END
    chmod +x "$dir/bin/quaich"
    exit 0
}

if ! "$python" -m pip --version >/dev/null 2>&1; then
    link_tree "there is no pip"
fi

if [ "$QUAICH_PURE" != 1 ]; then
    missing=$(missing_for_build)
    if [ -n "$missing" ]; then
        # shellcheck disable=SC2086
        apt_install $missing || say "missing for compiling: $missing"
    fi
fi

tools() {
    "$python" -m pip install -qq 'setuptools>=70.1' $1
}

if [ "$QUAICH_PURE" = 1 ]; then
    tools '' || link_tree "setuptools cannot be installed"
else
    tools 'Cython>=3.1' || link_tree "setuptools and Cython cannot be installed"
fi

# Setuptools would also pack what an earlier build left there: modules since removed, or compiled.
rm -rf build/lib build/lib.* build/bdist.*
wheels=build/wheels
rm -rf "$wheels"
log=build/install.log
mkdir -p build
if ! "$python" -m pip wheel -qq --no-build-isolation --no-deps -w "$wheels" . >"$log" 2>&1; then
    tail -n 40 "$log" >&2
    fail "quaich could not be built; the whole log is $log"
fi
wheel=$(echo "$wheels"/quaich-*.whl)
rm -f "$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/quaich-tree.pth"
"$python" -m pip install -qq --no-deps --force-reinstall "$wheel"
if [ -n "$extra" ]; then
    "$python" -m pip install -qq "$wheel[$extra]"
fi

# Say which it became: the environment's own answer, from outside of this tree's src/.
(cd "$dir" && bin/python - <<'END'
import pathlib
import sys

import quaich

home = pathlib.Path(quaich.__file__).parent
hot = [path for path in home.rglob("*.pxd")
       if path.stem != "__init__" and path.with_suffix(".py").exists()]
fast = [path for path in hot if list(path.parent.glob(path.stem + ".*.so"))]
state = "compiled" if fast and len(fast) == len(hot) else "uncompiled"
print(f"quaich {quaich.__version__} installed, {state} ({len(fast)} of {len(hot)} modules)",
      file=sys.stderr)
END
)
