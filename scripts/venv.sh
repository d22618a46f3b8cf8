#!/bin/sh
# venv.sh DIR: make a virtual environment, or keep the one that is there and works.
#
# A fresh Debian has python3 without python3-venv, whose part ensurepip puts pip into the
# environment.  It is installed when that is allowed; else the environment has no pip, which is
# enough to run quaich uncompiled from this tree but not to test it.
set -eu
. "$(dirname "$0")/lib.sh"

dir=$1

works() {
    new_enough "$dir/bin/python"
}

has_pip() {
    "$dir/bin/python" -m pip --version >/dev/null 2>&1
}

if works && has_pip; then
    exit 0
fi

python=$(find_python)

make_venv() {
    rm -rf "$dir"
    "$python" -m venv "$dir" >/dev/null 2>&1
}

if make_venv && has_pip; then
    exit 0
fi
if is_debian_python "$python"; then
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    if apt_install "python$version-venv" && make_venv && has_pip; then
        exit 0
    fi
    say "the Debian package python$version-venv is missing: no pip in $dir"
else
    say "$python has no working venv and ensurepip modules: no pip in $dir"
fi
rm -rf "$dir"
"$python" -m venv --without-pip "$dir" || fail "$python cannot make a virtual environment"
