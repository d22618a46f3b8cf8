"""nginx's configuration, and what is wrong with the sites that pass to an application server.

Pure: the tree and the facts in, findings out; every rule has its code in ``quaich.config.codes``.
A finding is a fact about the text at hand.  What depends on a file that is not there (the ``http``
around a single site, a missing include) is not reported.
"""

from collections.abc import Sequence

from quaich.config.base import Diagnostic, ListenSpec
from quaich.config.codes import diagnose
from quaich.config.codes.row import NOTE
from quaich.nginx import linthttp, lintpass, lintserver
from quaich.nginx.lintmodel import App, Facts, Pass, addresses, passes
from quaich.nginx.tree import Directive, Tree, read


def lint(root: Tree, facts: Facts) -> list[Diagnostic]:
    """Every finding, each once, in the order of the passes."""
    found = passes(root)
    findings = [diagnose("QN056", text, place) for place, text in root.faults]
    findings += _sites(found, facts)
    findings += linthttp.check(root, found, facts)
    return list(dict.fromkeys(findings))


def _sites(found: Sequence[Pass], facts: Facts) -> list[Diagnostic]:
    findings: list[Diagnostic] = []
    servers: dict[int, Directive] = {}
    for each in found:
        findings += lintpass.check(each, facts)
        findings += lintserver.check_compression(each)
        if each.server is not None:
            servers[id(each.server)] = each.server
    for server in servers.values():
        findings += lintserver.check(server, facts)
    return findings


def examine(path: str, listeners: Sequence[ListenSpec]) -> tuple[list[Diagnostic], list[str]]:
    """What breaks or surely is a mistake in the sites that pass to these sockets.

    With the findings comes a fact for each such pass; notes are left to ``lint``.
    """
    mine = {name for spec in listeners for name in addresses(spec.address)}
    found = [
        each
        for each in passes(read(path))
        if any(not mine.isdisjoint(addresses(target)) for target, _ in each.targets)
    ]
    findings = _sites(found, Facts(apps=[App(listeners)]))
    told = [each for each in dict.fromkeys(findings) if each.severity != NOTE]
    return told, [f"nginx passes requests here: {each.directive.place}" for each in found]
