"""How findings are shown: for people, grouped by severity, and as JSON."""

import json
from collections import Counter
from collections.abc import Sequence

from quaich.config.base import Diagnostic, printable
from quaich.config.codes.row import ERROR, NOTE, WARNING
from quaich.values import dataclass, field, replace

_SEVERITIES = (ERROR, WARNING, NOTE)


@dataclass
class Report:
    """What is known about one configuration: its name, the counts, the findings, the facts."""

    name: str
    summary: str = ""
    findings: list[Diagnostic] = field(default_factory=list)
    facts: list[str] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        """Whether there is an error."""
        return any(found.severity == ERROR for found in self.findings)


def located(found: Diagnostic, text: str) -> Diagnostic:
    """A finding with the column that the text of its file gives it."""
    if found.column or not found.line:
        return found
    lines = text.split("\n")
    if found.line > len(lines):
        return found
    line = lines[found.line - 1]
    at = line.find(found.key) if found.key else -1
    if found.code == "QX120":
        value = line.find("=") + 1
        starts = [at for at in (line.find(";", value), line.find("#", value)) if at >= 0]
        at = min(starts, default=at)
    elif found.code in ("QX107", "QX121", "QX122", "QX123", "QX124", "QX132"):
        value = line.find("=") + 1
        at = value + len(line[value:]) - len(line[value:].lstrip()) if value else at
    elif found.code in ("QX110", "QX111", "QX114"):
        sign = "$(" if found.code == "QX110" else "%("
        at = max(at, line.find(sign))
    if at < 0:
        at = len(line) - len(line.lstrip())
    return replace(found, column=at + 1)


def _place(found: Diagnostic) -> str:
    path = path_of(found)
    if not found.line:
        return path
    return f"{path}:{found.line}:{found.column}" if found.column else f"{path}:{found.line}"


def path_of(found: Diagnostic) -> str:
    """The file that a finding is in, or whatever its place is."""
    if not found.line:
        return found.place
    parts = found.place.split(":")
    digits = 2 if len(parts) > 2 and parts[-1].isdigit() and parts[-2].isdigit() else 1
    return ":".join(parts[:-digits])


def as_text(reports: Sequence[Report]) -> str:
    """The findings for people."""
    lines = []
    for report in reports:
        lines.append(": ".join(part for part in (report.name, report.summary) if part))
        for severity in _SEVERITIES:
            chosen = [found for found in report.findings if found.severity == severity]
            for found in sorted(chosen, key=lambda each: (path_of(each), each.line)):
                place = _place(found)
                start = f"  {place}: " if place else "  "
                lines.append(printable(f"{start}{severity} {found.code}: {found.text}"))
        lines += [f"  {printable(fact)}" for fact in report.facts]
    counts = Counter(found.severity for report in reports for found in report.findings)
    total = ", ".join(
        f"{counts[severity]} {severity}{'' if counts[severity] == 1 else 's'}"
        for severity in _SEVERITIES
        if counts[severity]
    )
    lines.append(f"{total}; quaich explain CODE says more" if total else "nothing to report")
    return "\n".join(lines) + "\n"


def as_json(reports: Sequence[Report]) -> str:
    """The findings for programs."""
    data = [
        {
            "name": report.name,
            "summary": report.summary,
            "facts": report.facts,
            "findings": [
                {
                    "code": found.code,
                    "severity": found.severity,
                    "file": path_of(found),
                    "line": found.line,
                    "column": found.column,
                    "key": found.key,
                    "text": found.text,
                }
                for found in report.findings
            ],
        }
        for report in reports
    ]
    return json.dumps({"ok": not any(report.failed for report in reports), "reports": data}) + "\n"
