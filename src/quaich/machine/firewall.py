"""What the reports of ufw, firewalld and nftables say; pure.

``opens`` is None where the rules could not be understood: then nothing is claimed about ports.
"""

import re

from quaich.values import dataclass

_UFW = {"nginx full": (80, 443), "nginx http": (80,), "nginx https": (443,)}
_UFW |= {"www full": (80, 443), "www": (80,), "www secure": (443,)}
_UFW |= {"openssh": (22,), "ssh": (22,), "http": (80,), "https": (443,)}
_SERVICES = {"http": 80, "https": 443, "ssh": 22}
_INPUT = re.compile(r"hook input\b.*?policy (accept|drop)", re.DOTALL)
_DPORT = re.compile(r"tcp dport (\{[^}]*\}|\S+)([^\n]*)")


@dataclass(frozen=True)
class Firewall:
    """The tool that filters (empty: none does), and the TCP ports that it lets in."""

    tool: str = ""
    opens: frozenset[int] | None = None

    def lets_in(self, port: int) -> bool | None:
        """Whether a port is open; None if that is not known."""
        if not self.tool:
            return True
        return None if self.opens is None else port in self.opens


def ufw(text: str) -> Firewall:
    """``ufw status`` (or with verbose)."""
    if not re.search(r"^Status: active$", text, re.MULTILINE):
        return Firewall()
    if re.search(r"^Default: allow \(incoming\)", text, re.MULTILINE):
        return Firewall("ufw", None)
    found: set[int] = set()
    for line in text.splitlines():
        match = re.match(r"(.+?)(?: \(v6\))?\s+(?:ALLOW|LIMIT)(?: IN)?\s+Anywhere", line)
        if match:
            name = match[1].strip()
            found |= set(_UFW.get(name.lower(), _ports(name.removesuffix("/tcp"))))
    return Firewall("ufw", frozenset(found))


def firewalld(state: str, services: str, ports: str) -> Firewall:
    """``firewall-cmd --state``, ``--list-services`` and ``--list-ports``."""
    if state.strip() != "running":
        return Firewall()
    found = {_SERVICES[each] for each in services.split() if each in _SERVICES}
    for each in ports.split():
        if each.endswith("/tcp"):
            found |= set(_ports(each.removesuffix("/tcp")))
    return Firewall("firewalld", frozenset(found))


def nftables(ruleset: str) -> Firewall:
    """``nft list ruleset``."""
    policies = [match[1] for match in _INPUT.finditer(ruleset)]
    if "drop" not in policies:
        # A chain that accepts by default may end in a rule that rejects: then it filters.
        if not re.search(r"hook input\b", ruleset) or not re.search(
            r"^\s*(drop|reject)", ruleset, re.M
        ):
            return Firewall()
    found: set[int] = set()
    for match in _DPORT.finditer(ruleset):
        if "accept" in match[2] or "jump" in match[2] or "goto" in match[2]:
            found |= set(_ports(match[1].strip("{} ")))
    # Sets, maps and jumps are more than this reads.
    return Firewall("nftables", frozenset(found) if found else None)


def _ports(text: str) -> tuple[int, ...]:
    """``80``, ``80,443``, ``8000:8010``, ``8000-8010``, ``http``."""
    found: list[int] = []
    for each in filter(None, re.split(r"[,\s]+", text)):
        match = re.fullmatch(r"(\d+)(?:[-:](\d+))?", each)
        if match is not None:
            low, high = int(match[1]), int(match[2] or match[1])
            found += range(low, min(high, 65535) + 1)
        elif each in _SERVICES:
            found.append(_SERVICES[each])
    return tuple(found)
