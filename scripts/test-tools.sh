#!/bin/sh
# test-tools.sh [PROGRAM...]: what some tests need, and more, from Debian's packages if allowed.
set -eu
. "$(dirname "$0")/lib.sh"

PATH=$PATH:/usr/sbin
missing=
for program in nginx wrk "$@"; do
    command -v "$program" >/dev/null 2>&1 || missing="$missing $program"
done
[ -n "$missing" ] || exit 0
# shellcheck disable=SC2086
apt_install $missing ||
    say "not installed and not installable here:$missing; the tests that need them are skipped"
