"""The units of the daily report, as ``packaging/systemd`` ships them; pure."""

from string import Template

from quaich.machine.unit import words

SERVICE = "quaich-report.service"
TIMER = "quaich-report.timer"

_SERVICE = Template("""\
# A report on the last day of every site, into the journal: journalctl -u quaich-report
# To have it by mail: systemctl edit quaich-report, and there
#   [Service]
#   ExecStart=
#   ExecStart=/bin/sh -c 'quaich report | mail -s "sites on %H" root'
#   PrivateNetwork=no

[Unit]
Description=quaich: the daily report of all sites

[Service]
Type=oneshot
ExecStart=$command report --since 1d
Nice=10
IOSchedulingClass=idle

# It reads logs and writes nothing.
NoNewPrivileges=yes
PrivateTmp=yes
PrivateDevices=yes
PrivateNetwork=yes
ProtectSystem=strict
ProtectHome=yes
CapabilityBoundingSet=CAP_DAC_READ_SEARCH
""")

_TIMER = """\
# systemctl enable --now quaich-report.timer

[Unit]
Description=quaich: the daily report of all sites

[Timer]
OnCalendar=*-*-* 06:45
RandomizedDelaySec=10m
Persistent=true

[Install]
WantedBy=timers.target
"""


def service(command: tuple[str, ...]) -> str:
    """The unit that writes a report into the journal."""
    return _SERVICE.substitute(command=words(command))


def timer() -> str:
    """The unit that starts it once a day."""
    return _TIMER
