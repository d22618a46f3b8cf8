"""Options from the environment: ``UWSGI_*`` before everything else, ``QUAICH_*`` after.

``UWSGI_HTTP_SOCKET`` names the option ``http-socket``.  ``QUAICH_HTTP_SOCKET`` outranks all that
is written elsewhere, also where values would add up: it replaces them.  uWSGI passes facts to its
own children by variables of the same shape; those are no options.
"""

from collections.abc import Mapping

from quaich.config.item import ENVIRONMENT, OVERRIDE, Item

UWSGI = "UWSGI_"
QUAICH = "QUAICH_"
_NOT_OPTIONS = frozenset(
    (
        "UWSGI_RELOADS",
        "UWSGI_VASSALS_DIR",
        "UWSGI_EMPEROR_FD",
        "UWSGI_BROODLORD_NUM",
        "UWSGI_EMPEROR_FD_CONFIG",
        "UWSGI_EMPEROR_PROXY",
        "UWSGI_JAIL_PID",
        "UWSGI_ORIGINAL_PROC_NAME",
        # How quaich itself is built and its needs are installed, see setup.py and the Makefile.
        "QUAICH_PURE",
        "QUAICH_APT",
        # Where sites are, and what quaich dev tells the application.
        "QUAICH_PREFIX",
        "QUAICH_DEV",
        "QUAICH_DEV_APP",
        "QUAICH_DEV_STATIC",
        # What a deployed site tells its application.
        "QUAICH_SITE",
        "QUAICH_RELEASE",
        "QUAICH_DATA",
    )
)


def read(environ: Mapping[str, str], prefix: str) -> list[Item]:
    """The options that variables with a prefix set, in the order of the environment."""
    source = OVERRIDE if prefix == QUAICH else ENVIRONMENT
    return [
        Item(name[len(prefix) :].lower().replace("_", "-"), value, name, source)
        for name, value in environ.items()
        if name.startswith(prefix) and name not in _NOT_OPTIONS
    ]
