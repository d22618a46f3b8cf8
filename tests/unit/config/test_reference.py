"""The pages count and name what the table holds."""

import re

from quaich.config.codes.table import CODES
from quaich.config.options import TABLE
from quaich.config.options.row import RELATIONS
from quaich.config.reference import compatibility, counts, diagnostics, groups, options_page


def test_the_counts_are_those_of_the_table() -> None:
    page = compatibility()
    numbers = [int(each) for each in re.findall(r"^\| [A-Z][^|]* \| (\d+) \| ", page, re.MULTILINE)]
    names = {
        relation: sum(
            len(option.names)
            for option in TABLE
            if option.relation == relation and not option.modern
        )
        for relation in RELATIONS
    }
    assert numbers == list(names.values())
    assert counts() == names
    # Of the 1063 rows that uWSGI 2.0 prints, two are the same mime options again.
    assert sum(numbers) == 1061
    assert "knows 1061 option names" in page


def test_every_name_is_on_the_page_of_its_group() -> None:
    pages = {group: options_page(group) for group in groups()}
    for option in TABLE:
        for name in option.names:
            assert f"`{name}`" in pages[option.group], name


def test_every_code_has_its_entry() -> None:
    page = diagnostics()
    assert re.findall(r"^### (\w+)$", page, re.MULTILINE) == sorted(
        CODES, key=lambda code: (code[1] == "N", code)
    )
