"""systemd's template unit for sites, from one text: the system's for deployed sites, a user's, and
the one that ``packaging/systemd`` ships for hand-written files; pure.

A path or word is quoted so that neither systemd's specifiers nor its variables touch it.
"""

import re
from string import Template

from quaich.errors import QuaichError

NAME = "quaich-site@.service"
MARK = "# Written by quaich setup"

_UNIT = Template("""\
$head

[Unit]
Description=quaich: %i
After=network.target

[Service]
Type=notify
NotifyAccess=main
${account}ExecStart=$command --ini $configuration --master --die-on-term --need-app \\
    --hook-master-start "unix_signal:15 gracefully_kill_them_all"
ExecReload=/bin/kill -HUP $$MAINPID
KillMode=mixed
TimeoutStartSec=60
TimeoutStopSec=90
WatchdogSec=30
Restart=on-failure
${directories}LimitNOFILE=65536
$walls
[Install]
WantedBy=$target
""")

_ABOUT = """\
# The file needs no daemonize, no pid file and no uid: this unit does their work. A stop finishes
# the requests that run (the hook; die-on-term alone would cut them off, as in uWSGI). The server
# tells systemd when its workers serve, so that "systemctl start" fails with a broken application,
# and "systemctl reload" waits for the new code and leaves the old serving where that is broken."""

_WALLS = """
# What a web application rarely needs. Whatever yours writes to goes into ReadWritePaths=.
NoNewPrivileges=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectSystem=strict
ProtectHome=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectControlGroups=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
RestrictNamespaces=yes
RestrictRealtime=yes
LockPersonality=yes
SystemCallArchitectures=native
"""

# A user's manager may not set up what needs privileges; it would refuse to start the unit.
_USER_WALLS = """
NoNewPrivileges=yes
"""


def packaged() -> str:
    """The unit for each hand-written ``/etc/quaich/NAME.ini``, as it is shipped."""
    return _UNIT.substitute(
        head="# One service for each /etc/quaich/NAME.ini: systemctl enable --now quaich@NAME\n#\n"
        + _ABOUT,
        account="User=www-data\nGroup=www-data\n",
        command="/usr/bin/quaich",
        configuration="/etc/quaich/%i.ini",
        directories="RuntimeDirectory=quaich/%i\n",
        walls=_WALLS,
        target="multi-user.target",
    )


def system(command: tuple[str, ...], state: str) -> str:
    """The unit of the sites that are deployed below ``state``.

    The master is root's and never runs the application: it reads the site's variables, which nobody
    else may, opens the sockets, and its workers become the site's user before they load anything.
    nginx passes through the directory of the sockets; what a release consists of stays root's, so
    that an application cannot change its own code.
    """
    name = NAME.replace("@.", "@SITE.").removesuffix(".service")
    return _UNIT.substitute(
        head=f"{MARK}: one service for each deployed site: systemctl status {name}\n"
        "# What one site needs goes into a drop-in: systemctl edit " + name + "\n#\n" + _ABOUT,
        account="",
        command=words(command),
        configuration=_word(f"{state}/%i/quaich.ini", specifiers=True),
        directories="RuntimeDirectory=quaich/%i\nRuntimeDirectoryMode=0711\n"
        "LogsDirectory=quaich/%i\nLogsDirectoryMode=0750\n",
        walls=_WALLS
        + "CapabilityBoundingSet=CAP_SETUID CAP_SETGID CAP_CHOWN CAP_FOWNER CAP_DAC_OVERRIDE "
        + "CAP_KILL CAP_NET_BIND_SERVICE CAP_SYS_RESOURCE CAP_SYS_NICE\n"
        + f"ReadWritePaths=-{_word(f'{state}/%i', specifiers=True)}\n",
        target="multi-user.target",
    )


def user(command: tuple[str, ...], state: str) -> str:
    """The unit of one user's sites, for the user's own systemd."""
    name = NAME.replace("@.", "@SITE.").removesuffix(".service")
    return _UNIT.substitute(
        head=f"{MARK}: one service for each site: systemctl --user status {name}\n#\n" + _ABOUT,
        account="",
        command=words(command),
        configuration=_word(f"{state}/%i/quaich.ini", specifiers=True),
        directories="",
        walls=_USER_WALLS,
        target="default.target",
    )


def words(command: tuple[str, ...]) -> str:
    """A command as a unit has it, with each word in quotes if it needs them."""
    return " ".join(_word(each) for each in command)


def _word(text: str, specifiers: bool = False) -> str:
    """A word of a unit file; with ``specifiers``, ``%i`` means what it means there."""
    if not text.isprintable():
        raise QuaichError(f"{text!r}: a systemd unit cannot hold such a path")
    parts = [each.replace("%", "%%") for each in (text.split("%i") if specifiers else [text])]
    text = "%i".join(parts).replace("$", "$$")
    if re.fullmatch(r"[A-Za-z0-9_./:@%+=,$-]+", text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
