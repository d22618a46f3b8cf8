"""The option table: the only list of options there is.

Rows that quaich acts on are written by hand, by subject; the names it only knows are kept as
compact tables.  Both become ``Option`` rows here.  The command line, every file format, the
environment, the help and the reference pages read nothing else.
"""

from collections.abc import Mapping

from quaich.config.kinds import BY_NAME
from quaich.config.options import (
    app,
    capabilities,
    cheaper,
    control,
    daemons,
    effectless,
    files,
    hooks,
    known_config,
    known_process,
    known_python,
    known_routing,
    known_services,
    known_sockets,
    language,
    limits,
    logging,
    process,
    python,
    refusals,
    reload,
    resources,
    service,
    sockets,
    stats,
    warm,
    workers,
)
from quaich.config.options.guards import GUARDS
from quaich.config.options.row import NO_EFFECT, PLANNED, REFUSED, Option

_HAND_WRITTEN = (
    *(sockets, app, python, process, logging, files, language),
    *(cheaper, resources, reload, workers, warm, control, service, hooks, daemons),
    stats,
    limits,
)
_KNOWN = (
    known_sockets,
    known_process,
    known_config,
    known_python,
    known_services,
    known_routing,
)


def _known_row(group: str, text: str) -> Option:
    name, arg, kind, *rest = text.split()
    refusal = refusals.of(name, group)
    why = effectless.REASONS.get(name, "")
    guards = GUARDS.get(name, "")
    if why:
        relation, refusal, guards = NO_EFFECT, None, ""
    elif refusal:
        relation, why = REFUSED, refusal.why
    else:
        relation = PLANNED
    return Option(
        name,
        BY_NAME[kind],
        group,
        short="".join(word[1] for word in rest if word.startswith("-")),
        arg=arg,
        relation=relation,
        why=why,
        capability=capabilities.of(name, group) if relation == PLANNED else "",
        instead=refusal.use if refusal else "",
        guards=guards,
        implies=("master",) if "master" in rest else (),
    )


def _all_rows() -> tuple[Option, ...]:
    rows = [option for module in _HAND_WRITTEN for option in module.OPTIONS]
    for module in _KNOWN:
        tables: Mapping[str, tuple[str, ...]] = module.ROWS
        for group, texts in tables.items():
            rows.extend(_known_row(group, text) for text in texts)
    return tuple(rows)


TABLE = _all_rows()
BY_LONG_NAME = {name: option for option in TABLE for name in option.names}
COMPATIBLE_NAMES = {
    name: option for name, option in BY_LONG_NAME.items() if option.both_doors or not option.modern
}
