# Shared by the scripts here.  POSIX sh; sourced, never run.

say() {
    printf '%s\n' "$*" >&2
}

fail() {
    say "error: $*"
    exit 1
}

# Run a command as root: directly, or by sudo if it asks no password.  QUAICH_APT=0 forbids it.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    else
        sudo -n "$@"
    fi
}

may_install() {
    [ "${QUAICH_APT:-1}" != 0 ] || return 1
    command -v apt-get >/dev/null 2>&1 || return 1
    [ "$(id -u)" = 0 ] || sudo -n true >/dev/null 2>&1
}

# apt_install PACKAGE...: install Debian packages if this user may; false if not, or if it failed.
apt_install() {
    may_install || return 1
    say "installing Debian packages: $*"
    apt_log=$(mktemp)
    if ! apt_try "$@" >"$apt_log" 2>&1; then
        # Perhaps only because the package lists are old or missing.
        if ! { as_root apt-get update && apt_try "$@"; } >"$apt_log" 2>&1; then
            tail -n 5 "$apt_log" >&2
            rm -f "$apt_log"
            return 1
        fi
    fi
    rm -f "$apt_log"
}

apt_try() {
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y --no-install-recommends "$@" </dev/null
}

new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 10))' >/dev/null 2>&1
}

# The Python to build with: $PYTHON, or the first suitable one on the PATH.
find_python() {
    for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11 python3.10}; do
        if new_enough "$candidate"; then
            command -v "$candidate"
            return 0
        fi
    done
    fail "no Python >= 3.10 found (${PYTHON:-python3}); install one, or name it: make PYTHON=/path"
}

# Whether this Python is the distribution's own, for which apt has the headers and the venv module.
is_debian_python() {
    case $("$1" -c 'import sys; print(sys.base_prefix)') in
        /usr) [ -e /etc/debian_version ] ;;
        *) false ;;
    esac
}
