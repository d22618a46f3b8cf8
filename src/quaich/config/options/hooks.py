"""Rows: what is done, and waited for, at the moments of a server's life."""

from quaich.config import hooks, kinds
from quaich.config.options.row import DIFFERS, NO_EFFECT, SAME, Option

_GROUP = "hooks"
_ONCE_EACH = "a root that uWSGI has not dropped runs these several times over, quaich once"
_IN_ZYGOTE = "the sockets are bound already"
_AT_END = "uWSGI also does it at each reload; here the server goes on, so nothing has ended"
_FIRST = "it is done before the workers are there, and what it sets is not seen by them"
_NOT_AGAIN = "as under uWSGI, a reload does not repeat it"
_NO_JAIL = "it follows the entry into a jail, and there is none"
_AS_USER = "it runs as the configured user, beside the master, which does not wait for it"
_PLACE = f"{_AS_USER}; a relative path starts at chdir"

_MOMENTS = {
    "asap": ("first of all, as the user that started the server", SAME, ""),
    "pre-jail": ("before the sockets are bound, at the start only", DIFFERS, _NOT_AGAIN),
    "in-jail": ("before the sockets are bound", SAME, ""),
    "as-root": ("before the sockets are bound, privileges still there", DIFFERS, _ONCE_EACH),
    "as-user": ("when privileges are dropped, before the application", DIFFERS, _IN_ZYGOTE),
    "as-user-atexit": ("when the server ends, as the user", DIFFERS, _AT_END),
    "pre-app": ("before the application is loaded", SAME, ""),
    "post-app": ("after the application is loaded", SAME, ""),
}
_WORKERS = {
    "post-fork": "in each worker, before it accepts",
    "accepting": "in each worker, when it accepts",
    "accepting-once": "in each worker when it accepts, but not in those that replace one",
    "accepting1": "in the first worker, when it accepts",
    "accepting1-once": "in the first worker when it accepts, but not in one that replaces it",
}


def _hook(phase: str, text: str, relation: str = SAME, why: str = "") -> Option:
    return Option(
        f"hook-{phase}",
        hooks.KINDS[phase],
        _GROUP,
        f"do this {text}",
        relation=relation,
        why=why,
    )


def _exec(phase: str, text: str, relation: str, why: str) -> Option:
    return Option(
        f"exec-{phase}", kinds.STRINGS, _GROUP, f"run this {text}", relation=relation, why=why
    )


def _wait(name: str, what: str, *aliases: str) -> Option:
    return Option(f"wait-for-{name}", kinds.STRINGS, _GROUP, f"wait until {what}", aliases=aliases)


def _timeout(name: str, *aliases: str) -> Option:
    return Option(
        f"wait-for-{name}-timeout",
        kinds.SECONDS,
        _GROUP,
        f"seconds to wait for wait-for-{name} before giving up",
        aliases=aliases,
        default=hooks.LONGEST_WAIT,
    )


OPTIONS = (
    *(_hook(phase, *row) for phase, row in _MOMENTS.items()),
    *(_hook(phase, text) for phase, text in _WORKERS.items()),
    _hook("master-start", "when the master starts", DIFFERS, _FIRST),
    *(_exec(phase, *row) for phase, row in _MOMENTS.items()),
    Option(
        "hook-post-jail",
        kinds.STRINGS,
        _GROUP,
        relation=NO_EFFECT,
        why=_NO_JAIL,
    ),
    Option(
        "exec-post-jail",
        kinds.STRINGS,
        _GROUP,
        relation=NO_EFFECT,
        why=_NO_JAIL,
    ),
    Option(
        "hook-touch",
        hooks.TOUCH_HOOK,
        _GROUP,
        "as FILE ACTION, do the action when the file is created, removed or written",
        relation=DIFFERS,
        why=_PLACE,
    ),
    Option(
        "touch-exec",
        hooks.TOUCH_EXEC,
        "reload-control",
        "as FILE COMMAND, run the command when the file is created, removed or written",
        implies=("master",),
        relation=DIFFERS,
        why=_PLACE,
    ),
    _wait("fs", "this file or directory exists"),
    _wait("file", "this file exists"),
    _wait("dir", "this directory exists"),
    _wait("mountpoint", "a file system is mounted here"),
    _wait("socket", "this UNIX or TCP address takes connections"),
    _wait(
        "interface",
        "this network interface exists",
        *("wait-interface", "wait-for-iface", "wait-iface"),
    ),
    _timeout("fs"),
    _timeout("socket"),
    _timeout(
        "interface",
        *("wait-interface-timeout", "wait-for-iface-timeout", "wait-iface-timeout"),
    ),
)
