"""All codes, by name and in the order of the reference."""

from quaich.config.codes import (
    environment,
    language,
    machine,
    nginx,
    nginxsite,
    setup,
    sources,
    support,
)

CODES = {
    row.code: row
    for module in (setup, language, sources, support, environment, machine)
    for row in module.CODES
} | {row.code: row for row in sorted((*nginx.CODES, *nginxsite.CODES), key=lambda row: row.code)}
