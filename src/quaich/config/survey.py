"""What a configuration that was read amounts to: how its settings relate to uWSGI's, and its risks.

Pure: looks at the items and the ``Config`` only.  The machine is examined elsewhere.
"""

import re
from collections.abc import Sequence

from quaich.config.base import Diagnostic, ListenSpec
from quaich.config.codes import diagnose
from quaich.config.effective import Config
from quaich.config.item import PLACEHOLDER, Item
from quaich.config.options import BY_LONG_NAME
from quaich.config.options.row import DIFFERS, NO_EFFECT, PLANNED, REFUSED
from quaich.values import dataclass

_TEMPORARY = ("/tmp/", "/var/tmp/")
_LOOPBACK = re.compile(r"(127\.[0-9.]+|localhost|\[::1\]):")
_WRITABLE_BY_OTHERS = 0o002


@dataclass(frozen=True)
class Summary:
    """How many settings there are of each sort."""

    settings: int = 0
    same: int = 0
    differ: int = 0
    no_effect: int = 0
    unsupported: int = 0
    unknown: int = 0
    placeholders: int = 0

    def __str__(self) -> str:
        parts = [f"{self.same} same"]
        for number, text in (
            (self.differ, "differ"),
            (self.no_effect, "without effect"),
            (self.unsupported, "unsupported"),
            (self.unknown, "unknown"),
            (self.placeholders, "for placeholders"),
        ):
            if number:
                parts.append(f"{number} {text}")
        return f"{self.settings} setting{'' if self.settings == 1 else 's'}: {', '.join(parts)}"


def summarize(items: Sequence[Item], notes: Sequence[Diagnostic]) -> Summary:
    """Count the items; ``notes`` tell which unknown keys are no placeholders."""
    unknown = {(note.place, note.key) for note in notes if note.code in ("QX101", "QX102")}
    counts = dict.fromkeys(Summary.__dataclass_fields__, 0)
    for item in items:
        option = BY_LONG_NAME.get(item.key)
        if option is None:
            if item.source == PLACEHOLDER or (item.place, item.key) not in unknown:
                counts["placeholders"] += 1
            else:
                counts["unknown"] += 1
        elif option.relation in (PLANNED, REFUSED):
            counts["unsupported"] += 1
        elif option.relation == NO_EFFECT:
            counts["no_effect"] += 1
        elif option.relation == DIFFERS:
            counts["differ"] += 1
        else:
            counts["same"] += 1
        counts["settings"] += 1
    return Summary(**counts)


def remarks(items: Sequence[Item], differences: bool = False) -> list[Diagnostic]:
    """A note per setting that has no effect, and, when asked for, per setting that differs."""
    found = []
    for item in items:
        option = BY_LONG_NAME.get(item.key)
        if option is None:
            continue
        if option.relation == NO_EFFECT:
            text = f"{item.key}: accepted without effect: {option.why}"
            found.append(diagnose("QX301", text, item.place, item.key))
        elif option.relation == DIFFERS and differences:
            found.append(diagnose("QX302", f"{item.key}: {option.why}", item.place, item.key))
    return found


def risks(config: Config) -> list[Diagnostic]:
    """Choices that work and will hurt one day."""
    found = []
    paths = [(spec.address, spec.place, spec.option) for spec in config.listeners]
    if config.pidfile:
        paths.append((config.pidfile, config.place_of("pidfile"), "pidfile"))
    for path, place, key in paths:
        if path.startswith(_TEMPORARY):
            text = f"{key}: {path} is below a directory that services may not share"
            found.append(diagnose("QX008", text, place, key))
    for spec in config.listeners:
        if spec.protocol != "http" and spec.tls is None and _is_public(spec):
            spoken = {"scgi": "SCGI", "fastcgi": "FastCGI"}.get(spec.protocol, "the uwsgi protocol")
            text = f"{spec.option}: {spoken} on {spec.address} trusts whoever reaches it"
            found.append(diagnose("QX006", text, spec.place, spec.option))
    mode = config.chmod_socket
    if mode is not None and mode & _WRITABLE_BY_OTHERS:
        text = f"chmod-socket: {mode:03o} lets every local user pose as the proxy"
        found.append(diagnose("QX007", text, config.place_of("chmod-socket"), "chmod-socket"))
    return found


def _is_public(spec: ListenSpec) -> bool:
    address = spec.address
    if ":" not in address or address.startswith(("/", ".", "@", "unix:", "fd://", "\\0", "=")):
        return False
    return address != "::" and _LOOPBACK.match(address) is None
